"""StyleGAN2, and the progressive GAN that came before it.

Karras et al. 2020, Analyzing and Improving the Image Quality of StyleGAN, arXiv:1912.04958; Karras
et al. 2018, Progressive Growing of GANs, arXiv:1710.10196.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from ganzoo_wgan_gp import GradientPenalty, Wasserstein
from pydantic import Field, PositiveInt

import ganzoo
from ganzoo.builtin.losses import NonSaturating
from ganzoo.builtin.networks import classes_of
from ganzoo.builtin.regularizers import R1
from ganzoo.builtin.samplers import Gaussian
from ganzoo.parts.optimizer import Adam, Optimizer
from ganzoo.parts.part import Architecture, Regularizer, Samples
from ganzoo.parts.space import Space
from ganzoo.parts.variant import Variant
from ganzoo_stylegan2.discriminator import LabelledStyleDiscriminator, StyleDiscriminator
from ganzoo_stylegan2.generator import LabelledStyleGenerator, StyleGenerator, Styles
from ganzoo_stylegan2.growing import GrowingDiscriminator, GrowingGenerator
from ganzoo_stylegan2.layers import side_of, widths
from ganzoo_stylegan2.terms import Drift, LazyAdam, PathLength

if TYPE_CHECKING:
    from torch import nn


class Squares(Architecture):
    """Images on a square of a power of two, and the features at each of its sizes."""

    builds: ClassVar[Samples | None] = "images"

    width: int = Field(
        default=32,
        ge=1,
        le=1024,
        description="channels at full resolution, doubled at each halving",
    )
    most: int = Field(default=128, ge=1, le=2048, description="channels at which doubling ends")
    group: PositiveInt = Field(
        default=4, le=65536, description="samples that share a standard deviation in D, at most"
    )

    def counts(self, real: Space) -> list[int]:
        """Channels at each size from 4 pixels on. Raises ComposeError for images of other sizes."""
        return widths(side_of(real, self.name), self.width, self.most)


class Stylegan2(Squares):
    """A mapping network, styles, skips in G and residuals in D (arXiv:1912.04958)."""

    dim: int = Field(default=64, ge=1, le=4096, description="numbers in w")
    mapping: PositiveInt = Field(default=2, le=64, description="layers from z to w")
    mixing: float = Field(
        default=0.9, ge=0, le=1, description="share of training samples with two latents' styles"
    )
    noise: Literal["random", "constant"] = Field(
        default="random", description="per pixel of samples: drawn anew, or the same in all"
    )
    residual: bool = Field(default=True, description="whether D adds a shorter way to each block")
    conditional: bool = Field(default=False, description="whether both networks read the label")

    def generator(self, z: Space, real: Space, label: Space | None = None) -> nn.Module:
        """``z``, and the label if it is conditional, to ``fake`` and ``w``."""
        styles = Styles(self.dim, self.mapping, self.mixing, self.noise == "constant")
        if not self.conditional:
            return StyleGenerator(z, real, self.counts(real), styles)
        classes = classes_of(label, self.name)
        return LabelledStyleGenerator(z, real, self.counts(real), styles, classes)

    def discriminator(self, real: Space, label: Space | None = None) -> nn.Module:
        """A sample, and the label if it is conditional, to its score, (N,)."""
        kind = LabelledStyleDiscriminator if self.conditional else StyleDiscriminator
        classes = classes_of(label, self.name) if self.conditional else None
        counts = self.counts(real)
        return kind(real, counts, residual=self.residual, group=self.group, classes=classes)


class Progressive(Squares):
    """Networks that grow from 4 x 4 pixels, with normalized pixels in G (arXiv:1710.10196)."""

    def generator(self, z: Space, real: Space) -> nn.Module:
        """``z`` to a sample, (N, *real.shape)."""
        return GrowingGenerator(z, real, self.counts(real))

    def discriminator(self, real: Space) -> nn.Module:
        """A sample to its score, (N,)."""
        return GrowingDiscriminator(real, self.counts(real), group=self.group)


@ganzoo.hookimpl
def ganzoo_architectures() -> list[type[Architecture]]:
    """The networks of both papers."""
    return [Stylegan2, Progressive]


@ganzoo.hookimpl
def ganzoo_regularizers() -> list[type[Regularizer]]:
    """StyleGAN2's penalty of the generator, and the progressive GAN's of scores."""
    return [PathLength, Drift]


@ganzoo.hookimpl
def ganzoo_optimizers() -> list[type[Optimizer]]:
    """Adam with the correction of lazy terms."""
    return [LazyAdam]


@ganzoo.hookimpl
def ganzoo_variants() -> list[Variant]:
    """StyleGAN2 with both lazy penalties, and the progressive GAN with WGAN-GP's loss."""
    plain = Adam(lr=1e-3, betas=(0.0, 0.99))
    return [
        Variant(
            name="stylegan2",
            source="Karras et al. 2020, arXiv:1912.04958",
            architecture=Stylegan2(),
            loss=NonSaturating(),
            regularizers=(R1(weight=0.01, every=16), PathLength()),
            sampler=Gaussian(dim=64),
            optimizers={
                "discriminator": LazyAdam(lr=2.5e-3, betas=(0.0, 0.99), every=16),
                "generator": LazyAdam(lr=2.5e-3, betas=(0.0, 0.99), every=4),
            },
            batch=32,
            ema_half_life=10_000,
        ),
        Variant(
            name="progressive",
            source="Karras et al. 2018, arXiv:1710.10196",
            architecture=Progressive(),
            loss=Wasserstein(),
            regularizers=(GradientPenalty(), Drift()),
            sampler=Gaussian(dim=64),
            optimizers={"discriminator": plain, "generator": plain},
            batch=32,
            ema=0.999,
        ),
    ]
