"""What a rank does that follows rank 0: it plays the game, and keeps nothing of the run."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from ganzoo.errors import FollowedError, first_line
from ganzoo.training.computing import computing_on
from ganzoo.training.crew import buffers
from ganzoo.training.interrupt import interruptible

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

    from ganzoo.engine.group import Group
    from ganzoo.training.notebook import Shown

Run = TypeVar("Run", bound="Shown")


class Follower(Generic[Run]):
    """A rank that does what rank 0 calls, until that ends the training."""

    def __init__(self, group: Group, made: Callable[[str, Path], Run]) -> None:
        """``made`` sets up a run of a plan, as JSON, in rank 0's folder; it writes nothing."""
        self.group, self.made = group, made
        self.run: Run
        self.ended = False

    def follow(self) -> Run:
        """Do what is called; returns the run, whose game is as that of rank 0."""
        with interruptible() as interrupted:
            self.interrupted = interrupted
            try:
                while not self.ended:
                    method, args = self.group.told(("", ()))
                    getattr(self, method)(*args)
            finally:
                if hasattr(self, "run"):
                    self.run.game.train.ahead(())
        return self.run

    def begin(self, plan: str, folder: str) -> None:
        """Set up the game of a plan; what fails here is told by rank 0 too."""
        try:
            self.run = self.made(plan, Path(folder))
        except Exception as error:
            self.group.every(first_line(error))
            raise
        self.group.every("")

    def play(self, rounds: int, progress: float) -> None:
        """Play some rounds, the first of them at a share of the budget."""
        plan, game = self.run.plan, self.run.game
        game.progress = progress
        with computing_on(plan.threads or 1):
            for _ in range(rounds):
                game.round()
                if plan.rounds is not None:
                    game.progress = plan.budget.progress(game.rounds, 0.0)
        self.group.every(self.interrupted())

    def copy_buffers(self) -> None:
        """Take over the buffers of rank 0."""
        self.group.copy_buffers(buffers(self.run.game))

    def take_up(self, tensors: dict[str, Tensor], facts: dict[str, Any]) -> None:
        """Take up the state of rank 0's game."""
        self.run.game.restore(tensors, facts)

    def end(self, code: int, message: str) -> None:
        """End as rank 0 does. Raises FollowedError where that failed."""
        self.ended = True
        if code:
            raise FollowedError(message, code)
