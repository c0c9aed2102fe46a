"""Results on standard output: tables, JSON and lines."""

from __future__ import annotations

import json
import os
import sys
from contextlib import ExitStack, contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import typer

from ganzoo.errors import SENTENCE, shortened

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ganzoo.parts.metric import Score


_reserved: list[TextIO] = []
"""Standard output, while only results may be printed there."""


@contextmanager
def results_only() -> Iterator[None]:
    """Keep standard output for ``answer`` and ``show``; all else is printed on standard error.

    Of several processes that ``torchrun`` started, rank 0 alone prints anything; but errors are
    printed after this block.
    """
    with ExitStack() as stack:
        if is_follower():
            nowhere = stack.enter_context(Path(os.devnull).open("w", encoding="utf-8"))
            stack.enter_context(redirect_stdout(nowhere))
            stack.enter_context(redirect_stderr(nowhere))
        _reserved.append(sys.stdout)
        stack.callback(_reserved.pop)
        stack.enter_context(redirect_stdout(sys.stderr))
        yield


def is_follower() -> bool:
    """Whether ``torchrun`` started this process as another rank than 0."""
    return "TORCHELASTIC_RUN_ID" in os.environ and os.environ.get("RANK", "0") != "0"


def stdout() -> TextIO:
    """Where results go."""
    return _reserved[-1] if _reserved else sys.stdout


def answer(text: str) -> None:
    """Print a result."""
    typer.echo(text, file=stdout())


def score_row(score: Score) -> dict[str, str]:
    """A score as a row of a table, with an arrow in the direction of better values."""
    arrow = "↑" if score.better == "higher" else "↓"
    return {"metric": f"{score.metric} {arrow}", "value": f"{score.value:.4g}"}


def protocols(scores: Sequence[Score]) -> str:
    """How scores were measured: a line for each protocol, with its metrics if there are several."""
    measured: dict[str, list[str]] = {}
    for score in scores:
        measured.setdefault(score.protocol(), []).append(score.metric)
    if len(measured) == 1:
        return next(iter(measured))
    return "\n".join(f"{', '.join(names)}: {protocol}" for protocol, names in measured.items())


def show(rows: Sequence[dict[str, Any]], *, as_json: bool) -> None:
    """Print rows as a table, or as JSON."""
    if as_json:
        answer(json.dumps(list(rows), indent=2))
        return
    # start-up time: most commands with --json, and `ganzoo --help`, print no table
    from rich import box
    from rich.cells import cell_len
    from rich.console import Console
    from rich.table import Column, Table
    from rich.text import Text

    names = list(dict.fromkeys(key for row in rows for key in row))
    cells = [[said(row.get(name, "")) for name in names] for row in rows]
    # No word is cut or broken, since it may be a name to copy: a narrow terminal wraps the lines.
    table = Table(
        *(
            Column(name, min_width=max(map(cell_len, " ".join([name, *column]).split())))
            for name, column in zip(names, zip(*cells, strict=True), strict=True)
        ),
        box=box.SIMPLE_HEAD,
        pad_edge=False,
    )
    for row in cells:
        table.add_row(*map(Text, row))
    console = Console(file=stdout())
    # A pipe has no width, and a program that reads it needs unwrapped cells. On a terminal rich
    # counts neither of the table's edges.
    console.width = console.width - 2 if console.is_terminal else 240
    console.print(table, crop=False)


def said(value: object) -> str:
    """A value as a cell shows it."""
    text = ", ".join(map(said, value)) if isinstance(value, list) else str(value)
    return shortened(text, SENTENCE)  # names may be anybody's
