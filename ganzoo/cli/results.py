"""Standard output is for results: whatever else a command prints is on standard error."""

from __future__ import annotations

import functools
import sys
import traceback
from contextlib import redirect_stdout
from typing import TYPE_CHECKING, Any, TextIO

import typer

from ganzoo.errors import PluginError

if TYPE_CHECKING:
    from collections.abc import Callable

_stdout: list[TextIO] = []
"""The standard output of the command that runs."""


def answer(text: str) -> None:
    """Print a result."""
    typer.echo(text, file=stdout())


def stdout() -> TextIO:
    """Where results go."""
    return _stdout[-1] if _stdout else sys.stdout


def answering(command: Callable[..., None]) -> Callable[..., None]:
    """Let a command print by ``answer`` alone, and end by itself alone.

    It calls plugins: a ``print`` in one would break what ``--json`` prints, and a ``sys.exit``
    would end the command without a word.
    """

    @functools.wraps(command)
    def reserved(*args: Any, **kwargs: Any) -> None:
        _stdout.append(sys.stdout)
        try:
            with redirect_stdout(sys.stderr):
                command(*args, **kwargs)
        except SystemExit as stop:
            frame, _ = list(traceback.walk_tb(stop.__traceback__))[-1]
            culprit = frame.f_globals.get("__name__", frame.f_code.co_filename)
            code = "" if stop.code is None else repr(stop.code)
            message = f"{culprit} called sys.exit({code}), which ended the command."
            raise PluginError(message) from None
        finally:
            _stdout.pop()

    return reserved
