"""Loading plugins one at a time, so that a broken one does not affect the others."""

from __future__ import annotations

import difflib
from dataclasses import dataclass, field
from importlib.metadata import EntryPoint
from typing import TYPE_CHECKING, Any

import pluggy
from pydantic import ValidationError

from ganzoo._version import __version__
from ganzoo.errors import PluginError, ZooError
from ganzoo.parts.variant import Variant
from ganzoo.plugins import hookspecs
from ganzoo.plugins.registry import PLURALS, Model
from ganzoo.plugins.requirement import unmet

if TYPE_CHECKING:
    from types import ModuleType

INSTANCES = {"variant": Variant, "model": Model}
"""The kinds of which hooks offer instances; of all other kinds they offer classes."""


@dataclass(frozen=True, slots=True)
class Origin:
    """A plugin, and the distribution and version that installed it."""

    plugin: str
    distribution: str
    version: str

    def __str__(self) -> str:
        """The distribution and its version, as pip prints them."""
        return f"{self.distribution} {self.version}".strip()


@dataclass(slots=True)
class Loaded:
    """One plugin: its origin, what it offers by kind, and the faults found in it."""

    origin: Origin
    module: ModuleType | None = None
    offers: dict[str, list[Any]] = field(default_factory=dict)
    faults: list[PluginError] = field(default_factory=list)
    hooks: Any = None


def load(origin: Origin, source: ModuleType | EntryPoint) -> Loaded:
    """Load one plugin; whatever is wrong with it becomes a fault of the result.

    Each plugin has a manager of its own. With pluggy's loader of entry points, one import that
    fails would stop the loading of all others.
    """
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
    """Add what a hook offered; anything of the wrong kind becomes a fault."""
    for thing in offered:
        if is_a(kind, thing):
            loaded.offers.setdefault(kind, []).append(thing)
        else:
            of = kind.capitalize()
            article = f"a {of}" if kind in INSTANCES else f"a subclass of {of}"
            text = f"offers {thing!r} in ganzoo_{PLURALS[kind]}, which is not {article}"
            loaded.faults.append(fault(loaded.origin, text))


def is_a(kind: str, thing: object) -> bool:
    """Whether something is an instance, or a named class, of a kind."""
    if kind in INSTANCES:
        return isinstance(thing, INSTANCES[kind])
    return (
        isinstance(thing, type) and getattr(thing, "kind", None) == kind and hasattr(thing, "name")
    )


def unknown_hooks(origin: Origin, module: object) -> list[str]:
    """Faults that pluggy ignores silently: misspelt hooks, and hooks without the decorator."""
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
    """A fault of a plugin as a sentence; ``text`` continues "plugin NAME VERSION"."""
    return PluginError(f"plugin {origin} {text}. The rest of the zoo is unaffected.")


def reason(error: BaseException) -> str:
    """The first line of any exception's message, without its closing period."""
    if isinstance(error, ValidationError):
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        return f"{error.title}: {where}: {first['msg'].removeprefix('Value error, ')}".rstrip(".")
    text = str(error).strip() or type(error).__name__
    prefix = "" if isinstance(error, (ImportError, ZooError)) else f"{type(error).__name__}: "
    return (prefix + text.splitlines()[0]).rstrip(".")


def origin_of(point: EntryPoint) -> Origin:
    """The origin of an entry point; one made by hand has no distribution."""
    if point.dist is None:
        return Origin(point.name, point.name, "0")
    return Origin(point.name, point.dist.name, point.dist.version)
