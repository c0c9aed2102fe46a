"""Tasks: vectors of gymnasium environments, with the task's own horizon or a fixed one.

Each episode is reset with its own seed, so an environment's state is that seed and the actions
since, and a run resumes exactly. Autoreset is off, because it adds a step between two episodes that
belongs to neither.
"""

from __future__ import annotations

import os
import sys
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import gymnasium
import numpy as np
import torch
from gymnasium.envs.classic_control.cartpole import CartPoleVectorEnv
from gymnasium.vector import AutoresetMode, SyncVectorEnv, VectorEnv
from gymnasium.wrappers import TimeLimit
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, PositiveInt

from ganzoo.engine.streams import seed_for
from ganzoo.errors import DataError
from ganzoo.parts.space import Space

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor

if sys.platform == "linux" and "DISPLAY" not in os.environ:
    os.environ.setdefault("MUJOCO_GL", "egl")  # mujoco reads it at import; EGL needs no display

Horizon: TypeAlias = Literal["fixed", "task"]
Array: TypeAlias = NDArray[Any]


class FixedHorizon(gymnasium.Wrapper[Any, Any, Any, Any]):
    """An environment whose episodes all take ``steps`` steps.

    After the task has ended, nothing moves and the reward is 0, so the length of an episode does
    not reveal how good it is. Each observation has one more number, which is 0 in play; after the
    end it is 1 and all others are 0 (the absorbing state of arXiv:1809.02925). Repeating the last
    observation instead would reward stopping exactly where the expert stopped more than getting
    there in time.
    """

    def __init__(self, env: gymnasium.Env[Any, Any], steps: int) -> None:
        """Wrap an environment that has no time limit of its own."""
        super().__init__(env)
        self.steps = steps
        self.played, self.over = 0, False
        box = env.observation_space
        if isinstance(box, gymnasium.spaces.Box) and len(box.shape) == 1:
            low, high = (
                np.append(end, at).astype(np.float32) for end, at in ((box.low, 0), (box.high, 1))
            )
            self.observation_space = gymnasium.spaces.Box(low, high, dtype=np.float32)

    def reset(self, **options: Any) -> tuple[Any, dict[str, Any]]:
        """Start an episode."""
        self.played, self.over = 0, False
        obs, info = self.env.reset(**options)
        return self._flagged(obs), info

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        """Play one step, or stay in the absorbing state once the task has ended."""
        self.played += 1
        truncated = self.played >= self.steps
        if self.over:
            return self._absorbed(), 0.0, False, truncated, {}
        obs, reward, self.over, _, info = self.env.step(action)
        seen = self._absorbed() if self.over else self._flagged(obs)
        return seen, float(reward), False, truncated, info

    def _flagged(self, obs: Array) -> Array:
        return np.append(obs, 0).astype(np.float32)

    def _absorbed(self) -> Array:
        obs: Array = np.zeros(self.observation_space.shape or (), dtype=np.float32)
        obs[-1] = 1
        return obs


class CartPoles(CartPoleVectorEnv):
    """Gymnasium's vectorized CartPole, in which each environment is reset with its own seed.

    With a fixed horizon the pole keeps moving after it has fallen, and every step within the limits
    has a reward of 1.
    """

    def __init__(self, num_envs: int, *, steps: int, fixed: bool, render_mode: str | None) -> None:
        """Make ``num_envs`` environments of at most ``steps`` steps."""
        super().__init__(num_envs, max_episode_steps=steps, render_mode=render_mode)
        self.fixed = fixed
        self.metadata = {**self.metadata, "autoreset_mode": AutoresetMode.DISABLED}
        self.state: Any = np.zeros((4, num_envs))

    def step(self, action: Array) -> tuple[Array, Array, Array, Array, dict[str, Any]]:
        """One step of each environment; those that have ended wait for ``reset``."""
        obs, reward, terminated, truncated, info = super().step(action)
        self.prev_done[:] = False
        if self.fixed:
            return obs, reward * ~terminated, np.zeros_like(terminated), truncated, info
        return obs, reward, terminated, truncated, info

    def reset(
        self, *, seed: Any = None, options: dict[str, Any] | None = None
    ) -> tuple[Array, dict[str, Any]]:
        """Start an episode in each environment of ``reset_mask``, with its own seed."""
        mask = (options or {}).get("reset_mask", np.ones(self.num_envs, dtype=bool))
        for i in np.flatnonzero(mask):
            stream = np.random.default_rng(seed[i])
            self.state[:, i] = stream.uniform(self.low, self.high, 4)
        self.steps[mask] = 0
        self.prev_done[:] = False
        return self.state.T.astype(np.float32), {}


