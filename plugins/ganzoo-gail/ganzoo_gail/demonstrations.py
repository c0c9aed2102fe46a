"""Demonstrations: an expert's observations and actions, as a dataset and as a file.

A file is safetensors, with the tensors ``obs``, float32, (N, d); ``action``, uint8 (int64 for more
than 256 choices), (N,), or float32, (N, k), in [-1, 1] where it has two bounds; ``lengths``, int64,
(episodes,), which sum to N; ``returns``, float64, (episodes,). Its one metadata key, ``ganzoo``, is
JSON with ``env`` (gymnasium's id), ``horizon`` ("fixed" or "task"), ``expert_return`` and
``random_return`` (means of 100 episodes), ``made_with``; and ``spec``, if the environment is not
made as it is registered.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import safetensors
import safetensors.torch
import torch
from pydantic import BaseModel, ConfigDict, ValidationError

from ganzoo.errors import DataError, counted, fault
from ganzoo.parts.dataset import Data
from ganzoo.parts.rows import ResidentRows
from ganzoo.storage.files import replacing
from ganzoo.storage.reading import GIB, read_bytes
from ganzoo.storage.weight_file import header_of
from ganzoo_gail.checking import checked
from ganzoo_gail.environments import require_imported, sentence
from ganzoo_gail.episodes import played, trained
from ganzoo_gail.pairs import Pairs
from ganzoo_gail.tasks import Horizon, Task

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor

    from ganzoo.parts.protocols import FrozenView

MOST_BYTES = 2 * GIB
"""Of a file of demonstrations, all of which is read into memory."""
EPISODES = 100
"""Episodes over which a return is averaged."""


class Facts(BaseModel):
    """The metadata of a file of demonstrations."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    env: str
    horizon: Horizon
    expert_return: float
    random_return: float
    made_with: str = ""
    spec: str | None = None

    def task(self) -> Task:
        """The task that was demonstrated."""
        return Task(env=self.env, horizon=self.horizon, spec=self.spec)


def read(path: Path, trajectories: int, name: str) -> Data:
    """The demonstrations of a file, ``trajectories`` episodes of them to train on.

    Raises DataError if the file is missing or damaged, or does not fit the environment it names.
    """
    try:
        blob = read_bytes(path, MOST_BYTES)
        tensors = safetensors.torch.load(blob)
        facts = Facts.model_validate_json(header_of(blob)["__metadata__"]["ganzoo"])
    except FileNotFoundError:
        message = f"there are no demonstrations at {path}."
        raise DataError(message) from None
    except (OSError, safetensors.SafetensorError, LookupError, TypeError, ValueError) as error:
        message = f"{path} cannot be read as demonstrations: {told(error)}"
        raise DataError(message) from error
    return data_of(str(path), tensors, facts, trajectories, name)


def data_of(
    source: str, tensors: dict[str, Tensor], facts: Facts, trajectories: int, name: str
) -> Data:
    """Demonstrations as data: the first episodes to train on, the others held out.

    If all are trained on, the last one is also the held-out one. Raises DataError, naming the
    source, if the tensors do not fit each other or the task.
    """
    try:
        require_imported(facts.env.rpartition(":")[0])
    except ImportError as error:
        message = f"{source} cannot be played: {sentence(error)}"
        raise DataError(message) from error
    task = facts.task()
    columns = checked(source, tensors, task)
    lengths = columns.pop("lengths")
    if trajectories > len(lengths):
        there = counted(len(lengths), "episode")
        message = f"{source} holds {there}, not {trajectories}; set data.trajectories to fewer."
        raise DataError(message)
    trained = int(lengths[:trajectories].sum())
    held = trained if trajectories < len(lengths) else trained - int(lengths[-1])
    pairs = Pairs.of(task, columns["obs"][:trained])
    if not bool(torch.isfinite(pairs.mean + pairs.std).all()):
        message = f"{source} has observations too large to be normalized."
        raise DataError(message)
    columns["real"] = pairs(columns["obs"], columns["action"])
    return Data(
        name=name,
        train=ResidentRows({name: column[:trained] for name, column in columns.items()}),
        held_out=ResidentRows({name: column[held:] for name, column in columns.items()}),
        spaces=task.spaces,
        info={
            "task": task,
            "pairs": pairs,
            "expert_return": facts.expert_return,
            "random_return": facts.random_return,
        },
        scored=EPISODES,
        recorded={"task": task.model_dump(mode="json")},
    )


def recalled(recorded: Mapping[str, Any]) -> dict[str, object]:
    """The task that demonstrations were of, so that a policy acts without them.

    A run of 0.2 or before recorded none. Raises DataError for a task that cannot be one.
    """
    if "task" not in recorded:
        return {}
    try:
        task = Task.model_validate(recorded["task"])
        require_imported(task.env.rpartition(":")[0])
    except ValidationError as error:
        message = f"the task that was recorded cannot be used: {fault(error)}."
        raise DataError(message) from error
    except ImportError as error:
        message = f"environment '{task.env}' cannot be made: {sentence(error)}"
        raise DataError(message) from error
    return {"task": task}


def told(error: Exception) -> str:
    """What is wrong with a file, as a sentence."""
    if isinstance(error, ValidationError):
        return f"in its metadata, {fault(error)}."
    if isinstance(error, OSError) and error.strerror:
        return f"{error.strerror}."
    return "its metadata has no key 'ganzoo'." if isinstance(error, KeyError) else sentence(error)


def record(
    path: Path, task: Task, frozen: FrozenView, *, episodes: int, seed: int, made_with: str
) -> Facts:
    """Write episodes of a policy's most likely actions to a file; returns the file's metadata."""
    policy = trained(frozen)
    kept: dict[str, list[list[Any]]] = {
        name: [[] for _ in range(episodes)] for name in ("obs", "action")
    }
    made = played(policy, task, episodes, seed=seed, greedy=True, kept=kept)
    expert = played(policy, task, EPISODES, seed=seed + 1, greedy=True)
    facts = Facts(
        env=task.env,
        horizon=task.horizon,
        expert_return=float(expert["return"].mean()),
        random_return=random_return(task, seed=seed),
        made_with=made_with,
        spec=task.spec,
    )
    classes = task.spaces["action"].classes
    obs, action = (torch.from_numpy(np.concatenate(kept[name])) for name in ("obs", "action"))
    tensors = {
        "obs": obs.float(),
        "action": stored(action, classes) if classes else task.actions.limited(action).float(),
        "lengths": made["length"].long(),
        "returns": made["return"],
    }
    with replacing(path) as temporary:
        text = json.dumps(facts.model_dump(exclude_none=True))
        temporary.write_bytes(safetensors.torch.save(tensors, {"ganzoo": text}))
    return facts


def stored(action: Tensor, classes: int) -> Tensor:
    """Choices as a file stores them: uint8, or int64 if there are more than that can count."""
    return action.byte() if classes <= torch.iinfo(torch.uint8).max + 1 else action.long()


def random_return(task: Task, *, seed: int = 0) -> float:
    """The return of random actions, the mean of 100 episodes."""
    return float(played(None, task, EPISODES, seed=seed, greedy=False)["return"].mean())


def home(path: Path) -> Path:
    """A path whose ``~`` is the user's home; it stays as it is if there is no such home."""
    return Path(os.path.expanduser(path))  # noqa: PTH111  (Path's raises where that is unknown)
