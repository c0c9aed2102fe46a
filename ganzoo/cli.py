"""The command line: each command is one call of the Python interface, and prints what it returns.

Exit code 0: done. 1: a ZooError, one sentence on stderr. 2: wrong usage. Nothing here imports torch
or a plugin until a command runs.
"""

from __future__ import annotations

import importlib.metadata
import io
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from ganzoo.errors import ZooError
from ganzoo.tables import score_row, show

if TYPE_CHECKING:
    from ganzoo.contest.results import Result


class Commands(TyperGroup):
    """The built-in commands, and those of plugins, which are loaded only for an unknown name."""

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """A command by name."""
        found = super().get_command(ctx, cmd_name)
        if found is None:
            from ganzoo.zoo import default_zoo

            extra = typer.Typer()
            extra.callback()(lambda: None)
            default_zoo().add_commands(extra)
            group = typer.main.get_group(extra)
            found = group.get_command(ctx, cmd_name)
        return found


app = typer.Typer(
    cls=Commands,
    help="GAN variants as plugins: train them, sample them, compare them head-to-head.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]
Settings = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="PART.OPTION=VALUE", help="Set an option; may be repeated."),
]
Architecture = Annotated[str | None, typer.Option(help="Another architecture, of any plugin.")]
Loss = Annotated[str | None, typer.Option(help="Another loss.")]
Regularizers = Annotated[
    list[str] | None, typer.Option("--regularizer", help="Other regularizers; 'none' for none.")
]
Sampler = Annotated[str | None, typer.Option(help="Another sampler.")]
DataName = Annotated[str | None, typer.Option("--data", help="Dataset: NAME or NAME:VALUE.")]
Device = Annotated[str, typer.Option(help="cpu, cuda, ... or auto.")]
Rounds = Annotated[int | None, typer.Option(min=1, help="Rounds to train.")]
RunFolder = Annotated[Path, typer.Argument(metavar="RUN", help="The folder of a run.")]


@app.command("list")
def list_variants(*, as_json: Json = False) -> None:
    """List the variants that are installed, and those that could be."""
    from ganzoo.registry import registry
    from ganzoo.zoo import default_zoo

    zoo = default_zoo()
    rows = [
        {
            "variant": variant.name,
            "architecture": variant.architecture.name,
            "loss": " / ".join(
                dict.fromkeys([variant.loss.name, variant.loss_of("generator").name])
            ),
            "regularizers": ", ".join(r.name for r in variant.regularizers),
            "data": variant.data,
            "plugin": str(zoo.origin(variant)),
            "source": variant.source,
        }
        for variant in zoo.variants.values()
    ]
    rows += [
        {"variant": name, "plugin": f"ganzoo install {plugin}"}
        for plugin, listing in registry().plugins.items()
        for name in listing.variants
        if name not in zoo.variants
    ]
    show(rows, as_json=as_json)


@app.command()
def plugins(*, as_json: Json = False) -> None:
    """List the plugins: what each offers, and what is wrong with those that are broken."""
    from ganzoo.plugins import PLURALS
    from ganzoo.registry import listings, registry
    from ganzoo.zoo import default_zoo

    zoo = default_zoo()
    known = {listing.distribution for listing in registry().plugins.values()} | {"ganzoo-core"}
    rows: list[dict[str, Any]] = []
    for loaded in zoo.plugins:
        offers = [
            f"{len(things)} {kind if len(things) == 1 else PLURALS[kind]}"
            for kind, things in loaded.offers.items()
        ]
        rows.append(
            {
                "plugin": loaded.origin.plugin,
                "distribution": str(loaded.origin),
                "offers": ", ".join(offers),
                "registry": "yes" if loaded.origin.distribution in known else "no",
                "status": " ".join(map(str, loaded.faults)) or "ok",
            }
        )
    rows += [
        {
            "plugin": row["plugin"],
            "distribution": row["distribution"],
            "offers": row["title"],
            "registry": "yes",
            "status": "not installed",
        }
        for row in listings()
        if row["installed"] is None
    ]
    show(rows, as_json=as_json)


@app.command()
def explain(
    variant: str,
    *,
    data: DataName = None,
    architecture: Architecture = None,
    loss: Loss = None,
    regularizer: Regularizers = None,
    sampler: Sampler = None,
    settings: Settings = None,
    as_json: Json = False,
) -> None:
    """Explain a composition: its options, and each value, who deals it and who reads it."""
    from ganzoo.wiring import explain as explained

    told = explained(
        variant,
        data=data,
        architecture=architecture,
        loss=loss,
        regularizers=regularizer,
        sampler=sampler,
        settings=settings or (),
    )
    if as_json:
        typer.echo(json.dumps(told, indent=2))
        return
    typer.echo(told["summary"])
    for player, turns in told["turns"]:
        typer.echo(f"\n{player}'s turn, {turns} a round: minimizes {told['objective'][player]}")
        rows = [row for row in told["wiring"] if row["player"] == player]
        keys = ("value", "shape", "from", "read_by")
        show([{k: row[k] for k in keys} for row in rows], as_json=False)
    for remark in told["remarks"]:
        typer.echo(f"\n{remark}")
    typer.echo("\noptions (--set):")
    show(told["options"], as_json=False)


