"""DCGAN: convolutions of stride 2 with batch norm in both players.

Radford et al. 2015, Unsupervised Representation Learning with Deep Convolutional Generative
Adversarial Networks, arXiv:1511.06434.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field
from torch import nn

import ganzoo
from ganzoo.builtin.losses import NonSaturating
from ganzoo.builtin.networks import Scorer, Upsampler, downsampler, pyramid
from ganzoo.builtin.samplers import Gaussian
from ganzoo.parts.part import Architecture
from ganzoo.parts.space import Space
from ganzoo.parts.variant import Variant


def initialize(net: nn.Module) -> nn.Module:
    """Draw weights from N(0, 0.02) (section 4 of the paper), norms' scales from N(1, 0.02)."""
    for module in net.modules():
        if isinstance(module, (nn.Linear, nn.Conv2d, nn.ConvTranspose2d)):
            nn.init.normal_(module.weight, 0.0, 0.02)
        elif isinstance(module, nn.BatchNorm2d):
            nn.init.normal_(module.weight, 1.0, 0.02)
    return net


class Dcgan(Architecture):
    """The paper's networks, for images of 8 to 128 pixels a side and 1 to 4 channels."""

    builds = "images"

    width: int = Field(
        default=64,
        ge=1,
        le=1024,
        description="channels at full resolution, doubled at each halving",
    )
    kernel: Literal[3, 4, 5] = Field(default=5, description="side of the convolutions, in pixels")

    def generator(self, z: Space, real: Space) -> nn.Module:
        """``z`` to an image, (N, C, H, W) in [-1, 1]."""
        sizes = pyramid(real, self.name)
        return initialize(
            Upsampler(z.size, real.shape[0], sizes, width=self.width, kernel=self.kernel)
        )

    def discriminator(self, real: Space) -> nn.Module:
        """An image to its score, (N,)."""
        sizes = pyramid(real, self.name)
        body, features = downsampler(
            real.shape[0], sizes, width=self.width, kernel=self.kernel, norm=nn.BatchNorm2d
        )
        return initialize(Scorer(body, features))


@ganzoo.hookimpl
def ganzoo_architectures() -> list[type[Architecture]]:
    """The paper's pair of networks."""
    return [Dcgan]


@ganzoo.hookimpl
def ganzoo_variants() -> list[Variant]:
    """The paper's networks with the non-saturating loss and Adam at 2e-4, beta1 of 0.5."""
    return [
        Variant(
            name="dcgan",
            source="Radford et al. 2015, arXiv:1511.06434",
            architecture=Dcgan(width=32),
            loss=NonSaturating(),
            sampler=Gaussian(dim=64),
            batch=64,
            ema=0.999,
        )
    ]
