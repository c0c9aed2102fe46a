"""WGAN and WGAN-GP: the Wasserstein game, kept Lipschitz by clipping or by a gradient penalty.

Arjovsky et al. 2017, Wasserstein GAN, arXiv:1701.07875; Gulrajani et al. 2017, Improved Training of
Wasserstein GANs, arXiv:1704.00028.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import torch
from pydantic import Field, NonNegativeFloat, PositiveFloat
from torch import nn

import ganzoo
from ganzoo.builtin.networks import ConvOrMlp, Scorer
from ganzoo.builtin.optimizers import RmsProp
from ganzoo.builtin.samplers import Gaussian
from ganzoo.parts.optimizer import Adam
from ganzoo.parts.part import Architecture, Loss, Player, Regularizer
from ganzoo.parts.space import Space
from ganzoo.parts.variant import Variant

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor


class Wasserstein(Loss):
    """The Kantorovich-Rubinstein dual (arXiv:1701.07875, eq. 2), negated so as to be minimized."""

    signed = False

    def discriminator(self, real_score: Tensor, fake_score: Tensor) -> Tensor:
        """The score of the fake sample minus that of the real one, (N,)."""
        return fake_score - real_score

    def generator(self, fake_score: Tensor) -> Tensor:
        """The negated score of generated samples, (N,)."""
        return -fake_score


class GradientPenalty(Regularizer):
    """A two-sided gradient penalty between real and fake samples (arXiv:1704.00028, eq. 3)."""

    weight: NonNegativeFloat = Field(default=10.0, description="the paper's lambda")

    def discriminator(
        self, score: Callable[[Tensor], Tensor], real: Tensor, fake: Tensor
    ) -> Tensor:
        """(||gradient|| - 1)^2 at one random point between each pair, (N,)."""
        epsilon = torch.rand(len(real), *[1] * (real.dim() - 1), device=real.device)
        between = torch.lerp(fake.detach(), real, epsilon).requires_grad_()
        (gradient,) = torch.autograd.grad(score(between).sum(), between, create_graph=True)
        # The derivative of sqrt at zero is infinite, and a zero gradient would make it NaN.
        norm = (gradient.flatten(1).square().sum(1) + 1e-12).sqrt()
        return (norm - 1).square()


class WeightClipping(Regularizer):
    """WGAN's constraint: every weight of the discriminator lies in [-bound, bound]."""

    projects: ClassVar[tuple[Player, ...] | None] = ("discriminator",)

    bound: PositiveFloat = Field(default=0.01, description="the paper's c")

    def project(self, net: nn.Module, player: Player) -> None:  # noqa: ARG002
        """Clip the weights after each discriminator step."""
        # One call for all tensors, because this runs after every step.
        torch._foreach_clamp_min_(list(net.parameters()), -self.bound)
        torch._foreach_clamp_max_(list(net.parameters()), self.bound)


class WganGp(ConvOrMlp):
    """The paper's networks: convolutions for images, otherwise MLPs; no norm in D.

    Batch norm in the discriminator would make one sample's gradient depend on the whole batch,
    which the penalty does not allow (arXiv:1704.00028, section 4).
    """

    def generator(self, z: Space, real: Space) -> nn.Module:
        """``z`` to a sample, (N, *real.shape)."""
        return self.from_vector(z.size, real)

    def discriminator(self, real: Space) -> nn.Module:
        """A sample to its score, (N,)."""
        return Scorer(*self.to_features(real))


@ganzoo.hookimpl
def ganzoo_architectures() -> list[type[Architecture]]:
    """Networks without batch norm in the discriminator."""
    return [WganGp]


@ganzoo.hookimpl
def ganzoo_losses() -> list[type[Loss]]:
    """The Wasserstein loss."""
    return [Wasserstein]


@ganzoo.hookimpl
def ganzoo_regularizers() -> list[type[Regularizer]]:
    """The gradient penalty, and the weight clipping that it replaced."""
    return [GradientPenalty, WeightClipping]


@ganzoo.hookimpl
def ganzoo_variants() -> list[Variant]:
    """WGAN-GP with five discriminator steps a round, and the WGAN before it."""
    # The paper uses 1e-4; with this width and an EMA, 1e-3 learns several times faster.
    adam = Adam(lr=1e-3, betas=(0.0, 0.9))
    turns: tuple[tuple[Player, int], ...] = (("discriminator", 5), ("generator", 1))
    return [
        Variant(
            name="wgan-gp",
            source="Gulrajani et al. 2017, arXiv:1704.00028",
            architecture=WganGp(width=32),
            loss=Wasserstein(),
            regularizers=(GradientPenalty(),),
            sampler=Gaussian(dim=64),
            turns=turns,
            optimizers={"discriminator": adam, "generator": adam},
            ema=0.999,
        ),
        Variant(
            name="wgan",
            source="Arjovsky et al. 2017, arXiv:1701.07875",
            architecture=WganGp(width=32),
            loss=Wasserstein(),
            regularizers=(WeightClipping(),),
            sampler=Gaussian(dim=64),
            turns=turns,
            optimizers={"discriminator": RmsProp(lr=5e-5), "generator": RmsProp(lr=5e-5)},
        ),
    ]
