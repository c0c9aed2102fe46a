"""The registry: which distributions bring which names, and installing them."""

from __future__ import annotations

import difflib
from functools import cache
from importlib import resources
from textwrap import indent
from typing import Annotated, Any

import yaml
from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StrictStr,
    ValidationError,
)

from ganzoo.errors import UnknownNameError, ZooError
from ganzoo.storage.weight_file import WeightFile

MODEL_NAME = r"^[a-z0-9][a-z0-9-]*/[a-z0-9][a-z0-9-]*$"


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
"""Each kind of thing that a plugin offers, and its plural in hooks and in the registry."""


class Listing(BaseModel):
    """One known plugin: its distribution and the names it brings."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    distribution: StrictStr
    version: StrictStr
    title: StrictStr
    variants: tuple[StrictStr, ...] = ()
    architectures: tuple[StrictStr, ...] = ()
    losses: tuple[StrictStr, ...] = ()
    regularizers: tuple[StrictStr, ...] = ()
    samplers: tuple[StrictStr, ...] = ()
    datasets: tuple[StrictStr, ...] = ()
    metrics: tuple[StrictStr, ...] = ()
    observers: tuple[StrictStr, ...] = ()


class Figure(BaseModel):
    """One score of a model, the interval that retraining should end in, and its protocol."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    metric: StrictStr
    value: float
    low: float
    high: float
    protocol: StrictStr


class Model(BaseModel):
    """Pretrained weights: what they are, where their files are, and the command that made them."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Annotated[StrictStr, Field(pattern=MODEL_NAME)]
    plugin: StrictStr
    version: Annotated[StrictStr, Field(pattern=r"^[0-9]+(\.[0-9]+)*$")]
    summary: StrictStr
    license: StrictStr
    data: StrictStr
    command: Annotated[StrictStr, Field(pattern=r"^ganzoo train ")]
    repo: Annotated[StrictStr, Field(pattern=r"^[\w.-]+/[\w.-]+$")]
    revision: Annotated[StrictStr, Field(pattern=r"^[0-9a-f]{40}$")] | None = None
    files: tuple[WeightFile, ...]
    figures: tuple[Figure, ...] = ()

    @property
    def folder(self) -> str:
        """Its name, as that of a folder."""
        return self.name.replace("/", "-")

    def file(self, role: str) -> WeightFile | None:
        """The file of one player's network, where it is published."""
        return next((file for file in self.files if file.role == role), None)


def named(entries: object) -> object:
    """Entries that know the name they stand under."""
    if not isinstance(entries, dict):
        return entries
    return {k: {**v, "name": k} if isinstance(v, dict) else v for k, v in entries.items()}


class Registry(BaseModel):
    """Every known plugin by its short name, and every published model by ``variant/dataset``."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    plugins: dict[StrictStr, Listing]
    weights: Annotated[dict[str, Model], BeforeValidator(named)] = {}

    def distribution_of(self, kind: str, name: str) -> str | None:
        """The distribution that brings a thing of this kind and name, if one is known to."""
        for listing in self.plugins.values():
            if name in getattr(listing, PLURALS[kind], ()):
                return listing.distribution
        return None

    def owner(self, kind: str, name: str) -> str | None:
        """The distribution that alone may offer a name: of a model of the registry, core."""
        if kind == "model":
            return "ganzoo-core" if name in self.weights else None
        return self.distribution_of(kind, name)

    def listing(self, name: str) -> Listing:
        """A known plugin; UnknownNameError names the nearest."""
        if name in self.plugins:
            return self.plugins[name]
        close = difflib.get_close_matches(name, self.plugins, n=1)
        meant = f"; did you mean '{close[0]}'?" if close else "."
        message = (
            f"the registry knows no plugin '{name}'{meant} It knows: {', '.join(self.plugins)}."
        )
        raise UnknownNameError(message)


class _NoDuplicates(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """YAML in which a key that stands twice is an error; usually the last one wins in silence."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:  # noqa: FBT001, FBT002
        keys = [self.construct_object(key, deep=deep) for key, _ in node.value]
        twice = [key for key in keys if keys.count(key) > 1]
        if twice:
            message = f"the key {twice[0]!r} stands twice"
            raise ValueError(message)
        found: dict[Any, Any] = super().construct_mapping(node, deep=deep)
        return found


def strict_yaml(text: str) -> Any:
    """What a YAML text says; ValueError for a key that stands twice."""
    return yaml.load(text, _NoDuplicates)  # noqa: S506


def parsed(text: str, source: str) -> Registry:
    """A registry from its YAML; ZooError names the source and the first thing that is wrong."""
    try:
        return Registry.model_validate(strict_yaml(text))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(key) for key in first["loc"])
        message = f"{source}: {where}: {first['msg']}."
    except (yaml.YAMLError, ValueError) as error:
        message = f"{source}: {str(error).splitlines()[0]}."
    raise ZooError(message)


def models_of(package: str) -> list[Model]:
    """The models that a plugin's package brings, for its ``ganzoo_models``.

    ``weights/models.yaml`` has entries as the registry's ``weights``; an embedded file of
    ``VARIANT/DATASET`` lies in ``weights/VARIANT-DATASET/``. Raises ZooError for what is wrong.
    """
    path = resources.files(package).joinpath("weights", "models.yaml")
    text = path.read_text(encoding="utf-8")
    entries = parsed("plugins: {}\nweights:\n" + indent(text, "  "), f"{package}'s models.yaml")
    return list(entries.weights.values())


@cache
def registry() -> Registry:
    """The registry that this version of ganzoo came with."""
    text = resources.files("ganzoo.plugins").joinpath("registry.yaml").read_text(encoding="utf-8")
    return parsed(text, "registry.yaml")
