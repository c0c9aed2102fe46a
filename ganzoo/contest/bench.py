"""A benchmark: every contender trained with every seed, scored best and last, in one folder."""

from __future__ import annotations

import json
import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from pydantic import ValidationError

import ganzoo
from ganzoo.calls import chosen_device
from ganzoo.contest.decide import headline, verdict
from ganzoo.contest.plan import Contest, contender, crossed, labelled
from ganzoo.contest.results import Result, has_ended, line, of_kind, read
from ganzoo.contest.runners import Cluster, Here, Processes
from ganzoo.contest.suite import Suite, suite
from ganzoo.contest.work import jobs_of
from ganzoo.errors import OptionError, RunError, ZooError
from ganzoo.files import write_text
from ganzoo.sources import is_name, model_named

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterable, Mapping, Sequence

    from ganzoo.contest.runners import Runner
    from ganzoo.zoo import Zoo


@dataclass(frozen=True)
class Progress:
    """How far a benchmark is: runs that ended, runs in all, and the share of all training done."""

    ended: int
    runs: int
    share: float
    seconds_left: float | None


class Bench:
    """A contest in a folder: its runs, and ``results.jsonl`` of them all."""

    def __init__(self, contest: Contest, folder: Path, zoo: Zoo) -> None:
        """Take what a folder holds of a contest; RunError where it holds another."""
        self.contest, self.folder, self.zoo = contest, folder, zoo
        self.jobs = jobs_of(contest, folder, zoo)
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
            if is_name(text, self.zoo):
                model_named(text.partition("@")[0], self.zoo)
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
            message = f"{self.folder} holds another contest; choose another --out."
            raise RunError(message)
        for job in self.jobs:
            read(job.folder / "results.jsonl")

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

    def run(
        self, runner: Runner, told: Callable[[Result], None], tick: Callable[[Progress], None]
    ) -> None:
        """Do what is left to be done; ``told`` hears how each run ended."""
        ended = {job.folder for job in self.jobs if has_ended(job.folder)}
        started, before = time.monotonic(), self.share(ended)

        def ticked() -> None:
            share, gone = self.share(ended), time.monotonic() - started
            left = gone * (1 - share) / (share - before) if share > before else None
            tick(Progress(len(ended), len(self.jobs), share, left))

        for job in runner.run([job for job in self.jobs if job.folder not in ended], ticked):
            ended.add(job.folder)
            results = read(job.folder / "results.jsonl")
            if job.contender and results:
                told(last_of(results))
        self.gather()

    def share(self, ended: Container[Path]) -> float:
        """The share of all jobs that is done, those at work by how far their logs are."""
        done = sum(1.0 if job.folder in ended else share_of(job.folder) for job in self.jobs)
        return done / len(self.jobs)


def last_of(results: Sequence[Result]) -> Result:
    """The line that says how a run ended."""
    ends = [r for r in results if r.kind in {"last", "refused", "diverged", "failed"}]
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


