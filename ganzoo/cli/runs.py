"""Commands about runs: train one, draw samples, score it, and export its weights.

Commands import what they call inside functions, for start-up time (see ``ganzoo.cli``).
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from ganzoo.cli.options import (
    PATH,
    Deterministic,
    Device,
    From,
    Graph,
    Json,
    OnDivergence,
    Rounds,
    RunFolder,
    SyncBatchNorm,
    Threads,
    composing,
)
from ganzoo.cli.tables import answer, protocols, score_row, show

app = typer.Typer()

Where = Annotated[
    str | None, typer.Option(help="cpu, cuda, ...; by default a run's own if it is here, else cpu.")
]


@app.command()
@composing
def train(
    variant: Annotated[
        str | None, typer.Argument(metavar="VARIANT", help="Its name; not needed to resume.")
    ] = None,
    *,
    rounds: Rounds = None,
    seed: Annotated[
        int | None, typer.Option(min=0, help="Fixes every random choice; 0 by default.")
    ] = None,
    out: Annotated[Path | None, typer.Option(**PATH, help="The run's folder.")] = None,
    device: Device = "auto",
    threads: Threads = None,
    save_every: Annotated[int | None, typer.Option(min=1, help="Rounds between saves.")] = None,
    on_divergence: OnDivergence = None,
    graph: Graph = None,
    deterministic: Deterministic = None,
    sync_batch_norm: SyncBatchNorm = None,
    start: From = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Continue the run in --out, as it was begun.")
    ] = False,
    **choices: Any,
) -> None:
    """Train a variant; any part of it can be replaced by one of another plugin."""
    from ganzoo.training.train import train as trained

    if variant is None and not resume:
        message = "name a VARIANT to train, or --resume the run in --out."
        raise typer.BadParameter(message)
    run = trained(
        variant,
        rounds=rounds,
        seed=seed,
        out=out,
        device=device,
        threads=threads,
        resume=resume,
        save_every=save_every,
        on_divergence=on_divergence,
        graph=graph,
        deterministic=deterministic,
        sync_batch_norm=sync_batch_norm,
        start=start,
        **choices,
    )
    answer(f"{run.title}: {run.played}, saved in {run.folder}")


@app.command()
def sample(
    run: Annotated[
        str, typer.Argument(metavar="RUN", help="The folder of a run, or a model's name.")
    ],
    *,
    n: Annotated[int | None, typer.Option("-n", min=1, max=1_000_000, help="How many.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="Fixes the latents.")] = 0,
    out: Annotated[
        Path | None,
        typer.Option(**PATH, help="A .png (a picture), .npy (numbers) or .gif (a film)."),
    ] = None,
    label: Annotated[
        str | None, typer.Option(help="The class of all samples, by number or name.")
    ] = None,
    given: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=VALUE", help="Fix a value for all samples; may be repeated."),
    ] = None,
    sweep: Annotated[
        str | None,
        typer.Option(metavar="NAME=LOW:HIGH", help="Vary one value from left to right."),
    ] = None,
    neighbours: Annotated[
        bool,
        typer.Option("--neighbours", help="Draw the nearest training image beside each sample."),
    ] = False,
    device: Where = None,
) -> None:
    """Draw samples from a run's last checkpoint, or from a pretrained model."""
    from ganzoo.engine.fixed import written
    from ganzoo.pretrained.render import write_samples

    path = write_samples(
        run,
        n=n,
        seed=seed,
        out=out,
        label=label,
        sweep=sweep,
        given=written(given or ()),
        neighbours=neighbours,
        device=device,
    )
    answer(f"{path}")


@app.command()
def evaluate(
    run: Annotated[
        str, typer.Argument(metavar="RUN", help="The folder of a run, or a model's name.")
    ],
    *,
    n: Annotated[int | None, typer.Option("-n", min=2, max=1_000_000, help="How many.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="Fixes the latents.")] = 0,
    metric: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME[:KEY=VALUE,...]", help="Measure only this metric; can be repeated."
        ),
    ] = None,
    device: Where = None,
    as_json: Json = False,
) -> None:
    """Score a run's last checkpoint, or a pretrained model, against held-out data."""
    from ganzoo.pretrained.scores import evaluate as evaluated

    scores = evaluated(run, n=n, seed=seed, metrics=metric or (), device=device)
    for remark in scores.remarks:
        typer.echo(f"warning: {remark}", err=True)
    if as_json:
        answer(json.dumps([score.model_dump() for score in scores], indent=2))
        return
    show([score_row(score) for score in scores], as_json=False)
    answer(protocols(scores))


@app.command()
def export(
    run: RunFolder,
    *,
    out: Annotated[Path, typer.Option(**PATH, help="The folder for the weight files.")],
) -> None:
    """Write a run's networks as weight files, for ganzoo.load("dir:OUT")."""
    from ganzoo.pretrained.export import export as exported

    folder = exported(run, out)
    for path in sorted(folder.glob("*.safetensors")):
        answer(f"{path}: {path.stat().st_size:,} bytes")
