"""The built-in adversarial losses; each reads as its equation.

Scores are logits or any real number, (N,), and a high score means real. Every method returns what
its player minimizes, (N,).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch.nn.functional import relu, softplus

from ganzoo.parts.part import Loss

if TYPE_CHECKING:
    from torch import Tensor


class Minimax(Loss):
    """The original zero-sum game, on logits (Goodfellow et al. 2014, arXiv:1406.2661, eq. 1)."""

    def discriminator(self, real_score: Tensor, fake_score: Tensor) -> Tensor:
        """-log D(x) - log(1 - D(G(z))), (N,)."""
        # softplus(-s) is -log sigmoid(s), but does not overflow for large scores.
        return softplus(-real_score) + softplus(fake_score)

    def generator(self, fake_score: Tensor) -> Tensor:
        """log(1 - D(G(z))), (N,); its gradient vanishes where D is confident."""
        return -softplus(fake_score)


class NonSaturating(Loss):
    """The generator maximizes log D(G(z)) instead (arXiv:1406.2661, section 3)."""

    discriminator = Minimax.discriminator

    def generator(self, fake_score: Tensor) -> Tensor:
        """-log D(G(z)), (N,)."""
        return softplus(-fake_score)


class LeastSquares(Loss):
    """Least squares, with targets 1 and 0 (Mao et al. 2017, arXiv:1611.04076, eq. 9)."""

    signed = False

    def discriminator(self, real_score: Tensor, fake_score: Tensor) -> Tensor:
        """Half the squared distance of each score from its target, (N,)."""
        return 0.5 * (real_score - 1).square() + 0.5 * fake_score.square()

    def generator(self, fake_score: Tensor) -> Tensor:
        """Half the squared distance of the fake score from the target for real samples, (N,)."""
        return 0.5 * (fake_score - 1).square()


class Hinge(Loss):
    """The hinge loss (Lim & Ye 2017, arXiv:1705.02894; eq. 16 of arXiv:1802.05957)."""

    def discriminator(self, real_score: Tensor, fake_score: Tensor) -> Tensor:
        """How far each score falls short of a margin of 1 on its side of zero, (N,)."""
        return relu(1 - real_score) + relu(1 + fake_score)

    def generator(self, fake_score: Tensor) -> Tensor:
        """The negated score, (N,)."""
        return -fake_score
