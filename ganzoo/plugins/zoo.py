"""The zoo: what is installed, loaded one plugin at a time so that no fault spreads."""

from __future__ import annotations

from collections.abc import Iterable
from copy import copy
from importlib.metadata import EntryPoint
from typing import TYPE_CHECKING, Any

from ganzoo._version import __version__
from ganzoo.errors import OptionError, PluginError, UnknownNameError, quoted
from ganzoo.parts.settings import typed
from ganzoo.parts.variant import PARTS, Variant
from ganzoo.plugins.composing import classes_in, edited, is_of_data, written
from ganzoo.plugins.loading import Loaded, Origin, load, origin_of
from ganzoo.plugins.missing import not_found
from ganzoo.plugins.offers import INSTANCES, needs_options
from ganzoo.plugins.options import refuse_path, spelled, validated
from ganzoo.plugins.own import OWN, not_offered
from ganzoo.plugins.registry import PLURALS, registry
from ganzoo.plugins.renames import current

if TYPE_CHECKING:
    from types import ModuleType

    import typer

    from ganzoo.parts.dataset import Dataset
    from ganzoo.parts.metric import Metric
    from ganzoo.parts.observer import Observer
    from ganzoo.parts.part import Part

GROUP = "ganzoo"
CORE = EntryPoint("core", "ganzoo.builtin.offers", GROUP)
"""Core's own parts come as a plugin like any other, found by its entry point."""


