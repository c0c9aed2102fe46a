"""Runners do the jobs of a benchmark: in this process, in several, or on Ray."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from ganzoo.benchmark.results import is_complete
from ganzoo.benchmark.worker import INTERRUPTED, LoadedData, Worker, record_death
from ganzoo.errors import InterruptedRunError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from ganzoo.benchmark.jobs import Job
    from ganzoo.plugins.zoo import Zoo

POLL, REPORT = 0.05, 0.5
"""Seconds between two looks at whether a process ended, and between two reports of progress."""


class Runner(Protocol):
    """Does jobs, in any order and anywhere."""

    def run(self, jobs: Sequence[Job], report: Callable[[], None]) -> Iterator[Job]:
        """Yield each job as it ends; call ``report`` now and then in between."""


@dataclass(frozen=True)
class InProcess:
    """One job after another, in this process, which a zoo of one's own requires."""

    zoo: Zoo

    def run(self, jobs: Sequence[Job], report: Callable[[], None]) -> Iterator[Job]:
        """Yield each job as it ends."""
        loaded = LoadedData()
        for job in jobs:
            Worker(job, self.zoo, loaded).run()
            report()
            yield job


@dataclass(frozen=True)
class Processes:
    """Each job in a new Python process, ``count`` at a time, so that none can affect another.

    A new interpreter imports torch, which takes one to two seconds. Forking a process that has
    imported it takes a tenth of that, but needs Linux and threads that were never started; reusing
    a process for the next job would report the largest job's peak memory for all later ones.
    """

    count: int

    def run(self, jobs: Sequence[Job], report: Callable[[], None]) -> Iterator[Job]:
        """Yield each job as it ends; if its process died, that is recorded in its results.

        On Ctrl-C the runs at work save their round and end; raises InterruptedRunError.
        """
        waiting, working = list(jobs), dict[subprocess.Popen[str], "Job"]()
        reported = time.monotonic()
        try:
            while waiting or working:
                while waiting and len(working) < self.count:
                    job = waiting.pop(0)
                    working[started(job)] = job
                time.sleep(POLL)
                ended = [process for process in working if process.poll() is not None]
                if ended or time.monotonic() - reported > REPORT:
                    report()
                    reported = time.monotonic()
                for process in ended:
                    finish(process, job := working.pop(process))
                    yield job
        except KeyboardInterrupt:
            message = "interrupted; every run is saved, and the same command resumes them."
            raise InterruptedRunError(message) from None
        finally:
            interrupt(working)


def started(job: Job) -> subprocess.Popen[str]:
    """A worker's process that has been given a job."""
    process = subprocess.Popen(
        # The path below is all that a worker imports from, not the current folder before it.
        [sys.executable, "-P", "-m", "ganzoo.benchmark.worker"],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(path or "." for path in sys.path)},
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,  # which is for the results of the command
        stderr=subprocess.DEVNULL,  # no progress bar of its own
        text=True,
        encoding="utf-8",
        # Ctrl-C is for this process, which passes it on once.
        process_group=0 if os.name == "posix" else None,
    )
    assert process.stdin is not None
    with suppress(BrokenPipeError):  # a worker that died at once is noticed by its exit code
        process.stdin.write(job.model_dump_json() + "\n")
        process.stdin.flush()
    return process


def finish(process: subprocess.Popen[str], job: Job) -> None:
    """Take note of how a worker's process ended; KeyboardInterrupt if Ctrl-C reached it."""
    process.communicate()  # closes its pipe
    code = process.returncode
    if code == INTERRUPTED:
        raise KeyboardInterrupt
    if not is_complete(job.folder):
        how = f"by signal {-code}" if code < 0 else f"with exit code {code}"
        cause = "; too little memory is a usual cause" if code == -9 else ""  # noqa: PLR2004
        record_death(job, f"its process died {how}{cause}. The same command tries it again.")


def interrupt(working: Iterable[subprocess.Popen[str]]) -> None:
    """Let workers save their round and end."""
    for process in working:
        # Windows has no such signal: there a run resumes from its last checkpoint.
        process.send_signal(signal.SIGINT if os.name == "posix" else signal.SIGTERM)
    for process in working:
        process.wait()  # before its pipe is closed, which would end it at once
        process.communicate()
