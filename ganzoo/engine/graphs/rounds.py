"""Rounds played as graphs: what is captured, when, and what is played eagerly instead."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeAlias

import torch

from ganzoo.engine.check import composition
from ganzoo.engine.graphs.capture import Captured, NotCaptured
from ganzoo.engine.graphs.drawn import Drawn, Unfit
from ganzoo.engine.graphs.numbers import Numbers, reads_numbers
from ganzoo.engine.graphs.rehearsal import (
    Drawing,
    Rehearsal,
    Trial,
    Watching,
    numbers_of_python,
)
from ganzoo.errors import SENTENCE, RunError, ZooError, first_line, shortened
from ganzoo.parts.part import GENERATOR

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torch import Tensor

    from ganzoo.engine.game import Game
    from ganzoo.engine.graphs.capture import Capture
    from ganzoo.parts.part import Player

MOST = 32
"""The most patterns of rounds that are captured; each takes a few rounds, and memory."""
REHEARSED = 3
"""The rounds of a pattern until it was rehearsed twice."""
HOW = "Add --no-graph (graph=False), and resume from the last checkpoint."
Pattern: TypeAlias = "tuple[object, ...]"


class Rounds:
    """Plays the rounds of a game: some eagerly, to learn what they do, and then as graphs.

    Turns draw first, all of a round, and are played from what is held of it. Of each pattern (which
    lazy terms are due, which stage each network is in) the first round warms up, two are rehearsed,
    and the fourth is captured. All of these are real rounds: nothing is undone. What cannot be
    captured is played eagerly for good; ``reason`` says why.
    """

    def __init__(self, game: Game, capture: Capture) -> None:
        self.game, self.capture = game, capture
        self.reason: str | None = None
        self.watching: Watching | None = None
        self._moves = False
        """Whether a state was in other tensors after the last round that was learned from."""
        self.forget()

    def forget(self) -> None:
        """Forget what was captured: the game's tensors are others now."""
        self.patterns: dict[Pattern, Captured] = {}
        self._steps: dict[Player, int] = {}
        self._turns: list[tuple[Player, Drawn]] = []
        self._places: dict[str, list[int]] = {}
        self.game.use(None)

    @property
    def captured(self) -> int:
        """How many patterns of rounds are graphs by now."""
        return sum(known.replay is not None for known in self.patterns.values())

    def play(self) -> None:
        """Play one round, inside of the game's lease."""
        if self.reason is not None:
            self.game.play_turns()
        elif self.game.numbers is None or self._moved() is not None:
            self._learn()
        else:
            self._play_known()

    def column(self, name: str, rows: Tensor) -> Tensor:
        """A streamed column of the rows that a turn drew, where a graph reads it."""
        with self._paused():
            for _, place in self._turns:
                if (found := place.column(name, rows)) is not None:
                    return found
        if self.watching is not None:
            self.watching.object_to("reads streamed data of other rows than those drawn")
        return self.game.train.column(name, rows)

    def object_to(self, what: str) -> None:
        """Say what a graph could not do, where the steps of a round are being rehearsed."""
        if isinstance(self.watching, Rehearsal):
            self.watching.object_to(what)

    # ----------------------------------------------------------------------------- kinds of rounds

    def _learn(self) -> None:
        """Play eagerly; see what turns draw, and how many steps each player has in a round."""
        game, drawing = self.game, Drawing(self.game)
        self.forget()
        before = dict(game.steps)
        self._moved()
        self._turns = [(p, Drawn(game)) for p, turns in game.variant.turns for _ in range(turns)]
        with self.capture.warming_up():
            for player, place in self._turns:
                with self._watched(drawing):
                    drawn = game.draw(player)
                try:
                    place.hold(drawn)
                except Unfit as unfit:
                    drawing.object_to(str(unfit))
                game.deal(player, drawn)
        drawing.finish()
        self._steps = {player: count - before[player] for player, count in game.steps.items()}
        moved = self._moved()
        if (part := self._moved()) is not None:  # though nothing was played in between
            drawing.reason = drawing.reason or (
                f"the state of the {part} makes new tensors each time it is saved"
            )
        elif moved is not None and self._moves:
            drawing.reason = drawing.reason or f"the state of the {moved} is new after each round"
        self._moves = moved is not None
        if not self._objected(drawing):
            game.use(Numbers(game, self._steps.get(GENERATOR, 0)))
            if reads_numbers(game):
                self._try_numbers()

    def _try_numbers(self) -> None:
        """Compute every term once, and play eagerly if one cannot be with numbers on the device."""
        game, trial = self.game, Trial(self.game)
        assert game.numbers is not None
        game.numbers.refresh()
        try:
            with self.capture.warming_up(), self._watched(trial):
                composition(game)
        except ZooError as error:
            trial.reason = f"with numbers on the device, {first_line(error).rstrip('.')}"
        self._moved()  # what was tried on a part's state is taken back, into other tensors
        self._objected(trial)

    def _play_known(self) -> None:
        assert self.game.numbers is not None
        self.game.numbers.refresh()
        known = self.patterns.setdefault(self._pattern(), Captured())
        if len(self.patterns) > MOST:
            self._play_eagerly(f"their lazy terms are due in more than {MOST} patterns")
            self.game.play_turns()
        elif (held := self._held()) is not None:
            known.played += 1
            if known.played == 1:  # it may make moments of parameters that had none
                with self.capture.warming_up():
                    self._deal(self._turns, held)
            elif known.played <= REHEARSED:
                self._rehearse(known, held)
            else:
                self._play_captured(known, held)

    def _rehearse(self, known: Captured, held: list[Any]) -> None:
        """Watch a round, and compare it with the one that was watched before, if one was."""
        rehearsal = Rehearsal(self.game, known.first)
        before = numbers_of_python(self.game)
        with self.capture.warming_up(), self._watched(rehearsal):
            self._deal(self._turns, held)
        rehearsal.finish(before)
        known.first = None if known.first else rehearsal
        self._objected(rehearsal)

    def _play_captured(self, known: Captured, held: list[Any]) -> None:
        if known.replay is None:
            if not self._captures(known, held):
                return
        else:
            known.replay()
            for player, count in self._steps.items():
                self.game.steps[player] += count
        assert known.terms is not None
        log = self.game.log
        # A copy, because the next replay writes over what the graph logs.
        terms = known.terms.clone().unbind()
        for (player, name, dtype), term in zip(known.logged, terms, strict=True):
            log[player] = {**log[player], name: term.to(dtype)}

    def _captures(self, known: Captured, held: list[Any]) -> bool:
        """Capture a round and play it; False where it was played eagerly, as all are from now on.

        Raises RunError where a GPU cannot go on after it failed to capture.
        """
        game, turns = self.game, self._turns
        before, steps = dict(game.log), dict(game.steps)

        def work() -> None:
            self._deal(turns, held)
            known.logged = [
                (player, name, term.dtype)
                for player, terms in game.log.items()
                for name, term in terms.items()
                if term is not before.get(player, {}).get(name)
            ]
            known.terms = torch.stack([game.log[player][name] for player, name, _ in known.logged])

        try:
            known.replay = self.capture.capture(work)
        except NotCaptured as error:  # nothing was done on the device
            game.log.clear()
            game.log.update(before)
            game.steps.update(steps)
            self._play_eagerly(f"the device cannot capture them ({error})")
        else:
            return True
        try:
            self._deal(turns, held)
        except ZooError as error:
            message = (
                f"a round was not captured as a graph, and the next step failed: {error} {HOW}"
            )
            raise RunError(message) from error
        return False

    # ------------------------------------------------------------------------------------- in parts

    def _held(self) -> list[Any] | None:
        """What all turns of a round draw, held; None where it did not fit and is played already."""
        turns = self._turns
        drawn = [self.game.draw(player) for player, _ in turns]
        try:
            return [place.hold(value) for (_, place), value in zip(turns, drawn, strict=True)]
        except Unfit as unfit:
            self._play_eagerly(f"sampler '{self.game.variant.sampler.name}' {unfit}")
        self._deal(turns, drawn)
        return None

    def _pattern(self) -> Pattern:
        """Each network's stage in the round to come, and which lazy terms are due, by step."""
        game = self.game
        stages = [(player, *game.stage(player).values()) for player in game.nets]
        due = [
            (player, i, name)
            for player, count in self._steps.items()
            for name, term in game.terms[player].items()
            for i in range(count)
            if term.every > 1 and (game.steps[player] + i) % term.every == 0
        ]
        return (*stages, *due)

    def _deal(self, turns: list[tuple[Player, Drawn]], held: list[Any]) -> None:
        """Play all turns of a round from what was drawn for each."""
        for (player, _), value in zip(turns, held, strict=True):
            self.game.deal(player, value)

    def _objected(self, watching: Watching) -> bool:
        """Whether there is a reason to play eagerly, which is done from now on."""
        if watching.reason is not None:
            self._play_eagerly(watching.reason)
        return watching.reason is not None

    def _play_eagerly(self, reason: str) -> None:
        self.forget()
        self.reason = shortened(reason, SENTENCE)

    @contextmanager
    def _watched(self, watching: Watching) -> Iterator[None]:
        self.watching = watching
        try:
            with watching:
                yield
        finally:
            self.watching = None

    @contextmanager
    def _paused(self) -> Iterator[None]:
        """Inside, nothing is watched: rows are fetched before a graph is replayed."""
        if self.watching is None:
            yield
            return
        self.watching.paused = True
        try:
            yield
        finally:
            self.watching.paused = False

    def _moved(self) -> str | None:
        """The part whose state is in other tensors than before, as ``restore`` may bring them."""
        places = {
            part: [value.data_ptr() for value in state.state().values() if is_tensor(value)]
            for part, state in self.game.states.items()
        }
        moved = next((part for part in places if places[part] != self._places.get(part)), None)
        self._places = places
        return moved


def is_tensor(value: object) -> bool:
    """Whether a value is a tensor."""
    return isinstance(value, torch.Tensor)
