"""A stand-in for a GPU: tensors on a device of their own, whose values are on the CPU.

They say that they are on the device ``meta``. As on a GPU, an operation takes the tensors of one
device, and a number of the CPU's at most (a tensor of no dimension); anything else is refused.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_flatten, tree_map

if TYPE_CHECKING:
    from collections.abc import Callable

DEVICE = torch.device("meta")


class There(Tensor):
    """A tensor on the stand-in."""

    values: Tensor

    @staticmethod
    def __new__(cls, values: Tensor) -> There:  # noqa: PYI034  (a tensor's subclasses have none)
        made: There = Tensor._make_wrapper_subclass(  # type: ignore[attr-defined]
            cls, values.shape, strides=values.stride(), dtype=values.dtype, device=DEVICE
        )
        made.values = values
        return made

    @classmethod
    def __torch_dispatch__(
        cls, func: Any, _: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        return computed(func, args, kwargs or {})


class Elsewhere(TorchDispatchMode):
    """Inside, what is made on or moved to the device ``meta`` is on the stand-in."""

    def __torch_dispatch__(
        self, func: Any, _: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        return computed(func, args, kwargs or {})


def computed(func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """What an operation returns, on the device that a GPU would leave it on."""
    tensors = [x for x in tree_flatten((args, kwargs))[0] if isinstance(x, Tensor)]
    there = any(isinstance(x, There) for x in tensors)
    moving = "device" in kwargs and kwargs["device"] is not None
    copying = func is torch.ops.aten.copy_.default
    if there and not copying and any(x.dim() and not isinstance(x, There) for x in tensors):
        message = f"{func} is given tensors of two devices."
        raise RuntimeError(message)
    if moving:
        there = torch.device(kwargs["device"]) == DEVICE
        kwargs = {**kwargs, "device": torch.device("cpu")}
    if copying:
        there = isinstance(args[0], There)
    plain_args, plain_kwargs = tree_map(unwrapped, (args, kwargs))
    found = func(*plain_args, **plain_kwargs)
    if args and isinstance(args[0], Tensor) and found is plain_args[0]:
        return args[0]  # it was changed in place
    return tree_map(lambda x: There(x) if there and isinstance(x, Tensor) else x, found)


def unwrapped(value: Any) -> Any:
    """The values of a tensor on the stand-in; anything else as it is."""
    return value.values if isinstance(value, There) else value
