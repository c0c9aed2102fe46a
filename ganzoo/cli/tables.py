"""Tables and JSON for the command line."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ganzoo.parts.metric import Score


def score_row(score: Score) -> dict[str, str]:
    """A score as a row of a table, with an arrow in the direction of better values."""
    arrow = "↑" if score.better == "higher" else "↓"
    return {"metric": f"{score.metric} {arrow}", "value": f"{score.value:.4g}"}


def show(rows: Sequence[dict[str, Any]], *, as_json: bool) -> None:
    """Print rows as a table, or as JSON."""
    if as_json:
        typer.echo(json.dumps(list(rows), indent=2))
        return
    # start-up time: most commands with --json, and `ganzoo --help`, print no table
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    columns = list(dict.fromkeys(key for row in rows for key in row))
    table = Table(*columns, box=box.SIMPLE_HEAD, pad_edge=False)
    for row in rows:
        cells = [row.get(column, "") for column in columns]
        table.add_row(*(Text(", ".join(c) if isinstance(c, list) else str(c)) for c in cells))
    console = Console()
    # A pipe has no width, and a program that reads it needs the cells unwrapped.
    Console(width=None if console.is_terminal else 240).print(table)
