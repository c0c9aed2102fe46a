"""The residual networks of SNGAN and of its projection discriminator.

Miyato et al. 2018, arXiv:1802.05957, table 4; Miyato & Koyama 2018, arXiv:1802.05637, figures 13
and 14.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from pydantic import Field
from torch import nn
from torch.nn.functional import relu

from ganzoo.builtin.networks import Projection, Scorer, classes_of, pyramid
from ganzoo.parts.part import Architecture
from ganzoo.parts.space import one_hot
from ganzoo_sngan.blocks import DownBlock, UpBlock, convolution, glorot

if TYPE_CHECKING:
    from torch import Tensor

    from ganzoo.parts.space import Space


class ResidualGenerator(nn.Module):
    """Up-blocks from a vector to an image; ``conditions`` are the numbers that each reads."""

    def __init__(
        self,
        inputs: int,
        channels: int,
        sizes: list[tuple[int, int]],
        width: int,
        conditions: list[int] | None = None,
    ) -> None:
        """Map vectors of ``inputs`` numbers to images of the first of ``sizes``."""
        super().__init__()
        sizes = [*reversed(sizes)]
        self.seed = (width, *sizes[0])
        self.project = glorot(nn.Linear(inputs, width * sizes[0][0] * sizes[0][1]))
        wanted = conditions or [0] * (len(sizes) - 1)
        self.blocks = nn.ModuleList(
            UpBlock(width, width, size, condition)
            for size, condition in zip(sizes[1:], wanted, strict=True)
        )
        self.norm = nn.BatchNorm2d(width)
        self.pixels = convolution(width, channels)

    def forward(self, z: Tensor, conditions: list[Tensor] | None = None) -> Tensor:
        """(N, inputs), and a condition for each block, (N, d), to (N, C, H, W) in [-1, 1]."""
        x = self.project(z).unflatten(1, self.seed)
        for i, block in enumerate(self.blocks):
            x = block(x, conditions[i] if conditions else None)
        return torch.tanh(self.pixels(relu(self.norm(x))))


class Unconditional(nn.Module):
    """A residual generator that reads ``z`` alone."""

    def __init__(self, net: ResidualGenerator) -> None:
        """Wrap the network."""
        super().__init__()
        self.net = net

    def forward(self, z: Tensor) -> Tensor:
        """(N, dim) to (N, C, H, W)."""
        out: Tensor = self.net(z)
        return out


class ByClass(nn.Module):
    """A residual generator whose batch norms have a gain and a bias for each class."""

    def __init__(self, net: ResidualGenerator, classes: int) -> None:
        """Wrap a network whose blocks read the label, one-hot."""
        super().__init__()
        self.net, self.classes = net, classes

    def forward(self, z: Tensor, label: Tensor) -> Tensor:
        """(N, dim) and (N,) to (N, C, H, W)."""
        hot = one_hot(label, self.classes).to(z.dtype)
        out: Tensor = self.net(z, [hot] * len(self.net.blocks))
        return out


class Summed(nn.Module):
    """Features of an image: blocks, a ReLU, and the sum over all pixels of each channel."""

    def __init__(self, blocks: list[DownBlock]) -> None:
        """Sum what the last of ``blocks`` returns."""
        super().__init__()
        self.blocks = nn.Sequential(*blocks)

    def forward(self, sample: Tensor) -> Tensor:
        """(N, C, H, W) to (N, width)."""
        return relu(self.blocks(sample)).sum((2, 3))


class Residual(Architecture):
    """What residual architectures share: their options, and the discriminator's features."""

    builds = "images"

    generator_width: int = Field(
        default=32, ge=1, le=1024, description="channels of G's blocks; 256 in the paper"
    )
    discriminator_width: int = Field(
        default=32, ge=1, le=1024, description="channels of D's blocks; 128 in the paper"
    )

    def features(self, real: Space) -> nn.Module:
        """An image to ``discriminator_width`` numbers: down to 8 pixels or so, then two blocks."""
        halvings = max(1, len(pyramid(real, self.name)) - 2)
        width = self.discriminator_width
        downs = [DownBlock(width, width) for _ in range(halvings - 1)]
        plain = [DownBlock(width, width, halves=False) for _ in range(2)]
        return Summed([DownBlock(real.shape[0], width, first=True), *downs, *plain])


class SnganResnet(Residual):
    """The paper's residual networks, for images of 8 to 128 pixels and 1 to 4 channels.

    The discriminator has no normalization of its own: add ``spectral-norm``, or a penalty.
    """

    def generator(self, z: Space, real: Space) -> nn.Module:
        """``z`` to an image, (N, C, H, W) in [-1, 1]."""
        sizes = pyramid(real, self.name)
        net = ResidualGenerator(z.size, real.shape[0], sizes, self.generator_width)
        return Unconditional(net)

    def discriminator(self, real: Space) -> nn.Module:
        """An image to its score, (N,)."""
        return Scorer(self.features(real), self.discriminator_width)


class SnganProjection(Residual):
    """The same networks of a class: conditional batch norm in G, a projection in D's score."""

    def generator(self, z: Space, label: Space, real: Space) -> nn.Module:
        """``z`` and ``label`` to an image, (N, C, H, W) in [-1, 1]."""
        classes, sizes = classes_of(label, self.name), pyramid(real, self.name)
        conditions = [classes] * (len(sizes) - 1)
        net = ResidualGenerator(z.size, real.shape[0], sizes, self.generator_width, conditions)
        return ByClass(net, classes)

    def discriminator(self, real: Space, label: Space) -> nn.Module:
        """An image and its label to the score, (N,)."""
        classes = classes_of(label, self.name)
        return Projection(self.features(real), self.discriminator_width, classes)
