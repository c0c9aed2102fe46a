"""The policy's objectives, each in the names of what it reads."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field, NonNegativeFloat, PositiveFloat
from torch import minimum

from ganzoo.parts.part import Loss, Regularizer

if TYPE_CHECKING:
    from torch import Tensor


class PpoClip(Loss):
    """PPO's clipped surrogate, and the error of the value function (arXiv:1707.06347, eq. 9)."""

    clip: PositiveFloat = Field(default=0.2, description="how far the ratio counts, the epsilon")
    value_weight: NonNegativeFloat = Field(default=0.5, description="of the value's squared error")

    def generator(
        self,
        log_prob: Tensor,
        old_log_prob: Tensor,
        advantage: Tensor,
        value: Tensor,
        target: Tensor,
    ) -> Tensor:
        """The surrogate, negated, plus the weighted error, (N,)."""
        ratio = (log_prob - old_log_prob).exp()
        clipped = ratio.clamp(1 - self.clip, 1 + self.clip)
        surrogate = minimum(ratio * advantage, clipped * advantage)
        return self.value_weight * (value - target).square() - surrogate


class EntropyBonus(Regularizer):
    """The policy's entropy, rewarded (Ho & Ermon 2016, arXiv:1606.03476, eq. 1)."""

    weight: NonNegativeFloat = Field(default=1e-3, description="the paper's lambda")

    def generator(self, entropy: Tensor) -> Tensor:
        """The entropy at each observation, negated, (N,)."""
        return -entropy


class Cloning(Loss):
    """Behaviour cloning: the likelihood of what the expert did (Pomerleau 1989)."""

    def generator(self, log_prob: Tensor) -> Tensor:
        """The log-likelihood of each action, negated, (N,)."""
        return -log_prob
