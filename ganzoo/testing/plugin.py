"""A plugin beside everything installed, and the checks of all that it offers."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, partial
from importlib.metadata import EntryPoint, entry_points
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from ganzoo.errors import UnknownNameError, closest
from ganzoo.plugins.isolation import contained
from ganzoo.plugins.loading import origin_of
from ganzoo.plugins.registry import registry
from ganzoo.plugins.zoo import GROUP, Zoo
from ganzoo.testing.composing import PLAYED, own_data
from ganzoo.testing.form import check_choices, check_form, worded
from ganzoo.testing.training import check_played, check_variant

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType

    from ganzoo.plugins.loading import Loaded

PREFIX = "ganzoo-"
"""What the name of a plugin's distribution begins with, and that of its folder."""


@dataclass(frozen=True)
class Check:
    """One check of one thing that a plugin offers."""

    who: str
    what: str
    """Continues ``who`` where the check passes."""
    check: Callable[[], None]

    def __str__(self) -> str:
        """What is known once it has passed."""
        return f"{self.who} {self.what}"

    def run(self) -> None:
        """Raise AssertionError, in one sentence, if the plugin does not pass."""
        with worded(f"{self.who} cannot be checked"):
            self.check()


def check_plugin(module: str | ModuleType) -> None:
    """Check that a plugin keeps what the engine and other plugins rely on.

    ``module`` is the plugin's module, its name, or the name of an installed plugin. Raises
    UnknownNameError if there is none, and AssertionError, in one sentence, if

    - the plugin does not load or offers nothing;
    - a part has no kebab-case name or no docstring, or its options are not frozen or do not survive
      JSON;
    - a variant names parts or data that nobody offers;
    - a part or variant composes with nothing;
    - one trains to a term that is not finite, or a step changes the other player;
    - a sampler deals other values than it declares;
    - two runs of one seed, or a run and its resumption, end with different weights.
    """
    for check in checks(module):
        check.run()


def checks(module: str | ModuleType) -> list[Check]:
    """Every check that ``check_plugin`` makes, in its order; that it has loaded is the first.

    Raises UnknownNameError if there is no plugin and no module of this name.
    """
    zoo = loaded(module)
    plugin = zoo.plugins[-1]

    @cache
    def own() -> dict[str, list[Any]]:
        """What the plugin's parts are tried with, made when a check first needs it."""
        return {
            **{kind: [cls() for cls in plugin.offers.get(kind, [])] for kind in PLAYED},
            "data": own_data(plugin.offers.get("dataset", [])),
            "variant": plugin.offers.get("variant", []),
        }

    found = [Check(f"plugin {plugin.origin}", loads(plugin), partial(check_loaded, plugin))]
    offered = [(kind, thing) for kind, things in plugin.offers.items() for thing in things]
    for kind, thing in offered:
        who = f"{kind} '{thing.name}'"
        if kind == "variant":
            form = partial(check_choices, thing, zoo)
            found.append(Check(who, "survives JSON, and its data are known", form))
        elif kind != "model":  # its form was checked when it was made
            form = partial(check_form, thing, zoo)
            found.append(Check(who, "is documented, and survives JSON", form))
    for kind, thing in offered:
        if kind in (*PLAYED, "variant"):
            play = partial(check_in_play, kind, thing, own)
            found.append(Check(f"{kind} '{thing.name}'", "trains, repeats and resumes", play))
    return found


def check_in_play(kind: str, thing: Any, own: Callable[[], dict[str, list[Any]]]) -> None:
    """Check a part's class, or a variant, in training."""
    if kind == "variant":
        check_variant(thing, own())
    else:
        check_played(thing(), own())


def loaded(module: str | ModuleType) -> Zoo:
    """A zoo of everything installed, with this plugin last.

    The other plugins are loaded because a variant may be composed of their parts.
    """
    points = list(entry_points(group=GROUP))
    name = module if isinstance(module, str) else module.__name__
    own = next((point for point in points if name in names_of(point)), None)
    others = [point for point in points if point is not own]
    if own is None:
        if isinstance(module, str) and not is_module(name):
            raise UnknownNameError(not_there(name, sorted(point.name for point in points)))
        own = EntryPoint(name, name, GROUP)
    zoo = Zoo([*others, own if isinstance(module, str) else (origin_of(own), module)])
    zoo.add_commands(typer.Typer())
    return zoo


def is_module(name: str) -> bool:
    """Whether there is a module to import by this name, or a package that it is in."""
    found = contained(find_spec, name.partition(".")[0])  # raises for what cannot be a name
    return found.value is not None


def not_there(name: str, installed: list[str]) -> str:
    """The sentence about a plugin that is not installed: how to install it, or what was meant."""
    if name in registry().plugins:
        return f"plugin '{name}' is not installed: run 'ganzoo install {name}'."
    if Path(f"{PREFIX}{name}").is_dir():
        return f"plugin '{name}' is not installed: run 'pip install ./{PREFIX}{name}'."
    close = closest(name, installed)
    meant = f"; did you mean '{close}'?" if close else "."
    listed = ", ".join(installed) or "none"
    return f"no plugin '{name}' is installed{meant} Installed plugins: {listed}."


def names_of(point: EntryPoint) -> set[str]:
    """What an installed plugin may be called: its name, its module or its distribution."""
    return {point.name, point.module, origin_of(point).distribution}


def loads(plugin: Loaded) -> str:
    """What to say of a plugin that loads."""
    return f"loads, and offers {plugin.summary or 'commands'}"


def check_loaded(plugin: Loaded) -> None:
    """Check that a plugin has loaded without a fault, and offers something."""
    assert not plugin.faults, str(plugin.faults[0])
    hooks = plugin.offers or plugin.hooks.ganzoo_commands.get_hookimpls()
    assert hooks, f"plugin {plugin.origin} offers nothing."
