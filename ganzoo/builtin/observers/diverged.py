"""The check that training has not diverged."""

from __future__ import annotations

from math import isfinite

from ganzoo.errors import DivergedError
from ganzoo.parts.observer import Observer

LIMIT = 1e8
"""Above about 1.7e7 a float32 cannot tell neighbouring whole numbers apart. Training that gets here
does not recover, though it may take thousands of rounds more to reach infinity."""


class Diverged(Observer):
    """Stops a run at the first term that is not finite or exceeds 1e8, before it is saved."""

    name = "diverged"

    def noted(self, first: int, terms: dict[str, list[float]]) -> None:
        """Raise DivergedError, naming the round and the term, if any value has diverged."""
        bad = [
            (next(i for i, value in enumerate(values) if is_lost(value)), term)
            for term, values in terms.items()
            if any(map(is_lost, values))
        ]
        if not bad:
            return
        index, term = min(bad)
        player, _, name = term.partition("/")
        kept = self.run.last_checkpoint()
        where, new = "there was no checkpoint yet", ""
        if kept:
            where = f"the last checkpoint is {kept}"
            new = f", in a new run with --from {kept.parent.parent}"
        message = (
            f"training diverged: in round {first + index} the {player}'s '{name}' is "
            f"{terms[term][index]:.4g}; {where}. A lower learning rate usually helps{new}."
        )
        raise DivergedError(message)


def is_lost(value: float) -> bool:
    """Whether a term's value is not finite or exceeds the limit."""
    return not isfinite(value) or abs(value) > LIMIT
