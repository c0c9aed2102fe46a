"""Results of a benchmark: one line for each scored checkpoint, and what follows from them all."""

from __future__ import annotations

from statistics import mean, stdev
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, ConfigDict

from ganzoo.metric import Direction, Score
from ganzoo.run import Plan

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

Kind = Literal["best", "last", "curve", "untrained", "floor", "noise", "refused", "diverged"]


class Result(BaseModel):
    """One line of ``results.jsonl``: scores of one checkpoint of one run, or why there is none.

    ``floor`` (training rows scored as if they were samples), ``noise`` (uniform noise) and
    ``untrained`` are references; ``curve`` is one point of a learning curve.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    contender: str
    kind: Kind
    seed: int = 0
    rounds: int = 0
    seconds: float = 0.0
    scores: tuple[Score, ...] = ()
    error: str | None = None
    plan: Plan | None = None

    def value(self, metric: str) -> float | None:
        """The value of one number, where it was measured."""
        return next((score.value for score in self.scores if score.metric == metric), None)


class Standing(BaseModel):
    """A contender's place: its headline on the last checkpoint of each training seed."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    contender: str
    metric: str
    better: Direction
    values: tuple[float, ...]
    diverged: int = 0

    @property
    def mean(self) -> float:
        """The mean over training seeds."""
        return mean(self.values)

    def beats(self, other: Standing) -> bool:
        """Whether every seed of this one is better than every seed of the other."""
        if self.better == "lower":
            return max(self.values) < min(other.values)
        return min(self.values) > max(other.values)


def of_kind(results: Iterable[Result], kind: Kind, contender: str | None = None) -> list[Result]:
    """The results of one kind, of one contender or of all."""
    return [r for r in results if r.kind == kind and contender in {None, r.contender}]


def spread(values: Sequence[float]) -> str:
    """A mean with its standard deviation over training seeds; a single value as it is."""
    if not values:
        return ""
    if len(values) == 1:
        return f"{values[0]:.4g}"
    return f"{mean(values):.4g} ± {stdev(values):.2g}"


def standings(results: Sequence[Result], headline: str) -> list[Standing]:
    """The contenders that finished, the best first, by the mean of their last checkpoints."""
    found = []
    for name in dict.fromkeys(result.contender for result in of_kind(results, "last")):
        scores = [
            score
            for result in of_kind(results, "last", name)
            for score in result.scores
            if score.metric == headline
        ]
        values = tuple(score.value for score in scores)
        lost = len(of_kind(results, "diverged", name))
        better = scores[0].better
        found.append(
            Standing(contender=name, metric=headline, better=better, values=values, diverged=lost)
        )
    # A mean over the survivors alone would flatter a contender that often diverges.
    return sorted(found, key=lambda s: (s.diverged, s.mean if s.better == "lower" else -s.mean))


ENOUGH_SEEDS = 3
"""Fewer are ordered alike too often by chance: two of each, one time in three."""


def verdict(results: Sequence[Result], headline: str) -> str:
    """Who won, in one sentence.

    A win takes three seeds of each, and every seed of the winner ahead of every seed of the others;
    with fewer seeds, or overlapping ones, somebody leads.
    """
    table = standings(results, headline)
    if not table:
        return "Nobody finished."
    first, *others = table
    seeds = f"{len(first.values)} seed{'s' if len(first.values) > 1 else ''}"
    what = f"{headline} {spread(first.values)} on the last checkpoint, {seeds}"
    lost = [f"{s.contender} diverged with {s.diverged}" for s in table if s.diverged]
    note = f" ({'; '.join(lost)})" if lost else ""
    if not others:
        return f"{first.contender}: {what}{note}."
    equal = [other.contender for other in others if not first.beats(other)]
    if equal:
        return f"{first.contender} leads, but not clear of {', '.join(equal)}: {what}{note}."
    against = f"{others[0].contender} has {spread(others[0].values)}"
    if min(len(standing.values) for standing in table) < ENOUGH_SEEDS:
        return f"{first.contender} leads, too few seeds to call it a win: {what}; {against}{note}."
    return f"{first.contender} wins: {what}; {against}{note}."


def rows_of(results: Sequence[Result], headline: str) -> list[dict[str, Any]]:
    """The table: contenders by rank, those that did not finish, then the references."""
    ranked = [standing.contender for standing in standings(results, headline)]
    rows = [_row(results, name, "last") for name in ranked]
    for row, name in zip(rows, ranked, strict=True):
        best = [v for r in of_kind(results, "best", name) if (v := r.value(headline)) is not None]
        row[f"best {headline}"] = spread(best)
    rows += [
        {"contender": f"{result.contender} (seed {result.seed})", "note": result.error}
        for result in (*of_kind(results, "refused"), *of_kind(results, "diverged"))
    ]
    references: tuple[Kind, ...] = ("untrained", "floor", "noise")
    for kind in references:
        for result in of_kind(results, kind):
            name = f"{result.contender}, {kind}" if kind == "untrained" else result.contender
            rows.append({**_row([result], result.contender, kind), "contender": name})
    return rows


def _row(results: Sequence[Result], name: str, kind: Kind) -> dict[str, Any]:
    mine = of_kind(results, kind, name)
    row: dict[str, Any] = {"contender": name}
    if kind == "last":
        row["rounds"] = spread([result.rounds for result in mine])
        row["seconds"] = spread([result.seconds for result in mine])
    for score in mine[0].scores:
        values = [v for result in mine if (v := result.value(score.metric)) is not None]
        row[f"{score.metric} {'↑' if score.better == 'higher' else '↓'}"] = spread(values)
    return row
