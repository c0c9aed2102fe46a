"""Statistics over training seeds: means with intervals, and the probability of improvement.

Needs scipy, from the optional dependencies ``ganzoo-core[report]``.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from statistics import mean, stdev
from typing import TYPE_CHECKING, Any

import numpy as np

from ganzoo.errors import ZooError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ganzoo.parts.metric import Direction

LEVEL = 0.95
RESAMPLES = 10_000


@dataclass(frozen=True)
class Estimate:
    """A mean over ``n`` training seeds with its 95 % Student's t interval; None for one seed."""

    mean: float
    interval: tuple[float, float] | None = None
    n: int = 1

    def __str__(self) -> str:
        """Four significant digits, as ``7.29 [5.9, 8.7]``."""
        if self.interval is None:
            return f"{self.mean:.4g}"
        return f"{self.mean:.4g} [{self.interval[0]:.4g}, {self.interval[1]:.4g}]"

    @property
    def low(self) -> float:
        """The lower end of the interval, or the mean if there is none."""
        return self.mean if self.interval is None else self.interval[0]

    @property
    def high(self) -> float:
        """The upper end of the interval, or the mean if there is none."""
        return self.mean if self.interval is None else self.interval[1]


def estimate(values: Sequence[float]) -> Estimate:
    """The mean of at least one value, with its Student's t interval.

    Raises ZooError if there are two or more values and scipy is not installed.
    """
    n = len(values)
    if n < 2:  # noqa: PLR2004
        return Estimate(values[0])
    middle = mean(values)
    # Not scipy's t.interval: it returns NaN where all values are equal, as modes-captured often is.
    half = t_quantile(n - 1) * stdev(values) / n**0.5
    return Estimate(middle, (middle - half, middle + half), n)


def bootstrap_interval(values: Sequence[float]) -> tuple[float, float] | None:
    """The 95 % percentile bootstrap interval of the mean; None for fewer than two values.

    The resamples are the same at each call, so that a report can be written again bit for bit.
    """
    if len(values) < 2:  # noqa: PLR2004
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
