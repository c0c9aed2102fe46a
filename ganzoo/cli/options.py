"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

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
