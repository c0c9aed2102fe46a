"""The policy's objectives: PPO's surrogate, the entropy bonus, and the likelihood of an expert."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field, NonNegativeFloat, PositiveFloat
from torch import minimum

from ganzoo.parts.part import Loss, Regularizer

if TYPE_CHECKING:
    from torch import Tensor


class PpoClip(Loss):
    """PPO's clipped surrogate and the value function's error (arXiv:1707.06347, eq. 9)."""

    clip: PositiveFloat = Field(default=0.2, description="the paper's epsilon")
    value_weight: NonNegativeFloat = Field(default=0.5, description="factor of the value's error")

    def generator(
        self,
        log_prob: Tensor,
        old_log_prob: Tensor,
        advantage: Tensor,
        value: Tensor,
        target: Tensor,
    ) -> Tensor:
        """The negated surrogate plus the weighted squared error of the value, (N,)."""
        ratio = (log_prob - old_log_prob).exp()
        clipped = ratio.clamp(1 - self.clip, 1 + self.clip)
        surrogate = minimum(ratio * advantage, clipped * advantage)
        return self.value_weight * (value - target).square() - surrogate


class EntropyBonus(Regularizer):
    """A bonus for the policy's entropy (Ho & Ermon 2016, arXiv:1606.03476, eq. 1)."""

    weight: NonNegativeFloat = Field(default=1e-3, description="the paper's lambda")

    def generator(self, entropy: Tensor) -> Tensor:
        """The negated entropy at each observation, in nats, (N,)."""
        return -entropy


class Cloning(Loss):
    """Behaviour cloning: the likelihood of the expert's actions (Pomerleau 1989)."""

    def generator(self, log_prob: Tensor) -> Tensor:
        """The negative log-likelihood of each action, (N,)."""
        return -log_prob
