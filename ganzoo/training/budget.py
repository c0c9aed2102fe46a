"""A run's budget: how much of it is spent, and when to save."""

from __future__ import annotations

from dataclasses import dataclass

ROUNDING = 1e-9
"""Shares of a budget are compared up to this much."""


@dataclass(frozen=True)
class Budget:
    """``rounds``, or else ``seconds`` of playing; ``saves`` evenly spread, or each ``save_every``.

    Seconds of checkpoints and scores do not count.
    """

    rounds: int | None
    seconds: float | None
    save_every: int | None
    saves: int

    def progress(self, rounds: int, seconds: float) -> float:
        """The share of it that is spent, in [0, 1]."""
        if self.rounds is not None:
            return min(1.0, rounds / self.rounds)
        return min(1.0, seconds / (self.seconds or 1.0))

    def next_save(self, progress: float) -> float:
        """The progress at which to save next."""
        return self._share * (self._passed(progress) + 1) - ROUNDING

    def is_due(self, rounds: int) -> bool:
        """Whether a round is one to save after. Of a budget in seconds, this is not known."""
        if self.rounds is None or rounds >= self.rounds:
            return True
        return self._passed(rounds / self.rounds) > self._passed((rounds - 1) / self.rounds)

    @property
    def _share(self) -> float:
        """The progress between two saves."""
        if self.save_every is not None and self.rounds is not None:
            return self.save_every / self.rounds
        return 1 / self.saves

    def _passed(self, progress: float) -> int:
        return int(progress / self._share + ROUNDING)
