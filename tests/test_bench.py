"""Benchmarks: same data, same budget, every seed, best and last, one report."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import pytest

from ganzoo.contest.measure import bench
from ganzoo.contest.plan import contender
from ganzoo.contest.results import Result, standings, verdict
from ganzoo.errors import OptionError, RunError
from ganzoo.metric import Score

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


def test_results_are_not_overwritten(done: Bench, zoo: Zoo) -> None:
    with pytest.raises(RunError, match="already holds results"):
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
                    data="x",
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
    apart = [*made_up("slow", [5, 6]), *made_up("quick", [1, 2])]
    assert [s.contender for s in standings(apart, "d")] == ["quick", "slow"]
    assert verdict(apart, "d").startswith(
        "quick wins: d 1.5 ± 0.71 on the last checkpoint, 2 seeds"
    )
    mixed = [*made_up("slow", [1.5, 6]), *made_up("quick", [1, 2])]
    assert verdict(mixed, "d").startswith("quick leads, but not clear of slow: ")
    assert verdict([], "d") == "Nobody finished."
