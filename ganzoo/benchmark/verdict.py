"""The verdict: who won, in one sentence that claims no more than the intervals show."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from ganzoo.benchmark.standings import Standing

NOBODY = "Nobody finished."


def verdict(table: Sequence[Standing], metric: str) -> str:
    """Who won by this metric, from the standings.

    "wins" needs an interval clear of all other ranked contenders; otherwise the first "leads".
    """
    if not table:
        return NOBODY
    first, *others = table
    what = f"{metric} {first.last} on the last checkpoint, {seed_count(first)}"
    if not others:
        return f"{first.contender}: {what}{unranked([first] if first.lost else [])}."
    if not first.can_rank:
        note = unranked(standing for standing in table if standing.lost)
        return f"{first.contender} leads, too few seeds to call it a win: {what}{note}."
    note = unranked(other for other in others if not other.can_rank)
    rivals = [other for other in others if other.can_rank]
    if not rivals:
        return f"{first.contender} leads, the only one that can be ranked: {what}{note}."
    ties = [other.contender for other in rivals if not first.beats(other)]
    if not ties:
        against = f"{rivals[0].contender} has {rivals[0].last}"
        return f"{first.contender} wins: {what}; {against}{note}."
    names = ", ".join(ties)
    return f"{first.contender} leads, but its interval is not clear of {names}: {what}{note}."


def seed_count(standing: Standing) -> str:
    """The number of seeds behind its mean, as ``3 seeds``."""
    n = len(standing.values)
    return f"{n} seed{'s' if n > 1 else ''}"


def unranked(standings: Iterable[Standing]) -> str:
    """A parenthesis on the contenders without a rank: why, and their means."""
    notes = []
    for standing in standings:
        lost = [f"{standing.contender} {how} with {n}" for how, n in standing.lost.items()]
        why = " and ".join(lost) or f"{standing.contender} has {seed_count(standing)}"
        notes.append(f"{why}: {standing.last}")
    return f" (not ranked: {'; '.join(notes)})" if notes else ""
