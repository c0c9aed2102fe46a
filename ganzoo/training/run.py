"""A run: one game in one folder, with its log, checkpoints, samples and scores.

::

    run.json                     variant, data, seed, budget, device, threads and versions
    log.jsonl                    each term's mean, every few rounds
    checkpoints/00001000.safetensors
    model.safetensors            the finished generator, as it is sampled from
    samples/00001000.png
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from ganzoo.errors import DivergedError, InterruptedRunError, RunError
from ganzoo.parts.part import GENERATOR
from ganzoo.storage.files import replacing, write_text
from ganzoo.storage.weight_file import GENERATOR_FILE
from ganzoo.training import checkpoint
from ganzoo.training.interrupt import interruptible
from ganzoo.training.observing import Observing
from ganzoo.training.plan import BUDGET, Plan, composed_plan, plan_in
from ganzoo.training.weights import weight_file

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from torch import Tensor

    from ganzoo.engine.composition import Composition
    from ganzoo.parts.observer import Observer
    from ganzoo.plugins.zoo import Zoo

ROUNDING = 1e-9
"""Shares of a budget are compared up to this much."""
NOTE_EVERY = 20
"""Rounds between two looks at the terms; between them nothing is moved off the device."""
KEPT = 2
"""How many of the newest checkpoints stay on disk."""


class Run:
    """A game in a folder; ``create`` and ``open`` make one."""

    def __init__(self, folder: Path, plan: Plan, composition: Composition) -> None:
        """Set up the plan's game, as it was before its first round."""
        self.folder, self.plan, self.zoo = folder, plan, composition.zoo
        self.game = composition.game(seed=plan.seed, device=plan.device)
        self.seconds = 0.0
        self.observers = Observing((), self, self.zoo)
        name = composition.variant.name
        self.title = f"{name} · {self.game.data.name} · seed {plan.seed}"
        self._pending: list[list[Tensor]] = []

    @classmethod
    def create(cls, folder: str | Path, plan: Plan, composition: Composition) -> Run:
        """A new run; the folder must not hold one. Composition errors come before any writing."""
        folder = Path(folder)
        if (folder / "run.json").exists() or any((folder / "checkpoints").glob("*")):
            message = f"{folder} already holds a run; add --resume, or choose another --out."
            raise RunError(message)
        run = cls(folder, plan, composition)
        try:
            (folder / "checkpoints").mkdir(parents=True, exist_ok=True)
        except OSError as error:
            message = f"cannot make the folder {folder}: {error.strerror}."
            raise RunError(message) from error
        run.write_plan()
        return run

    @classmethod
    def open(cls, folder: str | Path, zoo: Zoo, *, checkpoint: str = "last") -> Run:
        """A run as its last (or another) checkpoint left it; RunError where it has none yet."""
        folder = Path(folder)
        run = cls(folder, *composed_plan(plan_in(folder), zoo))
        chosen = (
            run.last_checkpoint() if checkpoint == "last" else folder / f"{checkpoint}.safetensors"
        )
        if chosen is None:
            message = f"{folder} has no checkpoint yet; train it first."
            raise RunError(message)
        run.load(chosen)
        return run

    @classmethod
    def resume(cls, folder: str | Path, plan: Plan, composition: Composition) -> Run:
        """The run in a folder as its last checkpoint left it, under a plan with another budget.

        Raises RunError where the plan is otherwise not the run's own.
        """
        folder = Path(folder)
        held, _ = composed_plan(plan_in(folder), composition.zoo)
        different = held.differs(plan)
        if different is not None:
            message = f"{folder} holds a run with another {different}; choose another --out."
            raise RunError(message)
        run = cls(folder, held, composition)
        last = run.last_checkpoint()
        if last is not None:
            run.load(last)
        if plan.rounds is not None and plan.rounds < run.game.rounds:
            played = f"{run.game.rounds} rounds, more than {plan.rounds}"
            message = f"{folder} has already played {played}."
            raise RunError(message)
        budget = {name: getattr(plan, name) for name in BUDGET}
        run.plan = held.model_copy(update=budget)
        run.write_plan()
        return run

    def write_plan(self) -> None:
        """Write ``run.json``."""
        write_text(self.folder / "run.json", self.plan.model_dump_json(indent=2) + "\n")

    # ----------------------------------------------------------------------------------- training

    def train(
        self, observers: Iterable[type[Observer]], at_save: Callable[[Run], None] | None = None
    ) -> None:
        """Play rounds until the budget is spent, then save; raises what stopped it.

        The budget is ``plan.rounds``, or ``plan.seconds`` of playing (checkpoints and scores do not
        count). Ctrl-C saves, and says how to go on.
        """
        self.observers = Observing(observers, self, self.zoo)
        error: BaseException | None = None
        threads = torch.get_num_threads()
        torch.set_num_threads(self.plan.threads)  # part of what fixes every bit
        try:
            with interruptible() as interrupted:
                self._play(at_save, interrupted)
            self._write_generator()
        except BaseException as stop:
            error = stop
            raise
        finally:
            torch.set_num_threads(threads)
            self.game.train.ahead(())  # ends the processes that fetch rows, if there are any
            self.observers.finished(error)

    def _play(self, at_save: Callable[[Run], None] | None, interrupted: Callable[[], bool]) -> None:
        game = self.game
        game.progress = self._progress()  # a resumed run may have another budget
        due = self._next_save()
        while not self._spent():
            start = time.perf_counter()
            log = game.round()
            self._pending.append([term for terms in log.values() for term in terms.values()])
            self.seconds += time.perf_counter() - start
            game.progress = self._progress()
            if len(self._pending) >= NOTE_EVERY:
                self._note()
            if interrupted():
                self._note()
                self.save()
                message = (
                    f"interrupted after round {game.rounds}, which is saved; the same command "
                    "with --resume goes on from there."
                )
                raise InterruptedRunError(message)
            if game.progress >= due or self._spent():
                self._note()
                self.save()
                if at_save is not None:
                    at_save(self)
                due = self._next_save()

    def _note(self) -> None:
        """Move the terms of the rounds since the last look off the device, in one transfer."""
        if not self._pending:
            return
        start = time.perf_counter()
        rounds = torch.stack([torch.stack(terms) for terms in self._pending]).double().T.tolist()
        self.seconds += time.perf_counter() - start  # a GPU is still playing them
        names = [f"{player}/{name}" for player, terms in self.game.log.items() for name in terms]
        first = self.game.rounds - len(self._pending) + 1
        self._pending = []
        self.observers.noted(first, dict(zip(names, rounds, strict=True)))

    def _progress(self) -> float:
        plan = self.plan
        if plan.rounds is not None:
            return min(1.0, self.game.rounds / plan.rounds)
        return min(1.0, self.seconds / (plan.seconds or 1.0))

    def _spent(self) -> bool:
        return self._progress() >= 1.0

    def _next_save(self) -> float:
        """The progress at which to save next."""
        return self._share() * (self._passed(self.game.progress) + 1) - ROUNDING

    def _share(self) -> float:
        if self.plan.save_every is not None and self.plan.rounds is not None:
            return self.plan.save_every / self.plan.rounds
        return 1 / self.plan.saves

    def _passed(self, progress: float) -> int:
        return int(progress / self._share() + ROUNDING)

    @property
    def is_due(self) -> bool:
        """Whether the round just played is one to save after; Ctrl-C also saves after others.

        Of a budget in seconds this is not known, and taken to be so.
        """
        if self.plan.rounds is None or self._spent():
            return True
        before = (self.game.rounds - 1) / self.plan.rounds
        return self._passed(self._progress()) > self._passed(before)

    # ------------------------------------------------------------------------------------- saving

    def save(self, path: Path | None = None) -> Path:
        """Write the whole state as one safetensors file with one metadata key."""
        path = path or self.folder / "checkpoints" / f"{self.game.rounds:08}.safetensors"
        if not self.game.is_finite():
            message = (
                f"training diverged: after round {self.game.rounds} some weights are not finite; "
                "nothing was saved over the last checkpoint. A lower learning rate usually helps."
            )
            raise DivergedError(message)
        tensors, facts = self.game.state()
        facts |= {
            "seconds": self.seconds,
            "data_sha256": self.game.data.sha256,
            "spaces": {
                name: s.model_dump(mode="json") for name, s in self.game.data.spaces.items()
            },
            "plan": self.plan.model_dump(mode="json"),
        }
        checkpoint.write(path, tensors, facts)
        if path.parent.name == "checkpoints":
            for old in self.checkpoints()[:-KEPT]:
                old.unlink()
            self.observers.saved(path)
        return path

    def _write_generator(self) -> None:
        """Keep the finished generator, with batch norm's statistics, to be sampled from."""
        if GENERATOR in self.game.nets:
            blob = weight_file(self.game, GENERATOR, self.plan.data)
            with replacing(self.folder / GENERATOR_FILE) as path:
                path.write_bytes(blob)

    def load(self, path: Path) -> None:
        """Bring the game to the state of a checkpoint of this run; RunError for any other."""
        with checkpoint.reading(path) as (tensors, facts):
            saved, _ = composed_plan(Plan.model_validate(facts["plan"]), self.zoo)
            different = saved.differs(self.plan)
            if facts["data_sha256"] != self.game.data.sha256:
                different = "data: it has changed since"
            if different is not None:
                message = f"checkpoint {path} is of a run with another {different}."
                raise RunError(message)
            self.game.restore(tensors, facts)
        self.seconds = facts["seconds"]

    def checkpoints(self) -> list[Path]:
        """The checkpoints on disk, oldest first."""
        return sorted((self.folder / "checkpoints").glob("[0-9]*.safetensors"))

    def last_checkpoint(self) -> Path | None:
        """The newest checkpoint, where there is one."""
        return next(reversed(self.checkpoints()), None)
