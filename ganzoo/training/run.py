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
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import torch

from ganzoo.engine import state
from ganzoo.errors import DivergedError, InterruptedRunError, RunError
from ganzoo.storage.files import make_folder, remove_leftovers, write_text
from ganzoo.storage.lock import locked
from ganzoo.training import checkpoint
from ganzoo.training.device import chosen_device, is_other_kind, moved, runs_own
from ganzoo.training.interrupt import interruptible
from ganzoo.training.notebook import Shown
from ganzoo.training.observing import Observing
from ganzoo.training.plan import CHANGEABLE, Plan, composed_in, composed_plan
from ganzoo.training.resume import (
    refuse_other_checkpoint,
    refuse_other_data,
    refuse_other_run,
    refuse_run_in,
    taken_up,
)
from ganzoo.training.start import start_game
from ganzoo.training.threads import computing_on, suitable_threads
from ganzoo.training.weights import described, write_generator

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from torch import Tensor

    from ganzoo.engine.composition import Composition
    from ganzoo.parts.observer import Observer
    from ganzoo.plugins.zoo import Zoo
    from ganzoo.training.start import Weights

    Watching: TypeAlias = Callable[["Run"], Observer]
    Saved: TypeAlias = Callable[["Run"], None]

NOTE_EVERY = 20
"""Rounds between two looks at the terms; between them nothing is moved off the device."""
KEPT = 2
"""How many of the newest checkpoints stay on disk."""


