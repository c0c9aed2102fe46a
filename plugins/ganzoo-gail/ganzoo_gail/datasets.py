"""Datasets of demonstrations: shipped, from a file, from Minari; and an environment without any."""

from __future__ import annotations

from importlib.resources import files
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import torch
from pydantic import Field, PositiveInt

from ganzoo.errors import DataError
from ganzoo.parts.dataset import Data, Dataset, Place
from ganzoo.parts.rows import ResidentRows
from ganzoo_gail.checking import columns_of
from ganzoo_gail.demonstrations import (
    EPISODES,
    Facts,
    data_of,
    home,
    random_return,
    read,
    recalled,
    told,
)
from ganzoo_gail.environments import imported
from ganzoo_gail.episodes import played
from ganzoo_gail.pairs import Pairs
from ganzoo_gail.spaces import flattened, shown
from ganzoo_gail.tasks import Horizon, Task

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor


class Demonstrations(Dataset):
    """Demonstrations from a file that ``ganzoo record`` wrote: ``demonstrations:FILE``."""

    path: Place
    trajectories: PositiveInt = Field(
        default=4, le=1_000_000, description="episodes of the expert to train on"
    )
    module: str = Field(default="", description="a module that registers the environment")

    @property
    def imports(self) -> str:
        """The module that registers the environment."""
        return self.module

    def recalled(self, recorded: Mapping[str, Any]) -> Mapping[str, object]:
        """The task."""
        if self.module:
            imported(self.module)
        return recalled(recorded)

    def load(self) -> Data:
        """Read the file. Raises DataError if it is missing, damaged or does not fit its task."""
        if self.module:
            imported(self.module)
        return read(home(Path(self.path)), self.trajectories, Path(self.path).stem)


class Shipped(Dataset):
    """Demonstrations shipped with this plugin, named after their task."""

    name = "shipped"
    horizons: ClassVar[tuple[Horizon, ...]] = ("fixed", "task")

    horizon: Horizon = Field(
        default="fixed",
        description="fixed: all episodes equally long; task: the task's own end",
    )
    trajectories: PositiveInt = Field(
        default=4, le=1_000_000, description="episodes of the expert to train on"
    )

    def load(self) -> Data:
        """Read the file. Raises DataError if none is shipped with this horizon."""
        if self.horizon not in self.horizons:
            message = f"'{self.name}' has demonstrations only with horizon {self.horizons[0]}."
            raise DataError(message)
        path = (
            Path(str(files("ganzoo_gail"))) / "experts" / f"{self.name}-{self.horizon}.safetensors"
        )
        return read(path, self.trajectories, f"{self.name}:{self.horizon}")


class Cartpole(Shipped):
    """CartPole-v1: a pole balanced for 500 steps."""


class Acrobot(Shipped):
    """Acrobot-v1: a double pendulum swung up to a line."""


class MountainCar(Shipped):
    """MountainCar-v0: an underpowered car driven out of a valley."""


class Pendulum(Shipped):
    """Pendulum-v1: a pendulum swung up and held; its episodes always take 200 steps."""

    horizons = ("task",)
    horizon: Horizon = Field(default="task", description="Pendulum's own horizon is already fixed")


class Hopper(Shipped):
    """Hopper-v5: a one-legged robot that hops; needs ganzoo-gail[mujoco]."""

    horizons = ("task",)
    horizon: Horizon = Field(default="task", description="an episode ends when the robot falls")


class Environment(Dataset):
    """A gymnasium environment without an expert: ``environment:ID``.

    Its rows come from random actions, so there is nothing to imitate; train on the task's reward.
    """

    env: str = Field(description="gymnasium's ID, or MODULE:ID if a module registers it")
    horizon: Horizon = Field(default="task", description="the task's own, or fixed")

    @property
    def imports(self) -> str:
        """The module that registers the environment."""
        return self.env.rpartition(":")[0]

    def load(self) -> Data:
        """Play two episodes of random actions.

        Raises DataError for an environment that is not known or that no policy fits.
        """
        task = Task(env=self.env, horizon=self.horizon)
        kept: dict[str, list[list[Any]]] = {name: [[], []] for name in ("obs", "action")}
        played(None, task, 2, seed=0, greedy=False, kept=kept)
        obs, action = (torch.from_numpy(np.concatenate(kept[name])) for name in ("obs", "action"))
        pairs = Pairs.of(task, obs)
        columns = columns_of(task, obs, action)
        rows = ResidentRows({**columns, "real": pairs(**columns)})
        facts = {"task": task, "pairs": pairs, "random_return": random_return(task)}
        return Data(f"{self.env}:{self.horizon}", rows, rows, task.spaces, facts, scored=EPISODES)


class Minari(Dataset):
    """Demonstrations from Farama's Minari: ``minari:ID``.

    Needs ganzoo-gail[minari], and the dataset on this machine: ``minari download ID``.
    """

    dataset: str
    trajectories: PositiveInt = Field(
        default=4, le=1_000_000, description="episodes of the expert to train on"
    )
    module: str = Field(default="", description="a module that registers the environment")

    @property
    def imports(self) -> str:
        """The module that registers the environment."""
        return self.module

    def recalled(self, recorded: Mapping[str, Any]) -> Mapping[str, object]:
        """The task."""
        if self.module:
            imported(self.module)
        return recalled(recorded)

    def load(self) -> Data:
        """Read the dataset. Raises DataError if that or making its environment fails."""
        if self.module:
            imported(self.module)
        try:
            import minari  # an optional dependency
        except ImportError as error:
            message = "Minari is not installed: pip install 'ganzoo-gail[minari]'."
            raise DataError(message) from error
        try:
            found = minari.load_dataset(self.dataset)
            episodes = list(found.iterate_episodes())
        except Exception as error:  # Minari's errors and those of its storage have no common base
            message = f"Minari's dataset '{self.dataset}' cannot be read: {told(error)}"
            raise DataError(message) from error
        if found.spec.env_spec is None:
            message = f"Minari's dataset '{self.dataset}' does not name its environment."
            raise DataError(message)
        task = Task(env=found.spec.env_spec.id, spec=found.spec.env_spec.to_json())
        tensors = self._tensors(task, episodes)
        expert_return = float(np.mean([np.sum(episode.rewards) for episode in episodes]))
        if not isfinite(expert_return):
            message = f"Minari's dataset '{self.dataset}' has rewards that are not finite."
            raise DataError(message)
        facts = Facts(
            env=task.env,
            horizon=task.horizon,
            expert_return=expert_return,
            random_return=random_return(task),
            made_with=f"Minari's {self.dataset}",
            spec=task.spec,
        )
        return data_of(facts.made_with, tensors, facts, self.trajectories, self.dataset)

    def _tensors(self, task: Task, episodes: list[Any]) -> dict[str, Tensor]:
        """The episodes' observations and actions, as a policy meets them."""
        seen = task.interface.seen
        lengths = [len(episode.actions) for episode in episodes]
        try:
            # Minari also stores each episode's final observation, after which no action follows.
            obs = [
                flattened(seen, episode.observations, n + 1)[:n]
                for episode, n in zip(episodes, lengths, strict=True)
            ]
            action = task.actions.recorded(np.concatenate([e.actions for e in episodes]))
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            message = (
                f"Minari's dataset '{self.dataset}' was not recorded in '{task.env}' as it is made "
                f"here, which observes {shown(seen)}."
            )
            raise DataError(message) from error
        return {
            "obs": torch.from_numpy(np.concatenate(obs)).float(),
            "action": action,
            "lengths": torch.tensor(lengths),
        }
