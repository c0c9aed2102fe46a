"""What version 0.1 wrote is read: runs resume as they would have, and weight files load.

``tests/data/0.1`` holds runs that 0.1 trained for eight rounds, saved at the fourth and the last,
and the weight files that it exported: Adam without a name, AdamW by a weight decay, linear
schedules.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import safetensors.torch
import torch

import ganzoo
from ganzoo.parts import Schedule
from ganzoo.storage.weight_file import opened, written
from ganzoo.training.run import Run

if TYPE_CHECKING:
    from ganzoo.plugins.zoo import Zoo

OLD = Path(__file__).parent / "data" / "0.1"
RUNS = ("vanilla", "infogan", "gail")
SETTINGS = {name: json.loads((OLD / name / "run.json").read_text()) for name in RUNS}


def halfway(name: str, folder: Path) -> Path:
    """A run of 0.1 as it was after its fourth round."""
    shutil.copytree(OLD / name, folder)
    (folder / "checkpoints" / "00000008.safetensors").unlink()
    return folder


@pytest.mark.parametrize("name", RUNS)
def test_a_run_of_0_1_resumes_as_0_1_went_on(name: str, zoo: Zoo, tmp_path: Path) -> None:
    run = Run.open(halfway(name, tmp_path / name), zoo)
    run.train([])
    ended = safetensors.torch.load_file(OLD / name / "checkpoints" / "00000008.safetensors")
    tensors, _ = run.game.state()
    assert tensors.keys() == ended.keys()
    for key, value in ended.items():
        # Equal bit for bit on the machine that made them; other processors round otherwise.
        torch.testing.assert_close(tensors[key].cpu(), value, atol=1e-4, rtol=1e-3, msg=key)


def test_its_options_are_those_of_today(zoo: Zoo) -> None:
    game = Run.open(OLD / "infogan", zoo).game
    optimizers = game.variant.optimizers
    assert {player: o.name for player, o in optimizers.items()} == {
        "discriminator": "adamw",
        "generator": "adam",
    }
    assert optimizers["discriminator"].weight_decay == 0.1  # type: ignore[attr-defined]
    assert optimizers["generator"].lr == Schedule(shape="linear", start=1e-3, end=0)
    assert list(Run.open(OLD / "gail", zoo).game.variant.optimizers) == [
        *("discriminator", "generator")
    ]


def test_its_run_goes_on_by_the_command_that_made_it(zoo: Zoo, tmp_path: Path) -> None:
    settings = ["mlp.width=8", "mlp.depth=1", "gaussian.dim=2", "batch=16"]
    settings += ["data.n=200", "data.held_out=100"]
    run = ganzoo.train(
        "vanilla",
        data="ring",
        settings=settings,
        rounds=8,
        save_every=4,
        seed=5,
        zoo=zoo,
        out=halfway("vanilla", tmp_path / "run"),
        resume=True,
    )
    assert run.game.rounds == 8
    assert Run.open(tmp_path / "run", zoo).game.rounds == 8  # and once more, as it writes itself


@pytest.mark.parametrize("name", RUNS)
def test_its_weights_load_to_the_same_bits_and_save_to_the_same_bytes(name: str, zoo: Zoo) -> None:
    folder = OLD / name / "weights"
    model = ganzoo.load(f"dir:{folder}", zoo=zoo)
    for network, file in ((model.generator, "model"), (model.discriminator, "discriminator")):
        blob = (folder / f"{file}.safetensors").read_bytes()
        config, tensors = opened(blob, file)
        assert network is not None
        for key, value in network.state_dict().items():
            assert torch.equal(value, tensors[key])
        assert written(tensors, config) == blob
    assert torch.isfinite(next(iter(model.values(2).values()))).all()
