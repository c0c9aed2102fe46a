"""Loading plugins one at a time, so that a broken one does not affect the others."""

from __future__ import annotations

from dataclasses import dataclass, field
from importlib.metadata import EntryPoint
from typing import TYPE_CHECKING, Any

import pluggy
from pydantic import ValidationError

from ganzoo.errors import PluginError, ZooError, closest, without_secrets
from ganzoo.plugins import hookspecs
from ganzoo.plugins.isolation import contained, isolated
from ganzoo.plugins.offers import unfit
from ganzoo.plugins.registry import PLURALS
from ganzoo.plugins.requirement import unmet

if TYPE_CHECKING:
    from collections.abc import Callable
    from importlib.metadata import Distribution
    from types import ModuleType

IMPORT = "in its import"
SLOW = 1.0
"""A plugin that takes more seconds than this to load is reported: it delays every command."""


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
    seconds: dict[str, float] = field(default_factory=dict)
    """How long its import and each hook took."""
    hidden: dict[str, PluginError] = field(default_factory=dict)
    """The kinds of which it may offer more than is known, each with the fault that hides it."""
    refused: dict[tuple[str, str], PluginError] = field(default_factory=dict)
    """What it offers but cannot, by kind and name, each with its fault."""

    def found(self, text: str) -> PluginError:
        """Note a fault; ``text`` continues "plugin NAME VERSION"."""
        fault = PluginError(f"plugin {self.origin} {text}. The rest of the zoo is unaffected.")
        self.faults.append(fault)
        return fault

    def call(self, stage: str, function: Callable[..., Any], *args: Any) -> Any:
        """Call the plugin in a stage of its loading; what it raises or changes is a fault.

        Returns None where it raised.
        """
        call = isolated(function, *args)
        self.seconds[stage] = self.seconds.get(stage, 0.0) + call.seconds
        for changed in call.changed:
            self.found(f"changed {changed} {stage}, and it was set back")
        if call.error is not None:
            failed = "did not load" if stage == IMPORT else f"failed {stage}"
            fault = self.found(f"{failed}: {reason(call.error)}")
            for kind, plural in PLURALS.items():
                if stage in {IMPORT, f"in ganzoo_{plural}"}:
                    self.hidden[kind] = fault
        return call.value

    @property
    def summary(self) -> str:
        """How many things of each kind it offers."""
        return ", ".join(
            f"{len(things)} {kind if len(things) == 1 else PLURALS[kind]}"
            for kind, things in self.offers.items()
        )

    @property
    def slow(self) -> str | None:
        """How long it took to load, and where most of that went; None unless it was long."""
        total = sum(self.seconds.values())
        if total <= SLOW:
            return None
        stage, most = max(self.seconds.items(), key=lambda item: item[1])
        return f"slow: it takes {total:.1f} s to load, {most:.1f} s of it {stage}"


def load(origin: Origin, source: ModuleType | EntryPoint) -> Loaded:
    """Load one plugin; whatever is wrong with it becomes a fault of the result.

    Each plugin has a manager of its own. With pluggy's loader of entry points, one import that
    fails would stop the loading of all others.
    """
    loaded = Loaded(origin)
    distribution = source.dist if isinstance(source, EntryPoint) else None
    if distribution is not None and not check_requirements(loaded, distribution):
        return loaded
    manager = loaded.call(IMPORT, registered, loaded, source)
    if manager is None:
        return loaded
    loaded.hooks = manager.hook
    for kind, plural in PLURALS.items():
        hook = f"ganzoo_{plural}"
        for implementation in getattr(manager.hook, hook).get_hookimpls():
            offered = loaded.call(f"in {hook}", lambda made: list(made()), implementation.function)
            loaded.call(f"in {hook}", keep, loaded, kind, offered or [])
    return loaded


def check_requirements(loaded: Loaded, distribution: Distribution) -> bool:
    """Note the requirements that are not met; whether the plugin can be loaded all the same.

    A plugin for another core cannot. Of other projects it may need only a part, or find it under
    another name, so that it is tried.
    """
    needs = contained(lambda: list(unmet(distribution))).value or []  # damaged metadata say nothing
    for need in needs:
        loaded.faults.append(fault := PluginError(f"plugin {loaded.origin} needs {need.text}"))
        if need.of_core:
            loaded.hidden |= dict.fromkeys(PLURALS, fault)
    return not any(need.of_core for need in needs)


def registered(loaded: Loaded, source: ModuleType | EntryPoint) -> pluggy.PluginManager:
    """Import a plugin, and find its hooks."""
    module = source.load() if isinstance(source, EntryPoint) else source
    loaded.module = module
    manager = pluggy.PluginManager(hookspecs.PROJECT)
    manager.add_hookspecs(hookspecs)
    loaded.faults += [PluginError(text) for text in unknown_hooks(loaded.origin, module)]
    manager.register(module, loaded.origin.plugin)
    return manager


def keep(loaded: Loaded, kind: str, offered: list[Any]) -> None:
    """Add what a hook offered; whatever cannot be used becomes a fault."""
    for thing in offered:
        looked = contained(unfit, kind, thing)
        if looked.error is None and looked.value is None:
            loaded.offers.setdefault(kind, []).append(thing)
            continue
        name = contained(getattr, thing, "name").value
        hook = f"ganzoo_{PLURALS[kind]}"
        who = f"the {kind} '{name}'" if isinstance(name, str) else f"something in {hook}"
        text = looked.value or f"{who}, which cannot be used: {reason(looked.error)}"
        fault = loaded.found(f"offers {text}")
        if isinstance(name, str):
            loaded.refused[kind, name] = fault


def unknown_hooks(origin: Origin, module: object) -> list[str]:
    """Faults that pluggy ignores silently: misspelt hooks, and hooks without the decorator."""
    specs = [name for name in vars(hookspecs) if name.startswith("ganzoo_")]
    found = []
    for name, value in vars(module).items():
        is_marked = hasattr(value, "ganzoo_impl")
        # A hook of another plugin may be imported under another name, to be called by one's own.
        is_own = is_marked and getattr(value, "__name__", "") == name
        if not callable(value) or not (is_own or name.startswith("ganzoo_")):
            continue
        if name not in specs:
            close = closest(name, specs) or closest(f"ganzoo_{name}", specs)
            meant = f"; did you mean '{close}'?" if close else "."
            found.append(f"plugin {origin} has an unknown hook '{name}'{meant}")
        elif not is_marked:
            found.append(
                f"plugin {origin} has '{name}' without @ganzoo.hookimpl, so it is not called."
            )
    return found


def reason(error: BaseException | None) -> str:
    """The first line of any exception's message, without its closing period."""
    if isinstance(error, ValidationError):
        first = error.errors()[0]
        where, what = ".".join(map(str, first["loc"])), first["msg"].removeprefix("Value error, ")
        return ": ".join(filter(None, (error.title, where, what))).rstrip(".")
    if isinstance(error, SystemExit):
        return f"it called sys.exit({'' if error.code is None else repr(error.code)})"
    kind = type(error).__name__
    text = without_secrets(contained(str, error).value or "").strip()
    if not text:
        return kind
    prefix = "" if isinstance(error, (ImportError, ZooError)) else f"{kind}: "
    return (prefix + text.splitlines()[0]).rstrip(".")


def origin_of(point: EntryPoint) -> Origin:
    """The origin of an entry point; one made by hand has no distribution."""
    dist = point.dist
    named = contained(lambda: (dist.name, dist.version)).value if dist is not None else None
    name, version = named or (None, None)  # metadata may be damaged
    return Origin(point.name, name or point.name, version or "0")
