"""The discriminator's input: a normalized observation and an action as one vector."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ganzoo.errors import ComposeError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor

    from ganzoo.parts.space import Space
    from ganzoo_gail.spaces import Actions
    from ganzoo_gail.tasks import Task

FAR = 10.0
"""Normalized numbers are clipped to this, so that an unseen extreme does not saturate a network."""


@dataclass(frozen=True)
class Pairs:
    """Observations, normalized by the demonstrations' mean and deviation, joined with actions.

    So a gradient is per standard deviation, which gradient penalties assume.
    """

    space: Space
    actions: Actions
    mean: Tensor
    std: Tensor

    @classmethod
    def of(cls, task: Task, obs: Tensor) -> Pairs:
        """Normalize by these observations, (N, d); a constant number is only shifted."""
        std = obs.std(0, correction=0)
        std = std.where(std > 1e-6, 1.0)  # noqa: PLR2004
        return cls(task.spaces["real"], task.actions, obs.mean(0), std)

    def __call__(self, obs: Tensor, action: Tensor) -> Tensor:
        """Join observations, (N, d), and choices, (N,), or vectors, (N, k): float32, (N, width)."""
        seen = (obs - self.mean.to(obs.device)) / self.std.to(obs.device)
        taken = self.actions.limited(action)
        return self.space.join({"obs": seen.clamp(-FAR, FAR), "action": taken})


def pairs_of(facts: Mapping[str, object]) -> Pairs:
    """How the dataset makes pairs. Raises ComposeError if it does not."""
    pairs = facts.get("pairs")
    if not isinstance(pairs, Pairs):
        message = "the dataset has no (observation, action) pairs; choose one of demonstrations."
        raise ComposeError(message)
    return pairs
