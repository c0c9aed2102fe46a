"""What the discriminator sees: an observation and an action as one vector, in the data's units."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ganzoo.errors import ComposeError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor

    from ganzoo.parts.space import Space

FAR = 10.0
"""Normalized numbers are cut off here, so that one new to a network does not saturate it."""


@dataclass(frozen=True)
class Pairs:
    """Observations less the demonstrations' mean, over their deviation, and actions beside them.

    Slopes are then by deviations, as penalties on them take for granted.
    """

    space: Space
    mean: Tensor
    std: Tensor

    @classmethod
    def of(cls, space: Space, obs: Tensor) -> Pairs:
        """In units of these observations, (N, d); a number that never changes is only shifted."""
        std = obs.std(0, correction=0)
        return cls(space, obs.mean(0), std.where(std > 1e-6, 1.0))  # noqa: PLR2004

    def __call__(self, obs: Tensor, action: Tensor) -> Tensor:
        """Observations, (N, d), and choices, (N,), or vectors, (N, k), as float32, (N, width)."""
        seen = (obs - self.mean.to(obs.device)) / self.std.to(obs.device)
        taken = action if self.space.parts["action"].classes else action.clamp(-1, 1)
        return self.space.join({"obs": seen.clamp(-FAR, FAR), "action": taken})


def pairs_of(facts: Mapping[str, object]) -> Pairs:
    """How a dataset makes pairs; ComposeError where it makes none."""
    pairs = facts.get("pairs")
    if not isinstance(pairs, Pairs):
        message = "the dataset has no pairs to tell apart; name one of demonstrations."
        raise ComposeError(message)
    return pairs
