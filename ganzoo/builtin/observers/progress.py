"""The progress bar."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from ganzoo.parts.observer import Observer

if TYPE_CHECKING:
    from rich.progress import Progress

    from ganzoo.parts.protocols import RunView


class ProgressBar(Observer):
    """A line on the terminal: progress, rounds per second, time left and the terms.

    Nothing is drawn if standard error is not a terminal.
    """

    name = "progress-bar"

    def __init__(self, run: RunView) -> None:
        """Draw the bar, if there is a terminal to draw it on."""
        super().__init__(run)
        self.bar: Progress | None = None
        if sys.stderr.isatty():
            self.bar = self._draw()

    def _draw(self) -> Progress:
        # rich is slow to import, and not needed without a terminal
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

        bar = Progress(
            TextColumn("[bold]{task.description}"),
            BarColumn(bar_width=24),
            TextColumn("{task.percentage:>3.0f}%"),
            TextColumn("{task.fields[rate]}"),
            TimeRemainingColumn(),
            TextColumn("[dim]{task.fields[terms]}"),
            console=Console(stderr=True),
        )
        self.started = (self.run.game.rounds, self.run.seconds)
        self.task = bar.add_task(self.run.title, total=1.0, rate="", terms="")
        bar.start()
        return bar

    def noted(self, first: int, terms: dict[str, list[float]]) -> None:  # noqa: ARG002
        """Advance the bar."""
        if self.bar is None:
            return
        rounds = self.run.game.rounds - self.started[0]
        rate = rounds / max(self.run.seconds - self.started[1], 1e-9)
        last = "  ".join(
            f"{name.split('/')[0][0]}:{values[-1]:.3g}" for name, values in terms.items()
        )
        self.bar.update(
            self.task, completed=self.run.game.progress, rate=f"{rate:.1f} rounds/s", terms=last
        )

    def finished(self, error: BaseException | None) -> None:
        """Stop drawing; the last line stays, at 100 % unless training failed."""
        if self.bar is not None:
            if error is None:
                self.bar.update(self.task, completed=1.0)
            self.bar.stop()
