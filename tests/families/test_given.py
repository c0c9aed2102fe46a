"""Data given from Python are trained on, resumed with, and never mistaken for others."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from torch.utils.data import TensorDataset

import ganzoo
from ganzoo.errors import DataError, RunError

if TYPE_CHECKING:
    from pathlib import Path

    from ganzoo.plugins.zoo import Zoo

SMALL = ["batch=8", "mlp.width=8", "mlp.depth=1"]
STREAM = torch.Generator().manual_seed(0)
IMAGES = torch.randint(256, (60, 1, 8, 8), generator=STREAM, dtype=torch.uint8)
LABELS = [i % 3 if i % 2 else -1 for i in range(60)]


class Rows(TensorDataset):
    """A torch Dataset of (image, class) pairs."""

    classes = ("ant", "bee", "cat")


GIVEN: dict[str, Any] = {
    "tensor": IMAGES,
    "array": IMAGES.movedim(1, -1).numpy(),
    "floats": IMAGES.float() / 127.5 - 1,
    "columns": {"real": IMAGES, "label": np.array(LABELS)},
    "dataset": Rows(IMAGES, torch.arange(60) % 3),
}


@pytest.mark.parametrize("kind", GIVEN)
def test_a_run_of_them_resumes_bit_for_bit_when_they_are_given_again(
    kind: str, zoo: Zoo, tmp_path: Path
) -> None:
    def run(folder: Path, **options: Any) -> Any:
        return ganzoo.train(
            "vanilla",
            data=GIVEN[kind],
            settings=SMALL,
            rounds=4,
            save_every=2,
            zoo=zoo,
            out=folder,
            **options,
        )

    whole = run(tmp_path / "whole")
    shutil.copytree(tmp_path / "whole", tmp_path / "half")
    (tmp_path / "half" / "checkpoints" / "00000004.safetensors").unlink()
    resumed = run(tmp_path / "half", resume=True)
    mine, its = whole.game.state()[0], resumed.game.state()[0]
    assert all(torch.equal(value, its[name]) for name, value in mine.items())
    assert {score.data for score in ganzoo.evaluate(whole, zoo=zoo)} == {"given"}
    said = json.loads((tmp_path / "whole" / "run.json").read_text())["data"]
    assert said == {"part": "given", "sha256": whole.game.data.sha256}


def test_the_same_images_in_another_form_train_the_same_game(zoo: Zoo) -> None:
    ends = []
    for kind in ("tensor", "array", "floats"):
        game = ganzoo.compose("vanilla", data=GIVEN[kind], settings=SMALL, zoo=zoo).game()
        game.round()
        ends.append(torch.cat([p.detach().flatten() for p in game.params["generator"]]))
    assert torch.equal(ends[0], ends[1])
    torch.testing.assert_close(ends[0], ends[2])


def test_other_data_are_refused_and_missing_ones_are_asked_for(zoo: Zoo, tmp_path: Path) -> None:
    options: dict[str, Any] = {"settings": SMALL, "zoo": zoo, "out": tmp_path / "run"}
    ganzoo.train("vanilla", data=IMAGES, rounds=2, **options)
    with pytest.raises(RunError, match="holds a run with another data; choose another --out"):
        ganzoo.train("vanilla", data=IMAGES.flip(0), rounds=4, resume=True, **options)
    with pytest.raises(DataError, match="were given from Python and are not kept with it: pass"):
        ganzoo.evaluate(tmp_path / "run", zoo=zoo)
    with pytest.raises(DataError, match="have changed since it was trained on them"):
        ganzoo.evaluate(tmp_path / "run", data=IMAGES.flip(0), zoo=zoo)
    assert ganzoo.evaluate(tmp_path / "run", data=IMAGES, zoo=zoo)
    with pytest.raises(DataError, match="data of the type int cannot be trained on"):
        ganzoo.train("vanilla", data=7, rounds=2, zoo=zoo)


def test_a_model_of_given_data_samples_without_them(zoo: Zoo, tmp_path: Path) -> None:
    run = ganzoo.train(
        "vanilla", data=IMAGES, settings=SMALL, rounds=2, zoo=zoo, out=tmp_path / "run"
    )
    ganzoo.export(run, tmp_path / "weights", zoo=zoo)
    model = ganzoo.load(f"dir:{tmp_path / 'weights'}", zoo=zoo)
    expected = ganzoo.sample(run, 3, seed=1, zoo=zoo)
    assert torch.equal(model.sample(3, seed=1), expected)
    assert torch.equal(ganzoo.sample(tmp_path / "run", 3, seed=1, zoo=zoo), expected)
