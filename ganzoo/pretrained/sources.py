"""Where a model's files come from: a folder, the plugin's wheel, the client's cache, the Hub.

Whatever the source, the bytes that are returned are those whose sha256 was asked for.
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
from ganzoo.storage.pinned import pinned
from ganzoo.storage.weight_file import FILES, MOST_BYTES

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable

    from ganzoo.parts.part import Player
    from ganzoo.plugins.zoo import Zoo
    from ganzoo.storage.hub import Client

SPELLINGS = "variant/dataset, hub:org/repo@COMMIT#FILE, or dir:PATH"


class Source(Protocol):
    """A model's files by the player whose network they hold."""

    @property
    def name(self) -> str:
        """What was asked for."""

    @property
    def model(self) -> Model | None:
        """What the registry says of it, where it is there."""

    def read(self, role: Player) -> bytes | None:
        """The bytes of one file, or None where the model has none for this player."""


@dataclass(frozen=True)
class Folder:
    """A folder that ``ganzoo export`` wrote; nothing vouches for it."""

    name: str
    path: Path
    model: Model | None = None

    def read(self, role: Player) -> bytes | None:
        """The file, which may be no link out of the folder. Raises WeightsError."""
        path = self.path / FILES[role]
        if role == "discriminator" and not path.exists():
            return None
        try:
            if not path.resolve().is_relative_to(self.path.resolve()):
                message = f"{path} is a link that leaves its folder, and is not followed."
                raise WeightsError(message)
            if path.stat().st_size > MOST_BYTES:
                message = f"{path} is larger than {MOST_BYTES >> 30} GiB, and is not opened."
                raise WeightsError(message)
            return path.read_bytes()
        except OSError as error:
            message = f"{path} cannot be read: {error.strerror}."
            raise WeightsError(message) from error


@dataclass(frozen=True)
class Registered:
    """A model by its name: embedded in its plugin, else in the client's cache or on the Hub."""

    model: Model
    client: Client
    zoo: Zoo

    @property
    def name(self) -> str:
        """What the model is called."""
        return self.model.name

    def read(self, role: Player) -> bytes | None:
        """The file, its sha256 checked. Raises WeightsError, which says what to do."""
        file = self.model.file(role)
        if file is None:
            return None
        if not file.embedded:
            return self.client.read(self.model, file)
        place = home(self.model, self.zoo).joinpath(file.path)
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
    """Where a name leads; WeightsError says which spellings there are, or what was meant."""
    kind, _, rest = name.partition(":")
    if kind == "dir" and rest:
        return Folder(name, Path(rest))
    if kind == "hub":
        return pinned(name, rest, client)
    plain, _, version = name.partition("@")
    model = model_named(plain, zoo)
    if version and version != model.version:
        message = (
            f"'{plain}' is of version {model.version} here; install the ganzoo-core that came with "
            f"version {version}."
        )
        raise WeightsError(message)
    return Registered(model, client, zoo)


def is_name(text: str, zoo: Zoo) -> bool:
    """Whether a text names a pretrained model, and not the folder of a run.

    A misspelt name counts as one where there is no such folder.
    """
    plain = text.partition("@")[0]
    known = {**zoo.named("model"), **registry().weights}
    if text.startswith(("dir:", "hub:")) or plain in known:
        return True
    close = difflib.get_close_matches(plain, known, n=1, cutoff=0.8)
    return "/" in text and bool(close) and not Path(text).exists()


def model_named(name: str, zoo: Zoo) -> Model:
    """A model of the registry, or of an installed plugin; WeightsError says what was meant."""
    known = {**zoo.named("model"), **registry().weights}
    if name not in known:
        raise WeightsError(_unknown(name, known))
    model: Model = known[name]
    return model


def _unknown(name: str, known: dict[str, Model]) -> str:
    close = difflib.get_close_matches(name, known, n=1)
    meant = f"; did you mean '{close[0]}'?" if close else "."
    listed = ", ".join(known) or "none"
    return f"no weights '{name}'{meant} Known: {listed}. Other spellings: {SPELLINGS}."


def home(model: Model, zoo: Zoo) -> Traversable:
    """The folder of its embedded files in its plugin's package.

    The registry says which distribution that is, for its own models; of no other is it read. Raises
    WeightsError where the plugin is not installed.
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
