"""The peak of memory of a piece of work, on Linux, the processes that it starts included.

Of these counts what they share with no other: pages that a forked worker has from this process are
this one's.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

EVERY = 0.1
"""Seconds between two looks at the processes that were started."""


@dataclass
class Peak:
    """Bytes above those that this process had before; known once the work is done."""

    own: int = 0
    children: int = 0

    @property
    def mib(self) -> float:
        """Both together, in MiB; they may have been reached at different moments."""
        return (self.own + self.children) / 2**20


@contextmanager
def peak_memory() -> Iterator[Peak]:
    """Measure what is done inside."""
    peak, over = Peak(), threading.Event()

    def watch() -> None:
        while not over.wait(EVERY):
            peak.children = max(peak.children, sum(map(private, descendants(os.getpid()))))

    Path("/proc/self/clear_refs").write_text("5")  # the kernel counts the peak from here on
    before, watcher = resident("VmRSS"), threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield peak
    finally:
        over.set()
        watcher.join()
        peak.own = max(0, resident("VmHWM") - before)


def resident(field: str) -> int:
    """A field of this process's status, in bytes."""
    return kibibytes(Path("/proc/self/status"), field)


def private(process: int) -> int:
    """The bytes that a process shares with no other; 0 once it has ended."""
    file = Path(f"/proc/{process}/smaps_rollup")
    with suppress(OSError):
        return sum(kibibytes(file, f"Private_{kind}") for kind in ("Clean", "Dirty"))
    return 0


def kibibytes(file: Path, field: str) -> int:
    """A field of a file of the kernel's, in bytes; 0 where it is not there."""
    for line in file.read_text().splitlines():
        if line.startswith(field + ":"):
            return int(line.split()[1]) << 10
    return 0


def descendants(process: int) -> Iterator[int]:
    """The processes that one started, and those that they started."""
    parents: dict[int, int] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            # The name, in parentheses, may hold anything; the state and the parent follow it.
            parents[int(stat.parent.name)] = int(stat.read_text().rpartition(")")[2].split()[1])
    found = {process}
    while more := {child for child, parent in parents.items() if parent in found} - found:
        found |= more
    return iter(found - {process})
