"""Random numbers that ranks share: drawn for the whole batch, of which each rank keeps its slice.

Dropout, a penalty's interpolation and the like draw from torch's default generators, whose states
all ranks have in common. What is drawn is therefore the same as in one process, whichever way the
batch is cut.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

aten = torch.ops.aten
ELEMENTWISE = frozenset(
    {
        *(aten.rand, aten.rand_like, aten.randn, aten.randn_like, aten.randint, aten.randint_like),
        *(aten.uniform_, aten.normal_, aten.normal, aten.random_, aten.exponential_),
        *(aten.bernoulli, aten.bernoulli_, aten.native_dropout, aten.log_normal_, aten.cauchy_),
    }
)
"""Operations that draw a fixed number of numbers for each element, in the order of elements."""
SEEDS = 1 << 62
IMAGE = 4
"""Dimensions of a batch of images, whose channels may be last in memory."""


class SharedDraws(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """While it is active, draws of a rank are those of the whole batch.

    A draw that has a dimension of this rank's share of the batch (the first one may be a multiple:
    real and generated samples in one call) is made for all ranks, and this one keeps its slice. A
    draw that has none is common to all samples, and so to all ranks. Draws whose number depends on
    values (``multinomial``, ``poisson``) are made on a stream of each rank's own. What has a
    generator of its own is left alone.
    """

    def __init__(self, rank: int, world: int, share: int) -> None:
        """For a rank, the number of ranks, and its samples of the batch."""
        super().__init__()  # type: ignore[no-untyped-call]
        self.rank, self.world, self.samples = rank, world, share

    def __torch_dispatch__(
        self,
        func: Any,
        types: Sequence[type],
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        """Run an operation, or this rank's slice of it."""
        kwargs = kwargs or {}
        if torch.Tag.nondeterministic_seeded not in func.tags or is_settled(func, args, kwargs):
            return func(*args, **kwargs)
        if func.overloadpacket not in ELEMENTWISE:
            return self._on_own_stream(lambda: func(*args, **kwargs))
        shape = shape_of(func, args)
        axis = self._batch_axis(shape)
        if axis is None:
            return func(*args, **kwargs)
        cut = Cut(self.rank, self.world, self.samples, axis, shape[axis])
        wide = [cut.widened(value, name) for name, value in named(func, args)]
        drawn = func(*wide, **kwargs)
        if func.overloadpacket.__name__.endswith("_"):
            return args[0].copy_(cut.narrowed(drawn))
        if isinstance(drawn, Tensor):
            return cut.narrowed(drawn)
        return tuple(map(cut.narrowed, drawn))

    def _batch_axis(self, shape: Sequence[int]) -> int | None:
        """The dimension of a draw that is of the batch, if one is."""
        if shape and shape[0] % self.samples == 0:
            return 0
        return shape.index(self.samples) if self.samples in shape else None

    def _on_own_stream(self, draw: Callable[[], Any]) -> Any:
        """Draw on a stream that is seeded from the common one and from the rank."""
        seed = int(torch.randint(SEEDS, (self.world,))[self.rank])
        with torch.random.fork_rng(range(torch.cuda.device_count())):
            torch.manual_seed(seed)
            return draw()


class Cut:
    """How a dimension is made of the ranks' blocks, (k, rank, block): k batches, one on another."""

    def __init__(self, rank: int, world: int, block: int, axis: int, size: int) -> None:
        """``size`` is what one rank has of the dimension ``axis``."""
        self.rank, self.world, self.axis, self.size = rank, world, axis, size
        self.batches, self.block = size // block, block

    def widened(self, value: Any, name: str) -> Any:
        """An argument for all ranks: a size, or a tensor whose blocks are repeated."""
        if name == "size":
            size = [*value]
            size[self.axis] *= self.world
            return size
        if not isinstance(value, Tensor) or value.dim() <= self.axis:
            return value
        if value.shape[self.axis] != self.size:
            return value
        shape = [*value.shape]
        shape[self.axis] *= self.world
        # The order in memory is the order of drawing.
        last = value.dim() == IMAGE and value.is_contiguous(memory_format=torch.channels_last)
        layout = torch.channels_last if last else torch.contiguous_format
        wide = torch.empty(shape, dtype=value.dtype, device=value.device, memory_format=layout)
        self._blocks(wide, self.world).copy_(self._blocks(value, 1))
        return wide

    def narrowed(self, wide: Tensor) -> Tensor:
        """This rank's blocks, in memory of their own."""
        mine = self._blocks(wide, self.world).select(self.axis + 1, self.rank)
        return mine.flatten(self.axis, self.axis + 1).clone()

    def _blocks(self, value: Tensor, ranks: int) -> Tensor:
        """A view of the dimension as that of batches, ranks and their samples."""
        sizes = (self.batches, ranks, self.block)
        blocks: Tensor = value.unflatten(self.axis, sizes)  # type: ignore[no-untyped-call]
        return blocks


def is_settled(func: Any, args: Sequence[Any], kwargs: dict[str, Any]) -> bool:
    """Whether an operation draws nothing (attention without dropout), or on its own generator."""
    given = {**dict(named(func, args)), **kwargs}
    if any(isinstance(value, torch.Generator) for value in given.values()):
        return True
    defaults = {a.name: a.default_value for a in func._schema.arguments}  # noqa: SLF001
    return {**defaults, **given}.get("dropout_p") == 0


def named(func: Any, args: Sequence[Any]) -> list[tuple[str, Any]]:
    """An operation's positional arguments with their names."""
    names = [argument.name for argument in func._schema.arguments]  # noqa: SLF001  (no public name)
    return list(zip(names, args, strict=False))


def shape_of(func: Any, args: Sequence[Any]) -> list[int]:
    """The shape of what an operation draws: its size, or that of its first tensor."""
    for name, value in named(func, args):
        if name == "size":
            return [*value]
        if isinstance(value, Tensor):
            return [*value.shape]
    return []
