"""Commands about benchmarks: run several contenders head-to-head, and report what came of it."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Self

import typer

from ganzoo.cli.options import DataName, Device, Json, Rounds, Settings
from ganzoo.cli.tables import show

if TYPE_CHECKING:
    from rich.progress import Progress as Bar

    from ganzoo.benchmark.contest import Progress
    from ganzoo.benchmark.folder import Bench
    from ganzoo.benchmark.results import Result

app = typer.Typer()
Out = Annotated[Path, typer.Option(help="Folder for results and report.")]


@app.command()
def bench(
    contenders: Annotated[
        list[str] | None,
        typer.Argument(help="NAME, NAME:loss=hinge,r1.weight=0.1, NAME+loss=hinge, LABEL@NAME:..."),
    ] = None,
    *,
    suite: Annotated[
        str | None, typer.Option(help="A suite's name, or the path of a .yaml.")
    ] = None,
    grid: Annotated[
        list[str] | None,
        typer.Option(metavar="KEY=A,B,...", help="Cross all contenders with these choices."),
    ] = None,
    data: DataName = None,
    rounds: Rounds = None,
    images: Annotated[
        int | None, typer.Option(min=1, help="Real samples to show the discriminator.")
    ] = None,
    seconds: Annotated[float | None, typer.Option(min=0.1, help="Seconds to train.")] = None,
    flops: Annotated[
        float | None, typer.Option(min=1, help="Floating-point operations to train.")
    ] = None,
    seeds: Annotated[int | None, typer.Option(min=1, help="Training seeds: 0 to K-1.")] = None,
    seed: Annotated[
        list[int] | None, typer.Option(min=0, help="This one; repeat it for several.")
    ] = None,
    evaluations: Annotated[
        int | None, typer.Option(min=1, help="Points of the learning curve.")
    ] = None,
    out: Out = Path("bench"),
    settings: Settings = None,
    device: Device = "auto",
    processes: Annotated[int, typer.Option(min=1, help="Runs at a time.")] = 1,
    threads: Annotated[int | None, typer.Option(min=1, help="Threads of each run.")] = None,
    ray: Annotated[
        str | None, typer.Option(metavar="ADDRESS", help="Run on Ray; 'local' for here.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Train contenders head-to-head within one budget; what is there already is gone on with."""
    from ganzoo.benchmark.contest import bench as benched

    with Ticker() as ticker:

        def told(result: Result) -> None:
            if not as_json:
                line = result.error or f"{result.rounds} rounds in {result.seconds:.1f} s"
                typer.echo(f"{result.contender} · seed {result.seed}: {line}", err=True)

        benches = benched(
            contenders or (),
            suite=suite,
            grid=gridded(grid or ()),
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
            told=told,
            tick=ticker.tick,
        )
    tell(benches, out, as_json=as_json)


@app.command()
def report(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="The folder of a benchmark.")],
    *,
    as_json: Json = False,
) -> None:
    """Write a benchmark's report again, from its results."""
    from ganzoo.benchmark.contest import report as reported

    tell(reported(folder), folder, as_json=as_json)


@app.command()
def compare(
    one: Annotated[Path, typer.Argument(metavar="A", help="The folder of a benchmark.")],
    other: Annotated[Path, typer.Argument(metavar="B", help="That of another.")],
    *,
    out: Out,
    as_json: Json = False,
) -> None:
    """Join two benchmarks of the same data and budget in one report."""
    from ganzoo.benchmark.compare import compare as compared

    tell(compared(one, other, out), out, as_json=as_json)


def gridded(texts: list[str] | tuple[()]) -> dict[str, list[str]]:
    """``KEY=A,B`` as a key and its choices."""
    from ganzoo.errors import OptionError

    found = {}
    for text in texts:
        key, equals, values = text.partition("=")
        if not equals or not values or key in found:
            twice = f"'{key}' stands twice" if key in found else f"'{text}' is no grid"
            message = f"{twice}; write KEY=A,B, as in loss=non-saturating,hinge."
            raise OptionError(message)
        found[key] = re.split(r",(?![^\[]*\])", values)  # no comma in [a, list]
    return found


def tell(benches: list[Bench], out: Path, *, as_json: bool) -> None:
    """Print each benchmark's table and verdict; exit with 1 where nobody finished."""
    from ganzoo.benchmark.tables import rows_of

    finished = any(made.finished for made in benches)
    if as_json:
        lines = [r.model_dump(exclude_none=True) for b in benches for r in b.results]
        typer.echo(json.dumps(lines))
    else:
        for made in benches:
            if len(benches) > 1:
                typer.echo(f"\n{made.contest.data}")
            show(rows_of(made), as_json=False)
            typer.echo(made.verdict())
        if finished:
            typer.echo(f"report: {out / 'report.html'}")
    if not finished:
        raise typer.Exit(1)


class Ticker:
    """A bar for the whole benchmark with the time left, on a terminal; else nothing."""

    def __enter__(self) -> Self:
        """Draw it, where it can be seen."""
        import sys

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

    def tick(self, at: Progress) -> None:
        """Move it."""
        if self.bar is not None:
            left = "" if at.seconds_left is None else f"{at.seconds_left / 60:.1f} min left"
            what = f"{at.ended} of {at.runs} runs"
            self.bar.update(self.task, completed=at.share, left=left, description=what)

    def __exit__(self, *_: object) -> None:
        """Leave it as it stands."""
        if self.bar is not None:
            self.bar.stop()
