"""How far a benchmark is, and how long the rest will take."""

from __future__ import annotations

import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ganzoo.builtin.observers.log import MOST_BYTES
from ganzoo.parts.plain_json import json_of
from ganzoo.storage.reading import MIB, opened, read_bytes
from ganzoo.training.meter import clock, meter

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from ganzoo.benchmark.folder import Bench

MOST_PLAN = 16 * MIB
TAIL = 2000
"""Bytes at the end of a log that hold its last line."""
NEARLY = 0.99
"""The most that a run counts for before it has ended: its last checkpoint is still to be scored."""


@dataclass(frozen=True)
class Progress:
    """Jobs that ended, jobs in all, and the share of all work that is done, from 0 to 1."""

    ended: int
    runs: int
    share: float
    seconds_left: float | None
    """None until there is something to extrapolate from."""

    @property
    def words(self) -> tuple[str, ...]:
        """What is said of it beside its share."""
        runs = f"{self.ended} of {self.runs} runs"
        return (runs,) if self.seconds_left is None else (runs, f"{clock(self.seconds_left)} left")


@contextmanager
def shown() -> Iterator[Callable[[Progress], None]]:
    """Show progress as a bar, or as a line now and then; yields what is to be called with it."""
    bar = meter("benchmark")
    try:
        yield lambda now: bar.show(now.share, *now.words)
    finally:
        bar.close()


class ProgressTracker:
    """Reports the progress of all contests of a benchmark together."""

    def __init__(self, benches: Sequence[Bench], report: Callable[[Progress], None]) -> None:
        """Start the clock; what was done before does not count towards the speed."""
        self.benches, self.report = benches, report
        self.runs = sum(len(made.jobs) for made in benches)
        self.started, self.before = time.monotonic(), self.share()

    def share(self) -> float:
        """The share of all jobs that is done, counting runs at work by how far they are."""
        shares = (
            1.0 if job.folder in made.complete else share_of(job.folder)
            for made in self.benches
            for job in made.jobs
        )
        return sum(shares) / self.runs

    def update(self) -> None:
        """Report how far it is now."""
        share, elapsed = self.share(), time.monotonic() - self.started
        left = elapsed * (1 - share) / (share - self.before) if share > self.before else None
        ended = sum(len(made.complete) for made in self.benches)
        self.report(Progress(ended, self.runs, share, left))


def share_of(folder: Path) -> float:
    """The share of its budget that a run has used, from 0 to 1, by the last line of its log."""
    try:
        with opened(folder / "log.jsonl", MOST_BYTES) as (file, size):
            file.seek(max(0, size - TAIL))
            row = json_of(file.read(TAIL).splitlines()[-1])
        plan = json_of(read_bytes(folder / "run.json", MOST_PLAN))
        done = row["round"] / plan["rounds"] if plan["rounds"] else row["seconds"] / plan["seconds"]
        return min(NEARLY, max(0.0, float(done)))
    except (OSError, LookupError, TypeError, ValueError, ArithmeticError):
        return 0.0  # not there yet, or a line that is being written, or no line at all
