"""Running environments, each of which can return to where it stood.

Each episode is reset with its own seed, so an environment's state is that seed and the actions
since, and a run resumes exactly. Autoreset is off, because it adds a step between two episodes that
belongs to neither.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from ganzoo.engine.streams import seed_for
from ganzoo.errors import DataError, DivergedError, first_line

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from torch import Tensor

    from ganzoo_gail.spaces import Array
    from ganzoo_gail.tasks import Task


class Envs:
    """Running environments: each one's observation, and the seed and actions that led there."""

    def __init__(self, task: Task, n: int, *, seed: int, render_mode: str | None = None) -> None:
        """Start ``n`` episodes with seeds derived from ``seed``."""
        self.task, self.n, self.seed = task, n, seed
        self.vector = task.vector(n, render_mode)
        self.episodes = np.zeros(n, dtype=np.int64)
        self.taken: list[Array] = []
        """The actions of each step since the oldest episode began, (n, ...)."""
        self.begun = np.zeros(n, dtype=np.int64)
        """How many of these steps each environment's episode is younger than the oldest."""
        self.obs = self._reset(np.ones(n, dtype=bool))

    def step(self, action: Array) -> tuple[Array, Array, Array, Array]:
        """Play one action in each, as a policy takes it: int64, (n,), or float32, (n, k).

        Returns the next observations, (n, d), the rewards, and which episodes terminated and which
        were truncated, (n,) each. An episode that ended is replaced: ``obs`` then holds the first
        observation of a new one. Raises DivergedError if an action is not finite, DataError if an
        observation or a reward is not.
        """
        if action.dtype.kind == "f" and not np.isfinite(action).all():
            message = (
                "training diverged: the policy's actions are not finite. A lower learning rate "
                "usually helps."
            )
            raise DivergedError(message)
        self.taken.append(action)
        played = self.task.actions.played(action)
        obs, reward, terminated, truncated, _ = self._called(self.vector.step, played)
        seen = self._finite(obs, "an observation")
        earned = self._finite(reward, "a reward")
        self.obs = seen
        if (ended := terminated | truncated).any():
            self.episodes += ended
            self.begun[ended] = len(self.taken)
            oldest = self.begun.min()
            del self.taken[:oldest]
            self.begun -= oldest
            self.obs = np.where(ended[:, None], self._reset(ended), seen)
        return seen, earned, terminated, truncated & ~terminated

    def _reset(self, mask: Array) -> Array:
        seeds: Any = [
            seed_for(self.seed, f"episode {k} of environment {i}") % 2**31
            for i, k in enumerate(self.episodes)
        ]
        options = {"reset_mask": mask}
        obs, _ = self._called(self.vector.reset, seed=seeds, options=options)
        return self._finite(obs, "an observation")

    def _called(self, method: Callable[..., Any], *values: Any, **named: Any) -> Any:
        """What an environment returns; DataError, with its own error as the cause, if it fails."""
        try:
            return method(*values, **named)
        except Exception as error:  # an environment may raise anything
            told = f"{type(error).__name__}: {first_line(error).rstrip('.')}"
            message = (
                f"environment '{self.task.env}' failed in its {method.__name__}: {told}; correct "
                "the environment."
            )
            raise DataError(message) from error

    def _finite(self, values: Array, what: str) -> Array:
        with np.errstate(over="ignore"):
            # Their order in memory stays, by which a layer of few observations rounds.
            single = np.array(values, dtype=np.float32)
        finite = np.isfinite(single)
        if not finite.all():
            wrong = np.argmin(finite.reshape(self.n, -1).all(1))
            step = len(self.taken) - self.begun[wrong]
            when = f"in step {step} of an episode" if step else "at the start of an episode"
            message = (
                f"environment '{self.task.env}' returned {what} that is not finite {when}; correct "
                "the environment."
            )
            raise DataError(message)
        return single

    def state(self) -> dict[str, Tensor]:
        """Each environment's episode number, and the actions taken in that episode."""
        taken = {
            f"actions.{i}": torch.from_numpy(np.stack([action[i] for action in self.taken[first:]]))
            for i, first in enumerate(self.begun)
            if first < len(self.taken)
        }
        return {"episodes": torch.from_numpy(self.episodes.copy()), **taken}

    def restore(self, state: Mapping[str, Tensor]) -> None:
        """Return to a saved state by replaying its actions; ValueError if it has other episodes."""
        episodes = state["episodes"].cpu().numpy().copy()
        if (episodes.shape, episodes.dtype) != (self.episodes.shape, self.episodes.dtype):
            message = f"'episodes' has shape {episodes.shape}, not {self.episodes.shape}"
            raise ValueError(message)
        self.episodes = episodes
        held = [state.get(f"actions.{i}") for i in range(self.n)]
        taken = [[] if one is None else list(one.cpu().numpy()) for one in held]
        # All replays end together: shorter ones first play any action, then reset and start.
        longest = max(map(len, taken))
        anything = next((actions[:1] for actions in taken if actions), [])
        padded = [(longest - len(actions)) * anything + actions for actions in taken]
        self.taken = [np.stack(step) for step in zip(*padded, strict=True)]
        self.begun = np.array([longest - len(actions) for actions in taken])
        self.obs = self._reset(np.ones(self.n, dtype=bool))
        for t, action in enumerate(self.taken, 1):
            played = self.task.actions.played(action)
            obs, _, terminated, truncated, _ = self._called(self.vector.step, played)
            self.obs = self._finite(obs, "an observation")
            # A waiting environment may also end, and must not be stepped after that.
            starting = (self.begun == t) | terminated | truncated
            if starting.any():
                self.obs = np.where(starting[:, None], self._reset(starting), self.obs)
