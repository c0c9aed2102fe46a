"""Standings: contenders ranked by their intervals, with what looks like collapse."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from ganzoo.benchmark.results import LOST, of_kind
from ganzoo.benchmark.statistics import ANY_NUMBER, ENOUGH_SEEDS, Estimate, estimate
from ganzoo.errors import counted

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from ganzoo.benchmark.results import Result
    from ganzoo.parts.metric import Direction, Score

MUCH_WORSE = 0.5
"""The last checkpoint has collapsed if it lost more than this share of what there was to lose."""
LITTLE = 0.1
"""Less than this share of the way from the untrained generator to training data is no progress."""
RARE = 0.1
"""A class is missing if it is generated less than this share as often as it occurs in the data."""


@dataclass(frozen=True)
class Standing:
    """A contender's place, by the headline metric of the last checkpoint of each seed."""

    contender: str
    better: Direction
    values: dict[int, float]
    """The headline by training seed, of the seeds that finished."""
    last: Estimate
    """The mean of these values."""
    best: dict[int, float] = field(default_factory=dict)
    """The headline of the best checkpoint by training seed."""
    lost: dict[str, int] = field(default_factory=dict)
    """The number of seeds that did not finish, by how they ended."""
    warnings: tuple[str, ...] = ()
    floors: dict[str, float] = field(default_factory=dict)
    """The headline of noise and of its own untrained network: what it has before it learns."""
    within: tuple[float, float] = ANY_NUMBER
    """The range of the headline."""
    rank: int | None = None
    """One more than the number of contenders that are better beyond their intervals."""

    @property
    def can_rank(self) -> bool:
        """Whether there are enough seeds and all of them finished.

        A pretrained model has one seed, which is too few. If seeds were lost, the mean of the
        remaining ones would flatter a contender that often diverges.
        """
        return len(self.values) >= ENOUGH_SEEDS and not self.lost

    @property
    def losses(self) -> list[str]:
        """How seeds were lost, as ``diverged with 2 seeds``."""
        return [f"{how} with {seed_count(n)}" for how, n in self.lost.items()]

    def beats(self, other: Standing) -> bool:
        """Whether the intervals separate in favour of this one; never with too few seeds."""
        if min(len(self.values), len(other.values)) < ENOUGH_SEEDS:
            return False
        best_of_other = other.last.low if self.better == "lower" else other.last.high
        return self.is_better(self.worst, best_of_other)

    @property
    def worst(self) -> float:
        """The worse end of the interval, or the mean if there is none."""
        return self.last.high if self.better == "lower" else self.last.low

    def is_better(self, one: float, other: float) -> bool:
        """Whether one value of the headline is better than another."""
        return one < other if self.better == "lower" else one > other

    def floors_over(self, value: float) -> str:
        """The floors that a value is not better than, as ``uniform noise (0.0056)``, or nothing."""
        over = [
            f"{name} ({floor:.4g})"
            for name, floor in self.floors.items()
            if not self.is_better(value, floor)
        ]
        return " and ".join(over)

    def paired(self, other: Standing) -> Estimate | None:
        """The mean difference over the seeds of both, positive if this one is better.

        None if they have fewer than two seeds in common.
        """
        sign = 1 if self.better == "higher" else -1
        common = sorted(self.values.keys() & other.values.keys())
        differences = [sign * (self.values[s] - other.values[s]) for s in common]
        width = self.within[1] - self.within[0]
        return estimate(differences, (-width, width)) if len(differences) > 1 else None


def seed_count(n: int) -> str:
    """A number of seeds, as ``3 seeds``."""
    return counted(n, "seed")


def headline(scores: Iterable[Score], headlines: Sequence[str]) -> Score | None:
    """The score to rank by: the first of the headline metrics that was measured, if one was."""
    found = {score.metric: score for score in scores}
    return next((found[name] for name in headlines if name in found), None)


