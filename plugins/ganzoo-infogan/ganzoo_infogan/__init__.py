"""InfoGAN: latent codes that the discriminator's second head recovers from the sample.

Chen et al. 2016, InfoGAN: Interpretable Representation Learning by Information Maximizing
Generative Adversarial Nets, arXiv:1606.03657.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import ganzoo
from ganzoo.builtin.losses import NonSaturating
from ganzoo.parts.optimizer import Adam
from ganzoo.parts.schedule import linear
from ganzoo.parts.variant import Variant
from ganzoo_infogan.codes import CodeError, Codes, MutualInformation
from ganzoo_infogan.jitter import Jitter
from ganzoo_infogan.networks import Infogan

if TYPE_CHECKING:
    from ganzoo.parts.metric import Metric
    from ganzoo.parts.part import Architecture, Regularizer, Sampler


@ganzoo.hookimpl
def ganzoo_architectures() -> list[type[Architecture]]:
    """Networks whose discriminator also predicts the code."""
    return [Infogan]


@ganzoo.hookimpl
def ganzoo_regularizers() -> list[type[Regularizer]]:
    """The mutual information bound, and an augmentation that steers what codes learn."""
    return [MutualInformation, Jitter]


@ganzoo.hookimpl
def ganzoo_samplers() -> list[type[Sampler]]:
    """Latents of noise and codes."""
    return [Codes]


@ganzoo.hookimpl
def ganzoo_metrics() -> list[type[Metric]]:
    """How well the categorical code matches the classes."""
    return [CodeError]


@ganzoo.hookimpl
def ganzoo_variants() -> list[Variant]:
    """InfoGAN with the codes of the paper's MNIST experiment: ten categories and two numbers."""
    return [
        Variant(
            name="infogan",
            source="Chen et al. 2016, arXiv:1606.03657",
            architecture=Infogan(width=32, dense=512, kernel=4),
            loss=NonSaturating(),
            regularizers=(MutualInformation(continuous=0.1), Jitter()),
            sampler=Codes(),
            optimizers={"discriminator": Adam(lr=linear(2e-4)), "generator": Adam(lr=linear(1e-3))},
            batch=128,
        )
    ]
