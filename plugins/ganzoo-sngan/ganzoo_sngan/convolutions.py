"""The convolutional networks of SNGAN (arXiv:1802.05957, table 3), for images of any size."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from pydantic import Field
from torch import nn

from ganzoo.builtin.networks import Scorer, channel_counts, cropping, halving, pyramid
from ganzoo.parts.part import Architecture

if TYPE_CHECKING:
    from torch import Tensor

    from ganzoo.parts.space import Space

SLOPE = 0.1


class Layers(nn.Sequential):
    """Layers from a latent to a sample."""

    def forward(self, z: Tensor) -> Tensor:
        """(N, dim) to (N, C, H, W)."""
        out: Tensor = super().forward(z)  # type: ignore[no-untyped-call]
        return out


def initialize(net: nn.Module) -> nn.Module:
    """Draw the weights of layers from N(0, 0.02), as DCGAN does."""
    for module in net.modules():
        if isinstance(module, (nn.Linear, nn.Embedding, nn.Conv2d, nn.ConvTranspose2d)):
            nn.init.normal_(module.weight, 0.0, 0.02)
    return net


class Sngan(Architecture):
    """The paper's networks, for images of 8 to 128 pixels a side and 1 to 4 channels.

    The discriminator has no normalization of its own: add ``spectral-norm``, or a penalty.
    """

    builds = "images"

    width: int = Field(
        default=32,
        ge=1,
        le=1024,
        description="channels at full resolution, doubled at each halving; 64 in the paper",
    )

    def generator(self, z: Space, real: Space) -> nn.Module:
        """``z`` to an image, (N, C, H, W) in [-1, 1]."""
        sizes = [*reversed(pyramid(real, self.name))]
        counts = channel_counts(self.width, len(sizes))[::-1]
        height, width = sizes[0]
        layers: list[nn.Module] = [
            nn.Linear(z.size, counts[0] * height * width),
            nn.Unflatten(1, (counts[0], height, width)),
        ]
        for (into, out), (size, wanted) in zip(pairwise(counts), pairwise(sizes), strict=True):
            padding, further = cropping(4, size, wanted)
            layers += [
                nn.ConvTranspose2d(into, out, 4, 2, padding, further, bias=False),
                nn.BatchNorm2d(out),
                nn.ReLU(),
            ]
        layers += [nn.Conv2d(counts[-1], real.shape[0], 3, padding=1), nn.Tanh()]
        return initialize(Layers(*layers))

    def discriminator(self, real: Space) -> nn.Module:
        """An image to its score, (N,)."""
        sizes = pyramid(real, self.name)
        counts = channel_counts(self.width, len(sizes))
        layers: list[nn.Module] = []
        for into, out, size in zip([real.shape[0], *counts], counts, sizes, strict=False):
            layers += [nn.Conv2d(into, out, 3, padding=1), nn.LeakyReLU(SLOPE)]
            if size != sizes[-1]:
                layers += [nn.Conv2d(out, out, 4, 2, halving(4, size)), nn.LeakyReLU(SLOPE)]
        height, width = sizes[-1]
        body = nn.Sequential(*layers, nn.Flatten())
        return initialize(Scorer(body, counts[-1] * height * width))
