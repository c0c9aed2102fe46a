"""A benchmark: every contender trained with every seed, scored best and last, in one folder."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import ValidationError

from ganzoo.benchmark.jobs import Contest, contender
from ganzoo.benchmark.results import Result, has_ended, line, of_kind, read
from ganzoo.benchmark.statistics import LOST, headline, verdict
from ganzoo.benchmark.worker import jobs_of
from ganzoo.errors import RunError
from ganzoo.pretrained.sources import is_model_name, source
from ganzoo.storage.files import write_text
from ganzoo.storage.hub import Client

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ganzoo.benchmark.runners import Runner
    from ganzoo.plugins.zoo import Zoo


class Bench:
    """A contest in a folder: its runs, and ``results.jsonl`` of them all."""

    def __init__(self, contest: Contest, folder: Path, zoo: Zoo) -> None:
        """Take what a folder holds of a contest; RunError where it holds another."""
        self.contest, self.folder, self.zoo = contest, folder, zoo
        self.jobs = jobs_of(contest, folder, zoo)
        self.ended: set[Path] = set()
        self.parts: tuple[Bench, ...] = (self,)
        self.headlines = [m.headline for m in zoo.metrics() if m.routine and m.headline]

    @classmethod
    def open(cls, folder: Path, zoo: Zoo) -> Bench:
        """The benchmark that a folder holds."""
        held = contest_in(folder)
        if held is None:
            message = f"{folder} holds no benchmark: there is no {folder / 'contest.json'}."
            raise RunError(message)
        return cls(held, folder, zoo)

    def prepare(self) -> None:
        """Compose every contender, then make the folder, or see that it holds this contest.

        A misspelt last contender is not to be found out after hours.
        """
        for text in self.contest.contenders.values():
            if is_model_name(text, self.zoo):
                source(text, Client(), self.zoo)
            else:
                contender(text, self.zoo, self.contest.settings)
        self.zoo.dataset(self.contest.data, self.contest.settings).load()
        held = contest_in(self.folder)
        if held is None:
            try:
                self.folder.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                message = f"cannot make the folder {self.folder}: {error.strerror}."
                raise RunError(message) from error
            write_text(self.folder / "contest.json", self.contest.model_dump_json(indent=2) + "\n")
        elif held != self.contest:
            name = next(name for name, value in held if getattr(self.contest, name) != value)
            message = (
                f"{self.folder} holds another contest; choose another --out. "
                f"({name} {getattr(held, name)} there, {getattr(self.contest, name)} here.)"
            )
            raise RunError(message)
        self.ended = {job.folder for job in self.jobs if has_ended(job.folder)}

    @property
    def results(self) -> list[Result]:
        """Every line of every run, in the order of contenders and seeds."""
        return [result for job in self.jobs for result in read(job.folder / "results.jsonl")]

    @property
    def headline(self) -> str:
        """The number that runs are ranked by."""
        scores = (score for result in self.results for score in result.scores)
        return headline(scores, self.headlines).metric

    @property
    def finished(self) -> bool:
        """Whether anybody came to the end."""
        return bool(of_kind(self.results, "last"))

    def verdict(self) -> str:
        """Who won, in one sentence."""
        return verdict(self.results, self.headline) if self.finished else "Nobody finished."

    def gather(self) -> list[Result]:
        """Write ``results.jsonl`` of all runs, and return it."""
        results = self.results
        write_text(self.folder / "results.jsonl", "".join(map(line, results)))
        return results

    def run(self, runner: Runner, told: Callable[[Result], None], tick: Callable[[], None]) -> None:
        """Do what is left to be done; ``told`` hears how each run ended."""
        left = [job for job in self.jobs if job.folder not in self.ended]
        for job in runner.run(left, tick) if left else ():
            self.ended.add(job.folder)
            results = read(job.folder / "results.jsonl")
            if job.contender and results:
                told(last_of(results))
        self.gather()

    def done(self) -> float:
        """How many of the jobs are done; those at work by how far their logs are."""
        return sum(1.0 if job.folder in self.ended else share_of(job.folder) for job in self.jobs)


def last_of(results: Sequence[Result]) -> Result:
    """The line that says how a run ended."""
    ends = [r for r in results if r.kind in {"last", "refused", *LOST}]
    return ends[-1] if ends else results[-1]


def share_of(folder: Path) -> float:
    """How much of a run at work is done, from 0 to 1, by the last line of its log."""
    try:
        with (folder / "log.jsonl").open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - 2000))
            row = json.loads(file.read().splitlines()[-1])
        plan = json.loads((folder / "run.json").read_bytes())
    except (OSError, ValueError, IndexError):
        return 0.0
    done = row["round"] / plan["rounds"] if plan["rounds"] else row["seconds"] / plan["seconds"]
    return min(0.99, float(done))


def contest_in(folder: Path) -> Contest | None:
    """The contest that a folder holds, if any."""
    path = folder / "contest.json"
    try:
        return Contest.model_validate_json(path.read_bytes())
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValidationError) as error:
        message = (
            f"{path} is no contest of this version of ganzoo; upgrade ganzoo-core, or choose "
            "another --out."
        )
        raise RunError(message) from error
