"""Tasks: gymnasium environments with an end of their own or one of fixed length, played in vectors.

Every episode is reset by a seed of its own, so where an environment stands is that seed and the
actions since, and a run can be taken up exactly. Nothing resets by itself, and so no step is a
phantom between two episodes.
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
    os.environ.setdefault("MUJOCO_GL", "egl")  # read at mujoco's import; there is no window here

Horizon: TypeAlias = Literal["fixed", "task"]
Array: TypeAlias = NDArray[Any]


class FixedHorizon(gymnasium.Wrapper[Any, Any, Any, Any]):
    """An environment whose episodes all take ``steps`` steps.

    Where the task has ended, nothing moves and nothing is earned until then: how long an episode
    takes tells nobody how good it is. An observation has one more number, 0 in play; after the end
    it is 1 and all others are 0 (the absorbing state of Kostrikov et al. 2018, arXiv:1809.02925).
    Were the last observation repeated instead, to end at the expert's very spot would pay more than
    to be there in time.
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
        """Play on, or stay where the task has ended."""
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
    """Gymnasium's CartPole in NumPy, many at once, reset one by one and by seed.

    With a fixed horizon the pole goes on falling and swinging, and each step within the limits
    earns one.
    """

    def __init__(self, num_envs: int, *, steps: int, fixed: bool, render_mode: str | None) -> None:
        """Make ``num_envs`` of them."""
        super().__init__(num_envs, max_episode_steps=steps, render_mode=render_mode)
        self.fixed = fixed
        self.metadata = {**self.metadata, "autoreset_mode": AutoresetMode.DISABLED}
        self.state: Any = np.zeros((4, num_envs))

    def step(self, action: Array) -> tuple[Array, Array, Array, Array, dict[str, Any]]:
        """One step of each; those that have ended wait for ``reset``."""
        obs, reward, terminated, truncated, info = super().step(action)
        self.prev_done[:] = False
        if self.fixed:
            return obs, reward * ~terminated, np.zeros_like(terminated), truncated, info
        return obs, reward, terminated, truncated, info

    def reset(
        self, *, seed: Any = None, options: dict[str, Any] | None = None
    ) -> tuple[Array, dict[str, Any]]:
        """Start an episode of those in ``reset_mask``, each from its own seed."""
        mask = (options or {}).get("reset_mask", np.ones(self.num_envs, dtype=bool))
        for i in np.flatnonzero(mask):
            stream = np.random.default_rng(seed[i])
            self.state[:, i] = stream.uniform(self.low, self.high, 4)
        self.steps[mask] = 0
        self.prev_done[:] = False
        return self.state.T.astype(np.float32), {}


class Task(BaseModel):
    """An environment of gymnasium, and how its episodes end."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    env: str
    horizon: Horizon = "task"

    @cached_property
    def steps(self) -> PositiveInt:
        """The most steps of an episode: gymnasium's limit."""
        limit = self._spec().max_episode_steps
        if limit is None:
            message = f"environment '{self.env}' has no time limit; ganzoo-gail needs one."
            raise DataError(message)
        return limit

    @cached_property
    def spaces(self) -> dict[str, Space]:
        """``obs``, ``action``, and ``real``: a pair of both as one vector."""
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
        """Actions of the environment's own as networks know them: choices, or in [-1, 1]."""
        vector = self.vector(1)
        space = vector.single_action_space
        vector.close()
        if not isinstance(space, gymnasium.spaces.Box):
            return torch.from_numpy(action)
        scaled = 2 * (action - space.low) / (space.high - space.low) - 1
        return torch.from_numpy(scaled).float().clamp(-1, 1)

    def vector(self, n: int, render_mode: str | None = None) -> VectorEnv[Any, Any, Any]:
        """``n`` copies that never reset by themselves."""
        if self.env == "CartPole-v1":
            fixed = self.horizon == "fixed"
            return CartPoles(n, steps=self.steps, fixed=fixed, render_mode=render_mode)
        makers = n * [lambda: self._one(render_mode)]
        return SyncVectorEnv(makers, autoreset_mode=AutoresetMode.DISABLED)

    def _spec(self) -> gymnasium.envs.registration.EnvSpec:
        try:
            return gymnasium.spec(self.env)
        except gymnasium.error.Error as error:
            message = f"there is no environment '{self.env}' in gymnasium: {first(error)}"
            raise DataError(message) from error

    def _one(self, render_mode: str | None = None) -> gymnasium.Env[Any, Any]:
        steps = self.steps
        try:
            env = gymnasium.make(self.env, render_mode=render_mode).unwrapped
        except (gymnasium.error.Error, ImportError) as error:
            message = (
                f"environment '{self.env}' cannot be made: {first(error)} MuJoCo's are in the "
                "extra ganzoo-gail[mujoco]."
            )
            raise DataError(message) from error
        limited = FixedHorizon if self.horizon == "fixed" else TimeLimit
        return limited(env, steps)


def first(error: Exception) -> str:
    """The first line of an error, as a sentence."""
    return str(error).strip().splitlines()[0].rstrip(".") + "."


class Envs:
    """Environments in play: each one's observation, and the seed and actions that led there."""

    def __init__(self, task: Task, n: int, *, seed: int, render_mode: str | None = None) -> None:
        """Start ``n`` episodes."""
        self.task, self.n, self.seed = task, n, seed
        self.vector = task.vector(n, render_mode)
        self.episodes = np.zeros(n, dtype=np.int64)
        self.actions: list[list[Array]] = [[] for _ in range(n)]
        space = self.vector.single_action_space
        self.box = space if isinstance(space, gymnasium.spaces.Box) else None
        self.obs = self._reset(np.ones(n, dtype=bool))

    def step(self, action: Array) -> tuple[Array, Array, Array, Array]:
        """Play one action in each: int64, (n,), or float32 in [-1, 1], (n, k).

        Returns the observations that followed, (n, d), the rewards, and which episodes terminated
        and which were cut off; ``obs`` is then the first one of a new episode there. Raises
        DataError where an observation is not finite.
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
        """Each episode's number, and the actions taken in it."""
        taken = {
            f"actions.{i}": torch.from_numpy(np.stack(actions))
            for i, actions in enumerate(self.actions)
            if actions
        }
        return {"episodes": torch.from_numpy(self.episodes.copy()), **taken}

    def restore(self, state: Mapping[str, Tensor]) -> None:
        """Go to where a state was taken, by playing its actions again."""
        self.episodes = state["episodes"].cpu().numpy().copy()
        taken = [state.get(f"actions.{i}") for i in range(self.n)]
        self.actions = [[] if one is None else list(one.cpu().numpy()) for one in taken]
        longest = max(len(actions) for actions in self.actions)
        self.obs = self._reset(np.ones(self.n, dtype=bool))
        anything: Any = next((actions[0] for actions in self.actions if actions), None)
        for t in range(longest):
            # Aligned at the end: those with fewer actions play anything, then start in time.
            at = [len(actions) - longest + t for actions in self.actions]
            action = [a[i] if i >= 0 else anything for a, i in zip(self.actions, at, strict=True)]
            obs, _, terminated, truncated, _ = self.vector.step(self._scaled(np.stack(action)))
            self.obs = self._finite(obs)
            # Those that play anything may also end, and must not be stepped on then.
            starting = np.array([i == -1 for i in at]) | terminated | truncated
            if starting.any():
                self.obs = np.where(starting[:, None], self._reset(starting), self.obs)
