"""The progress of a run, while it trains."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from ganzoo.parts.observer import Observer
from ganzoo.training.meter import clock, meter

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ganzoo.errors import DivergedError
    from ganzoo.parts.protocols import RunView


class ProgressBar(Observer):
    """Shows the round, the share done, rounds per second, the time left, the terms and signals.

    A bar on a terminal or in a notebook; elsewhere a line on standard error every ten seconds.
    """

    name = "progress-bar"

    def __init__(self, run: RunView) -> None:
        """Start the clock; what a resumed run has behind it does not count towards the speed."""
        super().__init__(run)
        self.meter = meter(run.title)
        self._start()

    def _start(self) -> None:
        self.started = time.monotonic()
        self.before = (self.run.game.rounds, self.run.seconds, self.run.game.progress)

    def noted(self, first: int, terms: dict[str, list[float]]) -> None:  # noqa: ARG002
        """Show how far the run is now."""
        game, (rounds, seconds, progress) = self.run.game, self.before
        rate = (game.rounds - rounds) / max(self.run.seconds - seconds, 1e-9)
        elapsed = time.monotonic() - self.started
        left = elapsed * (1 - game.progress) / max(game.progress - progress, 1e-9)
        now = [(short(name, terms), values[-1]) for name, values in terms.items()]
        last = "  ".join(f"{name}:{value:.3g}" for name, value in [*now, *self.run.signals.items()])
        self.meter.show(
            game.progress,
            f"round {game.rounds}",
            f"{rate:.1f} rounds/s",
            f"{clock(left)} left",
            last,
        )

    def rolled_back(self, error: DivergedError) -> None:  # noqa: ARG002
        """Start the clock anew."""
        self._start()

    def finished(self, error: BaseException | None) -> None:  # noqa: ARG002
        """Stop; what was shown last stays."""
        self.meter.close()


def short(name: str, names: Iterable[str]) -> str:
    """``PLAYER/TERM`` as the player's first letter, with the term where the player has several."""
    player, _, term = name.partition("/")
    several = sum(other.startswith(f"{player}/") for other in names) > 1
    return f"{player[0]}/{term}" if several else player[0]
