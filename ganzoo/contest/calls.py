"""The calls behind the commands: run a benchmark or a suite of them, and report again."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from pydantic import ValidationError

import ganzoo
from ganzoo.calls import chosen_device
from ganzoo.contest.bench import Bench
from ganzoo.contest.plan import Contest, crossed, labelled
from ganzoo.contest.runners import Cluster, Here, Processes
from ganzoo.contest.suite import Suite, suite
from ganzoo.errors import OptionError, ZooError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from ganzoo.contest.bench import Progress
    from ganzoo.contest.results import Result
    from ganzoo.contest.runners import Runner
    from ganzoo.zoo import Zoo


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
