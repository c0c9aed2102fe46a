"""The exponential moving average of a network's parameters, which samples are drawn from."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from torch import Tensor, nn


def share(steps: int, decay: float) -> float:
    """The share of the way to the network that its average moves after the ``steps``-th step.

    Early on it is larger, so that the first weights are forgotten.
    """
    return 1 - min(decay, (1 + steps) / (10 + steps))


class Average:
    """A copy of a network that follows it: parameters are averaged, buffers are copied.

    Buffers are batch norm's statistics, which belong to other weights than the averaged ones; they
    are measured anew before samples are drawn.
    """

    def __init__(self, net: nn.Module) -> None:
        """Start from the network as it is."""
        self.net = copy.deepcopy(net)
        # Walking a module's parameters takes fifteen times as long as moving them.
        self._mine: list[Tensor] = list(self.net.parameters())
        self._its: list[Tensor] = list(net.parameters())
        self._buffers = list(zip(self.net.buffers(), net.buffers(), strict=True))

    @torch.no_grad()
    def follow(self, share: float | Tensor) -> None:
        """Move a share of the way, a number or a float32 scalar, towards the network."""
        if isinstance(share, float):
            torch._foreach_lerp_(self._mine, self._its, share)
        else:  # torch takes a tensor's weight as one for each
            torch._foreach_lerp_(self._mine, self._its, [share] * len(self._mine))
        for mine, its in self._buffers:
            mine.copy_(its)
