"""Tasks: gymnasium environments, with their own horizon or a fixed one."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, TypeAlias

import gymnasium
import numpy as np
from gymnasium.envs.classic_control.cartpole import CartPoleEnv, CartPoleVectorEnv
from gymnasium.envs.registration import EnvSpec
from gymnasium.vector import AutoresetMode, SyncVectorEnv, VectorEnv
from pydantic import BaseModel, ConfigDict, Field

from ganzoo.errors import DataError
from ganzoo.parts.space import Space
from ganzoo_gail.environments import (
    Env,
    FixedHorizon,
    made,
    readable,
    recorded,
    registered,
)
from ganzoo_gail.spaces import Actions, Array, actions_of

Horizon: TypeAlias = Literal["fixed", "task"]


class CartPoles(CartPoleVectorEnv):
    """Gymnasium's vectorized CartPole, in which each environment is reset with its own seed.

    With a fixed horizon the pole keeps moving after it has fallen, and every step within the limits
    has a reward of 1.
    """

    def __init__(self, num_envs: int, *, steps: int, fixed: bool, render_mode: str | None) -> None:
        """Make ``num_envs`` environments of at most ``steps`` steps."""
        super().__init__(num_envs, max_episode_steps=steps, render_mode=render_mode)
        self.fixed = np.bool_(fixed)
        self.metadata = {**self.metadata, "autoreset_mode": AutoresetMode.DISABLED}
        self.state: Any = np.zeros((4, num_envs))

    def step(self, action: Array) -> tuple[Array, Array, Array, Array, dict[str, Any]]:
        """One step of each environment; those that have ended wait for ``reset``.

        The equations are gymnasium's, without its checks of each step, which take longer.
        """
        _, speed, angle, turning = self.state
        cos, sin = np.cos(angle), np.sin(angle)
        force = np.where(action == 1, self.force_mag, -self.force_mag)
        push = (force + self.polemass_length * np.square(turning) * sin) / self.total_mass
        moved = self.length * (4.0 / 3.0 - self.masspole * np.square(cos) / self.total_mass)
        bent = (self.gravity * sin - cos * push) / moved
        pushed = push - self.polemass_length * bent * cos / self.total_mass
        self.state = self.state + self.tau * np.stack((speed, pushed, turning, bent))
        self.steps += 1
        x, _, angle, _ = self.state
        fallen = (abs(x) > self.x_threshold) | (abs(angle) > self.theta_threshold_radians)
        reward = np.where(fallen & self.fixed, np.float32(0), np.float32(1))
        truncated = self.steps >= self.max_episode_steps
        return self.state.T.astype(np.float32), reward, fallen & ~self.fixed, truncated, {}

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


@dataclass(frozen=True)
class Interface:
    """What a policy meets of an environment."""

    seen: gymnasium.Space[Any]
    """What the environment observes, before it is flattened into a vector."""
    obs: Space
    actions: Actions
    steps: int
    films: bool
    """Whether its pictures can be had as arrays."""


class Task(BaseModel):
    """A gymnasium environment, and how its episodes end.

    It is made once and its spaces are judged before anything is played. Properties raise DataError
    if it cannot be made, has no time limit, or has spaces that no policy fits.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    env: str = Field(description="gymnasium's ID, or MODULE:ID")
    horizon: Horizon = "task"
    spec: str | None = Field(
        default=None, description="gymnasium's JSON of how a recording's environment was made"
    )

    @cached_property
    def made_by(self) -> EnvSpec:
        """How gymnasium makes the environment: as recorded, or as registered."""
        return registered(self.env) if self.spec is None else recorded(self.env, self.spec)

    @cached_property
    def interface(self) -> Interface:
        """What the environment observes and takes, and for how long it runs at most."""
        env = made(self.env, self.made_by, limited=True, render_mode=None)
        spec = self.made_by if self.made_by.max_episode_steps else env.spec
        limit = None if spec is None else spec.max_episode_steps
        env.close()
        if limit is None:
            message = (
                f"environment '{self.env}' has no time limit; register it with max_episode_steps."
            )
            raise DataError(message)
        return Interface(
            seen=env.observation_space,
            obs=Space(shape=readable(self.env, env).observation_space.shape or ()),
            actions=actions_of(self.env, env.action_space),
            steps=limit,
            films="rgb_array" in (env.metadata.get("render_modes") or ()),
        )

    @property
    def steps(self) -> int:
        """The longest episode, in steps: gymnasium's time limit."""
        return self.interface.steps

    @property
    def actions(self) -> Actions:
        """The environment's actions, and the same as a policy takes them."""
        return self.interface.actions

    @property
    def spaces(self) -> dict[str, Space]:
        """``obs``, ``action``, and ``real``, which joins both."""
        obs = Space(shape=(self.interface.obs.size + self.flagged,))
        parts = {"obs": obs, "action": self.actions.space}
        return {**parts, "real": Space.joined(parts)}

    @property
    def flagged(self) -> bool:
        """Whether observations have one more number than the environment's, FixedHorizon's flag."""
        return self.horizon == "fixed" and not self.is_plain_cartpole

    @property
    def plain(self) -> Task:
        """The environment as gymnasium makes it, with its own horizon."""
        return Task(env=self.env, spec=self.spec)

    @property
    def is_plain_cartpole(self) -> bool:
        """Whether gymnasium makes its own CartPole without options or wrappers: ``CartPoles``."""
        spec = self.made_by
        own = spec.entry_point == f"{CartPoleEnv.__module__}:{CartPoleEnv.__name__}"
        changed = spec.kwargs or spec.additional_wrappers
        return self.env == "CartPole-v1" and own and not changed

    def vector(self, n: int, render_mode: str | None = None) -> VectorEnv[Any, Any, Any]:
        """``n`` copies of the environment, with autoreset off."""
        if self.is_plain_cartpole:
            fixed = self.horizon == "fixed"
            return CartPoles(n, steps=self.steps, fixed=fixed, render_mode=render_mode)
        makers = n * [lambda: self._one(render_mode)]
        return SyncVectorEnv(makers, copy=False, autoreset_mode=AutoresetMode.DISABLED)

    def _one(self, render_mode: str | None) -> Env:
        fixed = self.horizon == "fixed"
        env = made(self.env, self.made_by, limited=not fixed, render_mode=render_mode)
        env = readable(self.env, env)
        return FixedHorizon(env, self.steps) if fixed else env
