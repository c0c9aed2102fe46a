"""A part in rounds that are captured and replayed: the same bits as in rounds that are played."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ganzoo.engine.game import Game
from ganzoo.testing.recorded import Recorded
from ganzoo.testing.same import same

if TYPE_CHECKING:
    from ganzoo.parts.dataset import Data
    from ganzoo.parts.variant import Variant

ROUNDS = 7
"""Enough for two replays: the fifth round is captured, where all are alike."""


def check_replayed(variant: Variant, data: Data, *, rounds: int = ROUNDS, who: str = "") -> Game:
    """A game whose rounds were replayed as a GPU does; its twin was played eagerly.

    Raises AssertionError where they end with different bits: what a part does is then not all that
    a graph holds. Where they cannot be captured, ``game.graphs.reason`` says why.
    """
    eager, replayed = Game(variant, data), Game(variant, data)
    replayed.use_graphs(Recorded())
    for number in range(rounds):
        for game in (eager, replayed):
            game.progress = number / rounds
            game.round()
        assert same(eager, replayed), (
            f"{who or variant.name} ends round {number + 1} with other bits when its rounds are "
            "replayed as graphs: a number of Python's or of the host's changes from round to round."
        )
    return replayed
