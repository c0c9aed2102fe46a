"""What a policy earns: the metrics of imitation."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from ganzoo.parts.metric import Direction, Metric

if TYPE_CHECKING:
    from torch import Tensor


class NormalizedReturn(Metric):
    """The return between a random policy's, 0, and the expert's, 1."""

    better: ClassVar[dict[str, Direction]] = {"normalized-return": "higher"}
    headline: ClassVar[str | None] = "normalized-return"

    def measure(
        self, episode_return: Tensor, expert_return: float, random_return: float
    ) -> dict[str, float]:
        """(return - random) / (expert - random), of the mean over episodes."""
        mine = float(episode_return.mean())
        return {"normalized-return": (mine - random_return) / (expert_return - random_return)}


class EpisodeReturn(Metric):
    """What an episode earns by the task's own reward, undiscounted; means over episodes."""

    better: ClassVar[dict[str, Direction]] = {"return": "higher", "stochastic-return": "higher"}
    headline: ClassVar[str | None] = "return"

    def measure(self, episode_return: Tensor, stochastic_return: Tensor) -> dict[str, float]:
        """Of the likeliest actions, and of actions drawn from the policy."""
        return {
            "return": float(episode_return.mean()),
            "stochastic-return": float(stochastic_return.mean()),
        }
