"""The paper's networks: ResNeXt blocks without normalization, and bases of the smallest size.

Huang et al. 2024, arXiv:2501.05441; the blocks are ResNeXt's (Xie et al. 2017,
arXiv:1611.05431), initialized as Fixup does (Zhang et al. 2019, arXiv:1901.09321).
"""

from __future__ import annotations

from math import prod, sqrt
from typing import TYPE_CHECKING, TypeVar

import torch
from torch import nn
from torch.nn.functional import conv2d, conv_transpose2d

from ganzoo.builtin.networks import squash

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from ganzoo.parts.space import Space

Size = tuple[int, int]
L = TypeVar("L", nn.Linear, nn.Conv2d)
SLOPE = 0.2
GAIN = sqrt(2 / (1 + SLOPE**2))
"""What keeps the variance of what a leaky ReLU returns (He et al. 2015, arXiv:1502.01852)."""
LAYERS = 3
"""Convolutions of a block."""


def scaled(layer: L, gain: float) -> L:
    """A linear layer or convolution with weights from N(0, gain^2 / inputs) and no bias."""
    nn.init.normal_(layer.weight, std=gain / sqrt(layer.weight[0].numel()))
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
    return layer


class Block(nn.Module):
    """A residual block: x + f(x), f a wide grouped convolution between two of one pixel.

    The last convolution starts at zero. The others are scaled down by the number of blocks, so that
    an update changes the network's output no more than that of a shallow one.
    """

    def __init__(self, channels: int, *, expansion: int, group: int, blocks: int) -> None:
        """Of ``blocks`` in the network; groups have up to ``group`` channels."""
        wide = channels * expansion
        groups = next(n for n in range(max(1, wide // group), 0, -1) if wide % n == 0)
        gain = GAIN * blocks ** (-1 / (2 * LAYERS - 2))
        super().__init__()
        self.layers = nn.Sequential(
            scaled(nn.Conv2d(channels, wide, 1), gain),
            nn.LeakyReLU(SLOPE),
            scaled(nn.Conv2d(wide, wide, 3, padding=1, groups=groups), gain),
            nn.LeakyReLU(SLOPE),
            scaled(nn.Conv2d(wide, channels, 1, bias=False), 0.0),
        )

    def forward(self, x: Tensor) -> Tensor:
        """(N, channels, H, W) to the same."""
        change: Tensor = self.layers(x)
        return x + change


class Resample(nn.Module):
    """A change of size by 2 with the filter [1, 2, 1], and of channels by a 1 x 1 convolution.

    From the larger to the smaller size it averages, from the smaller to the larger it interpolates.
    Channels change at the smaller one.
    """

    kernel: Tensor

    def __init__(self, into: int, out: int, sizes: tuple[Size, Size]) -> None:
        """From the first of ``sizes`` to the second; the smaller is half the larger, rounded up."""
        super().__init__()
        (h, w), (to_h, to_w) = sizes
        self.grows = to_h > h
        self.further = (to_h - 2 * h + 1, to_w - 2 * w + 1)
        fade = torch.tensor([1.0, 2.0, 1.0]) / (2 if self.grows else 4)
        self.register_buffer("kernel", torch.outer(fade, fade)[None, None])
        self.channels = scaled(nn.Conv2d(into, out, 1, bias=False), 1.0) if into != out else None

    def forward(self, x: Tensor) -> Tensor:
        """(N, into, H, W) to (N, out, H', W')."""
        if self.grows:
            x = x if self.channels is None else self.channels(x)
            n = x.shape[1]
            filters = self.kernel.expand(n, 1, 3, 3)
            return conv_transpose2d(x, filters, None, 2, 1, self.further, n)
        n = x.shape[1]
        x = conv2d(x, self.kernel.expand(n, 1, 3, 3), None, 2, 1, 1, n)
        return x if self.channels is None else self.channels(x)


class Stages(nn.Sequential):
    """Blocks at each size of a pyramid in turn, from the first to the last."""

    def __init__(
        self,
        sizes: Sequence[Size],
        channels: Sequence[int],
        *,
        blocks: int,
        expansion: int,
        group: int,
    ) -> None:
        """``blocks`` at each of ``sizes``, which has as many ``channels`` as stand in its place."""
        layers: list[nn.Module] = []
        for i, count in enumerate(channels):
            if i:
                layers.append(Resample(channels[i - 1], count, (sizes[i - 1], sizes[i])))
            layers += [
                Block(count, expansion=expansion, group=group, blocks=blocks * len(sizes))
                for _ in range(blocks)
            ]
        super().__init__(*layers)
        self.channels = channels


class Generator(nn.Module):
    """A basis of the smallest size, weighted by the latent channel by channel, then stages."""

    def __init__(self, inputs: int, real: Space, stages: Stages, shape: tuple[int, ...]) -> None:
        """Map ``inputs`` numbers to a basis of ``shape``, (C, h, w), where ``stages`` start."""
        super().__init__()
        self.project = scaled(nn.Linear(inputs, shape[0], bias=False), 1.0)
        self.basis = nn.Parameter(torch.randn(shape))
        self.stages = stages
        self.pixels = scaled(nn.Conv2d(stages.channels[-1], real.shape[0], 1), 1.0)
        self.squash = squash(real)

    def forward(self, z: Tensor) -> Tensor:
        """(N, inputs) to images, (N, *real.shape)."""
        x = self.stages(self.project(z)[:, :, None, None] * self.basis)
        image: Tensor = self.squash(self.pixels(x))
        return image


class Discriminator(nn.Module):
    """Stages, then a basis that weights each channel's pixels, and a linear score of the sums."""

    def __init__(self, real: Space, stages: Stages, shape: tuple[int, ...]) -> None:
        """Score images by features of ``shape``, (C, h, w), which ``stages`` end in."""
        super().__init__()
        channels, *sides = shape
        self.pixels = scaled(nn.Conv2d(real.shape[0], stages.channels[0], 1), 1.0)
        self.stages = stages
        self.basis = nn.Parameter(torch.randn(shape) / sqrt(prod(sides)))
        self.head = scaled(nn.Linear(channels, 1), 1.0)

    def features(self, sample: Tensor) -> Tensor:
        """(N, *real.shape) to (N, C)."""
        # A convolution of one channel a group, which a penalty would take apart by channels.
        sums: Tensor = (self.stages(self.pixels(sample)) * self.basis).sum((2, 3))
        return sums

    def forward(self, sample: Tensor) -> Tensor:
        """(N, *real.shape) to scores, (N,)."""
        score: Tensor = self.head(self.features(sample)).squeeze(1)
        return score


class LabelledGenerator(nn.Module):
    """A generator that reads the label's embedding behind the latent."""

    def __init__(self, net: Generator, classes: int, width: int) -> None:
        """Wrap a network whose inputs are a latent and ``width`` numbers more."""
        super().__init__()
        self.net, self.embed = net, nn.Embedding(classes, width)

    def forward(self, z: Tensor, label: Tensor) -> Tensor:
        """(N, dim) and (N,) to images, (N, *real.shape)."""
        image: Tensor = self.net(torch.cat((z, self.embed(label)), 1))
        return image


class LabelledDiscriminator(nn.Module):
    """A discriminator whose score adds the features' product with the label's embedding."""

    def __init__(self, net: Discriminator, classes: int) -> None:
        """Wrap a network; each class has an embedding as wide as its features."""
        super().__init__()
        width = net.head.in_features
        self.net, self.embed = net, nn.Embedding(classes, width)
        nn.init.normal_(self.embed.weight, std=1 / sqrt(width))

    def forward(self, sample: Tensor, label: Tensor) -> Tensor:
        """(N, *real.shape) and (N,) to scores, (N,)."""
        features = self.net.features(sample)
        product: Tensor = (self.embed(label) * features).sum(1)
        score: Tensor = self.net.head(features).squeeze(1)
        return score + product
