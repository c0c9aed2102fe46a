"""Data given from Python are trained on, resumed with, and never mistaken for others."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch.utils.data import TensorDataset

import ganzoo
from ganzoo.builtin.datasets.given import data_from
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
    with pytest.raises(RunError, match="holds a run with data.sha256 .+; leave out what di"):
        ganzoo.train("vanilla", data=IMAGES.flip(0), rounds=4, resume=True, **options)
    with pytest.raises(DataError, match="were given from Python and are not kept with it: pass"):
        ganzoo.sample(tmp_path / "run", 2, zoo=zoo)
    with pytest.raises(DataError, match="data of the type int cannot be trained on"):
        ganzoo.train("vanilla", data=7, rounds=2, zoo=zoo)


class Counting(Rows):
    """Keeps its classes, as torchvision's datasets do, and counts the rows that are read."""

    read = 0

    def __init__(self, targets: Any) -> None:
        super().__init__(IMAGES, torch.arange(60) % 3)
        self.targets = targets

    def __getitem__(self, row: Any) -> Any:
        self.read += 1
        return super().__getitem__(row)


@pytest.mark.parametrize("form", [list, np.array, torch.tensor])
def test_classes_that_a_dataset_keeps_are_known_without_reading_rows(form: Any) -> None:
    given = Counting(form([row % 3 for row in range(60)]))
    data = data_from(given)
    read = given.read
    labels = data.train.column("label")
    assert given.read == read
    assert data.train.fetched == {"real"}
    assert torch.equal(labels, data_from(Rows(IMAGES, torch.arange(60) % 3)).train.column("label"))
    assert data.spaces["label"].names == Rows.classes


@pytest.mark.parametrize("targets", [[0] * 60, [0, 1], ["ant"] * 60, None])
def test_classes_that_are_not_those_of_the_rows_are_not_trusted(targets: Any) -> None:
    data = data_from(Counting(targets))
    assert data.train.fetched == {"real", "label"}
    assert {*data.train.column("label").tolist()} == {0, 1, 2}


class Floats(TensorDataset):
    def __getitem__(self, row: int) -> Any:
        return self.tensors[0][row]


@pytest.mark.parametrize("shape", [(60, 1, 8, 8), (60, 2), (60,)])
def test_a_row_with_a_number_that_is_not_finite_is_named(shape: tuple[int, ...]) -> None:
    values = torch.linspace(-1, 1, 60).reshape(60, *[1] * (len(shape) - 1)).expand(shape).clone()
    values[7] = torch.nan
    sentence = "column 'real' has a number that is not finite, in row 7."
    for given in (values, Floats(values)):
        with pytest.raises(DataError) as error:
            data_from(given)
        assert str(error.value) == sentence


GREY = Image.new("RGB", (8, 8), (200, 200, 200))
PICTURES = {
    "1": (Image.new("1", (8, 8), 1), 255),
    "L": (GREY.convert("L"), 200),
    "P": (GREY.quantize(), 200),
    "RGB": (GREY, 200),
    "CMYK": (Image.new("CMYK", (8, 8)), 255),
}


@pytest.mark.parametrize("mode", PICTURES)
def test_pillows_images_are_read_by_their_modes(mode: str) -> None:
    picture, brightest = PICTURES[mode]
    real = data_from(Listed([{"image": picture}] * 20)).train.column("real")
    assert real.shape == (18, 1 if mode in {"1", "L"} else 3, 8, 8)
    assert ((real + 1) * 127.5).round().unique().tolist() == [brightest]


class Listed:
    """Rows in a list, as a map-style dataset."""

    def __init__(self, rows: list[Any]) -> None:
        self.rows = rows

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, row: int) -> Any:
        return self.rows[row]


def test_images_of_another_scale_than_it_seems_are_told_or_refused() -> None:
    assert data_from(IMAGES // 255).remarks == (
        "No pixel is brighter than 1 of 255: the images are almost black.",
    )
    assert data_from(IMAGES).remarks == ()
    wide = Image.fromarray(np.zeros((8, 8), np.uint16))
    for picture in (wide, wide.convert("I"), np.zeros((8, 8), np.int32)):
        with pytest.raises(DataError, match="is neither images \\(uint8, or floats in"):
            data_from(Listed([picture] * 20))


def test_a_model_of_given_data_samples_without_them(zoo: Zoo, tmp_path: Path) -> None:
    run = ganzoo.train(
        "vanilla", data=IMAGES, settings=SMALL, rounds=2, zoo=zoo, out=tmp_path / "run"
    )
    ganzoo.export(run, tmp_path / "weights", zoo=zoo)
    model = ganzoo.load(f"dir:{tmp_path / 'weights'}", zoo=zoo)
    assert torch.equal(model.sample(3, seed=1), ganzoo.sample(run, 3, seed=1, zoo=zoo))
