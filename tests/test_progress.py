"""How far a benchmark is, and how it shows itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ganzoo.benchmark.contest import bench, report
from ganzoo.benchmark.folder import Bench
from ganzoo.benchmark.progress import Progress
from ganzoo.plugins.zoo import Zoo
from ganzoo.training import meter

SMALL: dict[str, Any] = {"data": "ring", "rounds": 3, "evaluations": 1, "settings": ["batch=8"]}


def test_progress_is_told_from_nothing_to_all_runs(zoo: Zoo, tmp_path: Path) -> None:
    told: list[Progress] = []
    bench(["vanilla"], seeds=2, out=tmp_path, zoo=zoo, on_progress=told.append, **SMALL)
    assert [now.share for now in told] == sorted(now.share for now in told)
    assert (told[-1].ended, told[-1].runs, told[-1].share) == (3, 3, 1.0)
    assert told[-1].words[0] == "3 of 3 runs"


def test_without_a_terminal_a_line_says_how_far_it_is(
    zoo: Zoo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(meter, "EVERY", 0.0)
    bench(["vanilla"], out=tmp_path, zoo=zoo, **SMALL)
    out, err = capsys.readouterr()
    assert out == ""
    assert "benchmark: 100%, 2 of 2 runs, 0:00 left" in err.splitlines()


@pytest.mark.parametrize(
    ("left", "words"), [(None, ("1 of 4 runs",)), (75.0, ("1 of 4 runs", "1:15 left"))]
)
def test_the_time_left_is_told_once_it_is_known(left: float | None, words: tuple[str]) -> None:
    assert Progress(1, 4, 0.25, left).words == words


def test_a_benchmark_shows_its_verdict_and_standings_in_a_notebook(
    zoo: Zoo, tmp_path: Path
) -> None:
    names = ["vanilla", "<b>@vanilla:loss=hinge", "dcgan"]
    made = bench(names, out=tmp_path, zoo=zoo, **SMALL)
    for shown in (made, report(tmp_path, zoo=zoo), made[0]):
        text = shown._repr_html_()
        assert made[0].verdict().replace("<b>", "&lt;b&gt;") in text
        assert "<td>&lt;b&gt;</td>" in text
        assert "refused (seed 0)" in text
        assert "<b>3 contenders on ring, 3 rounds a run, 1 seed</b>" in text
    what = "3 contenders on ring, 3 rounds a run, 1 seed"
    assert repr(made) == f"[<benchmark {tmp_path}: {what}>]"


def test_a_benchmark_that_nobody_finished_shows_that(zoo: Zoo, tmp_path: Path) -> None:
    (made,) = bench(["dcgan"], out=tmp_path, zoo=zoo, **SMALL)
    assert "<p>Nobody finished.</p>" in made._repr_html_()
    assert Bench.open(tmp_path, zoo)._repr_html_() == made._repr_html_()
