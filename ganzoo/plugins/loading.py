"""Plugins: loading one at a time, so that a fault of one is known and spreads nowhere."""

from __future__ import annotations

import difflib
from dataclasses import dataclass, field
from importlib.metadata import EntryPoint
from typing import TYPE_CHECKING, Any

import pluggy

from ganzoo._version import __version__
from ganzoo.errors import PluginError, ZooError
from ganzoo.parts.variant import Variant
from ganzoo.plugins import hookspecs
from ganzoo.plugins.registry import Model
from ganzoo.plugins.requirement import unmet

if TYPE_CHECKING:
    from types import ModuleType

PLURALS = {
    "architecture": "architectures",
    "loss": "losses",
    "regularizer": "regularizers",
    "sampler": "samplers",
    "dataset": "datasets",
    "metric": "metrics",
    "observer": "observers",
    "variant": "variants",
    "model": "models",
}
"""Each kind of thing that a hook offers, and the hook's plural."""
INSTANCES = {"variant": Variant, "model": Model}
"""The kinds of which a hook offers instances; of all others it offers classes."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Where something came from: a plugin and the distribution that installed it."""

    plugin: str
    distribution: str
    version: str

    def __str__(self) -> str:
        """Say it as pip would."""
        return f"{self.distribution} {self.version}"


@dataclass(slots=True)
class Loaded:
    """One plugin: its origin, what it offered by kind, and the faults found in it."""

    origin: Origin
    module: ModuleType | None = None
    offers: dict[str, list[Any]] = field(default_factory=dict)
    faults: list[PluginError] = field(default_factory=list)
    hooks: Any = None


def load(origin: Origin, source: ModuleType | EntryPoint) -> Loaded:
    """One plugin, whatever is wrong with it; pluggy's own loader would let any fault spread."""
    loaded = Loaded(origin)
    distribution = source.dist if isinstance(source, EntryPoint) else None
    needed = unmet(distribution) if distribution is not None else None
    if needed is not None:
        text = f"plugin {origin} needs {needed}, and this is {__version__}: upgrade one of the two."
        loaded.faults.append(PluginError(text))
        return loaded
    try:
        module = source.load() if isinstance(source, EntryPoint) else source
        loaded.module = module
        manager = pluggy.PluginManager(hookspecs.PROJECT)
        manager.add_hookspecs(hookspecs)
        loaded.faults += [PluginError(text) for text in unknown_hooks(origin, module)]
        manager.register(module, origin.plugin)
    except (Exception, SystemExit) as error:  # noqa: BLE001  (a plugin may raise anything)
        loaded.faults.append(fault(origin, f"did not load: {reason(error)}"))
        return loaded
    loaded.hooks = manager.hook
    for kind, plural in PLURALS.items():
        for implementation in getattr(manager.hook, f"ganzoo_{plural}").get_hookimpls():
            try:
                offered = list(implementation.function())
            except Exception as error:  # noqa: BLE001
                text = f"failed in ganzoo_{plural}: {reason(error)}"
                loaded.faults.append(fault(origin, text))
                continue
            keep(loaded, kind, offered)
    return loaded


def keep(loaded: Loaded, kind: str, offered: list[Any]) -> None:
    """Take what a hook offered, less what is not of its kind."""
    for thing in offered:
        if is_a(kind, thing):
            loaded.offers.setdefault(kind, []).append(thing)
        else:
            of = kind.capitalize()
            article = f"a {of}" if kind in INSTANCES else f"a subclass of {of}"
            text = f"offers {thing!r} in ganzoo_{PLURALS[kind]}, which is not {article}"
            loaded.faults.append(fault(loaded.origin, text))


def is_a(kind: str, thing: object) -> bool:
    """Whether something is what its hook promises."""
    if kind in INSTANCES:
        return isinstance(thing, INSTANCES[kind])
    return (
        isinstance(thing, type) and getattr(thing, "kind", None) == kind and hasattr(thing, "name")
    )


def unknown_hooks(origin: Origin, module: object) -> list[str]:
    """What pluggy would pass over in silence: misspelt hooks, and hooks that are not decorated."""
    specs = [name for name in vars(hookspecs) if name.startswith("ganzoo_")]
    found = []
    for name, value in vars(module).items():
        if not name.startswith("ganzoo_") or not callable(value):
            continue
        if name not in specs:
            close = difflib.get_close_matches(name, specs, n=1)
            meant = f"; did you mean '{close[0]}'?" if close else "."
            found.append(f"plugin {origin} has an unknown hook '{name}'{meant}")
        elif not hasattr(value, "ganzoo_impl"):
            found.append(
                f"plugin {origin} has '{name}' without @ganzoo.hookimpl, so it is not called."
            )
    return found


def fault(origin: Origin, text: str) -> PluginError:
    """A fault of a plugin, as a sentence."""
    return PluginError(f"plugin {origin} {text}. The rest of the zoo is unaffected.")


def reason(error: BaseException) -> str:
    """The first line of anything raised, without its closing period."""
    text = str(error).strip() or type(error).__name__
    prefix = "" if isinstance(error, (ImportError, ZooError)) else f"{type(error).__name__}: "
    return (prefix + text.splitlines()[0]).rstrip(".")


def origin_of(point: EntryPoint) -> Origin:
    """The origin of an installed entry point."""
    if point.dist is None:
        return Origin(point.name, point.name, "0")
    return Origin(point.name, point.dist.name, point.dist.version)