def standings(
    results: Sequence[Result], metric: str, within: tuple[float, float] = ANY_NUMBER
) -> list[Standing]:
    """The contenders that finished with at least one seed, best first, unranked ones last.

    ``within`` is the range of the metric. A contender scored under another protocol than the first,
    or not by this metric, is left out.
    """
    others = incomparable(results)
    names = dict.fromkeys(result.contender for result in of_kind(results, "last"))
    found = [standing(results, name, metric, within) for name in names if name not in others]
    table = [made for made in found if made is not None]
    table.sort(key=lambda s: (not s.can_rank, s.last.mean if s.better == "lower" else -s.last.mean))
    ranked = [s for s in table if s.can_rank]
    return [
        replace(s, rank=1 + sum(other.beats(s) for other in ranked)) if s.can_rank else s
        for s in table
    ]


def standing(
    results: Sequence[Result], name: str, metric: str, within: tuple[float, float]
) -> Standing | None:
    """One contender's standing, without a rank; None if the metric was not measured for it."""
    lasts = of_kind(results, "last", name)
    scores = {r.seed: s for r in lasts if (s := r.score(metric))}
    if not scores:
        return None
    lost = {str(kind): len(of_kind(results, kind, name)) for kind in LOST}
    lost["was not measured"] = len(lasts) - len(scores)
    noise = [(r.contender, r) for r in of_kind(results, "noise")]
    starts = [("the untrained network", r) for r in of_kind(results, "untrained", name)]
    floors = {what: r.value(metric) for what, r in (*noise, *starts)}
    values = {seed: score.value for seed, score in sorted(scores.items())}
    best = {r.seed: r.value(metric) for r in of_kind(results, "best", name)}
    return Standing(
        contender=name,
        better=next(iter(scores.values())).better,
        values=values,
        last=estimate(list(values.values()), within),
        best={seed: value for seed, value in best.items() if value is not None},
        lost={how: n for how, n in lost.items() if n},
        warnings=collapses(results, name, metric),
        floors={what: value for what, value in floors.items() if value is not None},
        within=within,
    )


def collapses(results: Sequence[Result], name: str, metric: str) -> tuple[str, ...]:
    """Signs of collapse: a last score much worse than the best, missing modes, missing classes."""
    data = {s.metric: s.value for r in of_kind(results, "training-data") for s in r.scores}
    starts = (r.value(metric) for r in of_kind(results, "untrained", name))
    start = next(starts, None) or 0.0
    best = {r.seed: r.value(metric) for r in of_kind(results, "best", name)}
    lasts = of_kind(results, "last", name)
    fell, modes, classes = 0, 0, 0
    for last in lasts:
        score, top = last.score(metric), best.get(last.seed)
        if score is not None and top is not None:
            fell += has_fallen(score, top, data.get(metric), start)
        if (captured := last.value("modes-captured")) is not None:
            modes += captured < data.get("modes-captured", captured)
        if (rarest := last.value("rarest-class")) is not None:
            classes += rarest < RARE * data.get("rarest-class", 0)
    counts = (
        ("last much worse than best", fell),
        ("modes missing", modes),
        ("classes missing", classes),
    )
    return tuple(f"{what} in {count} of {len(lasts)}" for what, count in counts if count)


def has_fallen(last: Score, best: float, data: float | None, start: float) -> bool:
    """Whether the last score is much worse than the best, as a share of what there was to lose.

    For a distance that is the best score itself, but at least the score of training ``data``. For
    a score that rises it is what the best gained over ``start``, the untrained generator's score,
    but at least a little of the way to training data (or of the best, if data has no score).
    """
    if last.better == "lower":
        return last.value - best > MUCH_WORSE * max(best, data or 0.0)
    little = LITTLE * (data - start) if data is not None else abs(best)
    return best - last.value > MUCH_WORSE * max(best - start, little)


def incomparable(results: Iterable[Result]) -> dict[str, str]:
    """The contenders scored under another protocol than the first one, and what differs."""
    first: dict[str, Score] = {}
    found: dict[str, str] = {}
    for result in of_kind(results, "last"):
        for score in result.scores:
            known = first.setdefault(score.metric, score)
            different = known.difference(score)
            if different is not None:
                found.setdefault(result.contender, f"{score.metric} was measured with {different}")
    return found