class Run(Shown):
    """A game in a folder; ``create`` and ``open`` make one."""

    def __init__(self, folder: Path, plan: Plan, composition: Composition) -> None:
        """Set up the plan's game, as it was before its first round."""
        self.folder, self.zoo = folder, composition.zoo
        self.game = composition.game(seed=plan.seed, device=plan.device)
        threads = plan.threads or suitable_threads(self.game)
        self.plan = plan.model_copy(update={"threads": threads})
        self.seconds, self.wall, self.scores = 0.0, 0.0, []
        self.observers = Observing((), self, self.zoo)
        self.remarks = [*self.game.data.remarks]
        """Sentences about how it was set up, which are told once training begins."""
        name = composition.variant.name
        self.title = f"{name} · {self.game.data.name} · seed {plan.seed}"
        self._pending: list[list[Tensor]] = []
        self._claim: ExitStack | None = None
        self._damaged: list[Path] = []
        """Checkpoints that are newer than the one it was loaded from, and damaged."""

    @classmethod
    def create(
        cls, folder: str | Path, plan: Plan, composition: Composition, start: Weights | None = None
    ) -> Run:
        """A new run, from given weights where they fit; the folder must not hold one.

        Composition errors come before any writing. Until the run is trained or dropped, no other
        process can train in the folder.
        """
        folder = Path(folder)
        refuse_run_in(folder)
        run = cls(folder, plan, composition)
        if start is not None:
            run.remarks += start_game(run.game, start)
            run.plan = run.plan.model_copy(update={"start": start.start})
        make_folder(folder / "checkpoints")
        with run._claimed():
            refuse_run_in(folder)
            run.write_plan()
            if start is not None:
                run.save()  # so that it never needs them again
        return run

    @classmethod
    def open(
        cls,
        folder: str | Path,
        zoo: Zoo,
        *,
        checkpoint: str = "last",
        device: str | torch.device | None = None,
    ) -> Run:
        """A run as its last (or another) checkpoint left it; RunError where it has none yet.

        It is opened on ``device``, or else on its own.
        """
        folder = Path(folder)
        plan, composition = composed_in(folder, zoo)
        here = runs_own(folder, plan.device) if device is None else chosen_device(device)
        run = cls(folder, plan.model_copy(update={"device": here}), composition)
        if checkpoint != "last":
            run.load(folder / f"{checkpoint}.safetensors")
        elif not run.load_newest():
            message = f"{folder} has no checkpoint yet; train it first."
            raise RunError(message)
        return run

    @classmethod
    def resume(cls, folder: str | Path, plan: Plan, composition: Composition) -> Run:
        """The run in a folder as its last checkpoint left it, under a plan that may be changed.

        Raises RunError where the plan differs in more than its budget, device and threads, or where
        another process is at work in the folder.
        """
        folder = Path(folder)
        held, _ = composed_in(folder, composition.zoo)
        refuse_other_run(folder, held, plan)
        changes = {name: getattr(plan, name) for name in CHANGEABLE}
        changes["threads"] = plan.threads or held.threads
        run = cls(folder, held.model_copy(update=changes), composition)
        with run._claimed():
            played = run.game.rounds if run.load_newest() else None
            run.plan = taken_up(folder, run.plan, held, played)
            run.write_plan()
        return run

    @contextmanager
    def _claimed(self) -> Iterator[None]:
        """Keep others out of the folder until the run is trained, or the block fails."""
        with ExitStack() as stack:
            stack.enter_context(locked(self.folder))
            for folder in (self.folder, self.folder / "checkpoints", self.folder / "samples"):
                remove_leftovers(folder)
            yield
            self._claim = stack.pop_all()

    def write_plan(self) -> None:
        """Write ``run.json``."""
        write_text(self.folder / "run.json", self.plan.model_dump_json(indent=2) + "\n")

    # ----------------------------------------------------------------------------------- training

    def train(self, observers: Iterable[Watching], at_save: Saved | None = None) -> None:
        """Play rounds until the budget is spent, then save; raises what stopped it.

        The budget is ``plan.rounds``, or ``plan.seconds`` of playing (checkpoints and scores do not
        count). Ctrl-C, or another request to end, saves and says how to go on. Meanwhile no other
        process can train in the folder.
        """
        claim, self._claim = self._claim or locked(self.folder), None
        with claim:
            while self._damaged:
                checkpoint.set_aside(self._damaged.pop())
            self._train(observers, at_save)

    def _train(self, observers: Iterable[Watching], at_save: Saved | None) -> None:
        self.game.progress = self._progress()  # a resumed run may have another budget
        self.observers = Observing(observers, self, self.zoo)
        error: BaseException | None = None
        try:
            # The number of threads is part of what fixes every bit.
            with computing_on(self.plan.threads or 1), interruptible() as interrupted:
                self._play(at_save, interrupted)
        except BaseException as stop:
            error = stop
            raise
        finally:
            self.game.train.ahead(())  # ends the processes that fetch rows, if there are any
            self.observers.finished(error)

    def _play(self, at_save: Saved | None, interrupted: Callable[[], bool]) -> None:
        game = self.game
        began = time.perf_counter() - self.wall
        due = self.plan.budget.next_save(game.progress)
        while self._progress() < 1.0:
            start = time.perf_counter()
            log = game.round()
            self._pending.append([term for terms in log.values() for term in terms.values()])
            self.seconds += time.perf_counter() - start
            game.progress = self._progress()
            self.wall = time.perf_counter() - began
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
            if game.progress >= due or self._progress() >= 1.0:
                self._note()
                self.save()
                if at_save is not None:
                    at_save(self)
                due = self.plan.budget.next_save(game.progress)
        write_generator(self.folder, game, self.plan.data)
        self.wall = time.perf_counter() - began

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
        return self.plan.budget.progress(self.game.rounds, self.seconds)

    @property
    def is_due(self) -> bool:
        """Whether the round just played is one to save after; Ctrl-C also saves after others."""
        return self.plan.budget.is_due(self.game.rounds)

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
            "wall": self.wall,
            "data_sha256": self.game.data.sha256,
            "spaces": described(self.game.data.spaces),
            "plan": self.plan.model_dump(mode="json"),
        }
        checkpoint.write(path, tensors, facts)
        if path.parent.name == "checkpoints":
            for old in self.checkpoints()[:-KEPT]:
                old.unlink()
            self.observers.saved(path)
        return path

    def load(self, path: Path) -> None:
        """Bring the game to the state of a checkpoint of this run; RunError for any other."""
        with checkpoint.reading(path) as (tensors, facts):
            saved, _ = composed_plan(Plan.model_validate(facts["plan"]), self.zoo)
            refuse_other_checkpoint(path, saved, self.plan)
            same = facts["data_sha256"] == self.game.data.sha256
            refuse_other_data(self.folder, same=same)
            moves = is_other_kind(saved.device, self.plan.device)
            if moves:
                tensors.update(state.restarted(self.game, facts["rounds"]))
            self.game.restore(tensors, facts)
            self.seconds = facts["seconds"]
            self.wall = facts.get("wall", self.seconds)  # 0.2 did not write it
        if moves:
            self.remarks.append(moved(saved.device, self.plan.device, facts["rounds"]))

    def load_newest(self) -> bool:
        """Load the newest checkpoint that is whole; False where there is none at all."""
        newest = checkpoint.newest_whole(self.folder, self.load)
        if newest is not None:
            self._damaged = [*newest.damaged]
        return newest is not None

    def checkpoints(self) -> list[Path]:
        """The checkpoints on disk, oldest first."""
        return checkpoint.kept_in(self.folder)

    def last_checkpoint(self) -> Path | None:
        """The newest checkpoint, where there is one."""
        return next(reversed(self.checkpoints()), None)
