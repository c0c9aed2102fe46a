"""Residual blocks that double and halve images (arXiv:1802.05957, figure 8)."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from torch import nn
from torch.nn.functional import avg_pool2d, interpolate, relu

from ganzoo.builtin.networks import ConditionalBatchNorm

if TYPE_CHECKING:
    from torch import Tensor


class BatchNorm(nn.BatchNorm2d):
    """Batch norm that takes a condition as ``ConditionalBatchNorm`` does, and has none."""

    def forward(self, x: Tensor, condition: Tensor | None = None) -> Tensor:  # noqa: ARG002
        """(N, channels, H, W) to the same shape."""
        return super().forward(x)


def norm(channels: int, condition: int) -> nn.Module:
    """Batch norm under ``condition`` numbers, or, for 0, without a condition."""
    return ConditionalBatchNorm(channels, condition) if condition else BatchNorm(channels)


Layer = TypeVar("Layer", nn.Linear, nn.Conv2d)


def glorot(layer: Layer) -> Layer:
    """The layer, its weight drawn uniformly as by Glorot & Bengio (2010), its bias zero."""
    nn.init.xavier_uniform_(layer.weight)
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
    return layer


def convolution(into: int, out: int, kernel: int = 3) -> nn.Conv2d:
    """A convolution that keeps the size."""
    return glorot(nn.Conv2d(into, out, kernel, padding=kernel // 2))


class UpBlock(nn.Module):
    """Twice: norm, ReLU, convolution; the first is of the enlarged image, as is the shortcut."""

    def __init__(self, into: int, out: int, size: tuple[int, int], condition: int = 0) -> None:
        """Map images of ``into`` channels to ``out`` channels and ``size``."""
        super().__init__()
        self.size = size
        self.norms = nn.ModuleList([norm(into, condition), norm(out, condition)])
        self.convolutions = nn.ModuleList([convolution(into, out), convolution(out, out)])
        self.shortcut = convolution(into, out, 1)

    def forward(self, x: Tensor, condition: Tensor | None = None) -> Tensor:
        """(N, into, H, W) to (N, out, *size)."""
        (before, between), (first, second) = self.norms, self.convolutions
        y = first(self._enlarged(relu(before(x, condition))))
        shortcut: Tensor = self.shortcut(self._enlarged(x))
        rest: Tensor = second(relu(between(y, condition)))
        return shortcut + rest

    def _enlarged(self, x: Tensor) -> Tensor:
        return interpolate(x, self.size, mode="nearest")


class DownBlock(nn.Module):
    """Twice: ReLU, convolution; then the mean of each 2 x 2 pixels, as in the shortcut.

    The first block of a network has no ReLU in front.
    """

    def __init__(self, into: int, out: int, *, halves: bool = True, first: bool = False) -> None:
        """Map images of ``into`` channels to ``out`` channels, of half the size if ``halves``."""
        super().__init__()
        self.halves, self.first = halves, first
        self.convolutions = nn.ModuleList([convolution(into, out), convolution(out, out)])
        self.shortcut = convolution(into, out, 1) if halves or into != out else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        """(N, into, H, W) to (N, out, ...), sides rounded up."""
        before, after = self.convolutions
        y = after(relu(before(x if self.first else relu(x))))
        # A convolution of one pixel and a mean can change places; the smaller image is faster.
        shortcut: Tensor = self.shortcut(self._halved(x))
        return shortcut + self._halved(y)

    def _halved(self, x: Tensor) -> Tensor:
        return avg_pool2d(x, 2, ceil_mode=True) if self.halves else x
