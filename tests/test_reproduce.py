"""``ganzoo reproduce``: a published model, trained again by its own command."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

import ganzoo
from ganzoo import cli
from ganzoo.errors import ZooError
from ganzoo.parts.metric import Score
from ganzoo.plugins.registry import Figure, Model
from ganzoo.pretrained import reproduce as reproducing
from ganzoo.storage.weight_file import WeightFile

COMMAND = "ganzoo train vanilla --data ring --rounds 3 --threads 1"
FILE = WeightFile(
    role="generator", path="model.safetensors", size=1, sha256="0" * 64, embedded=True
)


def published(*figures: Figure, command: str = COMMAND) -> Model:
    """A model that is trained in a moment."""
    return Model(
        name="vanilla/tiny",
        plugin="vanilla",
        version="1",
        summary="Three rounds.",
        license="Apache-2.0",
        data="ring",
        command=command,
        repo="ganzoo/tiny",
        files=(FILE,),
        figures=figures,
    )


def figure(score: Score, low: float, high: float, protocol: str | None = None) -> Figure:
    """A score as a registry states it."""
    return Figure(
        metric=score.metric,
        value=score.value,
        low=score.value + low,
        high=score.value + high,
        protocol=protocol or score.protocol(),
    )


def test_a_model_is_trained_by_its_command_and_its_scores_are_held_against_the_intervals(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run = ganzoo.train("vanilla", data="ring", rounds=3, threads=1, out=tmp_path / "first")
    one, two, three, *_ = ganzoo.evaluate(run)
    model = published(
        figure(one, 0, 0), figure(two, 1, 2), figure(three, 0, 0, "some other protocol")
    )
    monkeypatch.setattr(reproducing, "model_named", lambda name, zoo: model)
    rows = reproducing.reproduce("vanilla/tiny", tmp_path / "again")
    assert [row.value for row in rows] == [one.value, two.value, None]
    assert [row.agrees for row in rows] == [True, False, False]

    # The run is complete: the command trains nothing anew, and fails since not all scores agree.
    words = ["ganzoo", "reproduce", "vanilla/tiny", "--out", str(tmp_path / "again")]
    monkeypatch.setattr(sys, "argv", words)
    with pytest.raises(SystemExit) as stop:
        cli.main()
    assert stop.value.code == 1
    lines = [line.split() for line in capsys.readouterr().out.splitlines() if line.strip()]
    assert lines[0] == ["metric", "published", "interval", "here", "agrees"]
    assert [line[-1] for line in lines[-3:]] == ["yes", "no", "no"]


def test_a_command_that_fails_is_named(tmp_path: Path) -> None:
    model = published(command="ganzoo train vanilla --data ring --rounds 3 --loss nothing")
    with pytest.raises(ZooError) as failed:
        reproducing.retrain(model, tmp_path / "run", seed=0)
    assert str(failed.value) == f"'{model.command}' failed; its own message is above."
