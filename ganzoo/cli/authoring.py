"""Commands for authors of plugins: write a new one, and check an installed one.

Commands import what they call inside functions, for start-up time (see ``ganzoo.cli``).
"""

from __future__ import annotations

from typing import Annotated

import typer

from ganzoo.cli.options import Json
from ganzoo.cli.tables import answer, show
from ganzoo.errors import PluginError

app = typer.Typer()


@app.command()
def new(
    name: Annotated[str, typer.Argument(help="The plugin's name in kebab-case, as in my-gan.")],
) -> None:
    """Write a new plugin, which installs and passes `ganzoo check`, to the folder ganzoo-NAME."""
    from ganzoo.testing.new import new_plugin

    folder = new_plugin(name)
    answer(f"{folder} is written. To install and check it:")
    answer(f"  pip install ./{folder}\n  ganzoo check {name}")


@app.command()
def check(
    name: Annotated[str, typer.Argument(help="An installed plugin.")], *, as_json: Json = False
) -> None:
    """Check that an installed plugin keeps what the engine and other plugins rely on."""
    from ganzoo.testing.plugin import checks

    rows = []
    for made in checks(name):
        try:
            made.run()
        except AssertionError as error:
            rows.append({"checked": made.who, "found": str(error), "status": "broken"})
            break
        rows.append({"checked": made.who, "found": made.what, "status": "ok"})
        if not as_json:
            answer(str(made))
    if as_json:
        show(rows, as_json=True)
    if rows[-1]["status"] == "broken":
        raise PluginError(rows[-1]["found"])
