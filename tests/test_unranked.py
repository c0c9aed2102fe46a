"""Benchmarks in which a metric cannot measure: the others count, and what is missing is told."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from torch import Tensor

from ganzoo.benchmark.contest import bench
from ganzoo.benchmark.folder import Bench
from ganzoo.benchmark.tables import rows_of
from ganzoo.builtin.metrics.modes import Modes
from ganzoo.errors import ZooError
from ganzoo.plugins.zoo import Zoo

SMALL: dict[str, Any] = {"data": "ring", "settings": ["batch=8"], "evaluations": 2}


@pytest.fixture
def unfit(monkeypatch: pytest.MonkeyPatch) -> None:
    """The ranking metric of points measures no samples far out."""
    measured = Modes.measure

    def measure(self: Modes, fake: Tensor, locate: Any, modes: int) -> dict[str, float]:
        if fake.abs().max() > 9:
            message = "some samples are far out"
            raise ZooError(message)
        return measured(self, fake, locate, modes)

    monkeypatch.setattr(Modes, "measure", measure)


WIDE = "wide@vanilla:optimizers.generator.lr=0.3,ema=0"


@pytest.mark.usefixtures("unfit")
def test_who_was_not_measured_is_not_ranked_and_the_others_are(zoo: Zoo, tmp_path: Path) -> None:
    (made,) = bench([WIDE, "vanilla"], rounds=20, out=tmp_path, zoo=zoo, **SMALL)
    assert [standing.contender for standing in made.standings] == ["vanilla"]
    notes = {row["contender"]: row["note"] for row in rows_of(made)}
    assert notes["wide"] == "not ranked: balanced-quality was not measured"
    remark = "wide: metric 'modes' could not be measured: some samples are far out."
    assert remark in made.remarks
    for name in ("report.html", "report.md"):
        assert remark.split("'")[2] in (tmp_path / name).read_text()


@pytest.mark.usefixtures("unfit")
def test_nobody_finished_is_said_only_where_nobody_did(zoo: Zoo, tmp_path: Path) -> None:
    (made,) = bench([WIDE], rounds=20, out=tmp_path / "a", zoo=zoo, **SMALL)
    assert made.verdict() == "Nobody can be ranked: no metric that ranks was measured."
    assert (tmp_path / "a" / "report.html").exists()
    broken = "vanilla:optimizers.generator.lr=1e38"
    (nobody,) = bench([broken], rounds=20, out=tmp_path / "b", zoo=zoo, **SMALL)
    assert nobody.verdict() == "Nobody finished."


def test_a_few_images_of_ones_own_have_a_report(zoo: Zoo, tmp_path: Path) -> None:
    stream = np.random.default_rng(0)
    (tmp_path / "images").mkdir()
    for i in range(60):
        pixels = stream.integers(0, 256, (8, 8), dtype=np.uint8)
        Image.fromarray(pixels).save(tmp_path / "images" / f"{i}.png")
    terms = {**SMALL, "data": f"folder:{tmp_path / 'images'}"}
    (made,) = bench(["vanilla"], rounds=2, out=tmp_path / "b", zoo=zoo, **terms)
    assert made.finished
    assert [r.kind for r in made.results if r.kind in {"last", "best"}] == ["last", "best"]
    assert made.remarks  # so few rows mean little
    assert "vanilla" in [row["contender"] for row in rows_of(made)]
    assert 'alt="samples of vanilla, seed 0"' in (tmp_path / "b" / "report.html").read_text()


def test_ranges_are_of_numbers_that_there_are_and_hold_for_what_was_measured(
    zoo: Zoo, tmp_path: Path
) -> None:
    for metric in zoo.metrics():
        assert metric.ranges.keys() <= metric.better.keys()
        assert all(low < high for low, high in metric.ranges.values())
    made: list[Bench] = []
    for data in ("ring", "digits"):
        terms = {**SMALL, "data": data}
        made += bench(["vanilla"], rounds=2, out=tmp_path / data, zoo=zoo, **terms)
    for one in made:
        assert one.ranges.keys() > {"frechet-distance", "recall", "high-quality"}
        for score in (score for result in one.results for score in result.scores):
            low, high = one.range_of(score.metric)
            assert low <= score.value <= high
    assert made[0].range_of("modes-captured") == (0, 8)
