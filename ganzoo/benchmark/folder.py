"""A benchmark in its folder: every contender trained with every seed, scored best and last."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from pydantic import ValidationError

from ganzoo.benchmark.contenders import contender
from ganzoo.benchmark.jobs import FORMAT, Contest, jobs_of
from ganzoo.benchmark.notebook import as_html
from ganzoo.benchmark.results import LOST, SHOWN, Result, is_complete, line, of_kind, read
from ganzoo.benchmark.standings import Standing, headline, incomparable, standings
from ganzoo.benchmark.statistics import ANY_NUMBER
from ganzoo.benchmark.tables import rows_of, title
from ganzoo.benchmark.verdict import NOBODY, UNRANKED, verdict
from ganzoo.errors import RunError, fault
from ganzoo.parts.plain_json import json_of
from ganzoo.plugins.sources import is_model_name, source
from ganzoo.storage.files import write_text
from ganzoo.storage.hub import Client
from ganzoo.storage.reading import MIB, read_bytes

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from ganzoo.benchmark.runners import Runner
    from ganzoo.plugins.zoo import Zoo

MOST_BYTES = 16 * MIB
"""Of a contest's terms; those of ten thousand contenders take one."""


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
        self.ranges = {name: ends for m in zoo.metrics() for name, ends in m.ranges.items()}

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
        if held is not None and (conflict := held.conflict(self.contest)) is not None:
            message = f"{self.folder} holds another contest; choose another --out. ({conflict}.)"
            raise RunError(message)
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            message = f"cannot make the folder {self.folder}: {error.strerror}."
            raise RunError(message) from error
        if held != self.contest:
            write_text(self.folder / "contest.json", self.contest.model_dump_json(indent=2) + "\n")
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
        metric = self.headline
        return standings(self.results, metric, self.range_of(metric)) if metric else []

    @cached_property
    def headline(self) -> str | None:
        """The metric that contenders are ranked by; None if it was measured for none of them."""
        lasts = of_kind(self.results, "last")
        score = headline((score for last in lasts for score in last.scores), self.headlines)
        return score.metric if score else None

    def range_of(self, metric: str) -> tuple[float, float]:
        """The least and the greatest possible value of a number."""
        low, high = self.ranges.get(metric, ANY_NUMBER)
        if metric == "modes-captured":  # training data reach every mode that there is
            reached = (r.value(metric) for r in of_kind(self.results, "training-data"))
            high = next(filter(None, reached), high)
        return low, high

    @property
    def unranked(self) -> dict[str, str]:
        """The contenders that finished and are not among the standings, and why."""
        what = f"{self.headline} was not" if self.headline else "no metric that ranks was"
        ranked = {standing.contender for standing in self.standings}
        names = (result.contender for result in of_kind(self.results, "last"))
        missing = {name: f"{what} measured" for name in names if name not in ranked}
        return {**missing, **incomparable(self.results)}

    @property
    def remarks(self) -> list[str]:
        """What metrics remarked on the scores that are shown, each once, with whose they are."""
        found: dict[str, dict[str, None]] = {}
        for result in self.results:
            if result.kind in SHOWN:
                for remark in result.remarks or ():
                    found.setdefault(remark, {})[result.contender] = None
        every = {result.contender for result in self.results if result.kind in SHOWN}
        return [
            remark if whose.keys() == every else f"{', '.join(whose)}: {remark}"
            for remark, whose in found.items()
        ]

    @property
    def finished(self) -> bool:
        """Whether at least one run finished."""
        return bool(of_kind(self.results, "last"))

    def verdict(self) -> str:
        """Who won, in one sentence."""
        if not self.finished:
            return NOBODY
        return verdict(self.standings, self.headline) if self.headline else UNRANKED

    def __repr__(self) -> str:
        return f"<benchmark {self.folder}: {title(self)}>"

    def _repr_html_(self) -> str:
        """The verdict, the standings and the remarks, for a notebook."""
        return as_html(title(self), [self.verdict(), *self.remarks], rows_of(self))

    def reread(self) -> None:
        """Forget what was read, since the files have changed."""
        for name in ("results", "standings", "headline"):
            vars(self).pop(name, None)

    def write_results(self) -> None:
        """Write ``results.jsonl`` of all runs."""
        write_text(self.folder / "results.jsonl", "".join(map(line, self.results)))


class Benches(list[Bench]):
    """The benchmarks of a call: one for each contest."""

    def _repr_html_(self) -> str:
        """All of them, for a notebook."""
        return "".join(made._repr_html_() for made in self)


def last_of(results: Sequence[Result]) -> Result:
    """The line that says how a run ended."""
    ends = [r for r in results if r.kind in {"last", "refused", *LOST}]
    return ends[-1] if ends else results[-1]


def contest_in(folder: Path) -> Contest | None:
    """The contest in a folder, if there is one; RunError if it is of another version."""
    path = folder / "contest.json"
    try:
        text = read_bytes(path, MOST_BYTES)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        message = f"{path} cannot be read: {error.strerror}."
        raise RunError(message) from error
    try:
        return Contest.model_validate_json(text)
    except ValidationError as error:
        message = f"{path} {other_version(text, fault(error))}"
        raise RunError(message) from error


def other_version(text: bytes, wrong: str) -> str:
    """Why a contest cannot be read, by the format it says it has; ``wrong`` is its fault."""
    try:
        format_ = json_of(text)["format"]
    except (ValueError, TypeError, KeyError):
        format_ = FORMAT
    if isinstance(format_, int) and format_ < FORMAT:
        return (
            "was written by an older version of ganzoo; choose another --out, or use that version."
        )
    return (
        f"is not a contest of this version of ganzoo ({wrong}); upgrade ganzoo-core, or choose "
        "another --out."
    )
