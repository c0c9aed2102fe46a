"""Datasets of demonstrations: shipped, of a file, of Minari; and an environment without any."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from pydantic import Field, PositiveInt

from ganzoo.errors import DataError
from ganzoo.parts.dataset import Data, Dataset
from ganzoo.parts.rows import ResidentRows
from ganzoo_gail.demonstrations import (
    EPISODES,
    Facts,
    columns_of,
    data_of,
    random_return,
    read,
    told,
)
from ganzoo_gail.episodes import played
from ganzoo_gail.pairs import Pairs
from ganzoo_gail.tasks import Horizon, Task


class Demonstrations(Dataset):
    """Demonstrations in a file (see this module); ``demonstrations:FILE`` names it."""

    path: Path
    trajectories: PositiveInt = Field(default=4, description="episodes of the expert to train on")

    def load(self) -> Data:
        """Read them."""
        return read(self.path, self.trajectories, self.path.stem)


class Shipped(Dataset):
    """Demonstrations that come with this plugin, by the name of their task."""

    name = "shipped"
    horizons: ClassVar[tuple[Horizon, ...]] = ("fixed", "task")

    horizon: Horizon = Field(
        default="fixed", description="whether all episodes are equally long, or end as the task's"
    )
    trajectories: PositiveInt = Field(default=4, description="episodes of the expert to train on")

    def load(self) -> Data:
        """Read them; DataError where there are none with this horizon."""
        if self.horizon not in self.horizons:
            message = f"'{self.name}' has demonstrations with horizon {self.horizons[0]} only."
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
    """MountainCar-v0: a weak car driven out of a valley."""


class Pendulum(Shipped):
    """Pendulum-v1: a pendulum swung up and held; its episodes always take 200 steps."""

    horizons = ("task",)
    horizon: Horizon = Field(default="task", description="Pendulum's own horizon is a fixed one")


class Hopper(Shipped):
    """Hopper-v5: one leg that hops (needs ganzoo-gail[mujoco])."""

    horizons = ("task",)
    horizon: Horizon = Field(default="task", description="an episode ends where the leg falls")


class Environment(Dataset):
    """An environment of gymnasium without an expert; ``environment:ID`` names it.

    Its rows are a random policy's: there is nothing to imitate, but a reward of the task's own.
    """

    env: str
    horizon: Horizon = Field(default="task", description="as the task's own, or fixed")

    def load(self) -> Data:
        """Play a few episodes at random."""
        task = Task(env=self.env, horizon=self.horizon)
        kept: dict[str, list[list[Any]]] = {name: [[], []] for name in ("obs", "action")}
        played(None, task, 2, seed=0, greedy=False, kept=kept)
        obs, action = (torch.from_numpy(np.concatenate(kept[name])) for name in ("obs", "action"))
        pairs = Pairs.of(task.spaces["real"], obs)
        columns = columns_of(task, {"obs": obs, "action": action})
        rows = ResidentRows({**columns, "real": pairs(**columns)})
        facts = {"task": task, "pairs": pairs, "random_return": random_return(task)}
        return Data(f"{self.env}:{self.horizon}", rows, rows, task.spaces, facts, scored=EPISODES)


class Minari(Dataset):
    """Demonstrations of Farama's Minari, on this machine; ``minari:ID`` names it.

    Needs ganzoo-gail[minari]; ``minari download ID`` fetches one.
    """

    dataset: str
    trajectories: PositiveInt = Field(default=4, description="episodes of the expert to train on")

    def load(self) -> Data:
        """Read them; DataError where there are none, or of no environment that can be played."""
        try:
            import minari
        except ImportError as error:
            message = "Minari is not installed: pip install 'ganzoo-gail[minari]'."
            raise DataError(message) from error
        try:
            found = minari.load_dataset(self.dataset)
            episodes = list(found.iterate_episodes())
        except Exception as error:  # its own, and those of its storage
            message = f"Minari has no dataset '{self.dataset}' that can be read here: {told(error)}"
            raise DataError(message) from error
        if found.spec.env_spec is None:
            message = f"Minari's '{self.dataset}' does not say of which environment it is."
            raise DataError(message)
        task = Task(env=found.spec.env_spec.id)
        returns = [float(np.sum(episode.rewards)) for episode in episodes]
        lengths = [len(episode.actions) for episode in episodes]
        # One observation more than actions: the last one, at which nothing was done.
        obs = [episode.observations[:n] for episode, n in zip(episodes, lengths, strict=True)]
        tensors = {
            "obs": torch.from_numpy(np.concatenate(obs)).float(),
            "action": task.unscaled(np.concatenate([episode.actions for episode in episodes])),
            "lengths": torch.tensor(lengths),
        }
        facts = Facts(
            env=task.env,
            horizon=task.horizon,
            expert_return=float(np.mean(returns)),
            random_return=random_return(task),
            made_with=f"Minari's {self.dataset}",
        )
        return data_of(facts.made_with, tensors, facts, self.trajectories, self.dataset)
