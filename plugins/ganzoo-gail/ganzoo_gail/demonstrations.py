"""Demonstrations: what an expert observed and did, as a dataset and as a file.

A file is safetensors. Tensors: ``obs``, float32, (N, d); ``action``, uint8, (N,), or float32 in
[-1, 1], (N, k); ``lengths``, int64, (episodes,), which add up to N; ``returns``, float64,
(episodes,). One metadata key ``ganzoo``, JSON: ``env`` (gymnasium's id), ``horizon`` ("fixed" or
"task"), ``expert_return`` and ``random_return`` (the means of 100 episodes), ``made_with``.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import safetensors
import safetensors.torch
import torch
from pydantic import BaseModel, ConfigDict, ValidationError

from ganzoo.errors import DataError
from ganzoo.parts.dataset import Data, Rows
from ganzoo.storage.files import replacing
from ganzoo_gail.episodes import played, policy_of
from ganzoo_gail.pairs import Pairs
from ganzoo_gail.tasks import Horizon, Task

if TYPE_CHECKING:
    from pathlib import Path

    from torch import Tensor

    from ganzoo.parts.protocols import FrozenView
    from ganzoo_gail.policy import ActorCritic

EPISODES = 100
"""Episodes that a return is the mean of."""


class Facts(BaseModel):
    """What a file of demonstrations says of itself."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    env: str
    horizon: Horizon
    expert_return: float
    random_return: float
    made_with: str = ""


def read(path: Path, trajectories: int, name: str) -> Data:
    """The demonstrations of a file.

    Raises DataError in one sentence for a file that is not there or cut short, or whose numbers do
    not fit the environment that it names.
    """
    try:
        blob = path.read_bytes()
        tensors = safetensors.torch.load(blob)
        with safetensors.safe_open(path, framework="pt") as file:
            facts = Facts.model_validate_json((file.metadata() or {})["ganzoo"])
    except FileNotFoundError:
        message = f"there are no demonstrations at {path}."
        raise DataError(message) from None
    except (OSError, safetensors.SafetensorError, KeyError, ValidationError) as error:
        message = f"{path} holds no demonstrations that can be read: {told(error)}"
        raise DataError(message) from error
    return data_of(str(path), tensors, facts, trajectories, name)


def data_of(
    source: str, tensors: dict[str, Tensor], facts: Facts, trajectories: int, name: str
) -> Data:
    """The first episodes to train on, the others held out (the last, if all are asked).

    Raises DataError, which names the source, where the tensors do not fit each other or the task.
    """
    task = Task(env=facts.env, horizon=facts.horizon)
    checked(source, tensors, task)
    lengths = tensors["lengths"].tolist()
    if trajectories > len(lengths):
        message = f"{source} holds {len(lengths)} episodes, not {trajectories}."
        raise DataError(message)
    trained = sum(lengths[:trajectories])
    held = trained if trajectories < len(lengths) else trained - lengths[-1]
    columns = columns_of(task, tensors)
    pairs = Pairs.of(task.spaces["real"], columns["obs"][:trained])
    columns["real"] = pairs(columns["obs"], columns["action"])
    return Data(
        name=name,
        train=Rows({name: column[:trained] for name, column in columns.items()}),
        held_out=Rows({name: column[held:] for name, column in columns.items()}),
        spaces=task.spaces,
        info={
            "task": task,
            "pairs": pairs,
            "expert_return": facts.expert_return,
            "random_return": facts.random_return,
        },
        scored=EPISODES,
    )


def columns_of(task: Task, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """``obs`` and ``action`` as networks read them."""
    obs, action = tensors["obs"], tensors["action"]
    action = action.long() if task.spaces["action"].classes is not None else action
    return {"obs": obs, "action": action}


def checked(source: str, tensors: dict[str, Tensor], task: Task) -> None:
    """Hold demonstrations against each other and against the environment."""
    missing = {"obs", "action", "lengths"} - tensors.keys()
    if missing:
        message = f"{source} holds no demonstrations: '{min(missing)}' is missing."
        raise DataError(message)
    obs, action, lengths = (tensors[name] for name in ("obs", "action", "lengths"))
    if not len(obs) or len(obs) != len(action) or int(lengths.sum()) != len(obs):
        message = (
            f"{source} is empty or cut short: {len(obs)} observations, {len(action)} actions and "
            f"episodes of {int(lengths.sum())} steps."
        )
        raise DataError(message)
    spaces = task.spaces
    if tuple(obs.shape[1:]) != spaces["obs"].shape:
        message = (
            f"{source} has observations of shape {tuple(obs.shape[1:])}; those of '{task.env}' are "
            f"{spaces['obs'].shape}."
        )
        raise DataError(message)
    if not bool(torch.isfinite(obs).all()) or not bool(torch.isfinite(action.float()).all()):
        message = f"{source} has observations or actions that are not finite."
        raise DataError(message)
    classes = spaces["action"].classes
    if classes is None:
        fits = action.is_floating_point() and tuple(action.shape[1:]) == spaces["action"].shape
        wanted = f"vectors of {spaces['action'].size} numbers"
    else:
        whole = not action.is_floating_point() and action.dim() == 1
        fits = whole and bool(((action >= 0) & (action < classes)).all())
        wanted = f"choices of {classes}"
    if not fits:
        message = f"{source} has actions that '{task.env}' does not take: they must be {wanted}."
        raise DataError(message)


def told(error: Exception) -> str:
    """An error that is not ours, as a sentence."""
    if isinstance(error, KeyError):
        return "it has no metadata of ganzoo."
    return str(error).strip().splitlines()[0].rstrip(".") + "."


def record(
    path: Path, task: Task, frozen: FrozenView, *, episodes: int, seed: int, made_with: str
) -> Facts:
    """Write episodes of a policy's likeliest actions to a file; returns what it says of itself."""
    net: Any = Unflagged(policy_of(frozen.net), frozen.spaces["obs"].size)
    device = frozen.device
    kept: dict[str, list[list[Any]]] = {
        name: [[] for _ in range(episodes)] for name in ("obs", "action")
    }
    made = played(net, task, episodes, seed=seed, greedy=True, device=device, kept=kept)
    expert = played(net, task, EPISODES, seed=seed + 1, greedy=True, device=device)
    facts = Facts(
        env=task.env,
        horizon=task.horizon,
        expert_return=float(expert["return"].mean()),
        random_return=random_return(task, seed=seed),
        made_with=made_with,
    )
    is_choice = task.spaces["action"].classes is not None
    obs, action = (torch.from_numpy(np.concatenate(kept[name])) for name in ("obs", "action"))
    tensors = {
        "obs": obs.float(),
        "action": action.byte() if is_choice else action.clamp(-1, 1).float(),
        "lengths": made["length"].long(),
        "returns": made["return"],
    }
    with replacing(path) as temporary:
        text = json.dumps(facts.model_dump())
        temporary.write_bytes(safetensors.torch.save(tensors, {"ganzoo": text}))
    return facts


class Unflagged:
    """A policy that acts in a fixed-horizon task though it was trained where episodes end.

    It does not see the number that says whether the task has ended.
    """

    def __init__(self, net: ActorCritic, size: int) -> None:
        """Show a policy only the first ``size`` numbers of an observation."""
        self.net, self.size = net, size

    def best(self, obs: Tensor) -> Tensor:
        """The likeliest action of each observation."""
        return self.net.best(obs[:, : self.size])


def random_return(task: Task, *, seed: int = 0) -> float:
    """What uniformly random actions earn, the mean of 100 episodes."""
    return float(played(None, task, EPISODES, seed=seed, greedy=False)["return"].mean())
