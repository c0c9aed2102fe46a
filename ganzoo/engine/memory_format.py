"""Tensors in the memory layout and on the device of the parameter that they belong to."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch.nn.parameter import is_lazy

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor, nn


def in_layout_of(grad: Tensor | None, param: Tensor) -> Tensor | None:
    """The gradient in its parameter's memory layout.

    Double backward through convolutions returns other strides, and fused Adam on the CPU would
    read such a gradient as if it were in the parameter's layout, in silence.
    """
    if grad is None or grad.stride() == param.stride():
        return grad
    return torch.empty_like(param).copy_(grad)


def like(value: Tensor, param: Tensor) -> Tensor:
    """A saved moment in its parameter's own layout and device; a step count as it is."""
    if value.shape != param.shape:
        return value.to(param.device, copy=True)
    return torch.empty_like(param).copy_(value)


def under(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """The entries whose names start with a prefix, without it."""
    return {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}


def unexpanded(net: nn.Module) -> nn.Module:
    """The network, each expanded buffer with an element of memory for every element.

    Saved values are written into buffers in place, which torch refuses where elements share memory.
    """
    for module in net.modules():
        for name, buffer in module.named_buffers(recurse=False):
            if is_lazy(buffer) or buffer.layout is not torch.strided:
                continue  # refused later
            steps = zip(buffer.stride(), buffer.shape, strict=True)
            if any(step == 0 and size > 1 for step, size in steps):
                setattr(module, name, buffer.clone(memory_format=torch.contiguous_format))
    return net
