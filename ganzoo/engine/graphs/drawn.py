"""What turns are dealt from, held in memory that stays where it is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.utils._pytree import tree_flatten, tree_unflatten

from ganzoo.errors import in_words
from ganzoo.parts.moving import pinned

if TYPE_CHECKING:
    from ganzoo.engine.game import Game

PLAIN = (bool, int, float, str, type(None))


class Unfit(Exception):  # noqa: N818  (no error of the user's: the round is played eagerly)
    """What was drawn cannot be held, or does not fit what was drawn before."""


class Drawn:
    """What one turn's ``draw`` returned, copied into the same tensors in every round.

    Columns of streamed rows are fetched here, before a graph that reads them is replayed.
    """

    def __init__(self, game: Game) -> None:
        self.game = game
        self.held: list[Any] = []
        self.columns: dict[tuple[int, str], Tensor] = {}
        self._latest: list[Any] = []
        self._form: Any = None

    def hold(self, drawn: Any) -> Any:
        """The same values in tensors of this turn's own. Raises Unfit where that cannot be."""
        latest, form = tree_flatten(drawn)
        if self._form is None:
            self.held = [self._room(value) for value in latest]
            self._form = form
        if form != self._form or not all(map(fits, latest, self.held)):
            message = "draws values of another form in another round"
            raise Unfit(message)
        self._latest = latest
        for value, held in zip(latest, self.held, strict=True):
            if isinstance(held, Tensor):
                on_host = held.is_cuda and not value.is_cuda
                held.copy_(pinned(value) if on_host else value, non_blocking=True)
        for place, name in self.columns:
            self._fetch(place, name)
        return tree_unflatten(self.held, form)

    def _room(self, value: Any) -> Any:
        if isinstance(value, Tensor):
            return torch.empty_like(value, device=self.game.device)
        if isinstance(value, PLAIN):
            return value
        message = f"draws {in_words(value)}, not tensors in dicts, tuples and lists"
        raise Unfit(message)

    def column(self, name: str, rows: Tensor) -> Tensor | None:
        """A streamed column of the rows drawn; None where ``rows`` are not what was drawn."""
        for place, held in enumerate(self.held):
            if is_batch(held) and is_same_memory(self.game.ranks.share(held), rows):
                if (place, name) not in self.columns:
                    self._fetch(place, name)
                return self.columns[place, name]
        return None

    def _fetch(self, place: int, name: str) -> None:
        found = self.game.train.column(name, self.game.ranks.share(self._latest[place]))
        self.columns.setdefault((place, name), torch.empty_like(found)).copy_(found)


def is_batch(value: object) -> bool:
    """Whether a value is a tensor with a first dimension."""
    return isinstance(value, Tensor) and value.dim() > 0


def is_same_memory(one: Tensor, other: Tensor) -> bool:
    """Whether two tensors are one, or the same view of it."""
    forms = [(tensor.shape, tensor.stride(), tensor.dtype) for tensor in (one, other)]
    return one.data_ptr() == other.data_ptr() and forms[0] == forms[1]


def fits(value: Any, held: Any) -> bool:
    """Whether a value can take the place of one that is held."""
    if isinstance(value, Tensor) and isinstance(held, Tensor):
        return value.shape == held.shape and value.dtype == held.dtype
    return type(value) is type(held) and bool(value == held)
