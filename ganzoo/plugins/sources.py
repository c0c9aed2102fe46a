"""Where a model's files come from: a folder, a plugin's wheel, the client's cache, or the Hub.

The bytes of a registered model are returned only if their sha256 is the registered one.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from importlib import resources
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from ganzoo.errors import WeightsError
from ganzoo.plugins.registry import Model, registry
from ganzoo.storage.paths import exists, home, real
from ganzoo.storage.pinned import pinned
from ganzoo.storage.reading import read_bytes
from ganzoo.storage.weight_file import MOST_BYTES, file_name, player_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from importlib.resources.abc import Traversable

    from ganzoo.plugins.zoo import Zoo
    from ganzoo.storage.hub import Client

SPELLINGS = "variant/dataset, hub:org/repo@COMMIT#FILE, dir:PATH, or run:PATH"


class Source(Protocol):
    """A model's files, by the player whose network each holds."""

    @property
    def name(self) -> str:
        """The name by which the user asked for the model."""

    @property
    def model(self) -> Model | None:
        """The registry's entry, or None for a model outside it."""

    @property
    def players(self) -> Sequence[str]:
        """The players whose networks are available."""

    def read(self, player: str) -> bytes | None:
        """One player's file, or None if the model has none. Raises WeightsError."""


@dataclass(frozen=True)
class Folder:
    """A folder that ``ganzoo export`` wrote; its files are not checked against any sha256."""

    name: str
    path: Path
    model: Model | None = None

    @property
    def players(self) -> Sequence[str]:
        """The players whose files are in the folder."""
        return sorted(player_of(path.name) for path in self.path.glob("*.safetensors"))

    def read(self, player: str) -> bytes | None:
        """The file's bytes; None if the folder has none, WeightsError for the generator.

        Raises WeightsError also for a link that leads out of the folder, which could be a trap in
        an archive from elsewhere, and for a file that is too large or cannot be read.
        """
        path = self.path / file_name(player)
        if player != "generator" and not exists(path):
            return None
        try:
            if not real(path).is_relative_to(real(self.path)):
                message = f"{path} is a link that leaves its folder, and is not followed."
                raise WeightsError(message)
            return read_bytes(path, MOST_BYTES)
        except OSError as error:
            message = f"{path} cannot be read: {error.strerror}."
            raise WeightsError(message) from error


@dataclass(frozen=True)
class Registered:
    """A model of the registry: embedded in its plugin, or in the client's cache, or on the Hub."""

    model: Model
    client: Client
    zoo: Zoo

    @property
    def name(self) -> str:
        """The model's name in the registry."""
        return self.model.name

    @property
    def players(self) -> Sequence[str]:
        """The players whose files are registered."""
        return [file.role for file in self.model.files]

    def read(self, player: str) -> bytes | None:
        """The file's bytes, whose sha256 has been checked; None if no file is registered.

        Raises WeightsError, which says what to do.
        """
        file = self.model.file(player)
        if file is None:
            return None
        if not file.embedded:
            return self.client.read(self.model, file)
        place = embedded_folder(self.model, self.zoo).joinpath(file.path)
        try:
            blob = place.read_bytes()
        except OSError as error:
            message = (
                f"{self.name}: {place} is missing; reinstall the plugin '{self.model.plugin}'."
            )
            raise WeightsError(message) from error
        remedy = f"Reinstall the plugin '{self.model.plugin}'."
        file.check(blob, f"{self.name}: {place}", remedy)
        return blob


def source(name: str, client: Client, zoo: Zoo) -> Source:
    """The source of a model's files, from any spelling of its name.

    Raises WeightsError, which lists the spellings or suggests a name, if nothing is called so.
    """
    kind, _, rest = name.partition(":")
    if kind == "dir" and rest:
        return Folder(name, home(rest))
    if kind == "hub":
        return pinned(name, rest, client)
    plain, _, version = name.partition("@")
    model = model_named(plain if version else name, zoo)  # a bare @ names no version
    if version and version != model.version:
        message = (
            f"'{plain}' has version {model.version} here; install the ganzoo-core that came with "
            f"version {version}."
        )
        raise WeightsError(message)
    return Registered(model, client, zoo)


def is_model_name(text: str, zoo: Zoo) -> bool:
    """Whether a text names a pretrained model, rather than the folder of a run.

    Where no such folder exists, a misspelt name counts as one, and so does VARIANT/ANYTHING: the
    error then suggests a name.
    """
    plain = text.partition("@")[0]
    known = _by_name(zoo)
    if text.startswith(("dir:", "hub:")) or plain in known:
        return True
    variant, slash, _ = plain.partition("/")
    is_variant = variant in {name.partition("/")[0] for name in known} | {*zoo.variants}
    close = difflib.get_close_matches(plain, known, n=1, cutoff=0.8)
    return bool(slash) and (is_variant or bool(close)) and not exists(text)


def model_named(name: str, zoo: Zoo) -> Model:
    """A model of the registry or of an installed plugin; WeightsError suggests a close name."""
    known = _by_name(zoo)
    if name not in known:
        close = difflib.get_close_matches(name, known, n=1)
        meant = f"; did you mean '{close[0]}'?" if close else "."
        listed = ", ".join(known) or "none"
        message = (
            f"no pretrained model '{name}'{meant} Known: {listed}. Other spellings: {SPELLINGS}."
        )
        raise WeightsError(message)
    return known[name]


def known_models(zoo: Zoo) -> list[Model]:
    """Every model of the registry, then those of installed plugins outside it."""
    return [*registry().weights.values(), *zoo.named("model").values()]


def _by_name(zoo: Zoo) -> dict[str, Model]:
    return {**zoo.named("model"), **registry().weights}


def embedded_folder(model: Model, zoo: Zoo) -> Traversable:
    """The folder inside the plugin's package that holds a model's embedded files.

    For its own models the registry names the distribution, which is found without importing it;
    other models belong to a plugin that is loaded. Raises WeightsError if the plugin is absent.
    """
    if model.name not in registry().weights:
        package = zoo.module_of(model).__name__
    else:
        listing = registry().plugins[model.plugin]
        try:
            points = distribution(listing.distribution).entry_points
        except PackageNotFoundError:
            message = (
                f"'{model.name}' is in {listing.distribution}, which is not installed: run "
                f"'ganzoo install {model.plugin}'."
            )
            raise WeightsError(message) from None
        package = next(point.module for point in points if point.group == "ganzoo")
    return resources.files(package).joinpath("weights", model.folder)
