"""The calls behind the commands: run a benchmark or a suite, and write its report again."""

from __future__ import annotations

import json
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field, TypeAdapter

from ganzoo.benchmark.contenders import contender, crossed, labelled
from ganzoo.benchmark.devices import device_terms
from ganzoo.benchmark.folder import MOST_BYTES, Bench, Benches, contest_in
from ganzoo.benchmark.jobs import Contest, slug
from ganzoo.benchmark.progress import ProgressTracker, shown
from ganzoo.benchmark.suite import suite_contests
from ganzoo.engine.composition import Composition
from ganzoo.engine.host import suits_cpu
from ganzoo.errors import OptionError, RunError, ZooError
from ganzoo.parts.arguments import check_arguments
from ganzoo.parts.plain_json import json_of
from ganzoo.plugins.composing import one_or_more, written
from ganzoo.plugins.default import chosen_zoo
from ganzoo.plugins.sources import is_model_name
from ganzoo.storage.files import write_text
from ganzoo.storage.lock import locked
from ganzoo.storage.paths import given_path
from ganzoo.storage.reading import read_bytes
from ganzoo.training.device import chosen_device
from ganzoo.training.interrupt import ending_as_ctrl_c
from ganzoo.training.joining import refuse_ranks

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from ganzoo.benchmark.progress import Progress
    from ganzoo.benchmark.results import Result
    from ganzoo.benchmark.runners import Runner
    from ganzoo.plugins.composing import Settings
    from ganzoo.plugins.zoo import Zoo

SUITE = "suite.json"
"""The folders of a suite's contests, in their order; a single contest has no such file."""
FOLDERS = TypeAdapter(list[Annotated[str, Field(pattern=r"^[a-z0-9-][a-z0-9.-]*$")]])
"""What that file holds: names of folders beside it, as ``slug`` makes them."""


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
    settings: Settings = (),
    device: str = "auto",
    devices: Sequence[str] | None = None,
    processes: int | None = None,
    threads: int | None = None,
    ray: str | None = None,
    zoo: Zoo | None = None,
    on_result: Callable[[Result], None] = lambda _: None,
    on_progress: Callable[[Progress], None] | None = None,
) -> Benches:
    """Train contenders head-to-head; write ``results.jsonl``, ``report.html`` and ``report.md``.

    See ``docs/benchmarks.md`` for contenders, suites and budgets. Other arguments override a
    suite's terms, and ``data`` names one of its contests. Unless ``threads`` are given, each run
    has as many as suit its size, and no more than its share of the cores. With ``devices``, each
    run has the next that is free. With ``ray``, the address of a cluster or ``local``, runs are Ray
    tasks; with ``zoo``, they are in this process. A bar, or a line now and then, shows how far it
    is, unless ``on_progress`` is told. Resumes if ``out`` already holds part of this contest.
    Returns a Bench for each contest. Raises ZooError for wrong arguments.
    """
    check_arguments(contenders=contenders, suite=suite, grid=grid, data=data, out=out, ray=ray)
    check_arguments(on_result=on_result, on_progress=on_progress)
    terms = given(
        budget=given(rounds=rounds, images=images, seconds=seconds, flops=flops) or None,
        seeds=seeds,
        evaluations=evaluations,
        settings=tuple(written(settings)),
        threads=threads,
        **device_terms(device, devices, processes, ray),
    )
    place = given_path(out)
    defaults = default_terms(place, processes)
    contests = contests_of(contenders, suite, grid, data, terms, defaults=defaults)
    benches = prepared(contests, place, chosen_zoo(zoo))
    runner = runner_for(zoo, benches[0].contest, ray)
    run_all(benches, place, runner, on_result, on_progress)
    return benches


def run_all(
    benches: Sequence[Bench],
    out: Path,
    runner: Runner,
    on_result: Callable[[Result], None],
    on_progress: Callable[[Progress], None] | None,
) -> None:
    """Do what is left of every contest, one after another, and report it."""
    progress = shown() if on_progress is None else nullcontext(on_progress)
    try:
        with locked(out), ending_as_ctrl_c(), reported(benches, out), progress as told:
            tracker = ProgressTracker(benches, told)
            for made in benches:
                made.run(runner, on_result, tracker.update)
            tracker.update()
    except KeyboardInterrupt:
        message = (
            "interrupted at once; every run is kept as of its last checkpoint, and the same "
            "command resumes them."
        )
        raise KeyboardInterrupt(message) from None


def report(folder: str | Path, *, zoo: Zoo | None = None) -> Benches:
    """Write the report of a folder's results again.

    Returns a Bench for each contest that has results. Raises RunError if the folder holds no
    benchmark, and ZooError if no run has finished yet.
    """
    check_arguments(folder=folder)
    folder = given_path(folder)
    benches = opened(folder, chosen_zoo(zoo))
    for made in benches:
        made.write_results()
    finished = report_finished(benches, folder)
    if not finished:
        message = f"in {folder} no run has finished yet; there is nothing to report."
        raise ZooError(message)
    return Benches(finished)


