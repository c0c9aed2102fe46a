"""Options that several commands share."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar

import typer

from ganzoo.storage.paths import given_path

if TYPE_CHECKING:
    from collections.abc import Callable

Command = TypeVar("Command", bound="Callable[..., None]")
Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]
Settings = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="PART.OPTION=VALUE", help="Set an option; may be repeated."),
]
DataName = Annotated[str | None, typer.Option("--data", help="Dataset: NAME or NAME:VALUE.")]
Device = Annotated[str, typer.Option(help="cpu, cuda, ... or auto.")]
Rounds = Annotated[int | None, typer.Option(min=1, help="Rounds to train.")]
Threads = Annotated[int | None, typer.Option(min=1, help="Threads of each run.")]
From = Annotated[
    str | None,
    typer.Option("--from", metavar="NAME|RUN", help="Start from the weights of a model or a run."),
]
OnDivergence = Annotated[
    Literal["stop", "rollback"] | None,
    typer.Option(help="Stop (the default), or go back to the last checkpoint and on from there."),
]
Graph = Annotated[
    bool | None,
    typer.Option("--graph/--no-graph", help="Capture rounds as CUDA graphs (default on a GPU)."),
]
Deterministic = Annotated[
    bool | None,
    typer.Option(
        "--deterministic/--no-deterministic", help="The same bits each time on a GPU, slower."
    ),
]
SyncBatchNorm = Annotated[
    bool | None,
    typer.Option(help="With several ranks: batch norm over the whole batch, or each rank's part."),
]
PATH: dict[str, Any] = {"parser": given_path, "metavar": "PATH"}
"""Of an option that is a path, so that an empty one is refused."""
RunFolder = Annotated[
    Path, typer.Argument(parser=given_path, metavar="RUN", help="The folder of a run.")
]
COMPOSING: dict[str, Any] = {
    "data": DataName,
    "architecture": Annotated[str | None, typer.Option(help="Another architecture.")],
    "loss": Annotated[str | None, typer.Option(help="Another loss.")],
    "regularizers": Annotated[
        list[str] | None,
        typer.Option(
            "--regularizer", help="Other regularizers, or one more: '+r1'; 'none' for none."
        ),
    ],
    "sampler": Annotated[str | None, typer.Option(help="Another sampler.")],
    "optimizer": Annotated[str | None, typer.Option(help="Another optimizer, for every player.")],
    "settings": Settings,
}
"""The options that compose a variant anew, by the names that ``ganzoo.compose`` has for them."""


def composing(command: Command) -> Command:
    """Spell out the options of ``COMPOSING`` for a command that takes them as ``**choices``."""
    signature = inspect.signature(command, eval_str=True)
    added = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=kind)
        for name, kind in COMPOSING.items()
    ]
    own = [p for p in signature.parameters.values() if p.kind is not p.VAR_KEYWORD]
    parameters = [*own, *added]
    # Typer reads both: the signature for defaults, the annotations for types.
    vars(command)["__signature__"] = signature.replace(parameters=parameters)
    command.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return command
