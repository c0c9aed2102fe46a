"""What follows from results: intervals, ranks with ties, collapse, and a verdict."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from statistics import mean, stdev
from typing import TYPE_CHECKING

import numpy as np

from ganzoo.benchmark.results import Kind, of_kind
from ganzoo.errors import ZooError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from ganzoo.benchmark.results import Result
    from ganzoo.parts.metric import Direction, Score

LEVEL = 0.95
RESAMPLES = 10_000
ENOUGH_SEEDS = 3
"""Fewer are no ground for a win: two of each are ordered alike by chance one time in three."""
MUCH_WORSE = 0.5
"""A last checkpoint further from the best than this share of its value has collapsed."""
LITTLE = 0.1
"""Of the way from the untrained generator to training data, less than this is nothing to lose."""
LOST: tuple[Kind, ...] = ("diverged", "failed", "died")
"""How a seed may fail to finish."""
RARE = 0.1
"""A class generated less than this share as often as in the data is missing."""


@dataclass(frozen=True)
class Estimate:
    """A mean over training seeds with its 95 % intervals; a single value has none."""

    mean: float
    t: tuple[float, float] | None = None
    bootstrap: tuple[float, float] | None = None
    n: int = 1

    def __str__(self) -> str:
        """``7.29 [5.9, 8.7]``."""
        if self.t is None:
            return f"{self.mean:.4g}"
        return f"{self.mean:.4g} [{self.t[0]:.4g}, {self.t[1]:.4g}]"

    @property
    def low(self) -> float:
        """The lower end of the t interval, or the value."""
        return self.mean if self.t is None else self.t[0]

    @property
    def high(self) -> float:
        """The upper end of the t interval, or the value."""
        return self.mean if self.t is None else self.t[1]


def estimate(values: Sequence[float]) -> Estimate:
    """Mean, Student's t interval, and percentile bootstrap interval of values over seeds."""
    if len(values) < 2:  # noqa: PLR2004
        return Estimate(values[0])
    middle, n = mean(values), len(values)
    half = t_quantile(n - 1) * stdev(values) / n**0.5
    drawn = np.random.default_rng(0).choice(np.asarray(values), (RESAMPLES, n)).mean(1)
    ends = np.quantile(drawn, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Estimate(middle, (middle - half, middle + half), (float(ends[0]), float(ends[1])), n)


def t_quantile(freedom: int) -> float:
    """The 97.5 % quantile of Student's t."""
    try:
        from scipy.stats import t
    except ImportError as error:
        message = "intervals need scipy: pip install 'ganzoo-core[report]'."
        raise ZooError(message) from error
    return float(t.ppf((1 + LEVEL) / 2, freedom))


def improvement(one: Sequence[float], other: Sequence[float], better: Direction) -> float:
    """How likely a run of one is better than a run of the other; ties count half.

    Agarwal et al. 2021, arXiv:2108.13264: over all pairs of seeds.
    """
    sign = 1 if better == "higher" else -1
    pairs = [sign * (a - b) for a in one for b in other]
    return sum(1.0 if d > 0 else 0.5 if d == 0 else 0.0 for d in pairs) / len(pairs)


@dataclass(frozen=True)
class Standing:
    """A contender's place: its headline on the last checkpoint of each training seed."""

    contender: str
    better: Direction
    values: dict[int, float]
    best: dict[int, float] = field(default_factory=dict)
    lost: dict[str, int] = field(default_factory=dict)
    """Seeds that did not finish, by how."""
    warnings: tuple[str, ...] = ()
    rank: int | None = None
    """One more than the number of contenders that are better beyond their intervals."""

    @property
    def last(self) -> Estimate:
        """Over the seeds that finished."""
        return estimate(list(self.values.values()))

    @property
    def can_rank(self) -> bool:
        """Whether there are seeds enough, and all of them finished.

        A model trained once has too few; a mean over the survivors alone would flatter a contender
        that often diverges.
        """
        return len(self.values) >= ENOUGH_SEEDS and not self.lost

    def beats(self, other: Standing) -> bool:
        """Whether the intervals separate; fewer than three seeds of either separate nothing."""
        if min(len(self.values), len(other.values)) < ENOUGH_SEEDS:
            return False
        if self.better == "lower":
            return self.last.high < other.last.low
        return self.last.low > other.last.high

    def paired(self, other: Standing) -> Estimate | None:
        """The mean difference over common seeds, positive where this one is better."""
        sign = 1 if self.better == "higher" else -1
        common = sorted(self.values.keys() & other.values.keys())
        differences = [sign * (self.values[s] - other.values[s]) for s in common]
        return estimate(differences) if len(differences) > 1 else None


def headline(scores: Iterable[Score], headlines: Sequence[str]) -> Score:
    """The score that runs are ranked by."""
    found = {score.metric: score for score in scores}
    for name in headlines:
        if name in found:
            return found[name]
    message = "no metric can rank these scores."
    raise ZooError(message)


def standings(results: Sequence[Result], metric: str) -> list[Standing]:
    """The contenders that finished with some seed: first those that can be ranked, the best first.

    Who was scored under another protocol than the first is left out.
    """
    found = []
    others = incomparable(results)
    for name in dict.fromkeys(result.contender for result in of_kind(results, "last")):
        scores = {r.seed: s for r in of_kind(results, "last", name) if (s := r.score(metric))}
        if not scores or name in others:
            continue
        best = {
            r.seed: v for r in of_kind(results, "best", name) if (v := r.value(metric)) is not None
        }
        lost: dict[str, int] = {
            kind: n for kind in LOST if (n := len(of_kind(results, kind, name)))
        }
        better = next(iter(scores.values())).better
        values = {seed: score.value for seed, score in sorted(scores.items())}
        warnings = collapses(results, name, metric)
        found.append(Standing(name, better, values, best, lost, warnings))
    found.sort(key=lambda s: (not s.can_rank, s.last.mean if s.better == "lower" else -s.last.mean))
    ranked = [s for s in found if s.can_rank]
    return [
        replace(s, rank=1 + sum(other.beats(s) for other in ranked)) if s.can_rank else s
        for s in found
    ]


def collapses(results: Sequence[Result], name: str, metric: str) -> tuple[str, ...]:
    """What looks like collapse: a last score much worse than the best, modes or classes gone."""
    floors = {s.metric: s.value for r in of_kind(results, "floor") for s in r.scores}
    starts = (r.value(metric) for r in of_kind(results, "untrained", name))
    start = next(starts, None) or 0.0
    best = {r.seed: r for r in of_kind(results, "best", name)}
    fallen, modes, classes = [], [], []
    lasts = of_kind(results, "last", name)
    for last in lasts:
        score, before = last.score(metric), best.get(last.seed)
        top = None if before is None else before.value(metric)
        if score and top is not None and fell(score, top, floors.get(metric), start):
            fallen.append(last.seed)
        if (captured := last.value("modes-captured")) is not None:
            gone = floors.get("modes-captured", captured) - captured
            modes += [last.seed] if gone > 0 else []
        if (rarest := last.value("rarest-class")) is not None:
            classes += [last.seed] if rarest < RARE * floors.get("rarest-class", 0) else []
    told = (
        ("last much worse than best", fallen),
        ("modes missing", modes),
        ("classes missing", classes),
    )
    return tuple(f"{what} in {len(seeds)} of {len(lasts)}" for what, seeds in told if seeds)


def fell(last: Score, best: float, floor: float | None, start: float) -> bool:
    """Whether a last score is much worse than the best, as a share of what there was to lose.

    Of a distance that is the best itself, though no less than what training data scores; of what
    rises, what the best had gained since ``start``, the untrained generator's score, though no less
    than a little of the way to training data, or than itself where that has no score.
    """
    if last.better == "lower":
        return last.value - best > MUCH_WORSE * max(best, floor or 0.0)
    little = LITTLE * (floor - start) if floor is not None else abs(best)
    return best - last.value > MUCH_WORSE * max(best - start, little)


def verdict(results: Sequence[Result], metric: str) -> str:
    """Who won, in one sentence that is true to the intervals."""
    table = standings(results, metric)
    if not table:
        return "Nobody finished."
    first, *others = table
    what = f"{metric} {first.last} on the last checkpoint, {seeds_of(first)}"
    if not others:
        return f"{first.contender}: {what}{unranked([first] if first.lost else [])}."
    if not first.can_rank:
        note = unranked([standing for standing in table if standing.lost])
        return f"{first.contender} leads, too few seeds to call it a win: {what}{note}."
    note = unranked([other for other in others if not other.can_rank])
    rivals = [other for other in others if other.can_rank]
    if not rivals:
        return f"{first.contender} leads, the only one that can be ranked: {what}{note}."
    ties = [other.contender for other in rivals if not first.beats(other)]
    if not ties:
        against = f"{rivals[0].contender} has {rivals[0].last}"
        return f"{first.contender} wins: {what}; {against}{note}."
    names = ", ".join(ties)
    return f"{first.contender} leads, but its interval is not clear of {names}: {what}{note}."


def seeds_of(standing: Standing) -> str:
    """Over how many seeds its mean is."""
    n = len(standing.values)
    return f"{n} seed{'s' if n > 1 else ''}"


def unranked(standings: Iterable[Standing]) -> str:
    """Those that lost seeds or have too few, each with why and its mean, in brackets."""
    told = []
    for standing in standings:
        lost = [f"{standing.contender} {how} with {n}" for how, n in standing.lost.items()]
        why = " and ".join(lost) or f"{standing.contender} has {seeds_of(standing)}"
        told.append(f"{why}: {standing.last}")
    return f" (not ranked: {'; '.join(told)})" if told else ""


def incomparable(results: Iterable[Result]) -> Mapping[str, str]:
    """The contenders that were scored under another protocol than the first, and which."""
    first: dict[str, Score] = {}
    found: dict[str, str] = {}
    for result in of_kind(results, "last"):
        for score in result.scores:
            known = first.setdefault(score.metric, score)
            different = known.difference(score)
            if different is not None:
                found.setdefault(result.contender, f"{score.metric} was measured with {different}")
    return found
