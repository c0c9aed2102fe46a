"""The commands, in one application: those built in, and those of plugins."""

from __future__ import annotations

import functools
import traceback
from typing import TYPE_CHECKING, Any

import typer
from typer.core import TyperGroup

from ganzoo.cli import authoring, catalogue, contests, hub, runs
from ganzoo.cli.ending import AGAIN
from ganzoo.cli.tables import results_only
from ganzoo.errors import InterruptedRunError, PluginError

if TYPE_CHECKING:
    from collections.abc import Callable


class Commands(TyperGroup):
    """The built-in commands, and those of plugins, which are loaded only for an unknown name."""

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """A command by name."""
        found = super().get_command(ctx, cmd_name)
        if found is None:
            from ganzoo.plugins.default import default_zoo

            extra = typer.Typer()
            extra.callback()(lambda: None)
            default_zoo().add_commands(extra)
            group = typer.main.get_group(extra)
            found = group.get_command(ctx, cmd_name)
        return found


def answering(command: Callable[..., None]) -> Callable[..., None]:
    """Let a command print results alone on standard output, and end by itself alone.

    It calls plugins: a ``print`` in one would break what ``--json`` prints, and a ``sys.exit``
    would end the command without a word.
    """

    @functools.wraps(command)
    def answers(*args: Any, **kwargs: Any) -> None:
        try:
            with results_only():
                command(*args, **kwargs)
        except KeyboardInterrupt as stop:  # typer would drop what it says
            raise InterruptedRunError(str(stop) or AGAIN) from None
        except SystemExit as stop:
            frame, _ = list(traceback.walk_tb(stop.__traceback__))[-1]
            culprit = frame.f_globals.get("__name__", frame.f_code.co_filename)
            code = "" if stop.code is None else repr(stop.code)
            message = f"{culprit} called sys.exit({code}), which ended the command."
            raise PluginError(message) from None

    return answers


app = typer.Typer(
    cls=Commands,
    help="GAN variants as plugins: train them, sample them, compare them head-to-head.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
for module in (catalogue, runs, contests, authoring, hub):
    for command in module.app.registered_commands:
        assert command.callback is not None
        command.callback = answering(command.callback)
    app.add_typer(module.app, name="hub" if module is hub else None)
