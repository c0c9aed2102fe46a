"""Copies of the published files on this machine: checked, or gathered in a folder."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ganzoo.errors import WeightsError
from ganzoo.files import replacing
from ganzoo.registry import installed_version, registry
from ganzoo.sources import Registered

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ganzoo.hub import Client
    from ganzoo.registry import Model
    from ganzoo.zoo import Zoo


@dataclass(frozen=True)
class Copy:
    """One published file: where this machine has it, and what is wrong with it."""

    model: str
    path: str
    sha256: str
    where: str
    fault: str = ""


def everything(zoo: Zoo) -> list[Model]:
    """Every model of the registry, and those of installed plugins outside it."""
    return [*registry().weights.values(), *zoo.named("model").values()]


def verify(models: Iterable[Model], client: Client, zoo: Zoo) -> Iterator[Copy]:
    """The sha256 of every embedded and cached file, without a network; those elsewhere are said."""
    for model in models:
        for file in model.files:
            where, fault = whereabouts(model, file.embedded, client, file.path), ""
            if where in {"embedded", "cached"}:
                try:
                    Registered(model, client, zoo).read(file.role)
                except WeightsError as error:
                    fault = str(error)
            yield Copy(model.name, file.path, file.sha256, where, fault)


def whereabouts(model: Model, embedded: bool, client: Client, path: str) -> str:  # noqa: FBT001
    """Where a file is to be read: embedded, cached, on the Hub, or nowhere yet."""
    if embedded:
        listing = registry().plugins.get(model.plugin)
        absent = listing is not None and installed_version(listing.distribution) is None
        return "plugin not installed" if absent else "embedded"
    if model.revision is None:
        return "not published"
    return "cached" if client.cached(model.repo, model.revision, path) else "on the Hub"


def fetch(models: Iterable[Model], to: Path, client: Client, zoo: Zoo) -> Iterator[Copy]:
    """Write every file of the models, checked, to ``TO/VARIANT-DATASET/``.

    ``ganzoo.load("dir:TO/VARIANT-DATASET")`` reads them on a machine that has no network. A model
    that cannot be had is told with the reason, and the others are fetched.
    """
    for model in models:
        for file in model.files:
            place, fault = to / model.folder / file.path, ""
            try:
                blob = Registered(model, client, zoo).read(file.role)
                assert blob is not None
                place.parent.mkdir(parents=True, exist_ok=True)
                with replacing(place) as path:
                    path.write_bytes(blob)
            except WeightsError as error:
                fault = str(error)
            yield Copy(model.name, file.path, file.sha256, str(place), fault)
