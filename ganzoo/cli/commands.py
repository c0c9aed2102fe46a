"""The commands, in one application: those built in, and those of plugins."""

from __future__ import annotations

from typing import Any

import typer
from typer.core import TyperGroup

from ganzoo.cli import answering, authoring, catalogue, contests, data, hub, runs


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


app = typer.Typer(
    cls=Commands,
    help="GAN variants as plugins: train them, sample them, compare them head-to-head.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
GROUPS = {hub: "hub", data: "data"}
"""Modules whose commands stand behind a name of their own."""
for module in (catalogue, runs, contests, authoring, *GROUPS):
    for command in module.app.registered_commands:
        assert command.callback is not None
        command.callback = answering(command.callback)
    app.add_typer(module.app, name=GROUPS.get(module))