def bench(
    contenders: Sequence[str] = (),
    *,
    suite: str | None = None,
    grid: Mapping[str, Sequence[str]] | None = None,
    data: str | None = None,
    rounds: int | None = None,
    images: int | None = None,
    seconds: float | None = None,
    flops: float | None = None,
    seeds: int | None = None,
    evaluations: int | None = None,
    out: str | Path = "bench",
    settings: Iterable[str] = (),
    device: str = "auto",
    processes: int = 1,
    threads: int | None = None,
    ray: str | None = None,
    zoo: Zoo | None = None,
    told: Callable[[Result], None] = lambda _: None,
    tick: Callable[[Progress], None] = lambda _: None,
) -> list[Bench]:
    """Train contenders head-to-head; write ``results.jsonl``, ``report.html`` and ``report.md``.

    A contender is ``NAME``, ``NAME:loss=hinge,r1.weight=0.1``, ``NAME+loss=hinge``, a pretrained
    model's name, or any of them after ``LABEL@``; ``grid`` crosses them with choices, as
    ``{"loss": ["hinge", "wasserstein"]}``. A ``suite`` says all that itself; what is said here
    takes its place, and ``data`` chooses one of its contests. The budget is one of
    ``rounds`` (1000 unless told), ``images``, ``seconds`` and ``flops``. So many ``processes`` are
    at work at a time, each with ``threads`` (all cores shared among them unless told), or tasks of
    Ray at an address (``local`` for this machine). A folder that holds part of this contest is
    gone on with. A zoo of one's own is used in this process. Raises ZooError where nothing is to
    be run.
    """
    budget = {"rounds": rounds, "images": images, "seconds": seconds, "flops": flops}
    terms: dict[str, Any] = {
        "budget": said(budget) or None,
        "seeds": seeds,
        "evaluations": evaluations,
        "device": chosen_device(device),
        "threads": threads or max(1, torch.get_num_threads() // processes),
    }
    if suite is None:
        named = {
            "contenders": labelled(crossed(contenders, grid or {})),
            "data": data or "digits",
            "settings": tuple(settings),
        }
        contests = {"": contest_of({**named, **said(terms)})}
    elif contenders or grid:
        message = "a suite has its own contenders; name them or a suite, not both."
        raise OptionError(message)
    else:
        contests = suited(suite, said(terms), data=data, settings=tuple(settings))
    runner = runner_of(zoo, processes, ray)
    return benched(contests, Path(out), zoo, runner, told=told, tick=tick)


def contest_of(fields: dict[str, Any]) -> Contest:
    """A contest from its terms; OptionError in one sentence for what is wrong."""
    try:
        return Contest.model_validate(fields)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(key) for key in first["loc"])
        message = f"{where}: {first['msg'].removeprefix('Value error, ')}."
        raise OptionError(message) from None


def said(terms: Mapping[str, Any]) -> dict[str, Any]:
    """What is not left open."""
    return {name: value for name, value in terms.items() if value is not None}


def suited(
    name: str,
    terms: Mapping[str, Any],
    *,
    data: str | None = None,
    settings: tuple[str, ...] = (),
) -> dict[str, Contest]:
    """The contests of a suite, or the one on ``data``; ``terms`` take the place of the suite's."""
    found: Suite = suite(name)
    if data is not None and data not in found.contests:
        message = f"suite '{name}' has no contest on '{data}', but on {', '.join(found.contests)}."
        raise OptionError(message)
    made = {
        key: contest_of({**held.model_dump(), **terms, "settings": (*held.settings, *settings)})
        for key, held in found.contests.items()
        if data in {None, key}
    }
    return made if len(made) > 1 else {"": next(iter(made.values()))}


def runner_of(zoo: Zoo | None, processes: int, ray: str | None) -> Runner:
    """Where the runs are to be done."""
    if zoo is not None:
        return Here(zoo)
    if ray is not None:
        return Cluster(None if ray == "local" else ray, processes)
    return Processes(processes)


def benched(
    contests: Mapping[str, Contest],
    out: Path,
    zoo: Zoo | None,
    runner: Runner,
    *,
    told: Callable[[Result], None],
    tick: Callable[[Progress], None],
) -> list[Bench]:
    """Run contests, each in its own folder of OUT, with one report of them all."""
    from ganzoo.contest.report import write_report

    zoo = zoo or ganzoo.default_zoo()
    benches = [Bench(contest, out / name, zoo) for name, contest in contests.items()]
    for made in benches:
        made.prepare()
    try:
        for made in benches:
            made.run(runner, told, tick)
    finally:
        finished = [made for made in benches if made.finished]
        if finished:
            write_report(finished, out)
    return benches


def reopened(folder: Path, zoo: Zoo) -> list[Bench]:
    """The benchmarks in a folder: one, or those of a suite in its subfolders."""
    if (folder / "contest.json").exists():
        return [Bench.open(folder, zoo)]
    found = sorted(path.parent for path in folder.glob("*/contest.json"))
    if not found:
        return [Bench.open(folder, zoo)]
    return [Bench.open(path, zoo) for path in found]


def report(folder: str | Path, *, zoo: Zoo | None = None) -> list[Bench]:
    """Write the report of a folder's results again."""
    from ganzoo.contest.report import write_report

    zoo = zoo or ganzoo.default_zoo()
    benches = reopened(Path(folder), zoo)
    for made in benches:
        made.gather()
        if not made.finished:
            message = f"in {made.folder} no run has finished yet; there is nothing to report."
            raise ZooError(message)
    write_report(benches, Path(folder))
    return benches
