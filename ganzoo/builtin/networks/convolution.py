"""Convolutional blocks for images of any size, built on a pyramid of halved sizes."""

from __future__ import annotations

from itertools import pairwise
from math import prod
from typing import TYPE_CHECKING

from torch import nn

from ganzoo.builtin.networks.mlp import leaky
from ganzoo.builtin.networks.to_pixels import ToPixels
from ganzoo.errors import ComposeError

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

    from ganzoo.parts.space import Space

SMALLEST, LARGEST, MOST_CHANNELS = 8, 128, 4
"""The sides, in pixels, and the channels of images that these blocks are tested for."""
MOST_WIDENING = 8
"""Channels stop doubling at 8 times the width, as in DCGAN (64 to 512, arXiv:1511.06434)."""


def check_size(space: Space, builder: str, *, largest: int = LARGEST) -> None:
    """Raise ComposeError for images of a size that ``builder`` is not made for.

    An architecture refuses samples that are no images by ``builds``.
    """
    channels, *sides = space.shape
    if min(sides) < SMALLEST or max(sides) > largest or channels > MOST_CHANNELS:
        message = (
            f"'{builder}' builds images of {SMALLEST} to {largest} pixels a side and 1 to "
            f"{MOST_CHANNELS} channels; the data's are {space}."
        )
        raise ComposeError(message)


def pyramid(space: Space, builder: str, *, smallest: int = 4) -> list[tuple[int, int]]:
    """The sizes of an image as it is halved, largest first: (28, 28), (14, 14), (7, 7), (4, 4).

    Sides are rounded up, and halving stops once the shorter one is at most ``smallest``, which must
    be less than 8 pixels. Raises ComposeError, as ``check_size`` does.
    """
    check_size(space, builder)
    _, height, width = space.shape
    steps = [(height, width)]
    while min(steps[-1]) > smallest:
        height, width = steps[-1]
        steps.append((-(-height // 2), -(-width // 2)))
    return steps


def channel_counts(base: int, count: int) -> list[int]:
    """Channels at each size of a pyramid, largest first: doubled at each halving, up to 8-fold."""
    return [base * min(2**i, MOST_WIDENING) for i in range(count)]


def cropping(
    kernel: int, size: tuple[int, int], wanted: tuple[int, int]
) -> tuple[tuple[int, int], tuple[int, int]]:
    """The padding and output padding of a transposed convolution of stride 2 between two sizes.

    ``size`` comes from ``wanted`` by halving, as in ``pyramid``.
    """
    # Without padding, a transposed convolution returns this many pixels too many.
    height, width = (2 * (s - 1) + kernel - to for s, to in zip(size, wanted, strict=True))
    return (-(-height // 2), -(-width // 2)), (height % 2, width % 2)


def halving(kernel: int, size: tuple[int, int]) -> tuple[int, int]:
    """The padding of a convolution of stride 2 that halves a size, rounded up."""
    height, width = size
    return (kernel - 1 + height % 2) // 2, (kernel - 1 + width % 2) // 2


class ByUnit(nn.Sequential):
    """Batch norm with statistics of each pixel of each channel, as a dense layer's units have."""

    def __init__(self, shape: tuple[int, int, int]) -> None:
        """Normalize images of ``shape``, (channels, height, width)."""
        super().__init__(nn.Flatten(), nn.BatchNorm1d(prod(shape)), nn.Unflatten(1, shape))


class Upsampler(nn.Module):
    """From a vector to an image in [-1, 1]: a projection, then transposed convolutions of stride 2.

    ``sizes`` come from ``pyramid``, largest first; the padding is chosen so that every size comes
    out exactly.
    """

    def __init__(
        self,
        inputs: int,
        channels: int,
        sizes: list[tuple[int, int]],
        *,
        width: int,
        kernel: int,
        by_unit: bool = False,
    ) -> None:
        """Map vectors of ``inputs`` numbers to images, (channels, *sizes[0]).

        The batch norm of the projection is per channel, or with ``by_unit`` per pixel and channel.
        """
        super().__init__()
        sizes = [*reversed(sizes)]
        counts = [*channel_counts(width, len(sizes) - 1)[::-1], channels]
        self.seed = (counts[0], *sizes[0])
        self.project = nn.Linear(inputs, counts[0] * sizes[0][0] * sizes[0][1], bias=False)
        layers: list[nn.Module] = [
            ByUnit(self.seed) if by_unit else nn.BatchNorm2d(counts[0]),
            nn.ReLU(),
        ]
        for i, (into, out) in enumerate(pairwise(counts)):
            padding, further = cropping(kernel, sizes[i], sizes[i + 1])
            if i == len(counts) - 2:
                pixels = ToPixels(into, out, kernel, padding=padding, output_padding=further)
                layers += [pixels, nn.Tanh()]
            else:
                layers += [
                    nn.ConvTranspose2d(into, out, kernel, 2, padding, further, bias=False),
                    nn.BatchNorm2d(out),
                    nn.ReLU(),
                ]
        self.layers = nn.Sequential(*layers)

    def forward(self, z: Tensor) -> Tensor:
        """(N, inputs) to (N, channels, height, width)."""
        out: Tensor = self.layers(self.project(z).unflatten(1, self.seed))
        return out


def downsampler(
    channels: int,
    sizes: list[tuple[int, int]],
    *,
    width: int,
    kernel: int,
    norm: Callable[[int], nn.Module] | None = None,
) -> tuple[nn.Sequential, int]:
    """Convolutions of stride 2 with leaky ReLUs from an image to a vector, and its length.

    ``norm(channels)`` follows every convolution but the first.
    """
    counts = [channels, *channel_counts(width, len(sizes) - 1)]
    layers: list[nn.Module] = []
    for i, (into, out) in enumerate(pairwise(counts)):
        bias = not (norm and i)  # a norm subtracts the mean, and the bias with it
        padding = halving(kernel, sizes[i])
        layers.append(nn.Conv2d(into, out, kernel, stride=2, padding=padding, bias=bias))
        layers += [norm(out)] if norm and i else []
        layers.append(leaky())
    return nn.Sequential(*layers, nn.Flatten()), counts[-1] * sizes[-1][0] * sizes[-1][1]