class Zoo:
    """Everything that the given plugins offer, by kind and name.

    ``plugins`` are entry points, or (origin, module) pairs; core's own parts come first, through
    the same hooks. A plugin that cannot be loaded is kept in ``broken`` with the reason.
    """

    def __init__(self, plugins: Iterable[EntryPoint | tuple[Origin, ModuleType]] = ()) -> None:
        """Load every plugin by itself."""
        core = Origin("core", "ganzoo-core", __version__)
        self.plugins = [load(core, CORE)]
        for plugin in plugins:
            if isinstance(plugin, EntryPoint):
                self.plugins.append(load(origin_of(plugin), plugin))
            else:
                self.plugins.append(load(*plugin))
        self._named: dict[str, dict[str, list[tuple[Any, Origin]]]] = {k: {} for k in PLURALS}
        for loaded in self.plugins:
            for kind, things in loaded.offers.items():
                for thing in things:
                    if not self._is_shadow(kind, thing.name, loaded):
                        self._named[kind].setdefault(thing.name, []).append((thing, loaded.origin))
        self._refuse_duplicates(core)

    @property
    def broken(self) -> dict[str, list[PluginError]]:
        """Each plugin with faults, and what they are."""
        return {loaded.origin.plugin: loaded.faults for loaded in self.plugins if loaded.faults}

    # -------------------------------------------------------------------------------- duplicates

    def _is_shadow(self, kind: str, name: str, loaded: Loaded) -> bool:
        """Whether the registry reserves this name for another distribution."""
        owner = registry().owner(kind, name) if kind in INSTANCES else None
        if owner is None or owner == loaded.origin.distribution:
            return False
        loaded.found(
            f"offers the {kind} '{name}', which in the registry is {owner}'s, so it is left out"
        )
        return True

    def _refuse_duplicates(self, core: Origin) -> None:
        for kind, named in self._named.items():
            for name, offers in named.items():
                if len(offers) == 1:
                    continue
                message = self._ambiguous(kind, name)
                for loaded in self.plugins:
                    if loaded.origin != core and loaded.origin in [origin for _, origin in offers]:
                        loaded.faults.append(PluginError(message))
                if offers[0][1] == core:  # a plugin cannot take a name away from core
                    del offers[1:]

    def _ambiguous(self, kind: str, name: str) -> str:
        both = " and ".join(str(origin) for _, origin in self._named[kind][name])
        return (
            f"two plugins offer the {kind} '{name}': {both}. "
            "Uninstall one, or set GANZOO_PLUGINS to the plugins to load."
        )

    def with_parts(self, *parts: type[Any]) -> Zoo:
        """A zoo that also has these classes of one's own; this one if it has them already.

        Raises OptionError for a part whose name is another's, and for what is no class of a part.
        """
        own = not_offered(self._named, parts)
        if not own:
            return self
        zoo = copy(self)
        zoo.plugins = [*self.plugins, Loaded(OWN, offers=own)]
        zoo._named = {  # noqa: SLF001  (of a copy of itself)
            kind: {**named, **{part.name: [(part, OWN)] for part in own.get(kind, [])}}
            for kind, named in self._named.items()
        }
        return zoo

    def is_own(self, part: type[Part]) -> bool:
        """Whether a class of a part is one's own, which no plugin offers."""
        offers = self._named[part.kind].get(part.name, [])
        return not any(offered is part and origin != OWN for offered, origin in offers)

    # ----------------------------------------------------------------------------------- lookup

    def named(self, kind: str) -> dict[str, Any]:
        """Everything of one kind whose name is not ambiguous, by name."""
        found = self._of(kind).items()
        return {name: offers[0][0] for name, offers in sorted(found) if len(offers) == 1}

    def _of(self, kind: str) -> dict[str, list[tuple[Any, Origin]]]:
        if not isinstance(kind, str) or kind not in self._named:
            message = f"there is no kind {quoted(kind)}; there are: {', '.join(self._named)}."
            raise UnknownNameError(message)
        return self._named[kind]

    def parts(self, kind: str) -> dict[str, type[Part]]:
        """The part classes of one kind, by name."""
        return self.named(kind)

    @property
    def variants(self) -> dict[str, Variant]:
        """The variants, by name."""
        return self.named("variant")

    def origin(self, thing: Any) -> Origin:
        """Which plugin something came from."""
        for named in self._named.values():
            for offered, origin in named.get(getattr(thing, "name", ""), []):
                if offered is thing:
                    return origin
        message = f"{quoted(thing)} is of no plugin in this zoo."
        raise UnknownNameError(message)

    def module_of(self, thing: Any) -> ModuleType:
        """The module of the plugin that something came from."""
        origin = self.origin(thing)
        module = next(loaded.module for loaded in self.plugins if loaded.origin == origin)
        assert module is not None
        return module

    def find(self, kind: str, name: str) -> Any:
        """One thing by kind and name; UnknownNameError says what was meant, or how to get it."""
        if not isinstance(name, str):
            message = f"{quoted(name)} is no name of a part or a variant."
            raise UnknownNameError(message)
        offers = self._of(kind).get(name, [])
        if len(offers) == 1:
            return offers[0][0]
        if offers:
            raise PluginError(self._ambiguous(kind, name))
        raise UnknownNameError(not_found(kind, name, self.named(kind), self.plugins))

    # --------------------------------------------------------------------------------- building

    def part(self, kind: str, spec: str | dict[str, Any], *, who: str | None = None) -> Any:
        """A part from ``NAME`` or ``NAME:KEY=VALUE,...``, or its JSON ``{"part": name, ...}``.

        An error calls it ``who``, or by its name.
        """
        if not isinstance(spec, (str, dict)):
            message = f"{quoted(spec)} is no {kind}; name one of {', '.join(self.named(kind))}."
            raise OptionError(message)
        options = spelled(spec) if isinstance(spec, str) else dict(spec)
        cls = self.find(kind, str(options.pop("part", "")))
        return validated(cls, options, who or cls.name)

    def variant(self, spec: str | dict[str, Any]) -> Variant:
        """A variant by name, or from its JSON, also as an older version wrote it."""
        if isinstance(spec, str):
            found: Variant = self.find("variant", spec)
            return found
        if not isinstance(spec, dict):
            message = f"{quoted(spec)} is no variant; give the name of one, or a ganzoo.Variant."
            raise OptionError(message)
        fields = dict(current(spec))
        for name, kind in PARTS.items():
            value = fields.get(name)
            if name == "regularizers" and not isinstance(value, list):
                message = (
                    f"regularizers are a list, not {quoted(value)}; replace them by --regularizer."
                )
                raise OptionError(message)
            if isinstance(value, list):
                fields[name] = tuple(self.part(kind.kind, part) for part in value)
            elif value is not None:
                fields[name] = self.part(kind.kind, value)
        optimizers = fields.get("optimizers")
        if isinstance(optimizers, dict):
            fields["optimizers"] = {
                player: self.part("optimizer", part, who=f"optimizers.{player}")
                for player, part in optimizers.items()
            }
        built: Variant = validated(Variant, fields, str(fields.get("name", "variant")))
        return built

    def compose(self, variant: str | Variant, **choices: Any) -> Variant:
        """A variant with some parts replaced by others of any plugin, and options set by path.

        ``architecture``, ``loss``, ``regularizers``, ``sampler`` and ``optimizer`` are names,
        parts, or classes of parts, also such as no plugin offers. ``loss`` replaces both players'
        losses; a generator's loss that reads no score, such as a policy's surrogate objective, is
        not an adversarial loss's other half and stays. ``regularizers`` replace all of the
        variant's (an empty list, or ``none``, removes them), or are added to them where their names
        begin with ``+``, and ``optimizer`` every player's. A part that stays keeps its options. Of
        ``settings``, those of the data (``data.std=0.1``) are read by ``dataset`` and ignored here.
        """
        found = variant if isinstance(variant, Variant) else self.variant(variant)
        zoo = self.with_parts(*classes_in([found, choices]))
        spec = edited(found, **choices)
        return found if spec == found.spec() else zoo.variant(spec)

    def dataset(self, spec: str, settings: Iterable[str] = ()) -> Dataset:
        """A dataset from ``NAME`` or ``NAME:VALUE``, where VALUE is its first option.

        Of the settings it takes those that begin with ``data.``.
        """
        if not isinstance(spec, str):
            message = (
                f"{quoted(spec)} is no dataset; name one of {', '.join(self.named('dataset'))}."
            )
            raise OptionError(message)
        name, colon, value = spec.partition(":")
        if name not in self._named["dataset"]:
            refuse_path(spec, self.named("dataset"))
        cls: type[Dataset] = self.find("dataset", name)
        options: dict[str, Any] = {"part": name}
        if colon:
            if not cls.model_fields:
                message = f"dataset '{name}' has no options, so '{spec}' means nothing."
                raise OptionError(message)
            if not value:
                message = f"'{spec}' names nothing behind its colon."
                raise OptionError(message)
            options[next(iter(cls.model_fields))] = value
        for setting in written(settings):
            if not is_of_data(setting):
                continue
            path, setting_value = typed(setting)
            if len(path) != 2:  # noqa: PLR2004
                message = f"'{setting}' leads nowhere; a dataset's options are set as data.OPTION."
                raise OptionError(message)
            options[path[-1].replace("-", "_")] = setting_value
        found: Dataset = self.part("dataset", options)
        return found

    def metrics(self) -> list[Metric]:
        """Every metric that needs no option, core's first."""
        classes = [cls for loaded in self.plugins for cls in loaded.offers.get("metric", [])]
        known = self.named("metric").values()
        return [cls() for cls in classes if cls in known and not needs_options(cls)]

    def observers(self) -> list[type[Observer]]:
        """Every observer."""
        return list(self.named("observer").values())

    def add_commands(self, cli: typer.Typer) -> None:
        """Let every plugin add its commands; one that raises adds none."""
        for loaded in self.plugins:
            if loaded.hooks is not None and loaded.hooks.ganzoo_commands.get_hookimpls():
                own = loaded.call("in ganzoo_commands", commands_of, loaded.hooks)
                if own is not None:
                    cli.registered_commands += own.registered_commands
                    cli.registered_groups += own.registered_groups


def commands_of(hooks: Any) -> typer.Typer:
    """The commands of one plugin, which typer can parse."""
    import typer  # start-up time: only the command line needs it

    own = typer.Typer()
    own.callback()(lambda: None)
    hooks.ganzoo_commands(cli=own)
    typer.main.get_group(own)
    return own
