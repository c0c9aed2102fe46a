"""Files do not choose what is imported: not by an environment's name, and not by its recording."""

from __future__ import annotations

import importlib
import json
import sys
from typing import TYPE_CHECKING, Any

import gymnasium
import pytest
import safetensors.torch
import torch

import ganzoo
from ganzoo.errors import DataError, WeightsError
from ganzoo.storage.weight_file import GENERATOR_FILE, opened, written

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from ganzoo.plugins.zoo import Zoo

MODULE, ENV = "gail_trap", "gail_trap:Trap-v0"
REGISTERING = """
import gymnasium
gymnasium.register('Trap-v0', 'gymnasium.envs.classic_control:CartPoleEnv', max_episode_steps=5)
"""


@pytest.fixture(scope="module")
def zoo() -> Zoo:
    return ganzoo.default_zoo()


@pytest.fixture(autouse=True)
def trap(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A module that registers an environment when it is imported."""
    (tmp_path / f"{MODULE}.py").write_text(REGISTERING)
    monkeypatch.syspath_prepend(tmp_path)
    yield
    sys.modules.pop(MODULE, None)
    gymnasium.registry.pop("Trap-v0", None)


@pytest.mark.parametrize(
    "data",
    [
        {"part": "environment", "env": ENV},
        {"part": "demonstrations", "path": "a.safetensors", "module": MODULE},
        {"part": "minari", "dataset": "a", "module": MODULE},
    ],
)
def test_a_weight_file_does_not(tmp_path: Path, zoo: Zoo, data: dict[str, Any]) -> None:
    published = ganzoo.load("gail/cartpole", zoo=zoo)
    blob = published.source.read("generator")
    assert blob is not None
    config, tensors = opened(blob, "it")
    changed = config.model_copy(update={"data": data})
    (tmp_path / GENERATOR_FILE).write_bytes(written(tensors, changed))
    name = f"dir:{tmp_path}"
    model = ganzoo.load(name, zoo=zoo)
    obs = torch.zeros(1, 4)
    with pytest.raises(WeightsError) as error:
        model.act(obs)
    assert str(error.value) == (
        f"the data of '{name}' need the module 'gail_trap', which a weight file may not choose; "
        "import it first, if you trust it."
    )
    assert MODULE not in sys.modules
    if data["part"] == "environment":
        importlib.import_module(MODULE)
        assert model.act(obs).shape == (1,)


def recording(path: Path, **more: str) -> None:
    facts = {"horizon": "task", "expert_return": 1, "random_return": 0, **more}
    lengths, action = torch.tensor([1, 1]), torch.zeros(2, dtype=torch.uint8)
    tensors = {"obs": torch.zeros(2, 4), "action": action, "lengths": lengths}
    safetensors.torch.save_file(tensors, path, {"ganzoo": json.dumps(facts)})


def test_a_file_of_demonstrations_does_not_but_its_user_may(tmp_path: Path, zoo: Zoo) -> None:
    path = tmp_path / "theirs.safetensors"
    recording(path, env=ENV)
    for settings in ((), ("data.module=gail_nowhere",)):
        with pytest.raises(DataError) as error:
            zoo.dataset(f"demonstrations:{path}", settings).load()
        assert MODULE not in sys.modules
        assert str(error.value) == (
            f"{path} cannot be played: it needs the module 'gail_trap', which a file may not "
            "choose; name it by the option 'module' of the data, if you trust it."
            if not settings
            else "the module 'gail_nowhere' cannot be imported: No module named 'gail_nowhere'."
        )
    settings = (f"data.module={MODULE}", "data.trajectories=1")
    assert len(zoo.dataset(f"demonstrations:{path}", settings).load().train) == 1