class Task(BaseModel):
    """A gymnasium environment, and how its episodes end."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    env: str
    horizon: Horizon = "task"

    @cached_property
    def steps(self) -> PositiveInt:
        """The longest episode, in steps: gymnasium's time limit. DataError if there is none."""
        limit = self._spec().max_episode_steps
        if limit is None:
            message = f"environment '{self.env}' has no time limit; ganzoo-gail needs one."
            raise DataError(message)
        return limit

    @cached_property
    def spaces(self) -> dict[str, Space]:
        """``obs``, ``action``, and ``real``, which joins both. DataError if not vectors."""
        vector = self.vector(1)
        obs, action = vector.single_observation_space, vector.single_action_space
        vector.close()
        if not isinstance(obs, gymnasium.spaces.Box) or len(obs.shape) != 1:
            message = f"environment '{self.env}' observes {obs}; it must be a vector."
            raise DataError(message)
        if isinstance(action, gymnasium.spaces.Discrete):
            acts = Space(classes=int(action.n))
        elif isinstance(action, gymnasium.spaces.Box) and len(action.shape) == 1:
            acts = Space(shape=action.shape, bounded=True)
        else:
            message = f"environment '{self.env}' takes {action}; it must be a choice or a vector."
            raise DataError(message)
        parts = {"obs": Space(shape=obs.shape), "action": acts}
        return {**parts, "real": Space.joined(parts)}

    def unscaled(self, action: Array) -> Tensor:
        """The environment's actions in the networks' range: choices unchanged, else in [-1, 1]."""
        vector = self.vector(1)
        space = vector.single_action_space
        vector.close()
        if not isinstance(space, gymnasium.spaces.Box):
            return torch.from_numpy(action)
        scaled = 2 * (action - space.low) / (space.high - space.low) - 1
        return torch.from_numpy(scaled).float().clamp(-1, 1)

    def vector(self, n: int, render_mode: str | None = None) -> VectorEnv[Any, Any, Any]:
        """``n`` copies of the environment, with autoreset off."""
        if self.env == "CartPole-v1":
            fixed = self.horizon == "fixed"
            return CartPoles(n, steps=self.steps, fixed=fixed, render_mode=render_mode)
        makers = n * [lambda: self._one(render_mode)]
        return SyncVectorEnv(makers, autoreset_mode=AutoresetMode.DISABLED)

    def _spec(self) -> gymnasium.envs.registration.EnvSpec:
        try:
            return gymnasium.spec(self.env)
        except gymnasium.error.Error as error:
            message = f"gymnasium has no environment '{self.env}': {first(error)}"
            raise DataError(message) from error

    def _one(self, render_mode: str | None = None) -> gymnasium.Env[Any, Any]:
        steps = self.steps
        try:
            env = gymnasium.make(self.env, render_mode=render_mode).unwrapped
        except (gymnasium.error.Error, ImportError) as error:
            message = (
                f"environment '{self.env}' cannot be made: {first(error)} MuJoCo environments need "
                "the extra ganzoo-gail[mujoco]."
            )
            raise DataError(message) from error
        limited = FixedHorizon if self.horizon == "fixed" else TimeLimit
        return limited(env, steps)


def first(error: Exception) -> str:
    """The first line of an error, as a sentence."""
    return str(error).strip().splitlines()[0].rstrip(".") + "."