# ------------------------------------------------------------------------------------------- terms


def given(**terms: Any) -> dict[str, Any]:
    """The terms that are not None."""
    return {name: value for name, value in terms.items() if value is not None}


def default_terms(out: Path, processes: int | None) -> dict[str, Any]:
    """The devices, processes and threads of a folder's contests, or those of a new one.

    A benchmark that is resumed without naming them must not be refused as another contest.
    """
    for folder in folders_in(out):
        if (held := contest_in(folder)) is not None:
            return held.model_dump(include={"device", "devices", "processes", "threads"})
    return {"device": "auto", "processes": processes or 1}


def settled(contest: Contest, zoo: Zoo) -> Contest:
    """A contest with a device in place of ``auto``: the CPU, if that suits all its contenders."""
    if contest.device != "auto":
        return contest
    device = chosen_device("auto")
    if device != "cpu":
        dataset = zoo.dataset(contest.data, contest.settings)
        texts = [text for text in contest.contenders.values() if not is_model_name(text, zoo)]
        variants = (contender(text, zoo, contest.settings) for text in texts)
        device = "cpu" if all(suits_cpu(Composition(v, dataset, zoo)) for v in variants) else device
    return contest.model_copy(update={"device": device})


def contests_of(
    contenders: Sequence[str],
    suite: str | None,
    grid: Mapping[str, Sequence[str]] | None,
    data: str | None,
    terms: Mapping[str, Any],
    *,
    defaults: Mapping[str, Any],
) -> dict[str, Contest]:
    """The contests of a suite by dataset, or a single one named ``""``."""
    if suite is None:
        named = {
            "contenders": labelled(crossed(one_or_more(contenders), grid or {})),
            "data": data or "digits",
        }
        return {"": Contest.of({**defaults, **named, **terms})}
    if contenders or grid:
        message = "a suite has contenders of its own; give contenders or a suite, not both."
        raise OptionError(message)
    return suite_contests(suite, terms, data=data, defaults=defaults)


def runner_for(zoo: Zoo | None, contest: Contest, ray: str | None) -> Runner:
    """The runner that a call asks for."""
    # Here, since a report runs nothing and starts a third of a second earlier without them.
    from ganzoo.benchmark.cluster import RayCluster
    from ganzoo.benchmark.runners import InProcess, Processes

    if zoo is not None:
        return InProcess(zoo)
    if ray is not None:
        return RayCluster(None if ray == "local" else ray, contest.processes)
    return Processes(contest.processes, contest.devices)


# ----------------------------------------------------------------------------------------- folders


def prepared(contests: Mapping[str, Contest], out: Path, zoo: Zoo) -> Benches:
    """The benchmarks of contests in their folders, checked and ready to run."""
    refuse_ranks()
    folders = [out / slug(name) for name in contests]
    held = folders_in(out)
    if held and held != folders:
        message = f"{out} holds another benchmark; choose another --out."
        raise RunError(message)
    benches = Benches(
        Bench(settled(contest, zoo), folder, zoo)
        for contest, folder in zip(contests.values(), folders, strict=True)
    )
    for made in benches:
        made.prepare()
    if len(benches) > 1:
        write_text(out / SUITE, json.dumps([path.name for path in folders]) + "\n")
    return benches


def opened(folder: Path, zoo: Zoo) -> list[Bench]:
    """The benchmark in a folder, or the several of a suite in its subfolders."""
    return [Bench.open(path, zoo) for path in folders_in(folder) or [folder]]


def folders_in(out: Path) -> list[Path]:
    """The folders of the contests in a folder: itself, several subfolders of a suite, or none."""
    try:
        names = json_of(read_bytes(out / SUITE, MOST_BYTES))
        return [out / name for name in FOLDERS.validate_python(names)]
    except (FileNotFoundError, NotADirectoryError):
        return [out] if contest_in(out) is not None else []
    except (OSError, ValueError) as error:
        message = f"{out / SUITE} cannot be read; choose another --out."
        raise RunError(message) from error


@contextmanager
def reported(benches: Sequence[Bench], out: Path) -> Iterator[None]:
    """Write the report at the end, also when the runs inside are interrupted."""
    try:
        yield
    finally:
        report_finished(benches, out)


def report_finished(benches: Sequence[Bench], out: Path) -> list[Bench]:
    """Write the report of the benchmarks in which a run has finished, and return these."""
    finished = [made for made in benches if made.finished]
    if finished:
        # Here, since it needs optional dependencies, which a benchmark without results does not.
        from ganzoo.benchmark.report import write_report

        write_report(finished, out)
    return finished
