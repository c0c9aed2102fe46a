"""Why a name is not found, and what to do about it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ganzoo.errors import closest
from ganzoo.plugins.install import installed_version
from ganzoo.plugins.registry import PLURALS, registry

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from ganzoo.plugins.loading import Loaded


def not_found(kind: str, name: str, known: Collection[str], plugins: Sequence[Loaded]) -> str:
    """The sentence about a name that is not among the ``known`` ones of these plugins."""
    for loaded in plugins:
        if (kind, name) in loaded.refused:
            return f"no {kind} '{name}': {loaded.refused[kind, name]}"
    distribution = registry().distribution_of(kind, name)
    if distribution is not None:
        return f"no {kind} '{name}'{elsewhere(kind, distribution, plugins)}"
    hiding = [loaded for loaded in plugins if kind in loaded.hidden]
    for loaded in hiding:
        if f"{name}-".startswith(f"{loaded.origin.plugin}-"):
            return f"no {kind} '{name}': {loaded.hidden[kind]}"
    close = closest(name, known)
    meant = f"; did you mean '{close}'?" if close else "."
    listed = ", ".join(known) or "none"
    return f"no {kind} '{name}'{meant} Installed {PLURALS[kind]}: {listed}.{maybe(hiding)}"


def elsewhere(kind: str, distribution: str, plugins: Sequence[Loaded]) -> str:
    """Why a distribution, which the registry knows to offer a name, does not."""
    for loaded in plugins:
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