@app.command()
def train(
    variant: str,
    *,
    data: DataName = None,
    rounds: Rounds = None,
    seed: Annotated[int, typer.Option(min=0, help="Fixes every random choice.")] = 0,
    out: Annotated[Path | None, typer.Option(help="The run's folder.")] = None,
    architecture: Architecture = None,
    loss: Loss = None,
    regularizer: Regularizers = None,
    sampler: Sampler = None,
    settings: Settings = None,
    device: Device = "auto",
    save_every: Annotated[int | None, typer.Option(min=1, help="Rounds between saves.")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the run in --out.")] = False,
) -> None:
    """Train a variant; any part of it may be replaced by another plugin's."""
    from ganzoo.calls import train as trained

    run = trained(
        variant,
        data=data,
        rounds=rounds,
        seed=seed,
        out=out,
        architecture=architecture,
        loss=loss,
        regularizers=regularizer,
        sampler=sampler,
        settings=settings or (),
        device=device,
        resume=resume,
        save_every=save_every,
    )
    typer.echo(
        f"{run.title}: {run.game.rounds} rounds in {run.seconds:.1f} s, saved in {run.folder}"
    )


@app.command()
def sample(
    run: RunFolder,
    *,
    n: Annotated[int | None, typer.Option("-n", min=1, max=1_000_000, help="How many.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="Fixes the latents.")] = 0,
    out: Annotated[
        Path | None, typer.Option(help="A .png to draw, a .npy to keep numbers, a .gif to film.")
    ] = None,
    label: Annotated[int | None, typer.Option(min=0, help="The label to condition on.")] = None,
    sweep: Annotated[
        str | None,
        typer.Option(metavar="NAME=LOW:HIGH", help="Vary one value from left to right."),
    ] = None,
) -> None:
    """Draw samples of a run's last checkpoint."""
    from ganzoo.samples import write_samples

    path = write_samples(run, n=n, seed=seed, out=out, label=label, sweep=sweep)
    typer.echo(f"{path}")


@app.command()
def evaluate(
    run: RunFolder,
    *,
    n: Annotated[int | None, typer.Option("-n", min=2, max=1_000_000, help="How many.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="Fixes the latents.")] = 0,
    metric: Annotated[list[str] | None, typer.Option(help="Measure only these.")] = None,
    as_json: Json = False,
) -> None:
    """Score a run's last checkpoint against the held-out data."""
    from ganzoo.calls import evaluate as evaluated

    scores = evaluated(run, n=n, seed=seed, metrics=metric or ())
    if as_json:
        typer.echo(json.dumps([score.model_dump() for score in scores], indent=2))
        return
    show([score_row(score) for score in scores], as_json=False)
    typer.echo(scores[0].protocol())


@app.command()
def bench(
    variants: Annotated[
        list[str], typer.Argument(help="NAME, NAME:loss=hinge,r1.weight=0.1, LABEL@NAME:...")
    ],
    *,
    data: Annotated[str, typer.Option(help="Dataset: NAME or NAME:VALUE.")] = "digits",
    rounds: Rounds = None,
    seconds: Annotated[float | None, typer.Option(min=0.1, help="Seconds to train.")] = None,
    seeds: Annotated[int, typer.Option(min=1, help="Training seeds: 0 to K-1.")] = 1,
    out: Annotated[Path, typer.Option(help="Folder for results and report.")] = ...,  # type: ignore[assignment]
    settings: Settings = None,
    device: Device = "auto",
    resume: Annotated[bool, typer.Option("--resume", help="Go on with --out.")] = False,
    as_json: Json = False,
) -> None:
    """Train variants head-to-head under one budget; write results.jsonl and report.html."""
    from ganzoo.contest.measure import bench as benched

    def told(result: Result) -> None:
        if not as_json and result.kind in {"last", "refused", "diverged"}:
            line = result.error or f"{result.rounds} rounds in {result.seconds:.1f} s"
            typer.echo(f"{result.contender} · seed {result.seed}: {line}", err=True)

    done = benched(
        variants,
        data=data,
        rounds=rounds,
        seconds=seconds,
        seeds=seeds,
        out=out,
        settings=settings or (),
        device=device,
        resume=resume,
        told=told,
    )
    if as_json:
        typer.echo(json.dumps([result.model_dump(exclude_none=True) for result in done.results]))
        return
    show(done.rows(), as_json=False)
    typer.echo(done.verdict())
    typer.echo(f"report: {out / 'report.html'}")


@app.command()
def install(
    names: list[str],
    *,
    find_links: Annotated[
        Path | None, typer.Option(help="A folder of wheels to install from.")
    ] = None,
) -> None:
    """Install plugins by their names in the registry, into this environment."""
    from ganzoo.registry import install as installed

    typer.echo(f"installed {', '.join(installed(names, find_links=find_links))}")


def clash() -> str | None:
    """What to do where the unrelated project named ganzoo has overwritten parts of this one."""
    try:
        importlib.metadata.distribution("ganzoo")
    except importlib.metadata.PackageNotFoundError:
        return None
    return (
        "another project named ganzoo is installed and overwrites this one: "
        "run 'pip uninstall ganzoo', then 'pip install --force-reinstall --no-deps ganzoo-core'."
    )


def main() -> None:
    """Run the command line."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal that knows ASCII alone
    warning = clash()
    if warning:
        typer.echo(f"warning: {warning}", err=True)
    try:
        app()
    except ZooError as error:
        typer.echo(f"error: {error}", err=True)
        sys.exit(1)
    except KeyboardInterrupt:
        typer.echo("error: interrupted.", err=True)
        sys.exit(1)
    except OSError as error:
        where = f" ({error.filename})" if error.filename else ""
        typer.echo(f"error: {error.strerror or error}{where}.", err=True)
        sys.exit(1)


if __name__ == "__main__":
    main()
