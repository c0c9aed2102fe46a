"""The registry: known plugins with the names they bring, and published models."""

from __future__ import annotations

import difflib
from functools import cache
from importlib import resources
from textwrap import indent
from typing import Annotated

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
from ganzoo.storage.strict_yaml import strict_yaml
from ganzoo.storage.weight_file import WeightFile

MODEL_NAME = r"^[a-z0-9][a-z0-9-]*/[a-z0-9][a-z0-9-]*$"


PLURALS = {
    "architecture": "architectures",
    "loss": "losses",
    "regularizer": "regularizers",
    "sampler": "samplers",
    "optimizer": "optimizers",
    "dataset": "datasets",
    "metric": "metrics",
    "observer": "observers",
    "variant": "variants",
    "model": "models",
}
"""Each kind of thing that a plugin offers, and its plural in hooks and in the registry."""


class Listing(BaseModel):
    """A known plugin: its distribution, and the names of what it offers, by kind."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    distribution: StrictStr
    version: StrictStr
    title: StrictStr
    variants: tuple[StrictStr, ...] = ()
    architectures: tuple[StrictStr, ...] = ()
    losses: tuple[StrictStr, ...] = ()
    regularizers: tuple[StrictStr, ...] = ()
    samplers: tuple[StrictStr, ...] = ()
    optimizers: tuple[StrictStr, ...] = ()
    datasets: tuple[StrictStr, ...] = ()
    metrics: tuple[StrictStr, ...] = ()
    observers: tuple[StrictStr, ...] = ()


class Figure(BaseModel):
    """A model's score, the interval in which a retrained model's should lie, and the protocol."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    metric: StrictStr
    value: float
    low: float
    high: float
    protocol: StrictStr


class Model(BaseModel):
    """A pretrained model: its description, its files, and the command that trained it."""

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
        """Its name as the name of a folder: ``VARIANT-DATASET``."""
        return self.name.replace("/", "-")

    def file(self, role: str) -> WeightFile | None:
        """The file of one player's network, or None if it is not published."""
        return next((file for file in self.files if file.role == role), None)


def with_names(entries: object) -> object:
    """Add to each entry, as ``name``, the key that it stands under in the YAML."""
    if not isinstance(entries, dict):
        return entries
    return {k: {**v, "name": k} if isinstance(v, dict) else v for k, v in entries.items()}


class Registry(BaseModel):
    """Every known plugin by its short name, and every published model by ``variant/dataset``."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    plugins: dict[StrictStr, Listing]
    weights: Annotated[dict[str, Model], BeforeValidator(with_names)] = {}

    def distribution_of(self, kind: str, name: str) -> str | None:
        """The distribution that offers a thing of this kind and name, if the registry knows one."""
        for listing in self.plugins.values():
            if name in getattr(listing, PLURALS[kind], ()):
                return listing.distribution
        return None

    def owner(self, kind: str, name: str) -> str | None:
        """The only distribution that may offer a name; None if any may.

        A model of the registry is the core's own, whichever plugin its files are in.
        """
        if kind == "model":
            return "ganzoo-core" if name in self.weights else None
        return self.distribution_of(kind, name)

    def listing(self, name: str) -> Listing:
        """A known plugin by its short name; UnknownNameError suggests a close one."""
        if name in self.plugins:
            return self.plugins[name]
        close = difflib.get_close_matches(name, self.plugins, n=1)
        meant = f"; did you mean '{close[0]}'?" if close else "."
        message = (
            f"the registry knows no plugin '{name}'{meant} It knows: {', '.join(self.plugins)}."
        )
        raise UnknownNameError(message)


def parsed(text: str, source: str) -> Registry:
    """A registry from its YAML text; ZooError names ``source`` and the first error."""
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
    """The models that a plugin's package contains, for the plugin's ``ganzoo_models``.

    They are described in its ``weights/models.yaml``, with the same fields as the registry's
    ``weights``. The embedded files of ``VARIANT/DATASET`` are in ``weights/VARIANT-DATASET/``.
    Raises ZooError for an entry that is not valid.
    """
    path = resources.files(package).joinpath("weights", "models.yaml")
    text = path.read_text(encoding="utf-8")
    entries = parsed("plugins: {}\nweights:\n" + indent(text, "  "), f"{package}'s models.yaml")
    return list(entries.weights.values())


@cache
def registry() -> Registry:
    """The registry of this version of ganzoo, read once."""
    text = resources.files("ganzoo.plugins").joinpath("registry.yaml").read_text(encoding="utf-8")
    return parsed(text, "registry.yaml")
