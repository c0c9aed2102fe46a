"""Whether a composition's rounds can be captured, found without a GPU."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from collections.abc import Callable

    from ganzoo.engine.game import Game

ROUNDS = 4
"""One in which draws are watched, one that warms up, and two rehearsals."""


class Uncaptured:
    """A capture for rounds that are only rehearsed."""

    def warming_up(self) -> AbstractContextManager[None]:
        """Nothing is to be warmed up."""
        return nullcontext()

    def capture(self, work: Callable[[], None]) -> NoReturn:
        """Nothing is captured."""
        raise NotImplementedError


def obstacle(game: Game) -> str | None:
    """Why a game's rounds cannot be captured as a graph; None where they can.

    Plays up to four rounds of it. On a CPU it finds what a GPU would, but for tensors that a
    part moves between the host and the device.
    """
    game.use_graphs(Uncaptured())
    assert game.graphs is not None
    for _ in range(ROUNDS):
        game.round()
        if game.graphs.reason is not None:
            break
    return game.graphs.reason
