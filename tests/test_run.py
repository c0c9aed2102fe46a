"""A run keeps what it wrote, goes on bit for bit, and stops with a sentence."""

from __future__ import annotations

import json
import os
import signal
from itertools import count
from pathlib import Path
from types import SimpleNamespace as Clock
from typing import TYPE_CHECKING, Any

import pytest
import safetensors
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file

from ganzoo.errors import DivergedError, OptionError, RunError, UnknownNameError
from ganzoo.parts.observer import Observer
from ganzoo.pretrained.render import sample, write_samples
from ganzoo.pretrained.scores import evaluate
from ganzoo.training.run import Run
from ganzoo.training.train import train

if TYPE_CHECKING:
    from torch import Tensor

    from ganzoo.plugins.zoo import Zoo

TINY = ["architecture.width=8", "batch=8", "ema=0.9"]


def ran(zoo: Zoo, out: Path, rounds: int = 30, variant: str = "dcgan", **more: Any) -> Run:
    settings = more.pop("settings", TINY)
    return train(variant, rounds=rounds, out=out, settings=settings, zoo=zoo, **more)


def last(out: Path) -> dict[str, Tensor]:
    return load_file(max((out / "checkpoints").glob("*")))


@pytest.mark.parametrize("variant", ["dcgan", "wgan-gp"])
def test_a_resumed_run_ends_bit_for_bit_where_an_unbroken_one_does(
    zoo: Zoo, tmp_path: Path, variant: str
) -> None:
    """Also through channels_last moments, which come back contiguous from safetensors."""
    ran(zoo, tmp_path / "whole", 20, variant)
    ran(zoo, tmp_path / "broken", 9, variant)
    ran(zoo, tmp_path / "broken", 20, variant, resume=True)
    whole, broken = last(tmp_path / "whole"), last(tmp_path / "broken")
    assert whole.keys() == broken.keys()
    assert all(torch.equal(whole[name], broken[name]) for name in whole)


def test_a_run_writes_its_plan_log_checkpoints_and_pictures(zoo: Zoo, tmp_path: Path) -> None:
    run = ran(zoo, tmp_path, 40)
    plan = json.loads((tmp_path / "run.json").read_text())
    assert plan["variant"]["architecture"] == {"part": "dcgan", "width": 8, "kernel": 5}
    lines = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert lines[-1]["round"] == 40
    assert {"discriminator/non-saturating", "generator/non-saturating"} <= lines[0].keys()
    names = [path.name for path in sorted((tmp_path / "checkpoints").iterdir())]
    assert names == ["00000036.safetensors", "00000040.safetensors"]
    assert (tmp_path / "samples" / "00000040.png").stat().st_size > 500
    with safetensors.safe_open(str(tmp_path / "checkpoints" / names[-1]), "pt") as file:
        assert list(file.metadata()) == ["ganzoo"]
    assert torch.equal(sample(run, 5, seed=1), sample(tmp_path, 5, seed=1, zoo=zoo))


