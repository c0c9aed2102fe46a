"""Commands for benchmarks: run contenders head-to-head, report again, and compare."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ganzoo.cli.options import PATH, DataName, Device, Json, Rounds, Settings, Threads
from ganzoo.cli.tables import answer, show
from ganzoo.errors import counted
from ganzoo.storage.paths import given_path

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ganzoo.benchmark.folder import Bench
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
Out = Annotated[
    Path, typer.Option(**PATH, help="Folder for the runs, their results and the report.")
]
Devices = Annotated[
    str | None,
    typer.Option(metavar="A,B,...", help="Spread the runs over these, as many at a time."),
]
Processes = Annotated[
    int | None, typer.Option(min=1, help="Runs at a time, each in a process of its own; or 1.")
]
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
    devices: Devices = None,
    processes: Processes = None,
    threads: Threads = None,
    ray: Ray = None,
    as_json: Json = False,
) -> None:
    """Train contenders head-to-head within one budget; resumes what --out already holds."""
    from ganzoo.benchmark.contenders import choices_of
    from ganzoo.benchmark.contest import bench as run_bench

    benches = run_bench(
        contenders or (),
        suite=suite,
        grid=choices_of(grid or ()),
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
        devices=None if devices is None else devices.split(","),
        processes=processes,
        threads=threads,
        ray=ray,
        on_result=no_result if as_json else print_result,
    )
    print_outcome(benches, out, as_json=as_json)


@app.command()
def report(
    folder: Annotated[
        Path, typer.Argument(parser=given_path, metavar="DIR", help="Folder of a benchmark.")
    ],
    *,
    as_json: Json = False,
) -> None:
    """Write a benchmark's report again, from its results."""
    from ganzoo.benchmark.contest import report as write_report

    print_outcome(write_report(folder), folder, as_json=as_json)


@app.command()
def compare(
    one: Annotated[
        Path, typer.Argument(parser=given_path, metavar="A", help="Folder of a benchmark.")
    ],
    other: Annotated[
        Path, typer.Argument(parser=given_path, metavar="B", help="Folder of another one.")
    ],
    *,
    out: Out,
    as_json: Json = False,
) -> None:
    """Join two benchmarks of the same data and budget in one report."""
    from ganzoo.benchmark.compare import compare as join

    print_outcome(join(one, other, out), out, as_json=as_json)


def print_result(result: Result) -> None:
    """Print how one run ended, to stderr."""
    how = result.error or f"{counted(result.rounds, 'round')} in {result.seconds:.1f} s"
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
                answer(f"\n{made.contest.called}")
            show(rows_of(made), as_json=False)
            for remark in made.remarks:
                typer.echo(f"warning: {remark}", err=True)
            answer(made.verdict())
        if finished:
            answer(f"report: {out / 'report.html'}")
    if not finished:
        raise typer.Exit(1)
