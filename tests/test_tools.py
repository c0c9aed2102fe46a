"""What a maintainer runs from a checkout: each tool writes what the registry then says."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from hashlib import sha256
from statistics import stdev
from typing import TYPE_CHECKING

import pytest
import remeasure
import republish
import safetensors.torch
import torch
import train_features

import ganzoo
from ganzoo.builtin.metrics.features import Classifier
from ganzoo.parts.metric import Score
from ganzoo.plugins.registry import registry

if TYPE_CHECKING:
    from pathlib import Path

    from ganzoo.plugins.registry import Model
    from ganzoo.training.run import Run


def scored(*values: float) -> list[Score]:
    measured = {"options": {}, "data": "ring", "data_sha256": "", "split": "held-out"}
    fields = {"metric": "m", "better": "higher", **measured, "n_fake": 9, "seed": 0}
    return [Score(value=value, **fields) for value in values]


def test_the_interval_is_where_one_more_run_should_end() -> None:
    values = (1.0, 1.2, 1.7)
    figure = republish.figure(scored(*values))
    half = 4.303 * stdev(values) * (4 / 3) ** 0.5  # Student's t, two degrees of freedom, 97.5 %
    assert figure.value == 1.0
    assert figure.low == pytest.approx(1.3 - half, rel=1e-3)
    assert figure.high == pytest.approx(1.3 + half, rel=1e-3)


def test_an_interval_has_a_width_where_the_scores_have_none() -> None:
    for figure in (republish.figure(scored(8.0, 8.0, 8.0)), republish.figure(scored(8.0))):
        assert (figure.low, figure.high) == (7.84, 8.16)


def test_what_is_republished_is_shipped_and_registered(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    runs: list[Run] = []

    def retrain(model: Model, folder: Path, *, seed: int, device: str | None) -> None:
        assert (model.name, folder, device) == ("vanilla/ring", places[seed], "cpu")
        runs.append(ganzoo.train("vanilla", data="ring", rounds=1, seed=seed, out=folder))

    written: list[Model] = []
    monkeypatch.setattr(republish, "retrain", retrain)
    monkeypatch.setattr(republish, "register", written.append)
    monkeypatch.setattr(republish, "embedded_folder", lambda *_: tmp_path / "weights")
    places = [tmp_path / "runs" / "vanilla" / "ring" / str(seed) for seed in range(2)]
    model = republish.republish("vanilla/ring", tmp_path / "runs", seeds=2, device="cpu")
    assert written == [model]
    assert [run.game.seed for run in runs] == [0, 1]
    assert {file.role for file in model.files} == {"generator", "discriminator"}
    for file in model.files:
        blob = (tmp_path / "weights" / file.path).read_bytes()
        assert (file.size, file.sha256) == (len(blob), sha256(blob).hexdigest())
    loaded = ganzoo.load(f"dir:{tmp_path / 'weights'}")
    assert torch.equal(loaded.sample(4), runs[0].game.sample(4)["fake"])
    metrics = [score.metric for score in ganzoo.evaluate(runs[0])]
    assert [figure.metric for figure in model.figures] == metrics
    assert model.command == registry().weights["vanilla/ring"].command


def test_what_is_measured_anew_keeps_its_interval_and_must_lie_in_it() -> None:
    (score,) = scored(1.23456)
    old = republish.figure(scored(1.0, 1.2, 1.3))
    (new,) = remeasure.remeasured([old], [score])
    assert new == old.model_copy(update={"value": 1.235})
    outside = scored(9.0)
    other = [score.model_copy(update={"n_fake": 10})]
    for scores, found in ((outside, "9.0"), (other, "None"), ([], "None")):
        with pytest.raises(ValueError, match=rf"^m is {found}, not 0\.4"):
            remeasure.remeasured([old], scores)


def test_models_that_are_measured_anew_are_registered(monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[Model] = []
    monkeypatch.setattr(remeasure, "register", written.append)
    assert remeasure.main(["vanilla/ring"], ganzoo.default_zoo()) == 0
    assert written == [registry().weights["vanilla/ring"]]  # as it is registered already
    monkeypatch.setattr(remeasure, "evaluate", lambda *_, **__: [])
    assert remeasure.main(["vanilla/ring"], ganzoo.default_zoo()) == 1
    assert len(written) == 1


def test_an_extractor_is_written_with_its_card_and_the_sha256_that_is_printed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    short = replace(train_features.RECIPES["digits"], epochs=1)
    monkeypatch.setitem(train_features.RECIPES, "digits", short)
    monkeypatch.setattr(sys, "argv", ["train_features.py", "digits", "--out", str(tmp_path)])
    train_features.main()
    *_, card, digest = capsys.readouterr().out.split()
    content = (tmp_path / "digits.safetensors").read_bytes()
    assert digest == sha256(content).hexdigest()
    with safetensors.safe_open(tmp_path / "digits.safetensors", "pt") as file:
        assert file.metadata() == {"ganzoo": card}
    assert json.loads(card)["accuracy"] > 0.5
    Classifier(train_features.NETS["digits"]).load_state_dict(safetensors.torch.load(content))


def test_images_that_are_turned_stay_on_white_each_otherwise() -> None:
    stream = torch.Generator().manual_seed(0)
    images = torch.ones(64, 3, 16, 16)
    images[:, :, 6:10, 2:6] = -0.5
    found = train_features.turned(images, stream)
    assert found.shape == images.shape
    assert found.amax().item() == 1
    assert found.amin().item() >= -1
    assert len({*(image.sum().item() for image in found)}) == 64
    left = found[:, :, :, :8].sum((1, 2, 3)) < found[:, :, :, 8:].sum((1, 2, 3))
    assert 16 < left.sum().item() < 48
    assert torch.equal(
        train_features.turned(torch.ones(2, 3, 8, 8), stream), torch.ones(2, 3, 8, 8)
    )
