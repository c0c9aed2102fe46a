"""A benchmark in its folder: every contender trained with every seed, scored best and last."""

from __future__ import annotations

import json
from functools import cached_property
from typing import TYPE_CHECKING

from pydantic import ValidationError

from ganzoo.benchmark.contenders import contender
from ganzoo.benchmark.jobs import FORMAT, Contest, jobs_of
from ganzoo.benchmark.results import LOST, Result, is_complete, line, of_kind, read
from ganzoo.benchmark.standings import Standing, headline, standings
from ganzoo.benchmark.verdict import NOBODY, verdict
from ganzoo.errors import RunError
from ganzoo.plugins.sources import is_model_name, source
from ganzoo.storage.files import write_text
from ganzoo.storage.hub import Client

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from ganzoo.benchmark.runners import Runner
    from ganzoo.plugins.zoo import Zoo


class Bench:
    """A contest in a folder, with its jobs and their results.

    ::

        contest.json                 the terms
        results.jsonl                the results of all jobs
        report.html, report.md       written by ``ganzoo.benchmark.report``
        references/, runs/NAME-SEED/ one folder for each job, with its own results.jsonl
    """

    def __init__(self, contest: Contest, folder: Path, zoo: Zoo) -> None:
        self.contest, self.folder, self.zoo = contest, folder, zoo
        self.jobs = jobs_of(contest, folder, zoo)
        self.complete: set[Path] = set()
        """The folders of the jobs that have nothing left to do."""
        self.members: tuple[Bench, ...] = (self,)
        """The benchmarks that it consists of."""
        self.headlines = [m.headline for m in zoo.metrics() if m.routine and m.headline]

    @classmethod
    def open(cls, folder: Path, zoo: Zoo) -> Bench:
        """The benchmark in a folder; RunError if there is none."""
        contest = contest_in(folder)
        if contest is None:
            message = f"{folder} holds no benchmark: there is no {folder / 'contest.json'}."
            raise RunError(message)
        return cls(contest, folder, zoo)

    def prepare(self) -> None:
        """Check that everything composes and loads, then make the folder or resume in it.

        A misspelt last contender must not be found out after hours. Raises ZooError, and RunError
        if the folder holds another contest.
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
        self.complete = {job.folder for job in self.jobs if is_complete(job.folder)}

    def run(
        self, runner: Runner, on_result: Callable[[Result], None], report: Callable[[], None]
    ) -> None:
        """Do the jobs that are left; ``on_result`` gets the line that says how each run ended."""
        left = [job for job in self.jobs if job.folder not in self.complete]
        try:
            for job in runner.run(left, report) if left else ():
                self.complete.add(job.folder)
                lines = read(job.folder / "results.jsonl")
                if job.contender and lines:
                    on_result(last_of(lines))
        finally:
            self.reread()
        self.write_results()

    # ---------------------------------------------------------------------------- what came of it

    @cached_property
    def results(self) -> list[Result]:
        """Every line of every run, in the order of contenders and seeds; read once."""
        return [result for job in self.jobs for result in read(job.folder / "results.jsonl")]

    @cached_property
    def standings(self) -> list[Standing]:
        """The contenders that finished, best first."""
        return standings(self.results, self.headline) if self.finished else []

    @cached_property
    def headline(self) -> str:
        """The metric that contenders are ranked by; ZooError if none of them was measured."""
        scores = (score for result in self.results for score in result.scores)
        return headline(scores, self.headlines).metric

    @property
    def finished(self) -> bool:
        """Whether at least one run finished."""
        return bool(of_kind(self.results, "last"))

    def verdict(self) -> str:
        """Who won, in one sentence."""
        return verdict(self.standings, self.headline) if self.finished else NOBODY

    def reread(self) -> None:
        """Forget what was read, since the files have changed."""
        for name in ("results", "standings", "headline"):
            vars(self).pop(name, None)

    def write_results(self) -> None:
        """Write ``results.jsonl`` of all runs."""
        write_text(self.folder / "results.jsonl", "".join(map(line, self.results)))


def last_of(results: Sequence[Result]) -> Result:
    """The line that says how a run ended."""
    ends = [r for r in results if r.kind in {"last", "refused", *LOST}]
    return ends[-1] if ends else results[-1]


def contest_in(folder: Path) -> Contest | None:
    """The contest in a folder, if there is one; RunError if it is of another version."""
    path = folder / "contest.json"
    try:
        text = path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        message = f"{path} cannot be read: {error.strerror}."
        raise RunError(message) from error
    try:
        return Contest.model_validate_json(text)
    except ValidationError as error:
        message = f"{path} {other_version(text)}"
        raise RunError(message) from error


def other_version(text: bytes) -> str:
    """Why a contest cannot be read, by the format it says it has."""
    try:
        format_ = int(json.loads(text)["format"])
    except (ValueError, TypeError, KeyError):
        format_ = FORMAT
    if format_ < FORMAT:
        return (
            "was written by an older version of ganzoo; choose another --out, or use that version."
        )
    return (
        "is not a contest of this version of ganzoo; upgrade ganzoo-core, or choose another --out."
    )
