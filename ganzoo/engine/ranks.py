"""The ranks of a training: one process alone, or several that play one game together.

Every rank deals the same steps from the same random streams, and takes its slice of each batch.
Gradients are averaged over the ranks before the optimizer steps, so all of them keep equal weights.
"""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from torch import Tensor

    from ganzoo.engine.step import Step

Item = TypeVar("Item")
Told = TypeVar("Told")


class Ranks:
    """One process alone: it has every batch whole, and nobody to agree with."""

    rank, world = 0, 1

    def check_batch(self, batch: int) -> None:
        """Raise OptionError for a batch that the ranks cannot share evenly."""

    def share(self, value: Tensor) -> Tensor:
        """This rank's slice of a tensor whose first dimension is the batch."""
        return value

    def dealt(
        self, rows: Tensor | None, values: Mapping[str, Tensor]
    ) -> tuple[Tensor | None, Mapping[str, Tensor]]:
        """This rank's slice of all that a step is dealt."""
        return rows, values

    def playing(self, step: Step) -> AbstractContextManager[object]:  # noqa: ARG002
        """Inside, the terms of a step are those of its whole batch, as far as ranks share them."""
        return nullcontext()

    def averaged(
        self, grads: Sequence[Tensor | None], terms: Sequence[Tensor]
    ) -> tuple[Sequence[Tensor | None], Sequence[Tensor]]:
        """Gradients and terms as their means over the ranks."""
        return grads, terms

    def agree_on(self, states: Mapping[str, Any]) -> None:
        """Bring the states of parts to those of rank 0, where they differ."""

    def copy_buffers(self, buffers: Iterable[Tensor]) -> None:
        """Bring buffers to those of rank 0, in place."""

    def spread(self, items: Sequence[Item], do: Callable[[Item], Told]) -> list[Told]:
        """What a function makes of each item; each is made by one rank, and had by all."""
        return [do(item) for item in items]

    def told(self, what: Told) -> Told:
        """What rank 0 has, on every rank."""
        return what

    def every(self, found: Told) -> list[Told]:
        """What each rank has found, by rank."""
        return [found]


ALONE = Ranks()
