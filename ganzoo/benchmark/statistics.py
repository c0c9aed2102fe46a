"""Statistics over training seeds: means with intervals, and the probability of improvement.

Needs scipy, from the optional dependencies ``ganzoo-core[report]``.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from math import inf
from statistics import mean, stdev
from typing import TYPE_CHECKING, Any

import numpy as np

from ganzoo.errors import ZooError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ganzoo.parts.metric import Direction

LEVEL = 0.95
RESAMPLES = 10_000
ENOUGH_SEEDS = 3
"""With fewer there is no interval: that of two values reaches 13 standard errors to each side.
And no win is called: two seeds of each are fully ordered by chance one time in three."""
ANY_NUMBER = (-inf, inf)
"""The range of a number that may have any value."""


@dataclass(frozen=True)
class Estimate:
    """The mean of values, one a training seed, with its 95 % Student's t interval."""

    values: tuple[float, ...]
    mean: float
    interval: tuple[float, float] | None = None
    """None for fewer values than ENOUGH_SEEDS."""

    def __str__(self) -> str:
        """Four significant digits: ``7.29 [5.9, 8.7]``, of two values ``7.29 (7 and 7.58)``."""
        text = f"{self.mean:.4g}"
        if self.interval is not None:
            return f"{text} {bracketed(self.interval)}"
        return f"{text} ({listed(self.values)})" if len(self.values) > 1 else text

    @property
    def low(self) -> float:
        """The lower end of the interval, or the mean if there is none."""
        return self.mean if self.interval is None else self.interval[0]

    @property
    def high(self) -> float:
        """The upper end of the interval, or the mean if there is none."""
        return self.mean if self.interval is None else self.interval[1]


def bracketed(interval: tuple[float, float]) -> str:
    """An interval in four significant digits."""
    return f"[{interval[0]:.4g}, {interval[1]:.4g}]"


def listed(values: Sequence[float]) -> str:
    """Values in four significant digits, as ``7 and 7.58``."""
    return " and ".join(f"{value:.4g}" for value in values)


def estimate(values: Sequence[float], within: tuple[float, float] = ANY_NUMBER) -> Estimate:
    """The mean of at least one value, with its Student's t interval.

    The interval is cut to what lies ``within`` the range of such numbers. The true mean lies there
    too, so the cut interval covers it as often. Raises ZooError if scipy is needed and not
    installed.
    """
    n = len(values)
    middle = mean(values)
    if n < ENOUGH_SEEDS:
        return Estimate(tuple(values), middle)
    # Not scipy's t.interval: it returns NaN where all values are equal, as modes-captured often is.
    half = t_quantile(n - 1) * stdev(values) / n**0.5
    least, greatest = min(*values, within[0]), max(*values, within[1])  # 0 may be rounded to -1e-17
    interval = (max(middle - half, least), min(middle + half, greatest))
    return Estimate(tuple(values), middle, interval)


def bootstrap_interval(values: Sequence[float]) -> tuple[float, float] | None:
    """The 95 % percentile bootstrap interval of the mean; None for fewer than ENOUGH_SEEDS.

    The resamples are the same at each call, so that a report can be written again bit for bit.
    """
    if len(values) < ENOUGH_SEEDS:
        return None
    found = scipy_stats().bootstrap(
        (values,),
        np.mean,
        n_resamples=RESAMPLES,
        vectorized=True,
        confidence_level=LEVEL,
        method="percentile",
        rng=0,
    )
    return float(found.confidence_interval.low), float(found.confidence_interval.high)


@cache
def t_quantile(freedom: int) -> float:
    """The 97.5 % quantile of Student's t with these degrees of freedom."""
    return float(scipy_stats().t.ppf((1 + LEVEL) / 2, freedom))


def scipy_stats() -> Any:
    """The module ``scipy.stats``; ZooError if scipy is not installed."""
    try:
        from scipy import stats  # an optional dependency, and half a second to import
    except ImportError as error:
        message = "intervals need scipy: pip install 'ganzoo-core[report]'."
        raise ZooError(message) from error
    return stats


def improvement(one: Sequence[float], other: Sequence[float], better: Direction) -> float:
    """The probability, from 0 to 1, that a run of one beats a run of the other; ties count half.

    Taken over all pairs of seeds: Agarwal et al. 2021, arXiv:2108.13264.
    """
    sign = 1 if better == "higher" else -1
    pairs = [sign * (a - b) for a in one for b in other]
    return sum(1.0 if d > 0 else 0.5 if d == 0 else 0.0 for d in pairs) / len(pairs)
