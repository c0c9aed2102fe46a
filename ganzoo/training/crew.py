"""Who plays a run: one process alone, or several ranks, of which rank 0 leads.

Rank 0 alone has the run: its folder, its checkpoints, its observers, its messages. It calls the
others, which have nothing but the game, to play so many rounds, or to take up a state. So what
ends a training (a budget of seconds, Ctrl-C, divergence) is decided in one place, and between two
calls all ranks play the same rounds without a word.
"""

from __future__ import annotations

from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from ganzoo.engine import ranks as engine
from ganzoo.engine.group import Group
from ganzoo.engine.misfit import networks
from ganzoo.errors import InterruptedRunError, RunError
from ganzoo.training.interrupt import INTERRUPTED
from ganzoo.training.joining import check_device

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torch import Tensor

    from ganzoo.engine.game import Game
    from ganzoo.engine.ranks import Ranks
    from ganzoo.training.notebook import Shown
    from ganzoo.training.plan import Plan


class Crew:
    """Who plays a run: one process alone, which has nobody to tell."""

    def ranks(self, plan: Plan) -> Ranks:  # noqa: ARG002
        """Those that play the game of a plan."""
        return engine.ALONE

    def begin(self, run: Shown) -> None:
        """Let all ranks set up the run's game, as it is."""

    def stretch(self, run: Shown, due: float, most: int) -> int:  # noqa: ARG002
        """How many rounds are played before anything is decided: to the next save, at most."""
        return 1

    def agreed(self, *, asked: bool) -> bool:
        """After a stretch: whether any rank was asked to end."""
        return asked

    def before_save(self, game: Game) -> None:
        """Let all ranks go on from what is saved, as those of a resumed run will."""

    def take_up(self, game: Game) -> None:
        """Let all ranks take up a game's state."""

    def end(self, error: BaseException | None) -> None:
        """Let all ranks end as rank 0 does."""


ALONE = Crew()


class Member(Crew):
    """A rank among several."""

    def ranks(self, plan: Plan) -> Ranks:
        """The group that this rank is in. Raises RunError for a device that it cannot train on."""
        check_device(plan.device)
        return Group(sync_batch_norm=plan.sync_batch_norm)


class Lead(Member):
    """Rank 0 among several: each method has a call of the same method of every follower."""

    def __init__(self, group: Group) -> None:
        """Lead the other ranks of a group."""
        self.group = group
        self.midway = False
        """Whether followers are at work, and would not hear a call."""

    def _call(self, method: str, *args: Any) -> None:
        self.midway = True
        self.group.told((method, args))

    def begin(self, run: Shown) -> None:
        """Let all ranks set up the run's game, as it is. Raises RunError if one cannot."""
        self._call("begin", run.plan.model_dump_json(), str(run.folder))
        problems = self.group.every("")
        self.midway = False
        for rank, problem in enumerate(problems):
            if problem:
                message = f"rank {rank} cannot play: {problem}"
                raise RunError(message)
        self.take_up(run.game)

    def stretch(self, run: Shown, due: float, most: int) -> int:
        """Let all ranks play so many rounds: up to the next save, or one if seconds decide."""
        budget, game, rounds = run.plan.budget, run.game, 1
        if run.plan.rounds is not None:
            while rounds < most and budget.progress(game.rounds + rounds, 0.0) < min(due, 1.0):
                rounds += 1
        self._call("play", rounds, game.progress)
        return rounds

    def agreed(self, *, asked: bool) -> bool:
        """Whether any rank was asked to end; they wait for the next call from here on."""
        found = any(self.group.every(asked))
        self.midway = False
        return found

    def before_save(self, game: Game) -> None:
        """Give followers this rank's buffers, such as batch norm's statistics."""
        self._call("copy_buffers")
        self.group.copy_buffers(buffers(game))
        self.midway = False

    def take_up(self, game: Game) -> None:
        """Let followers take up a game's state."""
        tensors, facts = game.state()
        self._call("take_up", {name: t.detach().cpu() for name, t in tensors.items()}, facts)
        self.midway = False

    def end(self, error: BaseException | None) -> None:
        """Let followers end too; those at work notice it when the group is left."""
        if self.midway:
            return
        code = 0 if error is None else 1
        if isinstance(error, (InterruptedRunError, KeyboardInterrupt)):
            code = INTERRUPTED
        with suppress(RunError):  # one that is gone already
            self._call("end", code, "" if error is None else str(error))


@contextmanager
def leading(ranks: Ranks) -> Iterator[Crew]:
    """The crew that rank 0 leads, or one process alone; all end with the block."""
    crew = Lead(ranks) if isinstance(ranks, Group) else ALONE
    try:
        yield crew
    except BaseException as error:
        crew.end(error)
        raise
    crew.end(None)


def buffers(game: Game) -> list[Tensor]:
    """The buffers of every network of a game, in an order that all ranks have in common."""
    return [buffer for net in networks(game).values() for buffer in net.buffers()]
