"""Conditional GANs: samples of a requested class.

Mirza & Osindero 2014, Conditional Generative Adversarial Nets, arXiv:1411.1784; Miyato & Koyama
2018, cGANs with Projection Discriminator, arXiv:1802.05637; Odena et al. 2017, Conditional Image
Synthesis with Auxiliary Classifier GANs, arXiv:1610.09585.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch.nn.functional import cross_entropy

import ganzoo
from ganzoo.builtin.labelled import Labelled
from ganzoo.builtin.losses import NonSaturating
from ganzoo.parts.optimizer import Adam
from ganzoo.parts.part import Architecture, Regularizer
from ganzoo.parts.variant import Variant
from ganzoo_conditional.metrics import ClassPrdc, IntraFrechet, LabelAccuracy
from ganzoo_conditional.networks import Acgan, Conditional

if TYPE_CHECKING:
    from torch import Tensor

    from ganzoo.parts.metric import Metric


class AuxiliaryClassifier(Regularizer):
    """Rewards both players for correct class predictions (arXiv:1610.09585, L_C, negated)."""

    def discriminator(self, real_classes: Tensor, fake_classes: Tensor, label: Tensor) -> Tensor:
        """The cross-entropies of the label under real and under generated samples, (N,)."""
        return cross_entropy(real_classes, label, reduction="none") + self.generator(
            fake_classes, label
        )

    def generator(self, fake_classes: Tensor, label: Tensor) -> Tensor:
        """The cross-entropy of the label under generated samples, (N,)."""
        return cross_entropy(fake_classes, label, reduction="none")


@ganzoo.hookimpl
def ganzoo_architectures() -> list[type[Architecture]]:
    """A discriminator that reads the label, and one that predicts it."""
    return [Conditional, Acgan]


@ganzoo.hookimpl
def ganzoo_regularizers() -> list[type[Regularizer]]:
    """The auxiliary classifier's cross-entropies."""
    return [AuxiliaryClassifier]


@ganzoo.hookimpl
def ganzoo_metrics() -> list[type[Metric]]:
    """Whether samples are of the requested class, and how close they are to that class's data."""
    return [LabelAccuracy, IntraFrechet, ClassPrdc]


@ganzoo.hookimpl
def ganzoo_variants() -> list[Variant]:
    """Projection, AC-GAN, and MLPs as in the first conditional GAN."""
    fast = Adam(lr=1e-3)
    return [
        Variant(
            name="conditional",
            source="Miyato & Koyama 2018, arXiv:1802.05637",
            architecture=Conditional(width=32),
            loss=NonSaturating(),
            sampler=Labelled(),
            batch=64,
            ema=0.999,
        ),
        Variant(
            name="acgan",
            source="Odena et al. 2017, arXiv:1610.09585",
            architecture=Acgan(width=32),
            loss=NonSaturating(),
            regularizers=(AuxiliaryClassifier(),),
            sampler=Labelled(),
            batch=64,
            ema=0.999,
        ),
        Variant(
            name="conditional-mlp",
            source="Mirza & Osindero 2014, arXiv:1411.1784",
            architecture=Conditional(conditioning="concat", body="mlp", hidden=256, depth=2),
            loss=NonSaturating(),
            sampler=Labelled(),
            batch=128,
            optimizers={"discriminator": fast, "generator": fast},
            ema=0.999,
        ),
    ]
