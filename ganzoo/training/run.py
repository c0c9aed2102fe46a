"""A run: one game in one folder, with its log, checkpoints, samples and scores.

::

    run.json                     variant, data, seed, budget, device, threads and versions
    log.jsonl                    each term's mean, every few rounds
    checkpoints/00001000.safetensors
    model.safetensors            the finished generator, as it is sampled from
    model.sha256                 its sha256, by which damage to it is found
    samples/00001000.png
"""

from __future__ import annotations

import time
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import torch

from ganzoo.errors import DivergedError, RunError
from ganzoo.storage.files import make_folder, remove_leftovers
from ganzoo.storage.lock import locked
from ganzoo.storage.paths import given_path
from ganzoo.training import checkpoint
from ganzoo.training.computing import computing_on
from ganzoo.training.crew import ALONE
from ganzoo.training.deterministic import deterministic
from ganzoo.training.device import chosen_device, runs_own
from ganzoo.training.interrupt import ending_as_ctrl_c, interrupted_after, interruptible
from ganzoo.training.observing import Observing, Pending
from ganzoo.training.plan import CHANGEABLE, Plan, composed_in
from ganzoo.training.resume import (
    going_on,
    refuse_other_run,
    refuse_run_in,
    saying_what_is_kept,
    taken_up,
)
from ganzoo.training.rollback import roll_back
from ganzoo.training.saving import SavedGame
from ganzoo.training.start import start_game
from ganzoo.training.weights import write_generator

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from ganzoo.engine.composition import Composition
    from ganzoo.parts.observer import Observer
    from ganzoo.plugins.zoo import Zoo
    from ganzoo.training.crew import Crew
    from ganzoo.training.start import Weights

    Watching: TypeAlias = Callable[["Run"], Observer]
    Saved: TypeAlias = Callable[["Run"], None]

NOTE_EVERY = 20
"""Rounds between two looks at the terms; between them nothing is moved off the device."""


