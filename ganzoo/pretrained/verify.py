"""Copies of the published files on this machine: checked, or gathered in a folder."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ganzoo.errors import WeightsError
from ganzoo.plugins.registry import registry
from ganzoo.pretrained.sources import Registered, home
from ganzoo.storage.files import replacing

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ganzoo.plugins.registry import Model
    from ganzoo.plugins.zoo import Zoo
    from ganzoo.storage.hub import Client
    from ganzoo.storage.weight_file import WeightFile


@dataclass(frozen=True)
class Copy:
    """One published file: where it is, whether that is on this machine, and what is wrong."""

    model: str
    path: str
    sha256: str
    where: str
    here: bool = True
    fault: str = ""


def everything(zoo: Zoo) -> list[Model]:
    """Every model of the registry, and those of installed plugins outside it."""
    return [*registry().weights.values(), *zoo.named("model").values()]


def verify(models: Iterable[Model], client: Client, zoo: Zoo) -> Iterator[Copy]:
    """The sha256 of every embedded and cached file, without a network; those elsewhere are said."""
    for model in models:
        for file in model.files:
            where, fault = whereabouts(model, file, client, zoo), ""
            here = where in {"embedded", "cached"}
            if here:
                try:
                    Registered(model, client, zoo).read(file.role)
                except WeightsError as error:
                    fault = str(error)
            yield Copy(model.name, file.path, file.sha256, where, here, fault)


def whereabouts(model: Model, file: WeightFile, client: Client, zoo: Zoo) -> str:
    """Where a file is to be read: embedded, cached, on the Hub, or nowhere yet."""
    if file.embedded:
        try:
            home(model, zoo)
        except WeightsError:
            return "plugin not installed"
        return "embedded"
    if model.revision is None:
        return "not published"
    return "cached" if client.cached(model.repo, model.revision, file.path) else "on the Hub"


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
            yield Copy(model.name, file.path, file.sha256, str(place), not fault, fault)
