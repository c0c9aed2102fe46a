"""The zoo: what is installed, loaded one plugin at a time so that no fault spreads."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from importlib.metadata import EntryPoint
from typing import TYPE_CHECKING, Any

from ganzoo._version import __version__
from ganzoo.errors import OptionError, PluginError, UnknownNameError
from ganzoo.parts.needs import RESERVED, reads
from ganzoo.parts.settings import override, typed
from ganzoo.parts.variant import PARTS, Variant
from ganzoo.plugins.install import installed_version
from ganzoo.plugins.loading import (
    INSTANCES,
    Loaded,
    Origin,
    fault,
    load,
    origin_of,
    reason,
)
from ganzoo.plugins.options import refuse_path, spelled, validated
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
OF_DATA = "data."


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
        text = f"offers the {kind} '{name}', which in the registry is {owner}'s, so it is left out"
        loaded.faults.append(fault(loaded.origin, text))
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

    # ----------------------------------------------------------------------------------- lookup

    def named(self, kind: str) -> dict[str, Any]:
        """Everything of one kind whose name is not ambiguous, by name."""
        found = self._named[kind].items()
        return {name: offers[0][0] for name, offers in sorted(found) if len(offers) == 1}

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
            for offered, origin in named.get(thing.name, []):
                if offered is thing:
                    return origin
        message = f"{thing!r} is of no plugin in this zoo."
        raise UnknownNameError(message)

    def module_of(self, thing: Any) -> ModuleType:
        """The module of the plugin that something came from."""
        origin = self.origin(thing)
        module = next(loaded.module for loaded in self.plugins if loaded.origin == origin)
        assert module is not None
        return module

    def find(self, kind: str, name: str) -> Any:
        """One thing by kind and name; UnknownNameError says what was meant, or how to get it."""
        offers = self._named[kind].get(name, [])
        if len(offers) == 1:
            return offers[0][0]
        if offers:
            raise PluginError(self._ambiguous(kind, name))
        raise UnknownNameError(self._not_found(kind, name))

    def _not_found(self, kind: str, name: str) -> str:
        distribution = registry().distribution_of(kind, name)
        if distribution is not None:
            plugin = distribution.removeprefix("ganzoo-")
            for loaded in self.plugins:
                if loaded.origin.distribution == distribution and loaded.faults:
                    return f"no {kind} '{name}': {loaded.faults[0]}"
            if installed_version(distribution) is not None:
                return (
                    f"no {kind} '{name}'. It is in {distribution}, which is installed but not "
                    "loaded: GANZOO_PLUGINS leaves it out."
                )
            return f"no {kind} '{name}'. It is in {distribution}: run 'ganzoo install {plugin}'."
        known = self.named(kind)
        close = difflib.get_close_matches(name, known, n=1)
        meant = f"; did you mean '{close[0]}'?" if close else "."
        listed = ", ".join(known) or "none"
        return f"no {kind} '{name}'{meant} Installed {PLURALS[kind]}: {listed}."

    # --------------------------------------------------------------------------------- building

    def part(self, kind: str, spec: str | dict[str, Any], *, who: str | None = None) -> Any:
        """A part from ``NAME`` or ``NAME:KEY=VALUE,...``, or its JSON ``{"part": name, ...}``.

        An error calls it ``who``, or by its name.
        """
        if not isinstance(spec, (str, dict)):
            message = f"{spec!r} is no {kind}; name one of {', '.join(self.named(kind))}."
            raise OptionError(message)
        options = spelled(spec) if isinstance(spec, str) else dict(spec)
        cls = self.find(kind, str(options.pop("part", "")))
        return validated(cls, options, who or cls.name)

    def variant(self, spec: str | dict[str, Any]) -> Variant:
        """A variant by name, or from its JSON, also as an older version wrote it."""
        if isinstance(spec, str):
            found: Variant = self.find("variant", spec)
            return found
        fields = dict(current(spec))
        for name, kind in PARTS.items():
            value = fields.get(name)
            if name == "regularizers" and not isinstance(value, list):
                message = f"regularizers are a list, not {value!r}; replace them by --regularizer."
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

    def compose(
        self,
        variant: str | Variant,
        *,
        architecture: str | None = None,
        loss: str | None = None,
        regularizers: Iterable[str] | None = None,
        sampler: str | None = None,
        optimizer: str | None = None,
        settings: Iterable[str] = (),
    ) -> Variant:
        """A variant with some parts replaced by others of any plugin, and options set by path.

        ``loss`` replaces both players' losses; a generator's loss that reads no score, such as a
        policy's surrogate objective, is not an adversarial loss's other half and stays.
        ``regularizers`` replace all of the variant's (an empty list, or ``none``, removes them),
        and
        ``optimizer`` every player's. A part that stays keeps its options. Settings of the data
        (``data.std=0.1``) are read by ``dataset`` and ignored here.
        """
        found = variant if isinstance(variant, Variant) else self.variant(variant)
        settings = [setting for setting in settings if not setting.startswith(OF_DATA)]
        replaced = (architecture, loss, regularizers, sampler, optimizer)
        if not settings and all(part is None for part in replaced):
            return found
        spec = found.spec()
        if loss is not None:
            spec["loss"] = {"part": loss}
            if spec["generator_loss"] and self._is_adversarial(spec["generator_loss"]["part"]):
                spec["generator_loss"] = None
        if regularizers is not None:
            kept = {part["part"]: part for part in spec["regularizers"]}
            names = [name for name in regularizers if name != "none"]
            spec["regularizers"] = [kept.get(name, {"part": name}) for name in names]
        for group, field_name, name in (
            (spec, "architecture", architecture),
            (spec, "sampler", sampler),
            *((spec["optimizers"], player, optimizer) for player in spec["optimizers"]),
        ):
            if name is not None and group[field_name]["part"] != name:
                group[field_name] = {"part": name}
        for setting in settings:
            spec = override(spec, setting)
        return self.variant(spec)

    def _is_adversarial(self, loss: str) -> bool:
        term = getattr(self.find("loss", loss), "generator", None)
        return term is None or any(n.startswith(RESERVED) for n in reads(term, skip=1))

    def dataset(self, spec: str, settings: Iterable[str] = ()) -> Dataset:
        """A dataset from ``NAME`` or ``NAME:VALUE``, where VALUE is its first option.

        Of the settings it takes those that begin with ``data.``.
        """
        name, colon, value = spec.partition(":")
        if name not in self._named["dataset"]:
            refuse_path(spec, self.named("dataset"))
        cls: type[Dataset] = self.find("dataset", name)
        options: dict[str, Any] = {"part": name}
        if colon:
            if not cls.model_fields:
                message = f"dataset '{name}' has no options, so '{spec}' means nothing."
                raise OptionError(message)
            options[next(iter(cls.model_fields))] = value
        for setting in settings:
            if not setting.startswith(OF_DATA):
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
        needing = [any(f.is_required() for f in cls.model_fields.values()) for cls in classes]
        return [c() for c, needs in zip(classes, needing, strict=True) if c in known and not needs]

    def observers(self) -> list[type[Observer]]:
        """Every observer."""
        return list(self.named("observer").values())

    def add_commands(self, cli: typer.Typer) -> None:
        """Let every plugin add its commands."""
        for loaded in self.plugins:
            if loaded.hooks is not None:
                try:
                    loaded.hooks.ganzoo_commands(cli=cli)
                except Exception as error:  # noqa: BLE001
                    text = f"failed in ganzoo_commands: {reason(error)}"
                    loaded.faults.append(fault(loaded.origin, text))
