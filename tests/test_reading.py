"""Runs read from their folder: sampled, scored and exported without their data, on any device."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING, Any

import pytest
import torch
from PIL import Image

import ganzoo
from ganzoo.engine.sampling import FrozenGenerator
from ganzoo.errors import DataError, OptionError, RunError, WeightsError
from ganzoo.pretrained.opening import model_of
from ganzoo.pretrained.render import write_samples
from ganzoo.pretrained.runs import RunFolder
from ganzoo.training.run import Run
from ganzoo.training.weights import weight_file

if TYPE_CHECKING:
    from pathlib import Path

    from ganzoo.plugins.zoo import Zoo

SMALL = ["architecture.width=8", "batch=4", "data.size=8", "data.held_out=0.5"]


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Twenty pictures each of two kinds."""
    for i, kind in enumerate(20 * ["circle"] + 20 * ["square"]):
        place = tmp_path / "photos" / kind / f"{i}.png"
        place.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (8, 8), (6 * i, 0, 255 - 6 * i)).save(place)
    return tmp_path / "photos"


def trained(photos: Path, out: Path, rounds: int = 2, **options: Any) -> Run:
    return ganzoo.train(
        "conditional", data=f"folder:{photos}", settings=SMALL, rounds=rounds, out=out, **options
    )


def as_on_a_gpu(folder: Path) -> None:
    """Rewrite a run's plan as if it had been trained on a GPU, which is not here."""
    plan = json.loads((folder / "run.json").read_text())
    (folder / "run.json").write_text(json.dumps({**plan, "device": "cuda:7"}))


def test_a_finished_run_is_read_without_its_data(photos: Path, tmp_path: Path) -> None:
    run = trained(photos, tmp_path / "run")
    expected = {n: ganzoo.sample(run, n, label="square", seed=1) for n in (1, 5)}
    files = {path.name: path.read_bytes() for path in ganzoo.export(run, tmp_path / "a").iterdir()}
    shutil.rmtree(photos)
    for n, samples in expected.items():
        assert torch.equal(ganzoo.sample(tmp_path / "run", n, label=1, seed=1), samples)
    write_samples(tmp_path / "run", label="circle", out=tmp_path / "circles.png")
    again = ganzoo.export(tmp_path / "run", tmp_path / "b")
    assert {path.name: path.read_bytes() for path in again.iterdir()} == files
    assert {*files} == {"model.safetensors", "discriminator.safetensors"}
    model = ganzoo.load(f"run:{tmp_path / 'run'}")
    assert torch.equal(model.sample(5, label=["square"] * 5, seed=1), expected[5])
    with pytest.raises(DataError, match="there is no folder"):
        ganzoo.evaluate(tmp_path / "run")