class Envs:
    """Running environments: each one's observation, and the seed and actions that led there."""

    def __init__(self, task: Task, n: int, *, seed: int, render_mode: str | None = None) -> None:
        """Start ``n`` episodes with seeds derived from ``seed``."""
        self.task, self.n, self.seed = task, n, seed
        self.vector = task.vector(n, render_mode)
        self.episodes = np.zeros(n, dtype=np.int64)
        self.actions: list[list[Array]] = [[] for _ in range(n)]
        space = self.vector.single_action_space
        self.box = space if isinstance(space, gymnasium.spaces.Box) else None
        self.obs = self._reset(np.ones(n, dtype=bool))

    def step(self, action: Array) -> tuple[Array, Array, Array, Array]:
        """Play one action in each: int64, (n,), or float32 in [-1, 1], (n, k).

        Returns the next observations, (n, d), the rewards, and which episodes terminated and which
        were truncated, (n,) each. An episode that ended is replaced: ``obs`` then holds the first
        observation of a new one. Raises DataError if an observation is not finite.
        """
        for taken, one in zip(self.actions, action, strict=True):
            taken.append(one)
        obs, reward, terminated, truncated, _ = self.vector.step(self._scaled(action))
        seen = self._finite(obs)
        self.obs = seen
        if (ended := terminated | truncated).any():
            self.episodes += ended
            for i in np.flatnonzero(ended):
                self.actions[i] = []
            self.obs = np.where(ended[:, None], self._reset(ended), seen)
        return seen, reward.astype(np.float32), terminated, truncated & ~terminated

    def _scaled(self, action: Array) -> Array:
        if self.box is None:
            return action
        low, high = self.box.low, self.box.high
        scaled: Array = (low + (action.clip(-1, 1) + 1) / 2 * (high - low)).astype(self.box.dtype)
        return scaled

    def _reset(self, mask: Array) -> Array:
        seeds: Any = [
            seed_for(self.seed, f"episode {k} of environment {i}") % 2**31
            for i, k in enumerate(self.episodes)
        ]
        obs, _ = self.vector.reset(seed=seeds, options={"reset_mask": mask})
        return self._finite(obs)

    def _finite(self, obs: Array) -> Array:
        if not np.isfinite(obs).all():
            message = f"environment '{self.task.env}' returned an observation that is not finite."
            raise DataError(message)
        return np.array(obs, dtype=np.float32)

    def state(self) -> dict[str, Tensor]:
        """Each environment's episode number, and the actions taken in that episode."""
        taken = {
            f"actions.{i}": torch.from_numpy(np.stack(actions))
            for i, actions in enumerate(self.actions)
            if actions
        }
        return {"episodes": torch.from_numpy(self.episodes.copy()), **taken}

    def restore(self, state: Mapping[str, Tensor]) -> None:
        """Return to a saved state by replaying its actions."""
        self.episodes = state["episodes"].cpu().numpy().copy()
        taken = [state.get(f"actions.{i}") for i in range(self.n)]
        self.actions = [[] if one is None else list(one.cpu().numpy()) for one in taken]
        longest = max(len(actions) for actions in self.actions)
        self.obs = self._reset(np.ones(self.n, dtype=bool))
        anything: Any = next((actions[0] for actions in self.actions if actions), None)
        for t in range(longest):
            # All replays end together: shorter ones first play any action, then reset and start.
            at = [len(actions) - longest + t for actions in self.actions]
            action = [a[i] if i >= 0 else anything for a, i in zip(self.actions, at, strict=True)]
            obs, _, terminated, truncated, _ = self.vector.step(self._scaled(np.stack(action)))
            self.obs = self._finite(obs)
            # A waiting environment may also end, and must not be stepped after that.
            starting = np.array([i == -1 for i in at]) | terminated | truncated
            if starting.any():
                self.obs = np.where(starting[:, None], self._reset(starting), self.obs)
