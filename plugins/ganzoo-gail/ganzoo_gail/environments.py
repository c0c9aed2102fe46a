"""Environments as gymnasium makes them: found by name or by a recording's own specification."""

from __future__ import annotations

import importlib
import os
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeAlias

import gymnasium
import numpy as np
from gymnasium.envs.registration import EnvSpec, load_env_creator
from gymnasium.wrappers import FlattenObservation

from ganzoo.errors import DataError, first_line
from ganzoo.storage.lock import Exclusive
from ganzoo_gail.spaces import Array, is_vector

if TYPE_CHECKING:
    from collections.abc import Iterator

if sys.platform == "linux" and "DISPLAY" not in os.environ:
    os.environ.setdefault("MUJOCO_GL", "egl")  # mujoco reads it at import; EGL needs no display

Env: TypeAlias = gymnasium.Env[Any, Any]
DRIVERS = Exclusive()
"""The environment variables by which pygame chooses where it draws."""


class FixedHorizon(gymnasium.Wrapper[Any, Any, Any, Any]):
    """An environment whose episodes all take ``steps`` steps.

    After the task has ended, nothing moves and the reward is 0, so the length of an episode does
    not reveal how good it is. Each observation has one more number, which is 0 in play; after the
    end it is 1 and all others are 0 (the absorbing state of arXiv:1809.02925). Repeating the last
    observation instead would reward stopping exactly where the expert stopped more than getting
    there in time.
    """

    def __init__(self, env: Env, steps: int) -> None:
        """Wrap an environment that observes vectors and was made without gymnasium's time limit."""
        super().__init__(env)
        self.steps = steps
        self.played, self.over = 0, False
        box: Any = env.observation_space
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
        obs, reward, terminated, cut, info = self.env.step(action)
        self.over = terminated or cut  # cut by the environment itself: no time limit is inside
        seen = self._absorbed() if self.over else self._flagged(obs)
        return seen, float(reward), False, truncated, info

    def _flagged(self, obs: Array) -> Array:
        flagged = np.zeros(len(obs) + 1, dtype=np.float32)
        flagged[:-1] = obs
        return flagged

    def _absorbed(self) -> Array:
        obs: Array = np.zeros(self.observation_space.shape or (), dtype=np.float32)
        obs[-1] = 1
        return obs


def registered(name: str) -> EnvSpec:
    """How gymnasium makes ``ID`` or ``MODULE:ID``; the module registers it.

    Raises DataError if there is no such environment.
    """
    module, _, env_id = name.rpartition(":")
    try:
        if module:
            importlib.import_module(module)
        return gymnasium.spec(env_id)
    except Exception as error:  # a module may fail in any way
        message = f"gymnasium has no environment '{name}': {sentence(error)}"
        raise DataError(message) from error


def recorded(name: str, text: str) -> EnvSpec:
    """How the environment of a recording was made, from gymnasium's JSON.

    A file does not choose what is called: only what is registered, or a class of environments or
    wrappers, in a module that is imported already. Raises DataError for anything else.
    """
    try:
        spec = EnvSpec.from_json(text)
        spec.kwargs.pop("render_mode", None)  # "human" would open a window
        known = gymnasium.registry.get(spec.id)
        if known is None or known.entry_point != spec.entry_point:
            require_class(spec.entry_point, gymnasium.Env)
        for wrapper in spec.additional_wrappers:
            require_class(wrapper.entry_point, gymnasium.Wrapper)
    except Exception as error:  # a file may hold anything, and a module may fail in any way
        message = f"the recording's environment '{name}' cannot be made: {sentence(error)}"
        raise DataError(message) from error
    return spec


def require_class(entry_point: Any, kind: type) -> None:
    """Raise TypeError unless an entry point, ``MODULE:NAME``, is a class of this kind."""
    require_imported(entry_point.partition(":")[0])
    found: Any = load_env_creator(entry_point)
    if not isinstance(found, type) or not issubclass(found, kind):
        message = f"'{entry_point}' is no subclass of gymnasium.{kind.__name__}"
        raise TypeError(message)


def require_imported(module: str) -> None:
    """Raise ImportError for a module that a file names and that nobody has imported.

    Gymnasium's own are imported as they are needed.
    """
    if module not in {"", *sys.modules} and not module.startswith("gymnasium."):
        message = (
            f"it needs the module '{module}', which a file may not choose; name it by the option "
            "'module' of the data, if you trust it"
        )
        raise ImportError(message)


def imported(module: str) -> None:
    """Import a module that the user names, because it registers environments; else DataError."""
    try:
        importlib.import_module(module)
    except Exception as error:  # a module may fail in any way
        message = f"the module '{module}' cannot be imported: {sentence(error)}"
        raise DataError(message) from error


def made(name: str, spec: EnvSpec, *, limited: bool, render_mode: str | None) -> Env:
    """The environment as gymnasium makes it; unless ``limited``, without gymnasium's time limit.

    Raises DataError if it cannot be made.
    """
    options: dict[str, Any] = {} if render_mode is None else {"render_mode": render_mode}
    if not limited:
        options["max_episode_steps"] = -1
    try:
        return gymnasium.make(spec, disable_env_checker=True, **options)
    except Exception as error:  # an environment may fail in any way
        extra = ""
        if "mujoco" in str(error).lower():
            extra = " MuJoCo environments need the extra ganzoo-gail[mujoco]."
        message = f"environment '{name}' cannot be made: {sentence(error)}{extra}"
        raise DataError(message) from error


def readable(name: str, env: Env) -> Env:
    """An environment that observes a vector, flattened if need be; DataError if there is none."""
    return env if is_vector(name, env.observation_space) else FlattenObservation(env)


@contextmanager
def unseen() -> Iterator[None]:
    """Let pygame draw to memory: without a screen it prints that it finds none."""
    drivers = {"SDL_VIDEODRIVER": "dummy", "SDL_AUDIODRIVER": "dummy"}
    with DRIVERS.held():
        added = {name: value for name, value in drivers.items() if name not in os.environ}
        os.environ.update(added)
        try:
            yield
        finally:
            for name in added:
                del os.environ[name]


def sentence(error: BaseException) -> str:
    """The first line of another library's error, as a sentence."""
    return first_line(error).rstrip(".") + "."
