"""The calls behind the commands: run a benchmark or a suite of them, and report again."""

from __future__ import annotations

import json
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from filelock import FileLock, Timeout
from pydantic import ValidationError

from ganzoo.benchmark.folder import Bench, contest_in
from ganzoo.benchmark.jobs import Contest, crossed, labelled
from ganzoo.benchmark.runners import Cluster, Here, Processes
from ganzoo.benchmark.suite import Suite, suite
from ganzoo.benchmark.worker import slug
from ganzoo.errors import OptionError, RunError, ZooError
from ganzoo.plugins.default import default_zoo
from ganzoo.storage.files import write_text
from ganzoo.training.plan import chosen_device

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from ganzoo.benchmark.results import Result
    from ganzoo.benchmark.runners import Runner
    from ganzoo.plugins.zoo import Zoo

SUITE = "suite.json"
"""The folders of a benchmark's contests, in their order, where there are several."""


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
    seeds: int | Sequence[int] | None = None,
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
        "device": None if device == "auto" else chosen_device(device),
        "threads": threads,
    }
    terms = said(terms)
    unsaid = {
        "device": chosen_device("auto"),
        "threads": max(1, torch.get_num_threads() // processes),
    }
    if suite is None:
        named = {
            "contenders": labelled(crossed(contenders, grid or {})),
            "data": data or "digits",
            "settings": tuple(settings),
        }
        contests = {"": contest_of({**unsaid, **named, **terms})}
    elif contenders or grid:
        message = "a suite has its own contenders; name them or a suite, not both."
        raise OptionError(message)
    else:
        contests = suited(suite, terms, data=data, settings=tuple(settings), unsaid=unsaid)
    place = Path(out)
    contests = {
        name: gone_on_with(contest, place / slug(name), unsaid.keys() - terms.keys())
        for name, contest in contests.items()
    }
    runner = runner_of(zoo, processes, ray)
    return benched(contests, place, zoo or default_zoo(), runner, told=told, tick=tick)


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


def gone_on_with(contest: Contest, folder: Path, unsaid: Iterable[str]) -> Contest:
    """A contest as a folder holds it already, in what is left open here."""
    held = contest_in(folder)
    if held is None:
        return contest
    return contest.model_copy(update={name: getattr(held, name) for name in unsaid})


def suited(
    name: str,
    terms: Mapping[str, Any],
    *,
    data: str | None = None,
    settings: tuple[str, ...] = (),
    unsaid: Mapping[str, Any] | None = None,
) -> dict[str, Contest]:
    """The contests of a suite, or the one on ``data``.

    ``terms`` take the place of the suite's, and the suite's of those that are ``unsaid``.
    """
    found: Suite = suite(name)
    if data is not None and data not in found.contests:
        message = f"suite '{name}' has no contest on '{data}', but on {', '.join(found.contests)}."
        raise OptionError(message)
    made = {}
    for key, held in found.contests.items():
        if data in {None, key}:
            own = {**(unsaid or {}), **held.model_dump(exclude_unset=True), **terms}
            made[key] = contest_of({**own, "settings": (*held.settings, *settings)})
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
    zoo: Zoo,
    runner: Runner,
    *,
    told: Callable[[Result], None],
    tick: Callable[[Progress], None],
) -> list[Bench]:
    """Run contests, each in its own folder of OUT, with one report of them all."""
    from ganzoo.benchmark.report import write_report

    folders = {name: out / slug(name) for name in contests}
    held = folders_in(out)
    if held and held != list(folders.values()):
        message = f"{out} holds another benchmark; choose another --out."
        raise RunError(message)
    benches = [Bench(contest, folders[name], zoo) for name, contest in contests.items()]
    for made in benches:
        made.prepare()
    if len(benches) > 1:
        write_text(out / SUITE, json.dumps([path.name for path in folders.values()]) + "\n")
    clock = Clock(benches, tick)
    with locked(out):
        try:
            for made in benches:
                made.run(runner, told, clock)
        finally:
            finished = [made for made in benches if made.finished]
            if finished:
                write_report(finished, out)
    return benches


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Have a folder for oneself; RunError where another process is at work in it."""
    try:
        with FileLock(folder / ".lock", blocking=False):
            yield
    except Timeout:
        message = f"another process is at work in {folder}; wait for it, or choose another --out."
        raise RunError(message) from None


@dataclass(frozen=True)
class Progress:
    """How far a benchmark is: runs that ended, runs in all, and the share of all training done."""

    ended: int
    runs: int
    share: float
    seconds_left: float | None


class Clock:
    """Tells how far all contests of a benchmark are, and how long the rest will take."""

    def __init__(self, benches: Sequence[Bench], tick: Callable[[Progress], None]) -> None:
        """Start from what was done before."""
        self.benches, self.tick = benches, tick
        self.runs = sum(len(made.jobs) for made in benches)
        self.started, self.before = time.monotonic(), self.share()

    def share(self) -> float:
        """The share of all jobs that is done."""
        return sum(made.done() for made in self.benches) / self.runs

    def __call__(self) -> None:
        """Tell it."""
        share, gone = self.share(), time.monotonic() - self.started
        left = gone * (1 - share) / (share - self.before) if share > self.before else None
        ended = sum(len(made.ended) for made in self.benches)
        self.tick(Progress(ended, self.runs, share, left))


def folders_in(out: Path) -> list[Path]:
    """Where the contests are that a folder holds: it itself, or several inside of it, or none."""
    try:
        return [out / name for name in json.loads((out / SUITE).read_bytes())]
    except (FileNotFoundError, NotADirectoryError):
        return [out] if contest_in(out) is not None else []
    except (OSError, ValueError, TypeError) as error:
        message = f"{out / SUITE} cannot be read; choose another --out."
        raise RunError(message) from error


def reopened(folder: Path, zoo: Zoo) -> list[Bench]:
    """The benchmarks in a folder: one, or those of a suite in its subfolders."""
    return [Bench.open(path, zoo) for path in folders_in(folder) or [folder]]


def report(folder: str | Path, *, zoo: Zoo | None = None) -> list[Bench]:
    """Write the report of a folder's results again."""
    from ganzoo.benchmark.report import write_report

    benches = reopened(Path(folder), zoo or default_zoo())
    for made in benches:
        made.gather()
    finished = [made for made in benches if made.finished]
    if not finished:
        message = f"in {folder} no run has finished yet; there is nothing to report."
        raise ZooError(message)
    write_report(finished, Path(folder))
    return finished
