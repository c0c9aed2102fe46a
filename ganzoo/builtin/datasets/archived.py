"""Colour images in published archives, or in the Hub's shards of them: what they share."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar

import torch

from ganzoo.builtin.datasets.parquet import Parquet
from ganzoo.builtin.datasets.published import checked, folders, found, missing
from ganzoo.builtin.datasets.splits import image_space
from ganzoo.builtin.metrics.features import extractor
from ganzoo.errors import DataError, ZooError, first_line
from ganzoo.parts.dataset import SCORED, Data, Dataset
from ganzoo.parts.rows import ResidentRows
from ganzoo.parts.space import UNKNOWN, Space
from ganzoo.storage.reading import GIB

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from torch import Tensor

MOST = 4 * GIB
"""The largest of the published archives takes 2.5 GiB."""


@dataclass(frozen=True)
class Split:
    """Images, uint8 (N, 3, height, width), and their classes, int64 (N,), -1 where not known."""

    images: Tensor
    labels: Tensor


@dataclass(frozen=True)
class Contents:
    """What archives hold: both splits, and the names of the classes."""

    train: Split
    held_out: Split
    names: tuple[str, ...]


class Archived(Dataset):
    """Colour images of named classes: ``real``, uint8 (N, 3, size, size), ``label``, int64.

    The splits are the published ones; of more than 10,000 held-out rows, so many samples are scored
    by default. Facts: ``features`` (pixels), ``classes``.
    """

    page: ClassVar[str]
    """Where the archives are to be had."""
    pickled: ClassVar[tuple[str, ...]] = ()
    """Archives and folders of the same images that hold pickles."""

    @property
    def side(self) -> int:
        """Pixels a side of the images."""
        return 32

    def archives(self) -> tuple[str, ...]:
        """The files that are read."""
        raise NotImplementedError

    def shards(self) -> tuple[str, ...]:
        """Folders, in the dataset's own, in which the Hub's shards of the same rows may be."""
        return ()

    def columns(self) -> tuple[str, str]:
        """The columns of images and of classes in the shards."""
        return "image", "label"

    def contents(self, *archives: Path) -> Contents:
        """Read archives whose checksums are right. Raises ValueError for what they cannot hold."""
        raise NotImplementedError

    def load(self) -> Data:
        """Find, check and read the archives, or the shards if there is no archive.

        Raises DataError if there is neither, or one is broken.
        """
        paths = {file: found(self.name, [file]) for file in self.archives()}
        if not any(paths.values()) and (folder := shards_of(self.name, self.shards())):
            return self._sharded(folder)
        archives = []
        for file, path in paths.items():
            if path is None:
                raise self._missing(file)
            archives.append(checked(self.name, path, MOST))
        with as_sentence(*archives):
            contents = self.contents(*archives)
        train, held_out = (
            ResidentRows({"real": split.images, "label": split.labels})
            for split in (contents.train, contents.held_out)
        )
        partial = UNKNOWN in contents.train.labels
        classes = len(contents.names)
        spaces = {
            "real": image_space(3, self.side),
            "label": Space(classes=classes, names=contents.names, partial=partial),
        }
        facts = {"features": extractor("pixels"), "classes": classes}
        return Data(self.name, train, held_out, spaces, facts, scored=scored(len(held_out)))

    def _sharded(self, folder: Path) -> Data:
        image, label = self.columns()
        shards = Parquet(path=str(folder), image=image, label=label, size=self.side, resident="yes")
        data = shards.load()
        return replace(data, name=self.name, scored=scored(len(data.held_out)))

    def _missing(self, file: str) -> DataError:
        """The error of an archive that is not there, or of which only the pickled version is."""
        if pickled := found(self.name, self.pickled):
            return DataError(
                f"{pickled} holds pickles, which can run any code and are never read: download "
                f"{file}, the binary version, from {self.page} and put it beside."
            )
        return missing(self.name, file, f"download it from {self.page}")

    def by_hand(self) -> str:
        """Its archives are downloaded."""
        return f"download {' and '.join(self.archives())} from {self.page}"


def scored(held_out: int) -> int:
    """How many samples a score takes by default."""
    return min(held_out, SCORED)


def shards_of(name: str, within: tuple[str, ...]) -> Path | None:
    """The first folder of parquet shards among those ``within`` a dataset's own, or None."""
    places = [place for place in folders(name) if place.name == name]
    paths = (place / folder for place in places for folder in within)
    return next((path for path in paths if Parquet.reads(path)), None)


@contextmanager
def as_sentence(*archives: Path) -> Iterator[None]:
    """Turn whatever readers of archives raise into a DataError that names them."""
    try:
        yield
    except ZooError:
        raise
    except Exception as error:  # tarfile, gzip and scipy raise whatever they run into
        named = " or ".join(map(str, archives))
        message = f"{named} cannot be read ({first_line(error)}): replace it with a fresh copy."
        raise DataError(message) from error


def classes_in(labels: Tensor, classes: int, *, first: int = 0) -> Tensor:
    """Classes that count from ``first``, counted from 0, int64. Raises ValueError for others."""
    found = labels.long() - first
    if len(found) and not 0 <= int(found.min()) <= int(found.max()) < classes:
        message = f"a class is none of {first} to {first + classes - 1}"
        raise ValueError(message)
    return found


def names_in(content: bytes, classes: int) -> tuple[str, ...]:
    """The names of so many classes, one a line. Raises ValueError where they are not so many."""
    names = tuple(filter(None, map(str.strip, content.decode().splitlines())))
    if len({*names}) != classes or len(names) != classes:
        message = f"it names {len({*names})} classes, not {classes}"
        raise ValueError(message)
    return names


def records(content: bytes, *shape: int) -> Tensor:
    """Records of bytes, uint8, (N, *shape). Raises ValueError where they are not whole."""
    size = int(torch.Size(shape).numel())
    if not content or len(content) % size:
        message = f"{len(content):,} bytes are no whole records of {size:,}"
        raise ValueError(message)
    return torch.frombuffer(bytearray(content), dtype=torch.uint8).reshape(-1, *shape)
