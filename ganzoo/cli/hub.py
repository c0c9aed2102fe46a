"""Commands about the published files: verify them, gather them, and put them on the Hub.

Commands import what they call inside functions, for start-up time (see ``ganzoo.cli``).
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ganzoo.cli.options import PATH, Json
from ganzoo.cli.tables import answer, show
from ganzoo.errors import ZooError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ganzoo.plugins.registry import Model
    from ganzoo.plugins.zoo import Zoo
    from ganzoo.pretrained.verify import FileStatus

app = typer.Typer(
    help="Published weights: verify them, gather them, put them on the Hub.",
    no_args_is_help=True,
)
Names = Annotated[list[str] | None, typer.Argument(metavar="VARIANT/DATASET", help="Models.")]
All = Annotated[bool, typer.Option("--all", help="Every known model.")]


@app.command()
def verify(names: Names = None, *, all_: All = False, as_json: Json = False) -> None:
    """Check the sha256 of embedded and cached files, without a network."""
    from ganzoo.plugins.default import default_zoo
    from ganzoo.pretrained.verify import verify as verified
    from ganzoo.storage.hub import Client

    zoo = default_zoo()
    report(verified(chosen(names, zoo, all_=all_), Client(offline=True), zoo), as_json=as_json)


@app.command()
def fetch(
    names: Names = None,
    *,
    all_: All = False,
    to: Annotated[Path, typer.Option(**PATH, help="The folder to gather them in.")],
    as_json: Json = False,
) -> None:
    """Gather weight files in a folder, for ganzoo.load("dir:...") without a network."""
    from ganzoo.plugins.default import default_zoo
    from ganzoo.pretrained.verify import fetch as fetched
    from ganzoo.storage.hub import Client

    zoo = default_zoo()
    report(fetched(chosen(names, zoo, all_=all_), to, Client(), zoo), as_json=as_json)


@app.command()
def publish(
    name: Annotated[str, typer.Argument(metavar="VARIANT/DATASET")],
    *,
    endpoint: Annotated[str | None, typer.Option(help="Another Hub than huggingface.co.")] = None,
) -> None:
    """Maintainers: upload a model, read it back, and write its commit into registry.yaml."""
    from ganzoo.pretrained.publish import publish as published

    model = published(name, endpoint=endpoint)
    answer(f"{model.name} {model.version} is {model.repo}@{model.revision}")


def chosen(names: Iterable[str] | None, zoo: Zoo, *, all_: bool) -> list[Model]:
    """The named models, or all known ones; ZooError unless exactly one of the two is asked for."""
    from ganzoo.plugins.sources import known_models, model_named

    if bool(names) == all_:
        message = "name models, as in 'ganzoo hub verify VARIANT/DATASET', or give --all."
        raise ZooError(message)
    return known_models(zoo) if all_ else [model_named(name, zoo) for name in names or ()]


def report(files: Iterable[FileStatus], *, as_json: bool) -> None:
    """Print the status of each file; exit with code 1 if any is broken."""
    found = list(files)
    rows = [
        {
            "model": file.model,
            "file": file.path,
            "sha256": file.sha256[:12],
            "where": file.where,
            "status": "broken" if file.fault else "ok" if file.here else "not here",
        }
        for file in found
    ]
    show(rows, as_json=as_json)
    faults = [file.fault for file in found if file.fault]
    for fault in faults:
        typer.echo(fault, err=True)
    if faults:
        raise typer.Exit(1)
