"""How far a long piece of work is: a bar on a terminal or in a notebook, else a line now and then.

``meter(title)`` chooses the form. All of them write to standard error or to the notebook, never to
standard output, which is for results.
"""

from __future__ import annotations

import html
import importlib
import sys
import time
from typing import Any, Protocol

EVERY = 10.0
"""Seconds between two lines where no bar can be drawn."""
REDRAWN = 0.25
"""Seconds between two drawings of a notebook's bar."""


class Meter(Protocol):
    """What shows how far the work is."""

    def show(self, share: float, *words: str) -> None:
        """The work is done to a share in [0, 1]; ``words`` say more about it."""

    def close(self) -> None:
        """The work has ended; what was shown last stays."""


def meter(title: str) -> Meter:
    """The form that fits where the program runs."""
    if in_notebook():
        return NotebookBar(title)
    if sys.stderr is not None and sys.stderr.isatty():
        return TerminalBar(title)
    return PlainLines(title)


def in_notebook() -> bool:
    """Whether a notebook's kernel runs this program; IPython on a terminal has none."""
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    return getattr(shell, "kernel", None) is not None


def clock(seconds: float) -> str:
    """A duration as 0:07, 12:30 or 1:02:03."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


class TerminalBar:
    """A bar on the terminal's last line."""

    def __init__(self, title: str) -> None:
        # rich is slow to import, and not needed without a terminal
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn

        self.bar = Progress(
            TextColumn("{task.description}", style="bold", markup=False),
            BarColumn(bar_width=24),
            TextColumn("{task.percentage:>3.0f}%"),
            TextColumn("{task.fields[words]}", markup=False),
            console=Console(stderr=True),
        )
        self.task = self.bar.add_task(title, total=1.0, words="")
        self.bar.start()

    def show(self, share: float, *words: str) -> None:
        """Move the bar."""
        self.bar.update(self.task, completed=share, words="  ".join(words))

    def close(self) -> None:
        """Leave the last line as it is."""
        self.bar.stop()


class NotebookBar:
    """A bar below the cell: plain HTML, so that it needs no widgets."""

    def __init__(self, title: str) -> None:
        self.title, self.share = title, 0.0
        self.words: tuple[str, ...] = ()
        self.drawn = time.monotonic()
        display: Any = importlib.import_module("IPython.display").display
        self.handle = display(self, display_id=True)

    def _repr_html_(self) -> str:
        said = html.escape("  ".join([f"{self.share:.0%}", *self.words]))
        bar = f"<progress max='1' value='{self.share:.4f}'></progress>"
        return f"<div><b>{html.escape(self.title)}</b> {bar} {said}</div>"

    def show(self, share: float, *words: str) -> None:
        """Draw the bar again, a few times a second at most."""
        self.share, self.words = share, words
        if time.monotonic() - self.drawn >= REDRAWN:
            self.drawn = time.monotonic()
            self.handle.update(self)

    def close(self) -> None:
        """Draw the last state."""
        self.handle.update(self)


class PlainLines:
    """A line on standard error every ten seconds: for log files and pipes."""

    def __init__(self, title: str) -> None:
        self.title, self.said = title, time.monotonic()

    def show(self, share: float, *words: str) -> None:
        """Write a line, if the last is old enough."""
        if time.monotonic() - self.said >= EVERY:
            self.said = time.monotonic()
            line = ", ".join([f"{share:.0%}", *words])
            print(f"{self.title}: {line}", file=sys.stderr, flush=True)  # noqa: T201

    def close(self) -> None:
        """Every line is written already."""