def test_seconds_count_rounds_and_the_notes_that_wait_for_them(
    zoo: Zoo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By a clock that is one second on at each look: 40 rounds, and 2 notes of 20 rounds."""
    ticks = count()
    monkeypatch.setattr("ganzoo.training.run.time", Clock(perf_counter=lambda: next(ticks)))
    assert ran(zoo, tmp_path, 40, save_every=40).seconds == 42


def test_the_same_run_twice_writes_the_same_bytes(zoo: Zoo, tmp_path: Path) -> None:
    one, other = (last(ran(zoo, tmp_path / name, 5).folder) for name in ("one", "other"))
    assert all(torch.equal(one[name], other[name]) for name in one)


@pytest.mark.parametrize("variant", ["vanilla", "dcgan", "wgan-gp"])
def test_a_diverging_run_stops_naming_round_and_term_and_keeps_the_checkpoint_before(
    zoo: Zoo, tmp_path: Path, variant: str
) -> None:
    settings = [*TINY, "optimizers.discriminator.lr=1e3", "optimizers.generator.lr=1e3"]
    with pytest.raises(DivergedError) as error:
        ran(zoo, tmp_path, 500, variant, settings=settings, save_every=1)
    assert "training diverged: in round " in str(error.value)
    assert "'s '" in str(error.value)
    kept = sorted((tmp_path / "checkpoints").iterdir())
    assert kept or "there was no checkpoint yet" in str(error.value)
    for path in kept:
        assert all(bool(torch.isfinite(v).all()) for v in load_file(path).values())
        assert str(path) in str(error.value) or path != kept[-1]


class PressesCtrlC(Observer):
    name = "presses-ctrl-c"

    def noted(self, first: int, terms: dict[str, list[float]]) -> None:
        if first == 19:
            signal.raise_signal(signal.SIGINT)


def test_ctrl_c_saves_and_says_how_to_go_on(
    zoo: Zoo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(type(zoo), "observers", lambda _: [PressesCtrlC])
        with pytest.raises(
            RunError, match="interrupted after round 24, which is saved; .*--resume"
        ):
            ran(zoo, tmp_path / "stopped", 60)
    ran(zoo, tmp_path / "stopped", 60, resume=True)
    ran(zoo, tmp_path / "whole", 60)
    stopped, whole = last(tmp_path / "stopped"), last(tmp_path / "whole")
    assert all(torch.equal(stopped[name], whole[name]) for name in whole)


def test_a_full_disk_is_one_sentence_and_loses_nothing(
    zoo: Zoo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran(zoo, tmp_path, 10)
    before = {path: path.read_bytes() for path in (tmp_path / "checkpoints").iterdir()}

    def full(tensors: object, path: Path, metadata: object) -> None:
        path.touch()
        told = "Error while serializing: I/O error: No space left on device (os error 28)"
        raise SafetensorError(told)  # as it does on a full disk

    monkeypatch.setattr("safetensors.torch.save_file", full)
    with pytest.raises(
        RunError,
        match=r"^cannot write .*safetensors: No space left on device\. Once that is mended, "
        r"--resume goes on from the checkpoint before it\.$",
    ):
        ran(zoo, tmp_path, 20, resume=True)
    assert before == {path: path.read_bytes() for path in (tmp_path / "checkpoints").iterdir()}


def test_a_folder_whose_weights_could_not_be_read_is_refused_before_training(zoo: Zoo) -> None:
    with pytest.raises(RunError, match="the name of the folder 'caf.*' is not UTF-8; "):
        train("vanilla", data="ring", rounds=1, out=os.fsdecode(b"caf\xe9"), zoo=zoo)


def test_a_folder_with_a_run_is_not_overwritten(zoo: Zoo, tmp_path: Path) -> None:
    ran(zoo, tmp_path, 2)
    with pytest.raises(RunError, match="already holds a run; add --resume"):
        ran(zoo, tmp_path, 2)
    with pytest.raises(RunError, match="holds a run with batch 8, not 4; leave out what differs"):
        ran(zoo, tmp_path, 4, settings=["batch=4"], resume=True)


@pytest.mark.parametrize("content", [b"", b"<html>", b"\x80\x04pickle", b"\xff" * 64])
def test_a_corrupt_checkpoint_is_one_sentence(zoo: Zoo, tmp_path: Path, content: bytes) -> None:
    ran(zoo, tmp_path, 2)
    for path in (tmp_path / "checkpoints").iterdir():
        path.write_bytes(content)
    with pytest.raises(RunError, match=r"^checkpoint .*safetensors cannot be read: .*\.$"):
        Run.open(tmp_path, zoo)


def test_a_composition_error_leaves_no_folder_behind(zoo: Zoo, tmp_path: Path) -> None:
    with pytest.raises(UnknownNameError):
        ran(zoo, tmp_path / "run", loss="nonsense")
    assert not (tmp_path / "run").exists()


def test_a_run_that_is_none_says_so(zoo: Zoo, tmp_path: Path) -> None:
    with pytest.raises(RunError, match="holds no run"):
        Run.open(tmp_path, zoo)


def test_samples_are_written_as_pictures_or_numbers_and_nothing_else(
    zoo: Zoo, tmp_path: Path
) -> None:
    run = ran(zoo, tmp_path, 3).folder
    import numpy as np
    from PIL import Image

    write_samples(run, n=9, out=tmp_path / "grid.png", zoo=zoo)
    with Image.open(tmp_path / "grid.png") as grid:
        assert grid.size == (512, 512)
    write_samples(run, n=9, out=tmp_path / "numbers.npy", zoo=zoo)
    assert np.load(tmp_path / "numbers.npy").shape == (9, 1, 8, 8)
    write_samples(run, n=2, given={"z": np.zeros((2, 64))}, out=tmp_path / "fixed.npy", zoo=zoo)
    one, other = np.load(tmp_path / "fixed.npy")
    assert np.array_equal(one, other)
    with pytest.raises(OptionError, match="name a .png, .npy or .gif file"):
        write_samples(run, out=tmp_path / "grid.jpg", zoo=zoo)
    with pytest.raises(OptionError, match="'dcgan' do not unfold in time"):
        write_samples(run, out=tmp_path / "grid.gif", zoo=zoo)
    with pytest.raises(OptionError, match="reads no label"):
        write_samples(run, out=tmp_path / "grid.png", label=3, zoo=zoo)


def test_scores_carry_all_that_they_must_be_compared_under(zoo: Zoo, tmp_path: Path) -> None:
    run = ran(zoo, tmp_path, 3)
    scores = {score.metric: score for score in evaluate(run, n=100, seed=7, zoo=zoo)}
    distance = scores["frechet-distance"]
    assert (distance.n_fake, distance.n_real, distance.split, distance.seed) == (
        *(100, 445, "held-out", 7),
    )
    assert distance.extractor == "small-cnn/digits"
    assert len(distance.extractor_sha256 or "") == 64
    assert distance.difference(evaluate(run, n=50, zoo=zoo)[0]) == "n_fake 50, not 100"
    (parzen, *_) = evaluate(run, n=100, metrics=["parzen"], zoo=zoo)
    assert parzen.metric == "parzen"


def test_a_variant_learns_a_known_distribution(zoo: Zoo, tmp_path: Path) -> None:
    """Two seconds of training find most modes of the ring; an untrained generator finds none."""
    run = ran(zoo, tmp_path, 1500, "vanilla", data="ring", settings=["batch=64"])
    scores = {score.metric: score.value for score in evaluate(run, zoo=zoo)}
    assert scores["reverse-kl"] < 1.0


def test_a_run_without_a_checkpoint_is_never_sampled_with_random_weights(
    zoo: Zoo, tmp_path: Path
) -> None:
    ran(zoo, tmp_path, 2)
    for path in (tmp_path / "checkpoints").iterdir():
        path.unlink()
    (tmp_path / "model.safetensors").unlink()
    for call in (sample, evaluate):
        with pytest.raises(RunError, match="has no checkpoint yet; train it first"):
            call(tmp_path, zoo=zoo)
    ran(zoo, tmp_path, 2, resume=True)


def test_weights_that_are_not_finite_are_not_saved(zoo: Zoo, tmp_path: Path) -> None:
    settings = [*TINY, "optimizers.generator.lr=1e39"]
    with pytest.raises(DivergedError, match="after round 1 some weights are not finite"):
        ran(zoo, tmp_path, 1, settings=settings)
    assert not list((tmp_path / "checkpoints").iterdir())


def test_a_longer_budget_saves_as_often_and_a_shorter_one_is_refused(
    zoo: Zoo, tmp_path: Path
) -> None:
    ran(zoo, tmp_path, 10)
    ran(zoo, tmp_path, 100, resume=True)
    names = [path.name for path in sorted((tmp_path / "checkpoints").iterdir())]
    assert names == ["00000090.safetensors", "00000100.safetensors"]
    with pytest.raises(RunError, match="already played 100 rounds, more than 50"):
        ran(zoo, tmp_path, 50, resume=True)


def test_a_resumed_run_keeps_its_threads(zoo: Zoo, tmp_path: Path) -> None:
    ran(zoo, tmp_path, 4)
    torch.set_num_threads(2)
    try:
        ran(zoo, tmp_path, 8, resume=True)
    finally:
        torch.set_num_threads(1)
    assert json.loads((tmp_path / "run.json").read_text())["threads"] == 1


def test_a_checkpoint_of_other_options_or_data_is_refused(zoo: Zoo, tmp_path: Path) -> None:
    ran(zoo, tmp_path, 2)
    path = tmp_path / "run.json"
    path.write_text(path.read_text().replace('"width": 8', '"width": 9'))
    different = r"of a run with architecture.width 8, not 9 as in run.json\.$"
    with pytest.raises(RunError, match=different):
        Run.open(tmp_path, zoo)


def test_a_lazy_term_is_logged_also_after_a_resume(zoo: Zoo, tmp_path: Path) -> None:
    options = {"regularizers": ["r1"], "settings": [*TINY, "r1.every=2"]}
    ran(zoo, tmp_path, 3, "vanilla", data="ring", **options)
    ran(zoo, tmp_path, 30, "vanilla", data="ring", resume=True, **options)
    lines = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert all("discriminator/r1" in line for line in lines)
