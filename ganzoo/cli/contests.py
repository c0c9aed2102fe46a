"""Commands for benchmarks: run contenders head-to-head, report again, and compare."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Self

import typer

from ganzoo.cli.options import DataName, Device, Json, Rounds, Settings
from ganzoo.cli.tables import answer, show

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.progress import Progress as Bar

    from ganzoo.benchmark.folder import Bench
    from ganzoo.benchmark.progress import Progress
    from ganzoo.benchmark.results import Result

app = typer.Typer()

Contenders = Annotated[
    list[str] | None,
    typer.Argument(help="NAME, NAME:loss=hinge,r1.weight=0.1, NAME+loss=hinge, LABEL@NAME:..."),
]
Suite = Annotated[str | None, typer.Option(help="Name of a suite, or path of a .yaml file.")]
Grid = Annotated[
    list[str] | None,
    typer.Option(
        metavar="KEY=A,B,...", help="Cross all contenders with these choices; may be repeated."
    ),
]
Images = Annotated[
    int | None, typer.Option(min=1, help="Budget in real samples dealt to the discriminator.")
]
Seconds = Annotated[float | None, typer.Option(min=0.1, help="Budget in seconds of training.")]
Flops = Annotated[float | None, typer.Option(min=1, help="Budget in floating-point operations.")]
Seeds = Annotated[int | None, typer.Option(min=1, help="Number of training seeds: 0 to K-1.")]
Seed = Annotated[list[int] | None, typer.Option(min=0, help="This training seed; may be repeated.")]
Evaluations = Annotated[int | None, typer.Option(min=1, help="Points of each learning curve.")]
Out = Annotated[Path, typer.Option(help="Folder for the runs, their results and the report.")]
Processes = Annotated[
    int, typer.Option(min=1, help="Runs at a time, each in a process of its own.")
]
Threads = Annotated[int | None, typer.Option(min=1, help="Threads of each run.")]
Ray = Annotated[
    str | None,
    typer.Option(metavar="ADDRESS", help="Run on Ray at this address; 'local' for this machine."),
]


@app.command()
def bench(
    contenders: Contenders = None,
    *,
    suite: Suite = None,
    grid: Grid = None,
    data: DataName = None,
    rounds: Rounds = None,
    images: Images = None,
    seconds: Seconds = None,
    flops: Flops = None,
    seeds: Seeds = None,
    seed: Seed = None,
    evaluations: Evaluations = None,
    out: Out = Path("bench"),
    settings: Settings = None,
    device: Device = "auto",
    processes: Processes = 1,
    threads: Threads = None,
    ray: Ray = None,
    as_json: Json = False,
) -> None:
    """Train contenders head-to-head within one budget; resumes what --out already holds."""
    from ganzoo.benchmark.contest import bench as run_bench

    with BenchmarkBar() as bar:
        benches = run_bench(
            contenders or (),
            suite=suite,
            grid=parsed_grid(grid or ()),
            data=data,
            rounds=rounds,
            images=images,
            seconds=seconds,
            flops=flops,
            seeds=seed or seeds,
            evaluations=evaluations,
            out=out,
            settings=settings or (),
            device=device,
            processes=processes,
            threads=threads,
            ray=ray,
            on_result=no_result if as_json else print_result,
            on_progress=bar.update,
        )
    print_outcome(benches, out, as_json=as_json)


@app.command()
def report(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder of a benchmark.")],
    *,
    as_json: Json = False,
) -> None:
    """Write a benchmark's report again, from its results."""
    from ganzoo.benchmark.contest import report as write_report

    print_outcome(write_report(folder), folder, as_json=as_json)


@app.command()
def compare(
    one: Annotated[Path, typer.Argument(metavar="A", help="Folder of a benchmark.")],
    other: Annotated[Path, typer.Argument(metavar="B", help="Folder of another one.")],
    *,
    out: Out,
    as_json: Json = False,
) -> None:
    """Join two benchmarks of the same data and budget in one report."""
    from ganzoo.benchmark.compare import compare as join

    print_outcome(join(one, other, out), out, as_json=as_json)


def parsed_grid(texts: Sequence[str]) -> dict[str, list[str]]:
    """A grid from texts such as ``loss=hinge,wasserstein``; OptionError for other spellings."""
    from ganzoo.errors import OptionError

    found = {}
    for text in texts:
        key, equals, values = text.partition("=")
        if not equals or not values or key in found:
            wrong = f"'{key}' is given twice" if key in found else f"'{text}' is not a grid"
            message = f"{wrong}; write KEY=A,B, as in loss=non-saturating,hinge."
            raise OptionError(message)
        found[key] = re.split(r",(?![^\[]*\])", values)  # not at a comma inside a [list]
    return found


def print_result(result: Result) -> None:
    """Print how one run ended, to stderr."""
    how = result.error or f"{result.rounds} rounds in {result.seconds:.1f} s"
    typer.echo(f"{result.contender} · seed {result.seed}: {how}", err=True)


def no_result(result: Result) -> None:
    """Print nothing: JSON is all that is wanted."""


def print_outcome(benches: Sequence[Bench], out: Path, *, as_json: bool) -> None:
    """Print each benchmark's table and verdict; exit with code 1 if no run finished."""
    from ganzoo.benchmark.tables import rows_of

    finished = any(made.finished for made in benches)
    if as_json:
        lines = [r.model_dump(exclude_none=True) for b in benches for r in b.results]
        answer(json.dumps(lines))
    else:
        for made in benches:
            if len(benches) > 1:
                answer(f"\n{made.contest.data}")
            show(rows_of(made), as_json=False)
            answer(made.verdict())
        if finished:
            answer(f"report: {out / 'report.html'}")
    if not finished:
        raise typer.Exit(1)


class BenchmarkBar:
    """A progress bar for a whole benchmark, with the time left; nothing without a terminal."""

    def __enter__(self) -> Self:
        """Draw the bar."""
        self.bar: Bar | None = None
        if sys.stderr.isatty():
            from rich.console import Console
            from rich.progress import BarColumn, Progress, TextColumn

            self.bar = Progress(
                TextColumn("[bold]{task.description}"),
                BarColumn(bar_width=24),
                TextColumn("{task.percentage:>3.0f}% {task.fields[left]}"),
                console=Console(stderr=True),
            )
            self.task = self.bar.add_task("runs", total=1.0, left="")
            self.bar.start()
        return self

    def update(self, now: Progress) -> None:
        """Show how far the benchmark is."""
        if self.bar is not None:
            left = "" if now.seconds_left is None else f"{now.seconds_left / 60:.1f} min left"
            runs = f"{now.ended} of {now.runs} runs"
            self.bar.update(self.task, completed=now.share, left=left, description=runs)

    def __exit__(self, *_: object) -> None:
        """Leave the bar as it stands."""
        if self.bar is not None:
            self.bar.stop()
