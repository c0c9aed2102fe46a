"""Several ranks that play one game, in processes that have joined torch's process group."""

from __future__ import annotations

import hashlib
from contextlib import AbstractContextManager, ExitStack
from typing import TYPE_CHECKING, Any, TypeGuard, TypeVar

import torch
from torch import Tensor, distributed

from ganzoo.engine.ranks import Ranks
from ganzoo.engine.shared_draws import SharedDraws
from ganzoo.engine.synced_norm import SyncedNorm
from ganzoo.errors import ComposeError, LostRankError, OptionError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from ganzoo.engine.step import Step

Item = TypeVar("Item")
Told = TypeVar("Told")

LOST = (
    "another rank ended or cannot be reached, so this one ends too; start all of them again, a "
    "training with --resume to go on from its last checkpoint."
)
CPU = torch.device("cpu")


class Group(Ranks):
    """Several processes that have joined torch's default process group."""

    def __init__(self, *, sync_batch_norm: bool = False) -> None:
        """Take up this process's place; batch norm's statistics are each rank's own, or common."""
        self.rank, self.world = distributed.get_rank(), distributed.get_world_size()
        self.sync_batch_norm = sync_batch_norm

    def check_batch(self, batch: int) -> None:
        """Raise OptionError for a batch that the ranks cannot share evenly."""
        if batch % self.world:
            message = (
                f"{self.world} ranks cannot share a batch of {batch} evenly; set one that "
                f"{self.world} divides, such as batch={self.rounded(batch)}."
            )
            raise OptionError(message)

    def rounded(self, batch: int) -> int:
        """The next size that the ranks can share evenly."""
        return -(-batch // self.world) * self.world

    # --------------------------------------------------------------------------------- the batch

    def share(self, value: Tensor) -> Tensor:
        """This rank's slice of a tensor whose first dimension is the batch; a view."""
        size = len(value) // self.world
        return value[self.rank * size : (self.rank + 1) * size]

    def dealt(
        self, rows: Tensor | None, values: Mapping[str, Tensor]
    ) -> tuple[Tensor | None, Mapping[str, Tensor]]:
        """This rank's slice of rows, and of the values that have as many.

        What is no tensor stays what it is, for the check to refuse.
        """
        n = next((len(v) for v in (rows, *values.values()) if is_batch(v)), 0)
        if n % self.world:
            message = (
                f"{self.world} ranks cannot share a step of {n} samples evenly; set its size so "
                f"that {self.world} divides it."
            )
            raise ComposeError(message)
        shared = {k: self.share(v) if is_batch(v, n) else v for k, v in values.items()}
        return (self.share(rows) if is_batch(rows, n) else rows), shared

    def playing(self, step: Step) -> AbstractContextManager[object]:
        """Inside, numbers are drawn for the whole batch, and batch norm is over it if so chosen."""
        modes = ExitStack()
        dealt = (step.rows, *(step.values[name] for name in step.dealt))
        share = next((len(v) for v in dealt if is_batch(v)), step.game.batch // self.world)
        modes.enter_context(SharedDraws(self.rank, self.world, share))
        if self.sync_batch_norm:
            modes.enter_context(SyncedNorm(self.rank, self.world, self.summed))
        return modes

    # --------------------------------------------------------------------------------- agreement

    def averaged(
        self, grads: Sequence[Tensor | None], terms: Sequence[Tensor]
    ) -> tuple[Sequence[Tensor | None], Sequence[Tensor]]:
        """Gradients and terms as their means over the ranks: one all-reduce for each dtype.

        Nothing waits for the device, so that a CUDA graph can hold it.
        """
        known = [grad for grad in grads if grad is not None]
        found = iter(self.means([*known, *terms]))
        return [None if g is None else next(found) for g in grads], [*found]

    def means(self, tensors: Sequence[Tensor]) -> list[Tensor]:
        """The mean of each tensor over the ranks."""
        found: dict[int, Tensor] = {}
        for dtype in dict.fromkeys(tensor.dtype for tensor in tensors):
            places = [i for i, tensor in enumerate(tensors) if tensor.dtype == dtype]
            flat = torch.cat([tensors[i].reshape(-1) for i in places])
            mean = self.summed(flat).div_(self.world)
            for i in places:
                count = tensors[i].numel()
                found[i], mean = mean[:count].view(tensors[i].shape), mean[count:]
        return [found[i] for i in range(len(tensors))]

    def summed(self, tensor: Tensor) -> Tensor:
        """A tensor summed over the ranks in place, which gives every rank the same bits."""
        reached(distributed.all_reduce, tensor)
        return tensor

    def agree_on(self, states: Mapping[str, Any]) -> None:
        """Bring the states of parts to those of rank 0, where they differ.

        They may follow values that each rank has its own of, such as scores of its samples.
        """
        for name in sorted(states):
            mine = on_cpu(states[name].state())
            if len({*self.every(digest(mine))}) > 1:
                its = self.told(mine)
                if self.rank:
                    take_up(states[name], its)

    def copy_buffers(self, buffers: Iterable[Tensor]) -> None:
        """Bring buffers to those of rank 0, in place."""
        for buffer in buffers:
            dense = buffer.contiguous()
            reached(distributed.broadcast, dense, 0)
            buffer.copy_(dense)

    def spread(self, items: Sequence[Item], do: Callable[[Item], Told]) -> list[Told]:
        """What a function makes of each item; each is made by one rank, and had by all."""
        made = self.every([do(item) for item in items[self.rank :: self.world]])
        return [made[i % self.world][i // self.world] for i in range(len(items))]

    def told(self, what: Told) -> Told:
        """What rank 0 has, on every rank."""
        box = [what]
        reached(distributed.broadcast_object_list, box, 0, device=CPU)
        return box[0]

    def every(self, found: Told) -> list[Told]:
        """What each rank has found, by rank."""
        boxes: list[Any] = [None] * self.world
        reached(distributed.all_gather_object, boxes, found)
        return boxes


def take_up(state: Any, its: dict[str, Any]) -> None:
    """Give a part's state the values of another's, in place if that does it: graphs hold places."""
    for name, value in state.state().items():
        if isinstance(value, Tensor) and value.shape == its[name].shape:
            value.copy_(its[name])
    if digest(on_cpu(state.state())) != digest(its):
        state.restore(its)


def reached(collective: Callable[..., object], *args: Any, **kwargs: Any) -> None:
    """Call a collective of torch's. Raises LostRankError where another rank is gone."""
    try:
        collective(*args, **kwargs)
    except RuntimeError as error:
        raise LostRankError(LOST) from error


def is_batch(value: object, n: int | None = None) -> TypeGuard[Tensor]:
    """Whether a value has a first dimension, of ``n`` if that is given."""
    return isinstance(value, Tensor) and value.dim() > 0 and n in (None, len(value))


def on_cpu(state: Mapping[str, Any]) -> dict[str, Any]:
    """The state of a part with its tensors on the CPU."""
    return {k: v.detach().cpu() if isinstance(v, Tensor) else v for k, v in state.items()}


def digest(state: Mapping[str, Any]) -> str:
    """A hash of a part's state: what of it is a tensor by its bytes, the rest as it prints."""
    hashed = hashlib.sha256()
    for name, value in sorted(state.items()):
        hashed.update(name.encode())
        is_tensor = isinstance(value, Tensor)
        hashed.update(
            value.contiguous().reshape(-1).view(torch.uint8).numpy().data
            if is_tensor
            else repr(value).encode()
        )
    return hashed.hexdigest()
