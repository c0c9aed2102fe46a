"""Commands about the published files: check them, gather them, and put them on the Hub."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ganzoo.cli.options import Json
from ganzoo.cli.tables import show
from ganzoo.errors import ZooError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ganzoo.plugins.registry import Model
    from ganzoo.plugins.zoo import Zoo
    from ganzoo.pretrained.verify import Copy

app = typer.Typer(
    help="FrozenGenerator weights: check them, gather them, put them on the Hub.",
    no_args_is_help=True,
)
Names = Annotated[list[str] | None, typer.Argument(metavar="VARIANT/DATASET", help="Models.")]
All = Annotated[bool, typer.Option("--all", help="Every known model.")]


@app.command()
def verify(names: Names = None, *, all_: All = False, as_json: Json = False) -> None:
    """Check the sha256 of embedded and cached files, without a network."""
    from ganzoo.plugins.default import default_zoo
    from ganzoo.pretrained import verify as copies
    from ganzoo.storage.hub import Client

    zoo = default_zoo()
    tell(copies.verify(chosen(names, zoo, all_=all_), Client(offline=True), zoo), as_json=as_json)


@app.command()
def fetch(
    names: Names = None,
    *,
    all_: All = False,
    to: Annotated[Path, typer.Option(help="The folder to gather them in.")],
    as_json: Json = False,
) -> None:
    """Gather weight files in a folder, for ganzoo.load("dir:...") where there is no network."""
    from ganzoo.plugins.default import default_zoo
    from ganzoo.pretrained import verify as copies
    from ganzoo.storage.hub import Client

    zoo = default_zoo()
    tell(copies.fetch(chosen(names, zoo, all_=all_), to, Client(), zoo), as_json=as_json)


@app.command()
def publish(
    name: Annotated[str, typer.Argument(metavar="VARIANT/DATASET")],
    *,
    endpoint: Annotated[str | None, typer.Option(help="Another Hub than the usual one.")] = None,
) -> None:
    """Maintainers: upload a model, read it back, and write its commit into registry.yaml."""
    from ganzoo.pretrained.publish import publish as published

    model = published(name, endpoint=endpoint)
    typer.echo(f"{model.name} {model.version} is {model.repo}@{model.revision}")


def chosen(names: Iterable[str] | None, zoo: Zoo, *, all_: bool) -> list[Model]:
    """The models that are named, or all of them; ZooError where it is not said which."""
    from ganzoo.pretrained.sources import model_named
    from ganzoo.pretrained.verify import everything

    if bool(names) == all_:
        message = "name models, as in 'ganzoo hub verify VARIANT/DATASET', or give --all."
        raise ZooError(message)
    return everything(zoo) if all_ else [model_named(name, zoo) for name in names or ()]


def tell(copies: Iterable[Copy], *, as_json: bool) -> None:
    """Print what was found of each file; exit with 1 where something is wrong."""
    found = list(copies)
    rows = [
        {
            "model": copy.model,
            "file": copy.path,
            "sha256": copy.sha256[:12],
            "where": copy.where,
            "status": "broken" if copy.fault else "ok" if copy.here else "not here",
        }
        for copy in found
    ]
    show(rows, as_json=as_json)
    for copy in found:
        if copy.fault:
            typer.echo(copy.fault, err=True)
    if any(copy.fault for copy in found):
        raise typer.Exit(1)
