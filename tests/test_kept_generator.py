"""The generator that a run keeps: used if it is what was written, even if nothing else is left."""

from __future__ import annotations

import shutil
from hashlib import sha256
from typing import TYPE_CHECKING

import pytest
import torch

import ganzoo
from ganzoo.errors import RunError, WeightsError
from ganzoo.training.weights import kept_generator

if TYPE_CHECKING:
    from pathlib import Path

SMALL = ["mlp.width=8", "mlp.depth=1", "batch=16", "data.n=200", "data.held_out=100"]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("runs") / "whole"
    ganzoo.train("vanilla", data="ring", settings=SMALL, rounds=2, save_every=1, out=out)
    return out


@pytest.fixture
def run(whole: Path, tmp_path: Path) -> Path:
    shutil.copytree(whole, tmp_path / "run")
    return tmp_path / "run"


def flip(path: Path, at: int = -1) -> None:
    blob = bytearray(path.read_bytes())
    blob[at] ^= 1
    path.write_bytes(blob)


def test_its_sha256_is_as_the_usual_tool_reads_it(run: Path) -> None:
    digest = sha256((run / "model.safetensors").read_bytes()).hexdigest()
    assert (run / "model.sha256").read_text() == f"{digest}  model.safetensors\n"


@pytest.mark.parametrize("at", [-1, 20])
def test_where_it_is_damaged_it_is_made_again(
    run: Path, whole: Path, capsys: pytest.CaptureFixture[str], at: int
) -> None:
    file = run / "model.safetensors"
    flip(file, at)
    assert torch.equal(ganzoo.sample(run, 3), ganzoo.sample(whole, 3))
    assert capsys.readouterr().err == f"warning: {file} is not what was written; it is not used.\n"
    assert file.read_bytes() == (whole / "model.safetensors").read_bytes()
    ganzoo.sample(run, 3)
    assert capsys.readouterr().err == ""


def test_of_a_run_that_wrote_no_sha256_it_is_read(run: Path, whole: Path) -> None:
    (run / "model.sha256").unlink()
    assert kept_generator(run) == (whole / "model.safetensors").read_bytes()
    assert torch.equal(ganzoo.sample(run, 3), ganzoo.sample(whole, 3))


def test_a_crash_between_the_two_files_costs_nothing(run: Path, whole: Path) -> None:
    ganzoo.train(out=run, resume=True, rounds=3)
    shutil.copy(whole / "model.safetensors", run)  # the sha256 of the next one is there already
    expected = ganzoo.sample(ganzoo.train(out=run, resume=True), 3)
    assert torch.equal(ganzoo.sample(run, 3), expected)


def test_without_a_sha256_what_is_no_weight_file_is_made_again(run: Path, whole: Path) -> None:
    (run / "model.sha256").unlink()
    (run / "model.safetensors").write_bytes(b"x")
    assert torch.equal(ganzoo.sample(run, 3), ganzoo.sample(whole, 3))


def test_that_of_an_earlier_round_is_not_used(run: Path, whole: Path) -> None:
    expected = ganzoo.sample(ganzoo.train(out=run, resume=True, rounds=3), 3)
    for name in ("model.safetensors", "model.sha256"):
        shutil.copy(whole / name, run)
    assert torch.equal(ganzoo.sample(run, 3), expected)


@pytest.mark.parametrize("how", ["damaged", "gone"])
def test_without_checkpoints_it_is_sampled_from(
    run: Path, whole: Path, capsys: pytest.CaptureFixture[str], how: str, tmp_path: Path
) -> None:
    for path in (run / "checkpoints").iterdir():
        path.unlink() if how == "gone" else flip(path)
    assert torch.equal(ganzoo.sample(run, 3), ganzoo.sample(whole, 3))
    assert capsys.readouterr().err == (
        f"warning: {run} has no checkpoint that can be read; model.safetensors is taken instead.\n"
    )
    assert [path.name for path in ganzoo.export(run, tmp_path / "out").iterdir()] == [
        "model.safetensors"
    ]
    model = ganzoo.load(f"run:{run}")
    assert model.discriminator is None
    with pytest.raises(RunError, match="cannot be read" if how == "damaged" else "no checkpoint"):
        ganzoo.evaluate(run)
    flip(run / "model.safetensors")
    capsys.readouterr()
    with pytest.raises(RunError):
        ganzoo.sample(run, 3)
    assert "is taken instead" not in capsys.readouterr().err


def test_a_model_of_a_run_without_a_discriminator_says_so(run: Path) -> None:
    shutil.rmtree(run / "checkpoints")
    with pytest.raises(WeightsError, match=r"the discriminator of .* it has: generator\.$"):
        ganzoo.load(f"run:{run}").network("discriminator")
