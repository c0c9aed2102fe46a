"""SNGAN and BigGAN: a discriminator that is kept Lipschitz by spectral normalization.

Miyato et al. 2018, Spectral Normalization for Generative Adversarial Networks, arXiv:1802.05957;
Miyato & Koyama 2018, cGANs with Projection Discriminator, arXiv:1802.05637; Brock et al. 2019,
Large Scale GAN Training for High Fidelity Natural Image Synthesis, arXiv:1809.11096.
"""

from __future__ import annotations

from typing import Any

import ganzoo
from ganzoo.builtin.labelled import Labelled
from ganzoo.builtin.losses import Hinge
from ganzoo.builtin.samplers import Gaussian
from ganzoo.parts.optimizer import Adam
from ganzoo.parts.part import Architecture, Regularizer
from ganzoo.parts.schedule import linear
from ganzoo.parts.variant import Variant
from ganzoo_sngan.biggan import Biggan, Orthogonal
from ganzoo_sngan.convolutions import Sngan
from ganzoo_sngan.residual import SnganProjection, SnganResnet
from ganzoo_sngan.spectral import SpectralNorm


@ganzoo.hookimpl
def ganzoo_architectures() -> list[type[Architecture]]:
    """SNGAN's networks, of convolutions and of residual blocks, those of a class, and BigGAN's."""
    return [Sngan, SnganResnet, SnganProjection, Biggan]


@ganzoo.hookimpl
def ganzoo_regularizers() -> list[type[Regularizer]]:
    """Spectral normalization, and filters at right angles."""
    return [SpectralNorm, Orthogonal]


@ganzoo.hookimpl
def ganzoo_variants() -> list[Variant]:
    """SNGAN with convolutions in its setting C, residual, and of a class; BigGAN."""
    adam = Adam(lr=2e-4, betas=(0.5, 0.999))
    falling = Adam(lr=linear(2e-4), betas=(0.0, 0.9))
    residual: dict[str, Any] = {
        "loss": Hinge(),
        "regularizers": (SpectralNorm(),),
        "turns": (("discriminator", 5), ("generator", 1)),
        "batch": 64,
        "optimizers": {"discriminator": falling, "generator": falling},
        "ema": 0.999,
    }
    steady = Adam(lr=2e-4, betas=(0.0, 0.999))
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
        Variant(
            name="sngan-resnet",
            source="Miyato et al. 2018, arXiv:1802.05957",
            architecture=SnganResnet(),
            sampler=Gaussian(dim=64),
            **residual,
        ),
        Variant(
            name="sngan-projection",
            source="Miyato & Koyama 2018, arXiv:1802.05637",
            architecture=SnganProjection(),
            sampler=Labelled(dim=64),
            **residual,
        ),
        Variant(
            name="biggan",
            source="Brock et al. 2019, arXiv:1809.11096",
            architecture=Biggan(),
            loss=Hinge(),
            regularizers=(SpectralNorm(players="both"),),
            sampler=Labelled(dim=64),
            turns=(("discriminator", 4), ("generator", 1)),
            batch=64,
            optimizers={"discriminator": steady, "generator": steady},
            ema=0.999,
        ),
    ]
