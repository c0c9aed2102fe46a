"""Why a name is not found, and what to do about it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ganzoo.errors import closest
from ganzoo.plugins.install import installed_version
from ganzoo.plugins.registry import PLURALS, registry

if TYPE_CHECKING:
    from ganzoo.plugins.loading import Loaded
    from ganzoo.plugins.zoo import Zoo


def not_found(zoo: Zoo, kind: str, name: str) -> str:
    """The sentence about a name that nothing in a zoo offers."""
    for loaded in zoo.plugins:
        if (kind, name) in loaded.refused:
            return f"no {kind} '{name}': {loaded.refused[kind, name]}"
    distribution = registry().distribution_of(kind, name)
    if distribution is not None:
        return f"no {kind} '{name}'{elsewhere(zoo, kind, distribution)}"
    hiding = [loaded for loaded in zoo.plugins if kind in loaded.hidden]
    for loaded in hiding:
        if f"{name}-".startswith(f"{loaded.origin.plugin}-"):
            return f"no {kind} '{name}': {loaded.hidden[kind]}"
    known = zoo.named(kind)
    close = closest(name, known)
    meant = f"; did you mean '{close}'?" if close else "."
    listed = ", ".join(known) or "none"
    return f"no {kind} '{name}'{meant} Installed {PLURALS[kind]}: {listed}.{maybe(hiding)}"


def elsewhere(zoo: Zoo, kind: str, distribution: str) -> str:
    """Why a distribution, which the registry knows to offer a name, does not."""
    for loaded in zoo.plugins:
        if loaded.origin.distribution == distribution and loaded.faults:
            return f": {loaded.hidden.get(kind, loaded.faults[0])}"
    if installed_version(distribution) is not None:
        return (
            f". It is in {distribution}, which is installed but not loaded: GANZOO_PLUGINS leaves "
            "it out."
        )
    plugin = distribution.removeprefix("ganzoo-")
    return f". It is in {distribution}: run 'ganzoo install {plugin}'."


def maybe(hiding: list[Loaded]) -> str:
    """That a name may be one of those that broken plugins did not get to offer."""
    if not hiding:
        return ""
    named = " and ".join(str(loaded.origin) for loaded in hiding)
    verb = "is" if len(hiding) == 1 else "are"
    return f" It may be in {named}, which {verb} broken: see 'ganzoo plugins'."
