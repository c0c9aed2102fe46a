"""Where the jobs of a benchmark are done: here, in processes of this machine, or on Ray."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
from contextlib import contextmanager, redirect_stderr
from dataclasses import dataclass, replace
from multiprocessing.connection import wait
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, NoReturn, Protocol

from ganzoo.benchmark.results import Lines, Result, has_ended
from ganzoo.benchmark.worker import Job, play
from ganzoo.errors import InterruptedRunError, ZooError
from ganzoo.plugins.default import default_zoo

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from multiprocessing.process import BaseProcess

    from ganzoo.plugins.zoo import Zoo

TICK = 0.5
"""Seconds between two looks at how far the jobs are."""


class Runner(Protocol):
    """Does jobs, in any order, at any place."""

    def run(self, jobs: Sequence[Job], tick: Callable[[], None]) -> Iterator[Job]:
        """Each job as it ends; ``tick`` is called now and then in between."""


@dataclass(frozen=True)
class Here:
    """One job after the other, in this process."""

    zoo: Zoo

    def run(self, jobs: Sequence[Job], tick: Callable[[], None]) -> Iterator[Job]:
        """Do them."""
        for job in jobs:
            play(job, self.zoo)
            tick()
            yield job


@dataclass(frozen=True)
class Processes:
    """Each job in a process of its own, some at a time: what one does, no other feels."""

    count: int

    def run(self, jobs: Sequence[Job], tick: Callable[[], None]) -> Iterator[Job]:
        """Do them; one whose process dies has failed. Ctrl-C lets those at work save, and ends."""
        context = fresh()
        waiting, working = list(jobs), dict[Any, tuple["BaseProcess", Job]]()
        try:
            while waiting or working:
                while waiting and len(working) < self.count:
                    job = waiting.pop(0)
                    process: BaseProcess = context.Process(target=played, args=(job,))
                    with without_main():
                        process.start()
                    working[process.sentinel] = (process, job)
                ended = wait(list(working), timeout=TICK)
                tick()
                for sentinel in ended:
                    process, job = working.pop(sentinel)
                    process.join()
                    if process.exitcode == INTERRUPTED:
                        interrupted()
                    record_death(job, process.exitcode)
                    yield job
        except KeyboardInterrupt:
            for process, _ in working.values():
                os.kill(process.pid or 0, signal.SIGINT)  # they end when their round is saved
            for process, _ in working.values():
                process.join()
            message = "interrupted; every run is saved, and the same command goes on from there."
            raise InterruptedRunError(message) from None


def fresh() -> Any:
    """How new processes are made: from one that has imported torch already, where that can be."""
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["ganzoo.benchmark.worker"])
    return context


@contextmanager
def without_main() -> Iterator[None]:
    """Have new processes not run the script that is running here, which may start benchmarks."""
    main = sys.modules["__main__"]
    kept = {name: getattr(main, name) for name in ("__file__", "__spec__") if hasattr(main, name)}
    try:
        vars(main).pop("__file__", None)
        main.__spec__ = None
        yield
    finally:
        vars(main).update(kept)


INTERRUPTED, KILLED = 130, -9
"""The exit codes of a process that Ctrl-C has stopped, and of one that was killed."""


def played(job: Job) -> None:
    """Do a job in a process of its own, which draws no bar of its own."""
    threading.Thread(target=follow, daemon=True).start()
    if hasattr(os, "setpgrp"):
        os.setpgrp()  # Ctrl-C is for who waits for this process, and is passed on from there
    with Path(os.devnull).open("w", encoding="utf-8") as nowhere, redirect_stderr(nowhere):
        try:
            play(job, default_zoo())
        except (InterruptedRunError, KeyboardInterrupt):
            raise SystemExit(INTERRUPTED) from None


def follow() -> None:
    """End at once with the process that this one works for: it may be killed, and run again."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)


def interrupted() -> NoReturn:
    """Stop, as Ctrl-C does."""
    raise KeyboardInterrupt


def record_death(job: Job, code: int | None) -> None:
    """Write down that a job's process has died, where the job did not end by itself."""
    if not has_ended(job.folder):
        how = f"by signal {-code}" if code is not None and code < 0 else f"with exit code {code}"
        cause = "; too little memory is a usual cause" if code == KILLED else ""
        died(job, f"its process died {how}{cause}. The same command tries it again.")


def died(job: Job, error: str) -> None:
    """Write down that who did a job is no more."""
    Lines(job.folder).add(Result(contender=job.contender, seed=job.seed, kind="died", error=error))


@dataclass(frozen=True)
class Cluster:
    """Each job as a task of Ray, on this machine or on a cluster: pip install 'ganzoo-core[ray]'.

    What a run leaves comes back with it, so that no disk need be shared; a run that is killed
    begins anew.
    """

    address: str | None
    count: int

    def run(self, jobs: Sequence[Job], tick: Callable[[], None]) -> Iterator[Job]:
        """Do them, as many at once as there are cores for."""
        try:
            import ray
        except ImportError as error:
            message = "Ray is not installed: pip install 'ganzoo-core[ray]'."
            raise ZooError(message) from error
        threads = max(job.contest.threads for job in jobs)
        options: dict[str, Any] = (
            {"address": self.address}
            if self.address
            else {"num_cpus": self.count * threads, "include_dashboard": False}
        )
        try:
            ray.init(ignore_reinit_error=True, log_to_driver=False, **options)
        except (ConnectionError, RuntimeError, ValueError) as error:
            message = f"Ray cannot be reached at {self.address}: {str(error).splitlines()[0]}."
            raise ZooError(message) from error
        gpus = int(any(job.contest.device.startswith("cuda") for job in jobs))
        task = ray.remote(num_cpus=threads, num_gpus=gpus, max_retries=0)(carried)
        working = {task.remote(job): job for job in jobs}
        try:
            while working:
                ended, _ = ray.wait(list(working), timeout=TICK)
                tick()
                for reference in ended:
                    job = working.pop(reference)
                    try:
                        unpack(ray.get(reference), job.folder)
                    except ray.exceptions.RayError as error:
                        died(job, str(error).strip().splitlines()[-1])
                    yield job
        finally:
            ray.shutdown()


def carried(job: Job) -> dict[str, bytes]:
    """Do a job in a folder of its own machine; what it left there, by path."""
    with TemporaryDirectory() as place:
        folder = Path(place) / job.folder.name
        play(replace(job, folder=folder), default_zoo())
        files = (path for path in folder.rglob("*") if path.is_file())
        return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def unpack(files: dict[str, bytes], folder: Path) -> None:
    """Write what a job left elsewhere; its results last, for where they are, all is there."""
    for name, blob in sorted(files.items(), key=lambda item: item[0] == "results.jsonl"):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(blob)
