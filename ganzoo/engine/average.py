"""The exponential moving average of a network's parameters, which samples are drawn from."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

import torch

from ganzoo.parts.schedule import number_at

if TYPE_CHECKING:
    from torch import Tensor, nn

    from ganzoo.parts.variant import Variant

RAMP = 0.05
"""A half-life is at most this share of the images so far, so that first weights are forgotten."""


def share(steps: int, decay: float) -> float:
    """The share of the way to the network that its average moves after the ``steps``-th step.

    Early on it is larger, so that the first weights are forgotten.
    """
    return 1 - min(decay, (1 + steps) / (10 + steps))


def share_of_half_life(steps: int, batch: int, half_life: float) -> float:
    """The same where weights count half after ``half_life`` images, ``batch`` of them a step."""
    half_life = min(half_life, RAMP * steps * batch)
    left: float = 0.5 ** (batch / half_life) if half_life > 0 else 0.0  # a schedule may begin there
    return 1 - left


def share_at(variant: Variant, progress: float, steps: int) -> float:
    """The share of a variant's average after the generator's ``steps``-th step."""
    half_life = number_at(variant.ema_half_life, progress)
    if half_life is not None:
        return share_of_half_life(steps, variant.batch, half_life)
    return share(steps, number_at(variant.ema, progress) or 0.0)


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
