"""Loading a plugin beside everything installed, and checking all that it offers."""

from __future__ import annotations

from importlib.metadata import EntryPoint, entry_points
from typing import TYPE_CHECKING, Any

import typer

from ganzoo.plugins.loading import origin_of
from ganzoo.plugins.zoo import GROUP, Zoo
from ganzoo.testing.composing import PLAYED, own_data
from ganzoo.testing.form import check_form, check_variant
from ganzoo.testing.training import check_played

if TYPE_CHECKING:
    from types import ModuleType


def check_plugin(module: str | ModuleType) -> None:
    """Check that a plugin keeps what the engine and other plugins rely on.

    ``module`` is the plugin's module or its name. Raises AssertionError, in one sentence, if

    - the plugin does not load or offers nothing;
    - a part has no kebab-case name or no docstring, or its options are not frozen or do not survive
      JSON;
    - a part or variant composes with nothing;
    - a part trains to a term that is not finite, or a step changes the other player;
    - a sampler deals other values than it declares;
    - two runs of one seed, or a run and its resumption, end with different weights.
    """
    zoo, offers = loaded(module)
    for kind, things in offers.items():
        for thing in things:
            if kind == "variant":
                check_variant(thing, zoo, own_data(offers.get("dataset", [])))
            else:
                check_form(thing, zoo)
    own = {kind: [cls() for cls in offers.get(kind, [])] for kind in PLAYED}
    own["data"] = own_data(offers.get("dataset", []))
    own["variant"] = offers.get("variant", [])
    for kind in PLAYED:
        for part in own[kind]:
            check_played(part, own)


def loaded(module: str | ModuleType) -> tuple[Zoo, dict[str, list[Any]]]:
    """A zoo of everything installed, with this plugin last, and what it offers by kind.

    The other plugins are loaded because a variant may be composed of their parts.
    """
    name = module if isinstance(module, str) else module.__name__
    points = entry_points(group=GROUP)
    own = next((point for point in points if point.module == name), EntryPoint(name, name, GROUP))
    plugin = own if isinstance(module, str) else (origin_of(own), module)
    zoo = Zoo([*(point for point in points if point.module != name), plugin])
    zoo.add_commands(typer.Typer())
    checked = zoo.plugins[-1]
    assert not checked.faults, str(checked.faults[0])
    hooks = checked.offers or checked.hooks.ganzoo_commands.get_hookimpls()
    assert hooks, f"plugin {checked.origin} offers nothing."
    return zoo, checked.offers
