"""The verdict: who won, in words that claim no more than the intervals show."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ganzoo.benchmark.standings import seed_count

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ganzoo.benchmark.standings import Standing

NOBODY = "Nobody finished."
UNRANKED = "Nobody can be ranked: no metric that ranks was measured."


def verdict(table: Sequence[Standing], metric: str) -> str:
    """Who won by this metric, from the standings.

    "wins" needs an interval clear of all other ranked contenders; otherwise the first "leads", or
    those with equal means "tie". Who is no better than noise, or than its own untrained network,
    has learned nothing.
    """
    if not table:
        return NOBODY
    first = table[0]
    what = f"{metric} {first.last} on the last checkpoint, {seed_count(len(first.values))}"
    told = f"{claim(table)}: {what}{against(table)}{unranked(table)}."
    if not first.floors_over(first.last.mean) and (floors := first.floors_over(first.worst)):
        told += f" Its interval is not clear of {floors}."
    return told


def claim(table: Sequence[Standing]) -> str:
    """What can be said of the first contender, without numbers."""
    first = table[0]
    equal = [standing for standing in table if standing.last.mean == first.last.mean]
    if floors := first.floors_over(first.last.mean):
        alike = [s.contender for s in table if s.floors_over(s.last.mean)]
        return f"{' and '.join(alike)} learned nothing, no better than {floors}"
    if len(table) == 1:
        return first.contender
    if len(equal) > 1:
        return f"{' and '.join(standing.contender for standing in equal)} tie"
    return f"{first.contender} {lead(first, table[1:])}"


def lead(first: Standing, others: Sequence[Standing]) -> str:
    """How far the first contender is ahead of others with worse means."""
    if not first.can_rank:
        return "leads, too few seeds to call it a win"
    rivals = [other for other in others if other.can_rank]
    if not rivals:
        return "leads, the only one that can be ranked"
    close = [other.contender for other in rivals if not first.beats(other)]
    return f"leads, but its interval is not clear of {', '.join(close)}" if close else "wins"


def against(table: Sequence[Standing]) -> str:
    """The numbers of the next contender that has a rank, where the first has one too."""
    first, *others = table
    rivals = [other for other in others if other.can_rank and other.last != first.last]
    return f"; {rivals[0].contender} has {rivals[0].last}" if first.can_rank and rivals else ""


def unranked(table: Sequence[Standing]) -> str:
    """A parenthesis on the contenders without a rank: why, and their means.

    If not even the first has a rank, only those are told that lost a seed.
    """
    notes = []
    for standing in table:
        if standing.can_rank or not (standing.lost or table[0].can_rank):
            continue
        why = " and ".join(standing.losses) or f"has {seed_count(len(standing.values))}"
        notes.append(f"{standing.contender} {why}: {standing.last}")
    return f" (not ranked: {'; '.join(notes)})" if notes else ""
