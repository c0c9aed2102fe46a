"""Commands about data: have them fetched.

Commands import what they call inside functions, for start-up time (see ``ganzoo.cli``).
"""

from __future__ import annotations

from typing import Annotated

import typer

from ganzoo.cli.tables import answer

app = typer.Typer(help="Data: have those of a dataset fetched.", no_args_is_help=True)


@app.callback()
def group() -> None:
    """Make the one command below a command of a group."""


@app.command()
def fetch(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Dataset: NAME or NAME:VALUE.")],
) -> None:
    """Fetch what a dataset reads into the cache, where it knows how."""
    from ganzoo.plugins.default import default_zoo

    dataset = default_zoo().dataset(name)
    answer(f"{dataset.name}: {dataset.fetch()}")
