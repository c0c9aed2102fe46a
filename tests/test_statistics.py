"""Intervals, ranks, collapse and verdicts: closed forms, known cases and simulation."""

from __future__ import annotations

from math import inf

import numpy as np
import pytest
from scipy.stats import bootstrap, ttest_1samp

from ganzoo.benchmark.results import Kind, Result
from ganzoo.benchmark.standings import standings
from ganzoo.benchmark.statistics import (
    ANY_NUMBER,
    Estimate,
    bootstrap_interval,
    estimate,
    improvement,
)
from ganzoo.benchmark.verdict import verdict
from ganzoo.parts.metric import Direction, Score


def scored(
    name: str,
    values: list[float],
    kind: Kind = "last",
    metric: str = "d",
    better: Direction = "lower",
) -> list[Result]:
    """Results of one contender, a value a seed."""
    return [
        Result(
            contender=name,
            kind=kind,
            seed=seed,
            scores=(
                Score(
                    metric=metric,
                    value=value,
                    better=better,
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


def test_the_intervals_are_scipys() -> None:
    values = [1.0, 2.5, 2.0, 4.0, 3.0]
    found = estimate(values)
    wanted = ttest_1samp(values, 0).confidence_interval(0.95)
    assert found.interval == pytest.approx((wanted.low, wanted.high))
    drawn = bootstrap((values,), np.mean, method="percentile", rng=1).confidence_interval
    assert bootstrap_interval(values) == pytest.approx((drawn.low, drawn.high), abs=0.05)
    assert bootstrap_interval(values) == bootstrap_interval(values)
    assert (found.mean, found.values) == (2.5, tuple(values))


def test_one_seed_has_no_interval() -> None:
    assert estimate([2.0]) == Estimate((2.0,), 2.0)
    assert str(estimate([2.0])) == "2"
    assert bootstrap_interval([2.0]) is None


def test_two_seeds_are_shown_as_they_are() -> None:
    assert estimate([0.2, 0.9]).interval is None
    assert str(estimate([0.2, 0.9])) == "0.55 (0.2 and 0.9)"
    assert bootstrap_interval([0.2, 0.9]) is None


@pytest.mark.parametrize(
    ("values", "within", "shown"),
    [
        ([0.1, 0.9, 0.8], (0, 1), "0.6 [0, 1]"),
        ([1.0, 90.0, 30.0], (0, inf), "40.33 [0, 153.1]"),
        ([1.0, 90.0, 30.0], ANY_NUMBER, "40.33 [-72.42, 153.1]"),
        ([7.0, 8.0, 8.0], (0, 8), "7.667 [6.232, 8]"),
        ([-1e-9, 0.0, 0.0], (0, inf), "-3.333e-10 [-1e-09, 1.101e-09]"),  # rounding
    ],
)
def test_an_interval_holds_only_what_the_number_can_be(
    values: list[float], within: tuple[float, float], shown: str
) -> None:
    assert str(estimate(values, within)) == shown


def test_differences_have_the_range_of_differences() -> None:
    results = [*scored("a", [0.0, 0.1, 0.9]), *scored("b", [1.0, 0.1, 0.2])]
    paired = [
        first.paired(second)
        for first, second in (standings(results, "d", ends) for ends in ((0, 1), (0, inf)))
    ]
    assert [str(found) for found in paired] == ["0.1 [-1, 1]", "0.1 [-2.022, 2.222]"]


def test_equal_values_have_an_interval_of_no_width() -> None:
    assert estimate([8.0, 8.0, 8.0]).interval == (8.0, 8.0)
    assert bootstrap_interval([8.0, 8.0, 8.0]) == (8.0, 8.0)


def test_the_interval_covers_the_mean_as_often_as_it_says() -> None:
    draws = np.random.default_rng(0).normal(size=(2000, 4))
    intervals = (estimate(list(row)).interval or (0, 0) for row in draws[:400])
    covered = sum(low <= 0 <= high for low, high in intervals)
    assert 0.92 <= covered / 400 <= 0.98


def test_the_probability_of_improvement_is_over_all_pairs() -> None:
    assert improvement([1, 2], [3, 4], "lower") == 1
    assert improvement([1, 2], [3, 4], "higher") == 0
    assert improvement([1, 3], [2, 3], "lower") == (1 + 1 + 0 + 0.5) / 4
    assert improvement([5.0], [5.0], "lower") == 0.5


def test_ranks_are_tied_where_intervals_do_not_separate() -> None:
    results = [
        *scored("bad", [40, 41, 42]),
        *scored("good", [1, 2, 3]),
        *scored("alike", [2, 3, 4]),
        *scored("wide", [0, 20, 60]),
    ]
    assert [(s.contender, s.rank) for s in standings(results, "d")] == [
        ("good", 1),
        ("alike", 1),
        ("wide", 1),
        ("bad", 3),
    ]


def test_a_win_is_clear_only_where_the_intervals_separate() -> None:
    apart = [*scored("slow", [50, 60, 70]), *scored("quick", [1, 2, 3])]
    sentence = "quick wins: d 2 [-0.4841, 4.484] on the last checkpoint, 3 seeds; slow has 60 "
    assert verdict(standings(apart, "d"), "d").startswith(sentence)
    few = [*scored("slow", [50, 60]), *scored("quick", [1, 2])]
    assert verdict(standings(few, "d"), "d") == (
        "quick leads, too few seeds to call it a win: d 1.5 (1 and 2) on the last checkpoint, "
        "2 seeds."
    )
    near = [*scored("slow", [3, 4, 5]), *scored("quick", [1, 2, 3])]
    assert verdict(standings(near, "d"), "d") == (
        "quick leads, but its interval is not clear of slow: d 2 [-0.4841, 4.484] on the last "
        "checkpoint, 3 seeds; slow has 4 [1.516, 6.484]."
    )
    assert verdict(standings([], "d"), "d") == "Nobody finished."
    assert (
        verdict(standings(scored("alone", [1.0]), "d"), "d")
        == "alone: d 1 on the last checkpoint, 1 seed."
    )


@pytest.mark.parametrize(
    ("one", "other", "sentence"),
    [
        ([4], [4], "one and other tie: d 4 on the last checkpoint, 1 seed."),
        ([4, 6], [5, 5], "one and other tie: d 5 (4 and 6) on the last checkpoint, 2 seeds."),
        (
            [4, 5, 6],
            [4, 5, 6],
            "one and other tie: d 5 [2.516, 7.484] on the last checkpoint, 3 seeds.",
        ),
        (
            [9],
            [9],
            (
                "one and other learned nothing, no better than uniform noise (9) and the untrained "
                "network (8): d 9 on the last checkpoint, 1 seed."
            ),
        ),
        (
            [8],
            [9],
            (
                "one and other learned nothing, no better than the untrained network (8): d 8 on "
                "the last checkpoint, 1 seed."
            ),
        ),
        (
            [5, 6, 7],
            [20, 21, 22],
            (
                "one wins: d 6 [3.516, 8.484] on the last checkpoint, 3 seeds; other has 21 "
                "[18.52, 23.48]. Its interval is not clear of the untrained network (8)."
            ),
        ),
    ],
)
def test_who_is_equal_ties_and_who_is_no_better_than_before_learned_nothing(
    one: list[float], other: list[float], sentence: str
) -> None:
    results = [
        *scored("uniform noise", [9], "noise"),
        *scored("one", [8], "untrained"),
        *scored("one", one),
        *scored("other", other),
    ]
    assert verdict(standings(results, "d"), "d") == sentence


def test_what_is_better_when_higher_learned_nothing_where_it_is_low() -> None:
    noise = scored("uniform noise", [0.3], "noise", better="higher")
    told = {
        value: verdict(standings([*noise, *scored("x", [value], better="higher")], "d"), "d")
        for value in (0.2, 0.4)
    }
    assert told == {
        0.2: "x learned nothing, no better than uniform noise (0.3): d 0.2 on the last checkpoint, "
        "1 seed.",
        0.4: "x: d 0.4 on the last checkpoint, 1 seed.",
    }


def test_a_contender_that_lost_seeds_never_wins() -> None:
    lost = Result(contender="quick", kind="diverged", seed=3, error="diverged")
    results = [*scored("slow", [50, 60, 70]), *scored("quick", [1, 2, 3]), lost]
    assert verdict(standings(results, "d"), "d").startswith(
        "slow leads, the only one that can be ranked: d 60 "
    )
    assert "(not ranked: quick diverged with 1 seed: 2 [-0.4841, 4.484])" in verdict(
        standings(results, "d"), "d"
    )
    assert [(s.contender, s.rank) for s in standings(results, "d")] == [
        ("slow", 1),
        ("quick", None),
    ]


def test_who_cannot_be_ranked_stands_in_nobodys_way() -> None:
    results = [
        *scored("mid", [9, 10, 11]),
        *scored("awful", [500]),
        Result(contender="awful", kind="diverged", seed=1, error="diverged"),
        *scored("good", [1, 2, 3]),
        *scored("model", [0.5]),
    ]
    ranks = [("good", 1), ("mid", 2), ("model", None), ("awful", None)]
    assert [(s.contender, s.rank) for s in standings(results, "d")] == ranks
    assert verdict(standings(results, "d"), "d") == (
        "good wins: d 2 [-0.4841, 4.484] on the last checkpoint, 3 seeds; mid has 10 "
        "[7.516, 12.48] (not ranked: model has 1 seed: 0.5; awful diverged with 1 seed: 500)."
    )


def test_who_was_scored_under_another_protocol_does_not_win() -> None:
    odd = [
        r.model_copy(update={"scores": (r.scores[0].model_copy(update={"n_fake": 9}),)})
        for r in scored("odd", [0, 0, 0])
    ]
    results = [*scored("plain", [1, 2, 3]), *odd]
    assert [s.contender for s in standings(results, "d")] == ["plain"]
    assert verdict(standings(results, "d"), "d").startswith("plain: d 2 ")


def test_differences_are_paired_by_seed() -> None:
    # The seeds differ by far more than the contenders do.
    one, other = [1.0, 10.0, 100.0], [1.5, 10.6, 100.4]
    first, second = standings([*scored("a", one), *scored("b", other)], "d")
    paired = first.paired(second)
    assert paired is not None
    assert paired.mean == pytest.approx(0.5)
    assert paired.low > 0
    assert not first.beats(second)
    assert (first.paired(standings(scored("c", [1.0]), "d")[0])) is None


def test_a_last_checkpoint_much_worse_than_the_best_is_told() -> None:
    results = [
        *scored("data", [1.0], kind="training-data"),
        *scored("fell", [30, 6, 7]),
        *scored("fell", [6, 6, 6], kind="best"),
        *scored("held", [7, 6, 8]),
        *scored("held", [6, 6, 6], kind="best"),
    ]
    warnings = {s.contender: s.warnings for s in standings(results, "d")}
    assert warnings == {"fell": ("last much worse than best in 1 of 3",), "held": ()}


@pytest.mark.parametrize(
    ("better", "start", "floor", "best", "last", "told"),
    [
        ("lower", 600, 5, 6, 11, True),
        ("lower", 600, 5, 6, 8, False),
        ("lower", 600, 0.7, 0.8, 1.1, False),
        ("higher", 0.1, 1, 0.9, 0.4, True),
        ("higher", 0.1, 1, 0.9, 0.6, False),
        ("higher", 0.0, 1, 0.02, 0.005, False),  # it had learned nothing that it could lose
        ("higher", -0.2, None, 0.5, 0.1, True),
        ("higher", 0.02, None, 0.02, 0.019, False),
    ],
)
def test_much_worse_is_a_share_of_what_there_was_to_lose(
    *, better: Direction, start: float, floor: float | None, best: float, last: float, told: bool
) -> None:
    results = [
        *scored("x", [start], "untrained", better=better),
        *scored("x", [best], "best", better=better),
        *scored("x", [last], "last", better=better),
    ]
    if floor is not None:
        results += scored("data", [floor], "training-data", better=better)
    (standing,) = standings(results, "d")
    assert bool(standing.warnings) is told


@pytest.mark.parametrize(
    ("metric", "floor", "values", "told"),
    [
        ("modes-captured", 8, [8, 7, 8], "modes missing in 1 of 3"),
        ("rarest-class", 0.09, [0.08, 0.001, 0.0], "classes missing in 2 of 3"),
    ],
)
def test_missing_modes_and_classes_are_told(
    metric: str, floor: float, values: list[float], told: str
) -> None:
    results = [
        *scored("data", [floor], "training-data", metric, "higher"),
        *scored("x", values, "last", metric, "higher"),
    ]
    (standing,) = standings(results, metric)
    assert standing.warnings == (told,)
