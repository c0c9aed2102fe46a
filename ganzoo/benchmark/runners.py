"""Runners do the jobs of a benchmark: in this process, in several, or on Ray."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from itertools import cycle, islice
from select import select
from typing import TYPE_CHECKING, Protocol

from ganzoo.benchmark.results import is_complete
from ganzoo.benchmark.worker import LoadedData, Worker, record_death
from ganzoo.errors import InterruptedRunError
from ganzoo.training.interrupt import INTERRUPTED, telling_if_long

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

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
    """Each job in a process of its own, ``count`` at a time, so that none can affect another.

    With ``devices``, each has one to itself, or shares it if there are more processes than devices.
    """

    count: int
    devices: Sequence[str] = ()

    def run(self, jobs: Sequence[Job], report: Callable[[], None]) -> Iterator[Job]:
        """Yield each job as it ends; if its process died, that is recorded in its results.

        On Ctrl-C the runs at work save their round and end; raises InterruptedRunError.
        """
        waiting = list(jobs)
        places = islice(cycle(self.devices or (None,)), min(self.count, len(jobs)))
        servers = [Server(fork=can_fork(jobs[0]), device=device) for device in places]
        reported = time.monotonic()
        try:
            while waiting or any(server.job for server in servers):
                for server in servers:
                    if waiting and server.job is None:
                        server.start(waiting.pop(0))
                time.sleep(POLL)
                ended = [job for server in servers if (job := server.ended()) is not None]
                if ended or time.monotonic() - reported > REPORT:
                    report()
                    reported = time.monotonic()
                yield from ended
        except KeyboardInterrupt:
            message = "interrupted; every run is saved, and the same command resumes them."
            raise InterruptedRunError(message) from None
        finally:
            stop(servers)


def can_fork(job: Job) -> bool:
    """Whether a process that has imported torch may be forked for a job.

    System libraries survive that on Linux alone, and drivers of GPUs nowhere.
    """
    return sys.platform == "linux" and job.contest.device == "cpu"


class Server:
    """A process that does jobs, one after another; it is started for its first one.

    With ``fork`` it forks for each job. Otherwise it is started anew for each: to reuse it would
    report the largest job's peak memory for all later ones.
    """

    def __init__(self, *, fork: bool, device: str | None = None) -> None:
        self.fork, self.device = fork, device
        self.job: Job | None = None
        """What it is at work on."""
        self.process: subprocess.Popen[str] | None = None

    def start(self, job: Job) -> None:
        """Give it a job."""
        if self.process is not None and self.process.poll() is not None:
            self.close()
        self.process = self.process or self.opened()
        self.job = job.on(self.device)
        assert self.process.stdin is not None
        with suppress(BrokenPipeError):  # a server that died at once is noticed by its exit code
            self.process.stdin.write(self.job.model_dump_json() + "\n")
            self.process.stdin.flush()

    def opened(self) -> subprocess.Popen[str]:
        """A new process."""
        return subprocess.Popen(  # noqa: S603  (all of it is written here)
            # The path below is all that it imports from, not the current folder before it.
            [sys.executable, "-P", "-m", "ganzoo.benchmark.server", *["--fork"] * self.fork],
            env={**os.environ, "PYTHONPATH": os.pathsep.join(path or "." for path in sys.path)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,  # no progress bar of its own
            text=True,
            encoding="utf-8",
            # Ctrl-C is for this process, which passes it on once.
            process_group=0 if os.name == "posix" else None,
        )

    def ended(self) -> Job | None:
        """The job, if it has ended; KeyboardInterrupt if Ctrl-C reached its process.

        If the process died before the job was complete, that is recorded in the job's results.
        """
        if self.job is None or (code := self.exit_code()) is None:
            return None
        job, self.job = self.job, None
        if code == INTERRUPTED:
            raise KeyboardInterrupt
        if not is_complete(job.folder):
            how = f"by signal {-code}" if code < 0 else f"with exit code {code}"
            cause = "; too little memory is a usual cause" if code == -9 else ""  # noqa: PLR2004
            record_death(job, f"its process died {how}{cause}. The same command tries it again.")
        return job

    def exit_code(self) -> int | None:
        """The exit code of the job's process, or minus the signal that ended it; None before."""
        assert self.process is not None
        assert self.process.stdout is not None
        if self.fork and select([self.process.stdout], [], [], 0)[0]:
            line = self.process.stdout.readline()
            if line:
                return int(line)
        return self.process.poll()

    def close(self) -> None:
        """End its process at once, and what is left of its job."""
        if self.process is not None:
            self.process.kill()
            self.process.communicate()  # closes the pipes, and a job ends with its standard input
            self.process = None

    def interrupt(self) -> None:
        """Let it save the round of its job and end."""
        if self.process is not None and self.job is not None:
            # Windows has no such signal: there a run resumes from its last checkpoint.
            self.process.send_signal(signal.SIGINT if os.name == "posix" else signal.SIGTERM)


def stop(servers: Sequence[Server]) -> None:
    """End the processes; the runs that are at work save their round first.

    If they take long, that is said; a second Ctrl-C does not wait for them.
    """
    (waiting := telling_if_long()).start()
    try:
        for server in servers:
            server.interrupt()
        for server in servers:
            while server.job is not None and server.exit_code() is None:
                time.sleep(POLL)
    finally:
        waiting.cancel()
        for server in servers:
            server.close()
