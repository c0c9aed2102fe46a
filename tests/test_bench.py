"""Benchmarks: same data, same budget, every seed, best and last, one report."""

from __future__ import annotations

import json
import re
import signal
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ganzoo.contest.measure import bench
from ganzoo.contest.plan import contender
from ganzoo.contest.results import Result, standings, verdict
from ganzoo.errors import OptionError, RunError
from ganzoo.metric import Score
from ganzoo.observers import Observer

if TYPE_CHECKING:
    from ganzoo.contest.measure import Bench
    from ganzoo.zoo import Zoo

SETTINGS = ["batch=8"]


@pytest.fixture(scope="module")
def done(zoo: Zoo, tmp_path_factory: pytest.TempPathFactory) -> Bench:
    contenders = ["vanilla:loss=hinge,regularizer=r1,r1.weight=0.1", "vanilla", "dcgan"]
    out = tmp_path_factory.mktemp("bench") / "out"
    return bench(contenders, data="ring", rounds=20, seeds=2, out=out, settings=SETTINGS, zoo=zoo)


def test_every_contender_is_trained_with_every_seed_and_scored_best_and_last(done: Bench) -> None:
    lines = [json.loads(s) for s in (done.folder / "results.jsonl").read_text().splitlines()]
    assert [Result.model_validate(line) for line in lines] == done.results
    for kind in ("best", "last"):
        found = [(r.contender, r.seed) for r in done.results if r.kind == kind]
        assert sorted(found) == [
            (name, seed) for name in sorted(done.variants)[1:] for seed in (0, 1)
        ]
    last = next(r for r in done.results if r.kind == "last")
    assert last.rounds == 20
    assert last.value("modes-captured") is not None


def test_a_contender_that_does_not_compose_is_refused_with_its_reason(done: Bench) -> None:
    (refused,) = [r for r in done.results if r.kind == "refused"]
    assert (refused.contender, "builds images" in (refused.error or "")) == ("dcgan", True)
    assert any(row.get("note") for row in done.rows())


def test_references_stand_beside_the_results(done: Bench) -> None:
    values = {r.kind: r.value("high-quality") or 0 for r in done.results}
    assert values["floor"] > 0.98
    assert values["noise"] < 0.05
    assert {"untrained", "curve"} <= values.keys()


def test_the_report_is_one_page_that_needs_no_other_file(done: Bench) -> None:
    page = (done.folder / "report.html").read_text()
    assert done.verdict() in page
    assert page.count("<svg") >= 3
    assert page.count("data:image/png;base64,") == 2
    assert not re.findall(r'(?:src|href)="(?!data:|#)', page)
    assert "ganzoo bench vanilla:loss=hinge,regularizer=r1,r1.weight=0.1 vanilla dcgan" in page


class Stops(Observer):
    """Presses Ctrl-C in the middle of the second contender."""

    name = "stops"

    def noted(self, first: int, terms: dict[str, list[float]]) -> None:
        if "hinge" in str(self.run.folder) and first == 9:
            signal.raise_signal(signal.SIGINT)


def test_an_interrupted_contest_goes_on_to_the_same_results(
    zoo: Zoo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def contest(out: str, *, resume: bool = False) -> Bench:
        contenders = ["vanilla", "hinge@vanilla:loss=hinge"]
        out_folder = tmp_path / out
        return bench(
            contenders,
            data="ring",
            rounds=20,
            out=out_folder,
            settings=SETTINGS,
            resume=resume,
            zoo=zoo,
        )

    with monkeypatch.context() as patch:
        patch.setattr(type(zoo), "observers", lambda _: [Stops])
        with pytest.raises(RunError, match="interrupted after round"):
            contest("stopped")
    assert "vanilla" in (tmp_path / "stopped" / "report.html").read_text()
    stopped, whole = contest("stopped", resume=True), contest("whole")
    for kind in ("last", "best"):
        one, other = (
            [(r.contender, r.rounds, r.scores) for r in b.results if r.kind == kind]
            for b in (stopped, whole)
        )
        assert one == other
    with pytest.raises(RunError, match="holds another contest"):
        bench(["vanilla"], data="ring", rounds=9, out=tmp_path / "whole", resume=True, zoo=zoo)
    with pytest.raises(OptionError, match="two contenders have the same label"):
        bench(["x@vanilla", "x@dcgan"], data="ring", rounds=2, out=tmp_path / "twice", zoo=zoo)


def test_a_contender_that_diverges_is_reported_and_the_others_go_on(
    zoo: Zoo, tmp_path: Path
) -> None:
    broken = "broken@vanilla:optimizers.generator.lr=1e38"
    done = bench([broken, "vanilla"], data="ring", rounds=3, out=tmp_path / "b", zoo=zoo)
    assert [r.contender for r in done.results if r.kind == "diverged"] == ["broken"]
    assert [r.contender for r in done.results if r.kind == "last"] == ["vanilla"]


def test_results_are_not_overwritten(done: Bench, zoo: Zoo) -> None:
    with pytest.raises(RunError, match="already holds results; add --resume"):
        bench(["vanilla"], data="ring", rounds=2, out=done.folder, zoo=zoo)


def test_a_contender_is_a_variant_with_parts_and_options_replaced(zoo: Zoo) -> None:
    made = contender(
        "dcgan:loss=hinge,regularizer=r1,regularizer=r2,r2.weight=3,"
        "optimizers.generator.betas=[0.0,0.9],sampler=uniform",
        zoo,
    )
    assert [part.name for part in made.parts()] == ["dcgan", "hinge", "r1", "r2", "uniform"]
    assert made.optimizers.generator.betas == (0.0, 0.9)
    with pytest.raises(OptionError, match="is no contender"):
        contender("dcgan:hinge", zoo)


def made_up(name: str, values: list[float]) -> list[Result]:
    return [
        Result(
            contender=name,
            kind="last",
            seed=seed,
            scores=(
                Score(
                    metric="d",
                    value=value,
                    better="lower",
                    options={},
                    data="x",
                    data_sha256="0",
                    split="held-out",
                    n_real=1,
                    n_fake=1,
                    seed=0,
                ),
            ),
        )
        for seed, value in enumerate(values)
    ]


def test_a_win_is_clear_only_where_every_seed_beats_every_seed() -> None:
    apart = [*made_up("slow", [5, 6, 7]), *made_up("quick", [1, 2, 3])]
    assert [s.contender for s in standings(apart, "d")] == ["quick", "slow"]
    assert verdict(apart, "d").startswith("quick wins: d 2 ± 1 on the last checkpoint, 3 seeds")
    few = [*made_up("slow", [5, 6]), *made_up("quick", [1, 2])]
    assert verdict(few, "d").startswith("quick leads, too few seeds to call it a win: ")
    lost = Result(contender="quick", kind="diverged", seed=3, error="diverged")
    assert verdict([*apart, lost], "d").startswith("slow leads, but not clear of quick: ")
    mixed = [*made_up("slow", [1.5, 6]), *made_up("quick", [1, 2])]
    assert verdict(mixed, "d").startswith("quick leads, but not clear of slow: ")
    assert verdict([], "d") == "Nobody finished."
