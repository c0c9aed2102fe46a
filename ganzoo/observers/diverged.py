"""The watch for values that are not finite."""

from __future__ import annotations

from math import isfinite

from ganzoo.errors import DivergedError
from ganzoo.observers import Observer


class Diverged(Observer):
    """Stops a run at the first term that is not finite, before it is saved."""

    name = "diverged"

    def noted(self, first: int, terms: dict[str, list[float]]) -> None:
        """Raise DivergedError naming the round and the term."""
        bad = [
            (next(i for i, value in enumerate(values) if not isfinite(value)), term)
            for term, values in terms.items()
            if not all(map(isfinite, values))
        ]
        if not bad:
            return
        index, term = min(bad)
        player, _, name = term.partition("/")
        kept = self.run.last_checkpoint()
        where = f"the last checkpoint is {kept}" if kept else "there was no checkpoint yet"
        message = (
            f"training diverged: in round {first + index} the {player}'s '{name}' is "
            f"{terms[term][index]}; {where}. A lower learning rate usually helps."
        )
        raise DivergedError(message)
