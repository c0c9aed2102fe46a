"""The metrics of imitation: the return of a policy's episodes."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from ganzoo.errors import ZooError
from ganzoo.parts.metric import Direction, Metric

if TYPE_CHECKING:
    from torch import Tensor


class NormalizedReturn(Metric):
    """The return, scaled so that random actions are 0 and the expert is 1."""

    better: ClassVar[dict[str, Direction]] = {"normalized-return": "higher"}
    headline: ClassVar[str | None] = "normalized-return"

    def measure(
        self, episode_return: Tensor, expert_return: float, random_return: float
    ) -> dict[str, float]:
        """(return - random) / (expert - random), with the mean return over episodes.

        Raises ZooError where both are the same, so that there is no scale.
        """
        if expert_return == random_return:
            message = (
                f"the demonstrations' expert is as good as random actions ({expert_return:g}), "
                "which leaves no scale for the return."
            )
            raise ZooError(message)
        mine = float(episode_return.mean())
        return {"normalized-return": (mine - random_return) / (expert_return - random_return)}


class EpisodeReturn(Metric):
    """The undiscounted sum of the task's rewards in an episode; means over episodes."""

    better: ClassVar[dict[str, Direction]] = {"return": "higher", "stochastic-return": "higher"}
    headline: ClassVar[str | None] = "return"

    def measure(self, episode_return: Tensor, stochastic_return: Tensor) -> dict[str, float]:
        """The mean returns of the most likely actions, and of actions drawn from the policy."""
        return {
            "return": float(episode_return.mean()),
            "stochastic-return": float(stochastic_return.mean()),
        }


class PlainReturn(Metric):
    """The return in the environment as gymnasium makes it, whatever the task's horizon."""

    better: ClassVar[dict[str, Direction]] = {"plain-return": "higher"}

    def measure(self, plain_return: Tensor) -> dict[str, float]:
        """The mean return of the most likely actions over episodes."""
        return {"plain-return": float(plain_return.mean())}
