"""Scores with remarks: which metrics could not measure, and which had few rows to do it on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ganzoo.errors import ZooError
from ganzoo.parts.metric import Metric, Score
from ganzoo.plugins.loading import reason

if TYPE_CHECKING:
    from collections.abc import Mapping

HELD_OUT, SAMPLES = "held-out rows", "samples"
REMEDIES = {HELD_OUT: "hold out more of the data", SAMPLES: "draw more of them"}


class Scores(list[Score]):
    """The scores of several metrics; ``remarks`` are sentences about those that mean little."""

    def __init__(self) -> None:
        """No scores yet."""
        super().__init__()
        self.left_out: dict[str, str] = {}
        """The metrics that apply and could not measure, by name, and why."""
        self.warnings: list[str] = []
        """Doubts about numbers that were measured."""

    def __repr__(self) -> str:
        """Each metric and its value; ``remarks`` and the scores themselves say the rest."""
        return "\n".join(f"{score.metric} {score.value:.4g}" for score in self)

    @property
    def remarks(self) -> list[str]:
        """All that there is to say, a sentence each."""
        return [*self.left_out.values(), *self.warnings]

    def leave_out(self, metric: Metric, error: BaseException) -> None:
        """Note that a metric raised instead of measuring."""
        package = type(metric).__module__.partition(".")[0]
        of = "" if isinstance(error, ZooError) else f" of {package}"  # whose fault it is
        why = f"could not be measured: {reason(error)}."
        self.left_out[metric.name] = f"metric '{metric.name}'{of} {why}"


def require_rows(metric: Metric, seen: Mapping[str, Any], counts: Mapping[str, int]) -> None:
    """Raise ZooError where a side has too few rows to compute a metric from.

    ``seen`` is what the metric reads, ``counts`` the number of rows of each side that it compares.
    """
    needed = metric.fewest(seen)
    if any(count < needed for count in counts.values()):
        message = f"it needs {shortage(metric, needed, counts)}"
        raise ZooError(message)


def doubt(metric: Metric, seen: Mapping[str, Any], counts: Mapping[str, int]) -> str | None:
    """A warning where a side has too few rows for a metric's numbers to mean something."""
    needed = metric.enough(seen)
    if all(count >= needed for count in counts.values()):
        return None
    lacking = shortage(metric, needed, counts)
    return f"the numbers of '{metric.name}' mean little here: they take {lacking}"


def shortage(metric: Metric, needed: int, counts: Mapping[str, int]) -> str:
    """What is needed, what there is of it, and what to do, to the end of a sentence."""
    short = {side: count for side, count in counts.items() if count < needed}
    sides = " and as many ".join(short)
    there = " and ".join(f"{count:,}" for count in dict.fromkeys(short.values()))
    limited = metric.rows in short.values()
    what = "raise its option 'rows'" if limited else " and ".join(REMEDIES[side] for side in short)
    return f"{needed:,} {sides}, and there are {there}; {what}."