class Run(SavedGame):
    """A game in a folder; ``create`` and ``open`` make one."""

    def __init__(
        self, folder: Path, plan: Plan, composition: Composition, crew: Crew = ALONE
    ) -> None:
        """Set up the plan's game, as it was before its first round."""
        super().__init__(folder, plan, composition, crew)
        self._pending = Pending()
        self._claim: ExitStack | None = None

    @classmethod
    def create(
        cls,
        folder: str | Path,
        plan: Plan,
        composition: Composition,
        start: Weights | None = None,
        crew: Crew = ALONE,
    ) -> Run:
        """A new run, from given weights where they fit; the folder must not hold one.

        Composition errors come before any writing. Until the run is trained or dropped, no other
        process can train in the folder.
        """
        folder = given_path(folder)
        refuse_run_in(folder)
        run = cls(folder, plan, composition, crew)
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
        folder = given_path(folder)
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
    def resume(
        cls, folder: str | Path, plan: Plan, composition: Composition, crew: Crew = ALONE
    ) -> Run:
        """The run in a folder as its last checkpoint left it, under a plan that may be changed.

        Raises RunError where the plan differs in more than what may change (``CHANGEABLE``), or
        where another process is at work in the folder.
        """
        folder = given_path(folder)
        held, _ = composed_in(folder, composition.zoo)
        refuse_other_run(folder, held, plan)
        changes = {name: getattr(plan, name) for name in CHANGEABLE}
        changes["threads"] = plan.threads or held.threads
        run = cls(folder, held.model_copy(update=changes), composition, crew)
        with run._claimed():
            make_folder(folder / "checkpoints")
            played = run.game.rounds if run.load_newest() else None
            run.plan = taken_up(folder, run.plan, held, played)
            run.remarks.append(going_on(folder, played))
            run.write_plan()
        return run

    @contextmanager
    def _claimed(self) -> Iterator[None]:
        """Keep others out of the folder until the run is trained, or the block fails."""
        with saying_what_is_kept(self.folder), ExitStack() as stack:
            stack.enter_context(locked(self.folder))
            for folder in (self.folder, self.folder / "checkpoints", self.folder / "samples"):
                remove_leftovers(folder)
            yield
            self._claim = stack.pop_all()

    # ----------------------------------------------------------------------------------- training

    def train(self, observers: Iterable[Watching], at_save: Saved | None = None) -> None:
        """Play rounds until the budget is spent, then save; raises what stopped it.

        The budget is ``plan.rounds``, or ``plan.seconds`` of playing (checkpoints and scores do not
        count). Ctrl-C, or another request to end, saves and says how to go on. If the plan says so,
        a run that diverges is rolled back. Meanwhile no other process can train in the folder.
        """
        claim, self._claim = self._claim or locked(self.folder), None
        with claim, saying_what_is_kept(self.folder):
            checkpoint.set_aside(self.damaged)
            if self.plan.on_divergence == "rollback" and self.last_checkpoint() is None:
                self.save()  # so that there is always one to go back to
            self._train(observers, at_save)

    def _train(self, observers: Iterable[Watching], at_save: Saved | None) -> None:
        self.game.progress = self.progress  # a resumed run may have another budget
        self.observers = Observing(observers, self, self.zoo)
        error: BaseException | None = None
        try:
            # The number of threads is part of what fixes every bit.
            with (
                computing_on(self.plan.threads or 1),
                deterministic(self.plan.device, wanted=self.plan.deterministic),
                interruptible() as interrupted,
            ):
                self.crew.begin(self)
                self._play(at_save, interrupted)
        except BaseException as stop:
            error = stop
            raise
        finally:
            self.game.train.ahead(())  # ends the processes that fetch rows, if there are any
            self.observers.finished(error)

    def _play(self, at_save: Saved | None, interrupted: Callable[[], bool]) -> None:
        while self.progress < 1.0:
            try:
                self._play_to_next_save(at_save, interrupted)
            except DivergedError as error:
                if self.plan.on_divergence == "stop":
                    raise
                self._pending = Pending()
                roll_back(self, error)
        began = time.perf_counter()
        write_generator(self.folder, self.game, self.plan.data)
        self.wall += time.perf_counter() - began

    def _play_to_next_save(self, at_save: Saved | None, interrupted: Callable[[], bool]) -> None:
        game, began = self.game, time.perf_counter() - self.wall
        due = self.plan.budget.next_save(game.progress)
        while game.progress < due and self.progress < 1.0:
            for _ in range(self.crew.stretch(self, due, NOTE_EVERY)):
                start = time.perf_counter()
                self._pending.add(game.round())
                self.seconds += time.perf_counter() - start
                game.progress = self.progress
                self.wall = time.perf_counter() - began
            asked = self.crew.agreed(asked=interrupted())
            if len(self._pending) >= NOTE_EVERY:
                self._note()
            if asked or interrupted():
                self._note_and_save()
                raise interrupted_after(game.rounds)
        self._note_and_save()
        if interrupted():
            raise interrupted_after(game.rounds)
        if at_save is not None:
            with ending_as_ctrl_c():  # it may take minutes, and all is saved
                at_save(self)
        self.wall = time.perf_counter() - began

    def _note_and_save(self) -> None:
        self._note()
        self.crew.before_save(self.game)
        self.save()

    def _note(self) -> None:
        """Tell the terms of the rounds since the last look, moved off the device together."""
        if not self._pending:
            return
        first = self.game.rounds - len(self._pending) + 1
        start = time.perf_counter()
        terms, self.signals = self._pending.fetched(), self.game.signals()
        self.seconds += time.perf_counter() - start  # a GPU is still playing them
        if (remark := self.game.eagerly) is not None and remark not in self.remarks:
            self.remarks.append(remark)
        self.observers.noted(first, terms)
