"""Published files on this machine: verified in place, or gathered in a folder."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ganzoo.errors import WeightsError
from ganzoo.plugins.sources import Registered, embedded_folder
from ganzoo.storage.files import replacing

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ganzoo.plugins.registry import Model
    from ganzoo.plugins.zoo import Zoo
    from ganzoo.storage.hub import Client
    from ganzoo.storage.weight_file import WeightFile

LOCAL = {"embedded", "cached"}


@dataclass(frozen=True)
class FileStatus:
    """One published file: its location, whether it is on this machine, and what is wrong."""

    model: str
    path: str
    sha256: str
    where: str
    here: bool = True
    fault: str = ""


def verify(models: Iterable[Model], client: Client, zoo: Zoo) -> Iterator[FileStatus]:
    """Check the sha256 of every embedded or cached file, without a network; list the others."""
    for model in models:
        for file in model.files:
            where, fault = location(model, file, client, zoo), ""
            here = where in LOCAL
            if here:
                try:
                    Registered(model, client, zoo).read(file.role)
                except WeightsError as error:
                    fault = str(error)
            yield FileStatus(model.name, file.path, file.sha256, where, here, fault)


def location(model: Model, file: WeightFile, client: Client, zoo: Zoo) -> str:
    """``embedded``, ``plugin not installed``, ``cached``, ``on the Hub`` or ``not published``."""
    if file.embedded:
        try:
            embedded_folder(model, zoo)
        except WeightsError:
            return "plugin not installed"
        return "embedded"
    if model.revision is None:
        return "not published"
    return "cached" if client.cached(model.repo, model.revision, file.path) else "on the Hub"


def fetch(models: Iterable[Model], to: Path, client: Client, zoo: Zoo) -> Iterator[FileStatus]:
    """Write every file of the models, verified, to ``TO/VARIANT-DATASET/``.

    ``ganzoo.load("dir:TO/VARIANT-DATASET")`` then reads them on a machine without a network. A
    file that is not available is reported with the reason; the others are still fetched.
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
            yield FileStatus(model.name, file.path, file.sha256, str(place), not fault, fault)
