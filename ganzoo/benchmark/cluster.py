"""The runner for Ray, on this machine or a cluster: ``pip install 'ganzoo-core[ray]'``."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from ganzoo.benchmark.devices import kind_of
from ganzoo.benchmark.worker import Worker, record_death
from ganzoo.errors import ZooError
from ganzoo.plugins.default import default_zoo

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from types import ModuleType

    from ganzoo.benchmark.jobs import Job

REPORT = 0.5
"""Seconds between two reports of progress."""


@dataclass(frozen=True)
class RayCluster:
    """Each job as a task of Ray; on this machine (no ``address``) ``count`` at a time.

    A task returns the files of its run, so that no disk has to be shared. A task that is killed
    leaves none, and its run starts over.
    """

    address: str | None
    count: int

    def run(self, jobs: Sequence[Job], report: Callable[[], None]) -> Iterator[Job]:
        """Yield each job as it ends, as many at a time as there are cores for.

        Raises ZooError if Ray is not installed or cannot be reached.
        """
        contest = jobs[0].contest
        ray = self.connected(contest.most_threads)
        kind = kind_of(contest.device)
        gpus = int(kind == "cuda")
        # A task that died is not tried again here: its row says so, as with processes.
        options = {"num_cpus": contest.most_threads, "num_gpus": gpus, "max_retries": 0}
        task = ray.remote(**options)(files_of)
        # A task sees no GPU but its own, which is not the number that the contest may name.
        working = {task.remote(job.on(kind)): job for job in jobs}
        try:
            while working:
                ended, _ = ray.wait(list(working), timeout=REPORT)
                report()
                for reference in ended:
                    job = working.pop(reference)
                    try:
                        write_files(ray.get(reference), job.folder)
                    except ray.exceptions.RayError as error:
                        record_death(job, str(error).strip().splitlines()[-1])
                    yield job
        finally:
            ray.shutdown()

    def connected(self, threads: int) -> ModuleType:
        """The module ``ray``, connected to the cluster or to one started here."""
        try:
            import ray  # an optional dependency
        except ImportError as error:
            message = "Ray is not installed: pip install 'ganzoo-core[ray]'."
            raise ZooError(message) from error
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
        module: ModuleType = ray
        return module


def files_of(job: Job) -> dict[str, bytes]:
    """Do a job in a temporary folder; returns the files of its run, by path."""
    with TemporaryDirectory() as place:
        folder = Path(place) / job.folder.name
        Worker(job.model_copy(update={"folder": folder}), default_zoo()).run()
        files = (path for path in folder.rglob("*") if path.is_file())
        return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def write_files(files: dict[str, bytes], folder: Path) -> None:
    """Write the files of a run; the results last, since a run that has them counts as complete."""
    for name, blob in sorted(files.items(), key=lambda item: item[0] == "results.jsonl"):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(blob)
