"""Files of demonstrations are checked by types, shapes and numbers; what is wrong is named."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch
from ganzoo_gail.datasets import Demonstrations
from ganzoo_gail.demonstrations import MOST_BYTES

from ganzoo.errors import DataError

FACTS = {"env": "CartPole-v1", "horizon": "task", "expert_return": 1.0, "random_return": 0.0}
PENDULUM = {"obs": torch.zeros(4, 3), "action": torch.zeros(4, 1)}


def file_of(folder: Path, facts: object = FACTS, **changed: Any) -> Path:
    tensors = {
        "obs": torch.zeros(4, 4),
        "action": torch.zeros(4, dtype=torch.uint8),
        "lengths": torch.tensor([2, 2]),
        **changed,
    }
    path = folder / "demos.safetensors"
    kept = {name: tensor for name, tensor in tensors.items() if tensor is not None}
    safetensors.torch.save_file(kept, path, {"ganzoo": json.dumps(facts)})
    return path


def refused(path: Path) -> str:
    with pytest.raises(DataError) as error:
        Demonstrations(path=str(path), trajectories=1).load()
    return str(error.value)


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"lengths": None}, "holds no demonstrations: 'lengths' is missing."),
        (
            {"lengths": torch.tensor([2.0, 2.0])},
            "has float32 of shape (2,) in 'lengths'; it must hold integers, (episodes,).",
        ),
        (
            {"lengths": torch.tensor(4)},
            "has int64 of shape () in 'lengths'; it must hold integers, (episodes,).",
        ),
        (
            {"lengths": torch.tensor([True, True])},
            "has bool of shape (2,) in 'lengths'; it must hold integers, (episodes,).",
        ),
        (
            {"lengths": torch.zeros(2).to(torch.float8_e4m3fn)},
            "has float8_e4m3fn of shape (2,) in 'lengths'; it must hold integers, (episodes,).",
        ),
        (
            {"obs": torch.tensor(1.0)},
            "has float32 of shape () in 'obs'; it must hold numbers, (N, d).",
        ),
        (
            {"obs": torch.zeros(4, 4).to(torch.float8_e5m2)},
            "has float8_e5m2 of shape (4, 4) in 'obs'; it must hold numbers, (N, d).",
        ),
        (
            {"action": torch.zeros(4, 1, 1)},
            "has float32 of shape (4, 1, 1) in 'action'; it must hold numbers, (N,) or (N, k).",
        ),
        (
            {"returns": torch.zeros(2, 2)},
            "has float32 of shape (2, 2) in 'returns'; it must hold numbers, (episodes,).",
        ),
        ({"lengths": torch.tensor([6, -2])}, "has an episode of -2 steps in 'lengths'."),
        ({"lengths": torch.tensor([4, 0])}, "has an episode of 0 steps in 'lengths'."),
        (
            {"lengths": torch.zeros(0).long()},
            "is empty or incomplete: 4 observations, 4 actions and episodes of 0 steps.",
        ),
        (  # as int64 they sum to 4
            {"lengths": torch.tensor([2**62, 2**62, 2**62, 2**62, 4])},
            "is empty or incomplete: 4 observations, 4 actions and episodes of 184467440737",
        ),
        (
            {"obs": torch.full((4, 4), 1e300, dtype=torch.float64)},
            "has numbers in 'obs' that are not finite",
        ),
        ({"obs": torch.full((4, 4), torch.inf)}, "has numbers in 'obs' that are not finite"),
        (
            {"obs": torch.zeros(0, 4), "action": torch.zeros(0), "lengths": torch.zeros(0).long()},
            "is empty or incomplete: 0 observations, 0 actions and episodes of 0 steps.",
        ),
        ({"obs": torch.zeros(4, 3)}, "has observations of shape (3,); those of "),
        ({"action": torch.zeros(4)}, "has actions that "),
        ({"action": torch.tensor([0, 0, 0, -1])}, "has actions that "),
        ({"obs": torch.full((4, 4), 3e38)}, "has observations too large to be normalized."),
    ],
)
def test_what_is_wrong_with_a_field_is_told(
    tmp_path: Path, changed: dict[str, Any], sentence: str
) -> None:
    path = file_of(tmp_path, **changed)
    assert refused(path).startswith(f"{path} {sentence}")


def test_actions_that_are_not_finite_are_refused(tmp_path: Path) -> None:
    facts = {**FACTS, "env": "Pendulum-v1"}
    path = file_of(tmp_path, facts, **{**PENDULUM, "action": torch.full((4, 1), torch.nan)})
    assert refused(path) == f"{path} has numbers in 'action' that are not finite float32."


@pytest.mark.parametrize(
    ("facts", "sentence"),
    [
        ({**FACTS, "expert_return": "much"}, "in its metadata, expert_return: Input should be"),
        ({**FACTS, "expert_return": float("nan")}, "in its metadata, expert_return: Input should"),
        ({**FACTS, "seed": 1}, "in its metadata, seed: Extra inputs are not permitted."),
        ([], "in its metadata, Input should be an object."),
        ({**FACTS, "x" * 9000: 1}, f"in its metadata, {'x' * 100}"),
    ],
)
def test_what_is_wrong_with_the_metadata_is_told(
    tmp_path: Path, facts: object, sentence: str
) -> None:
    path = file_of(tmp_path, facts)
    assert refused(path).startswith(f"{path} cannot be read as demonstrations: {sentence}")


@pytest.mark.parametrize("kind", [torch.float64, torch.float16, torch.bfloat16, torch.int32])
def test_numbers_of_other_types_are_read_as_float32(tmp_path: Path, kind: torch.dtype) -> None:
    lengths = torch.tensor([2, 2], dtype=torch.int16)
    obs = torch.arange(16).view(4, 4)
    path = file_of(
        tmp_path, obs=obs.to(kind), action=torch.ones(4).to(torch.int32), lengths=lengths
    )
    data = Demonstrations(path=str(path), trajectories=1).load()
    assert torch.equal(data.train.column("obs"), obs[:2].float())
    assert data.train.column("action").dtype == torch.int64
    assert data.train.column("real").dtype == torch.float32


def test_other_tensors_are_left_alone(tmp_path: Path) -> None:
    path = file_of(tmp_path, rewards=torch.zeros(4), terminals=torch.zeros(4, dtype=torch.bool))
    assert len(Demonstrations(path=str(path), trajectories=1).load().train) == 2


def test_what_is_no_file_or_too_large_is_not_read(tmp_path: Path) -> None:
    pipe, large = tmp_path / "pipe", tmp_path / "large"
    os.mkfifo(pipe)
    with large.open("wb") as file:
        file.truncate(MOST_BYTES + 1)
    told = "cannot be read as demonstrations:"
    assert refused(pipe) == f"{pipe} {told} it is a named pipe, not a file."
    assert refused(large) == f"{large} {told} it is larger than 2 GiB."
    assert refused(tmp_path) == f"{tmp_path} {told} Is a directory."
