"""Layers that StyleGAN2 and the progressive GAN share."""

from __future__ import annotations

from math import sqrt
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, conv2d, interpolate, leaky_relu, linear, pad

from ganzoo.builtin.networks import check_size

if TYPE_CHECKING:
    from ganzoo.parts.space import Space

LARGEST = 256
"""The pixels a side of the largest images that these networks are made for."""
START = 4
"""The side of the image that networks grow from, and shrink to."""


def side_of(real: Space, builder: str) -> int:
    """The side of the square that images are generated on: the next power of two.

    Raises ComposeError, in the name of ``builder``, for images of another size than 8 to 256 pixels
    a side, or of more than 4 channels.
    """
    check_size(real, builder, largest=LARGEST)
    _, height, width = real.shape
    return 1 << (max(height, width) - 1).bit_length()


def widths(side: int, width: int, most: int) -> list[int]:
    """Channels at each size from 4 pixels to ``side``: ``width`` at the last, doubled downwards."""
    halvings = (side // START).bit_length() - 1
    return [min(width << i, most) for i in range(halvings, -1, -1)]


def margins(side: int, real: Space) -> tuple[int, int, int, int]:
    """Pixels to the left, right, top and bottom of an image in the middle of a square."""
    _, height, width = real.shape
    across, down = side - width, side - height
    return across // 2, across - across // 2, down // 2, down - down // 2


def cropped(image: Tensor, margins: tuple[int, int, int, int]) -> Tensor:
    """The image without its margins."""
    return pad(image, [-margin for margin in margins]) if any(margins) else image


def padded(image: Tensor, margins: tuple[int, int, int, int]) -> Tensor:
    """The image within margins of zeros."""
    return pad(image, margins) if any(margins) else image


# ---------------------------------------------------------------------------------- weighted layers


class Linear(nn.Module):
    """A linear layer with an equalized learning rate (arXiv:1710.10196, section 4.1).

    Its weights are standard normal numbers, scaled in each pass by He's constant, so that an
    optimizer with a normalized step changes every layer at the same rate.
    """

    def __init__(self, into: int, out: int, *, bias: float = 0.0, rate: float = 1.0) -> None:
        """Map ``into`` numbers to ``out``; the biases start at ``bias``.

        ``rate`` is the layer's learning rate in relation to the others'.
        """
        super().__init__()
        self.weight = nn.Parameter(torch.randn(out, into) / rate)
        self.bias = nn.Parameter(torch.full((out,), bias / rate))
        self.scale, self.rate = rate / sqrt(into), rate

    def forward(self, x: Tensor) -> Tensor:
        """(N, into) to (N, out)."""
        return linear(x, self.weight * self.scale, self.bias * self.rate)


class Conv(nn.Module):
    """A convolution with an equalized learning rate, padded so that its size stays."""

    def __init__(self, into: int, out: int, kernel: int, *, bias: bool = True) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(out, into, kernel, kernel))
        self.bias = nn.Parameter(torch.zeros(out)) if bias else None
        self.scale, self.padding = 1 / sqrt(into * kernel**2), kernel // 2

    def forward(self, x: Tensor) -> Tensor:
        """(N, into, H, W) to (N, out, H, W)."""
        return conv2d(x, self.weight * self.scale, self.bias, padding=self.padding)


class Halving(Conv):
    """A convolution of every second pixel of the blurred image."""

    def forward(self, x: Tensor) -> Tensor:
        """(N, into, H, W) to (N, out, H / 2, W / 2)."""
        return conv2d(blurred(x), self.weight * self.scale, self.bias, stride=2)


def leaky(x: Tensor) -> Tensor:
    """A leaky ReLU that keeps the variance of normal numbers, but for the slope of 0.2."""
    return leaky_relu(x, 0.2) * sqrt(2)


def pixel_norm(x: Tensor) -> Tensor:
    """Each pixel's vector, or each row, scaled to a mean square of one (arXiv:1710.10196, 4.2)."""
    return x * (x.square().mean(1, keepdim=True) + 1e-8).rsqrt()


# ------------------------------------------------------------------------------------- resampling
# All of it filters with [1, 3, 3, 1], which is three boxes of two pixels: torch's poolings have
# derivatives of every order and need no convolution of a group for each channel.


def doubled(x: Tensor) -> Tensor:
    """Twice the size, filtered with [1, 3, 3, 1] / 4 along each side: linear interpolation."""
    made: Tensor = interpolate(x, scale_factor=2.0, mode="bilinear")
    return made


def halved(x: Tensor) -> Tensor:
    """Half the size, filtered with [1, 3, 3, 1] / 8 along each side."""
    return avg_pool2d(avg_pool2d(avg_pool2d(x, 2, 1, 1), 2, 1), 2)


def blurred(x: Tensor) -> Tensor:
    """One pixel larger, filtered with [1, 3, 3, 1] / 8 along each side."""
    return avg_pool2d(avg_pool2d(avg_pool2d(x, 2, 1, 1), 2, 1, 1), 2, 1)


# ----------------------------------------------------------------------------------- whole batches


def with_deviation(x: Tensor, most: int) -> Tensor:
    """One more channel: the standard deviation among some samples (arXiv:1710.10196, section 3).

    (N, C, H, W) to (N, C + 1, H, W). It is the mean over channels and pixels, the same for each
    sample of a group. Groups have the most samples, up to ``most``, that divide the batch; a batch
    that none divides is one group.
    """
    n, channels, height, width = x.shape
    size = next((k for k in range(min(most, n), 1, -1) if n % k == 0), n)
    groups = x.reshape(size, n // size, channels, height, width)
    deviation = (groups.var(0, correction=0) + 1e-8).sqrt().mean((1, 2, 3))
    of_each = deviation.repeat(size)[:, None, None, None]
    return torch.cat([x, of_each.to(x.dtype).expand(n, 1, height, width)], 1)


class Verdict(nn.Module):
    """From the smallest image to its score; of a label too, by projection (arXiv:1802.05637)."""

    def __init__(self, channels: int, *, group: int, classes: int | None = None) -> None:
        """Score images of 4 x 4 pixels; ``group`` samples share a standard deviation."""
        super().__init__()
        self.group = group
        self.conv = Conv(channels + 1, channels, 3)
        self.dense = Linear(channels * START**2, channels)
        self.score = Linear(channels, 1)
        self.embed = None if classes is None else nn.Embedding(classes, channels)

    def forward(self, x: Tensor, label: Tensor | None = None) -> Tensor:
        """(N, channels, 4, 4) to scores, (N,)."""
        x = leaky(self.conv(with_deviation(x, self.group)))
        x = leaky(self.dense(x.flatten(1)))
        score: Tensor = self.score(x).squeeze(1)
        if self.embed is None or label is None:
            return score
        matched: Tensor = (x * self.embed(label)).sum(1) / sqrt(x.shape[1])
        return score + matched
