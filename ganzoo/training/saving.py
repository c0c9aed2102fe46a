"""A game in the folder of its run: its plan and its checkpoints, written and brought back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ganzoo.engine import host, state
from ganzoo.engine.explain import warnings
from ganzoo.errors import DivergedError
from ganzoo.storage.files import write_text
from ganzoo.training import checkpoint
from ganzoo.training.deterministic import deterministic
from ganzoo.training.device import is_other_kind, moved
from ganzoo.training.notebook import Shown
from ganzoo.training.observing import Observing
from ganzoo.training.plan import Plan, composed_plan
from ganzoo.training.resume import refuse_other_checkpoint, refuse_other_data
from ganzoo.training.threads import suitable_threads
from ganzoo.training.weights import described

if TYPE_CHECKING:
    from pathlib import Path

    from ganzoo.engine.composition import Composition
    from ganzoo.training.crew import Crew


class SavedGame(Shown):
    """A game, the plan that it is played by, and the folder that both are kept in."""

    def __init__(self, folder: Path, plan: Plan, composition: Composition, crew: Crew) -> None:
        """Set up the plan's game, as it was before its first round, for all who play it."""
        self.folder, self.zoo, self.crew = folder, composition.zoo, crew
        ranks = crew.ranks(plan)
        # From the first operation on: libraries read their settings when they start.
        with deterministic(plan.device, wanted=plan.deterministic):
            self.game = composition.game(seed=plan.seed, device=plan.device, ranks=ranks)
        if plan.graph and self.game.device.type == "cuda":
            self.game.use_graphs()
        threads = plan.threads or suitable_threads(self.game)
        self.plan = plan.model_copy(update={"threads": threads})
        self.seconds, self.wall, self.scores = 0.0, 0.0, []
        self.observers = Observing((), self, self.zoo)
        data = self.game.data
        self.remarks = [*data.remarks, *warnings(self.game), *host.remarks(self.game)]
        """Sentences about how it was set up, which are told once training begins."""
        self.warnings: dict[str, str] = {}
        """What is wrong with how it trains, as a sentence, by kind."""
        self.signals: dict[str, float] = {}
        """What parts tell of their states, by ``PART/NAME``, as of the last look at the terms."""
        self.title = f"{composition.variant.name} · {self.game.data.name} · seed {plan.seed}"
        self.damaged: list[Path] = []
        """Checkpoints that are newer than the one it was loaded from, and damaged."""

    @property
    def progress(self) -> float:
        """The share of the budget that is spent, in [0, 1]."""
        return self.plan.budget.progress(self.game.rounds, self.seconds)

    def write_plan(self) -> None:
        """Write ``run.json``."""
        write_text(self.folder / "run.json", self.plan.model_dump_json(indent=2) + "\n")

    def save(self, path: Path | None = None) -> Path:
        """Write a checkpoint, and drop those that are not among the newest two."""
        path = path or checkpoint.after(self.folder, self.game.rounds)
        self.write(path)
        if path.parent.name == "checkpoints":
            checkpoint.drop_old(self.folder)
            self.observers.saved(path)
        return path

    def write(self, path: Path) -> None:
        """Write the whole state as one safetensors file with one metadata key."""
        if not self.game.is_finite():
            message = (
                f"training diverged: after round {self.game.rounds} some weights are not finite; "
                "nothing was saved over the last checkpoint. A lower learning rate usually helps."
            )
            raise DivergedError(message)
        tensors, facts = self.game.state()
        facts |= {
            "seconds": self.seconds,
            "wall": self.wall,
            "data_sha256": self.game.data.sha256,
            "spaces": described(self.game.data.spaces),
            "recorded": dict(self.game.data.recorded),
            "plan": self.plan.model_dump(mode="json"),
        }
        checkpoint.write(path, tensors, facts)

    def load(self, path: Path) -> None:
        """Bring the game to the state of a checkpoint of this run; RunError for any other."""
        with checkpoint.reading(path) as (tensors, facts):
            saved, _ = composed_plan(Plan.model_validate(facts["plan"]), self.zoo)
            refuse_other_checkpoint(path, saved, self.plan)
            refuse_other_data(self.folder, same=facts["data_sha256"] == self.game.data.sha256)
            moves = is_other_kind(saved.device, self.plan.device)
            if moves:
                tensors.update(state.restarted(self.game, facts["rounds"]))
            self.game.restore(tensors, facts)
            self.plan = self.plan.model_copy(update={"rollbacks": saved.rollbacks})
            self.seconds = facts["seconds"]
            self.wall = facts.get("wall", self.seconds)  # 0.2 did not write it
        if moves:
            self.remarks.append(moved(saved.device, self.plan.device, facts["rounds"]))

    def load_newest(self, before: Path | None = None) -> bool:
        """Load the newest checkpoint (before one) that is whole; False where there is none."""
        newest = checkpoint.newest_whole(self.folder, self.load, before=before)
        if newest is not None:
            self.damaged = [*newest.damaged]
        return newest is not None

    def checkpoints(self) -> list[Path]:
        """The checkpoints on disk, oldest first."""
        return checkpoint.kept_in(self.folder)

    def last_checkpoint(self) -> Path | None:
        """The newest checkpoint, where there is one."""
        return next(reversed(self.checkpoints()), None)