def test_a_run_in_the_middle_is_calibrated_once_to_the_same_bits(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "run"
    run = trained(photos, folder, rounds=4, save_every=2)
    (folder / "checkpoints" / "00000004.safetensors").unlink()
    halfway = Run.open(folder, run.zoo)
    expected = weight_file(halfway.game, "generator", halfway.plan.data)
    assert (folder / "model.safetensors").read_bytes() != expected
    assert RunFolder.open(str(folder), run.zoo).read("generator") == expected
    assert (folder / "model.safetensors").read_bytes() == expected
    shutil.rmtree(photos)
    monkeypatch.setattr(FrozenGenerator, "copy_of", None)
    assert RunFolder.open(str(folder), run.zoo).read("generator") == expected


def test_a_run_finds_its_data_from_another_working_directory(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    run = ganzoo.train("dcgan", data="folder:photos", settings=SMALL, rounds=1, out="run")
    monkeypatch.chdir(photos)
    assert ganzoo.evaluate("../run", n=20) == ganzoo.evaluate(run, n=20)
    assert ganzoo.train(resume=True, out="../run", rounds=2).game.rounds == 2


def test_a_run_of_a_gpu_is_read_where_there_is_none(photos: Path, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    run = trained(photos, folder)
    as_on_a_gpu(folder)
    assert torch.equal(ganzoo.sample(folder, 3), ganzoo.sample(run, 3))
    assert ganzoo.evaluate(folder, n=20, metrics=["frechet"])
    assert ganzoo.export(folder, tmp_path / "weights").exists()
    with pytest.raises(RunError, match="device 'cuda' cannot be used here: "):
        ganzoo.sample(folder, 3, device="cuda")


def test_scores_of_a_folder_are_those_of_the_run(photos: Path, tmp_path: Path) -> None:
    run = trained(photos, tmp_path / "run")
    assert ganzoo.evaluate(tmp_path / "run", n=24) == ganzoo.evaluate(run, n=24)
    Image.new("RGB", (8, 8)).save(photos / "square" / "another.png")
    with pytest.raises(DataError) as error:
        ganzoo.evaluate(tmp_path / "run")
    assert str(error.value) == (
        f"the data of {tmp_path / 'run'} have changed since it was trained on them, so its scores "
        "would be of other rows than were held out."
    )
    assert ganzoo.export(tmp_path / "run", tmp_path / "weights").exists()


def test_heads_of_the_discriminator_are_scored_as_in_the_run(zoo: Zoo, tmp_path: Path) -> None:
    run = ganzoo.train("infogan", settings=SMALL[:2], rounds=2, out=tmp_path / "run", zoo=zoo)
    scores = ganzoo.evaluate(tmp_path / "run", n=64, zoo=zoo)
    assert "code-error" in {score.metric for score in scores}
    assert scores == ganzoo.evaluate(run, n=64, zoo=zoo)


def test_models_are_scored_by_name(zoo: Zoo) -> None:
    scores = {score.metric: score for score in ganzoo.evaluate("vanilla/ring", zoo=zoo)}
    assert scores["modes-captured"].value == 8
    assert scores["modes-captured"].n_fake == 2500


def test_a_device_that_is_not_here_is_one_sentence(zoo: Zoo) -> None:
    model = ganzoo.load("vanilla/ring", zoo=zoo)
    for call in (
        lambda: ganzoo.load("vanilla/ring", device="gpu", zoo=zoo),
        lambda: model.to("gpu"),
    ):
        with pytest.raises(RunError, match="device 'gpu' cannot be used here: "):
            call()
    assert model.sample(2).shape == (2, 2)
    assert ganzoo.load("vanilla/ring", device="auto", zoo=zoo).device.type in {"cpu", "cuda"}


def test_a_policy_acts_on_finite_observations_and_has_no_latents(zoo: Zoo) -> None:
    model = ganzoo.load("gail/cartpole", zoo=zoo)
    assert torch.equal(model.act([[0.0] * 4]), model.act(torch.zeros(1, 4)))  # type: ignore[arg-type]
    for obs, sentence in (
        (torch.full((2, 4), torch.nan), "observations must be finite numbers"),
        (None, "observations cannot be None: give"),
        (torch.zeros(0, 4), r"the policy acts on observations of 'CartPole-v1', \(N, 4\)"),
    ):
        with pytest.raises(OptionError, match=sentence):
            model.act(obs)  # type: ignore[arg-type]
    with pytest.raises(OptionError, match="'gail/cartpole' has no latent z to walk through"):
        model.interpolate(1)


def test_a_damaged_plan_names_what_is_wrong_with_it(zoo: Zoo, tmp_path: Path) -> None:
    ganzoo.train("vanilla", data="ring", rounds=1, out=tmp_path, zoo=zoo)
    plan = json.loads((tmp_path / "run.json").read_text())
    (tmp_path / "run.json").write_text(json.dumps({**plan, "sead": 1}))
    with pytest.raises(RunError, match=r"run.json is damaged, or of another version: .*sead"):
        ganzoo.sample(tmp_path, zoo=zoo)
    with pytest.raises(RunError, match=r"log.jsonl is a file, not the folder of a run"):
        ganzoo.sample(tmp_path / "log.jsonl", zoo=zoo)


def test_a_misspelt_model_is_told_from_a_folder(zoo: Zoo) -> None:
    for name in ("dcgan/mnist", "dcgan/fashion-mnits"):
        with pytest.raises(WeightsError, match="did you mean 'dcgan/fashion-mnist'"):
            ganzoo.sample(name, zoo=zoo)
    with pytest.raises(RunError, match="runs/mnist holds no run"):
        ganzoo.sample("runs/mnist", zoo=zoo)


def test_what_is_no_run_is_said(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="nowhere holds no run: there is no "):
        model_of(tmp_path / "nowhere")
    (tmp_path / "run").mkdir()
    run = ganzoo.train("vanilla", data="ring", rounds=1, out=tmp_path / "run")
    for path in run.checkpoints():
        path.unlink()
    (tmp_path / "run" / "model.safetensors").unlink()
    with pytest.raises(RunError, match="has no checkpoint yet; train it first"):
        ganzoo.sample(tmp_path / "run")


@pytest.mark.parametrize("n", [0, -1])
def test_no_samples_cannot_be_drawn(zoo: Zoo, n: int) -> None:
    for name in ("vanilla/ring", "gail/cartpole"):
        model = ganzoo.load(name, zoo=zoo)
        for call in (model.sample, model.values):
            with pytest.raises(OptionError) as error:
                call(n)
            assert str(error.value) == (
                f"the number of samples must be a whole number, 1 or more, not {n}."
            )
    with pytest.raises(OptionError, match=f"the number of walks must be .*, not {n}"):
        ganzoo.load("vanilla/ring", zoo=zoo).interpolate(n)


@pytest.mark.parametrize("n", ["3", 1.5, None, True])
def test_numbers_of_samples_and_seeds_are_whole(zoo: Zoo, n: Any) -> None:
    model = ganzoo.load("vanilla/ring", zoo=zoo)
    with pytest.raises(OptionError, match=f"the number of samples must be .*, not {n!r}"):
        model.sample(n)
    with pytest.raises(OptionError, match="the seed must be a whole number, 0 or more, not -1"):
        model.sample(2, seed=-1)
    with pytest.raises(OptionError, match="name a model or the folder of a run, not None"):
        ganzoo.sample(None, 3, zoo=zoo)  # type: ignore[arg-type]


def test_values_of_a_loaded_model_are_refused_in_one_sentence(zoo: Zoo) -> None:
    model = ganzoo.load("conditional/fashion-mnist", zoo=zoo)
    images = model.sample(8, label=[3] * 8)
    refused: dict[str, Any] = {
        "label has 4 values for 8 samples; give one for all, or 8.": lambda: model.sample(
            8, label=[1, 2, 3, 4]
        ),
        "the discriminator of 'conditional/fashion-mnist' reads 'label'; give it, as in "
        "score(samples, label=...).": lambda: model.score(images),
        "samples have the shape (8, 1, 20, 20); it must be (N, 1, 28, 28).": lambda: model.score(
            images[:, :, :20, :20], label=3
        ),
        "no score is made from 'labels'; given may be: label.": lambda: model.score(
            images, label=3, labels=3
        ),
        "samples must lie in [-1, 1], and these reach 255; bytes become so by x / 127.5 - 1.": (
            lambda: model.score(torch.full_like(images, 255), label=3)
        ),
        "samples must be finite numbers.": lambda: model.score(images * torch.nan, label=3),
        "samples cannot be 'all': give a number, a tensor or an array.": lambda: model.score(
            "all",  # type: ignore[arg-type]
            label=3,
        ),
    }
    for sentence, call in refused.items():
        with pytest.raises(OptionError) as error:
            call()
        assert str(error.value) == sentence
    scores = model.score(images, label=3)
    assert torch.equal(scores, model.score(images.double().numpy(), label=3))  # type: ignore[arg-type]
    assert torch.equal(scores, model.score(images, label=torch.full((8,), 3)))
