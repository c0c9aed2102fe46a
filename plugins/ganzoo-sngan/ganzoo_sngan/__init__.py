"""SNGAN and BigGAN: a discriminator that is kept Lipschitz by spectral normalization.

Miyato et al. 2018, Spectral Normalization for Generative Adversarial Networks, arXiv:1802.05957.
"""

from __future__ import annotations

import ganzoo
from ganzoo.builtin.losses import Hinge
from ganzoo.builtin.samplers import Gaussian
from ganzoo.parts.optimizer import Adam
from ganzoo.parts.part import Architecture, Regularizer
from ganzoo.parts.variant import Variant
from ganzoo_sngan.convolutions import Sngan
from ganzoo_sngan.spectral import SpectralNorm


@ganzoo.hookimpl
def ganzoo_architectures() -> list[type[Architecture]]:
    """The paper's networks."""
    return [Sngan]


@ganzoo.hookimpl
def ganzoo_regularizers() -> list[type[Regularizer]]:
    """Spectral normalization."""
    return [SpectralNorm]


@ganzoo.hookimpl
def ganzoo_variants() -> list[Variant]:
    """The paper's convolutional networks in its setting C."""
    adam = Adam(lr=2e-4, betas=(0.5, 0.999))
    return [
        Variant(
            name="sngan",
            source="Miyato et al. 2018, arXiv:1802.05957",
            architecture=Sngan(width=32),
            loss=Hinge(),
            regularizers=(SpectralNorm(),),
            sampler=Gaussian(dim=64),
            batch=64,
            optimizers={"discriminator": adam, "generator": adam},
            ema=0.999,
        ),
    ]
