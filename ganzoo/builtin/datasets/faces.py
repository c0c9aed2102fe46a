"""CelebA and FFHQ: a folder or a zip archive of faces, streamed where they are too many."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, ClassVar

import torch
from pydantic import Field, NonNegativeInt

from ganzoo.builtin.datasets.archived import scored, shards_of
from ganzoo.builtin.datasets.files import ZIP, files_at
from ganzoo.builtin.datasets.folder import Folder
from ganzoo.builtin.datasets.images import ImageFiles
from ganzoo.builtin.datasets.layout import images_of, summary
from ganzoo.builtin.datasets.parquet import Parquet
from ganzoo.builtin.datasets.published import checked, folders, found, missing
from ganzoo.builtin.datasets.splits import (
    Resident,
    by_mask,
    held_by_path,
    image_space,
    in_splits,
)
from ganzoo.builtin.metrics.features import extractor
from ganzoo.errors import DataError
from ganzoo.parts.dataset import Data, Dataset
from ganzoo.storage.reading import GIB, MIB, read_text

if TYPE_CHECKING:
    from torch import Tensor

MOST = 8 * GIB
"""The largest archive with a checksum; that of CelebA takes 1.4 GiB."""
MOST_TABLE = 64 * MIB
TABLE = "list_eval_partition.txt"
TRAIN, TEST, SPLITS = "0", "2", ("0", "1", "2")
"""The splits of CelebA in its table; 1 is for validation."""
FIRST_HELD = 60_000
"""The number of FFHQ's first image for validation."""


class Faces(Dataset):
    """Faces without classes: ``real``, uint8 (N, 3, size, size), cropped to the central square.

    Of more than 10,000 held-out rows, so many samples are scored by default. Facts: ``features``
    (pixels).
    """

    stands: ClassVar[tuple[str, ...]]
    """What the images may be in, by name: folders, and zip archives of them."""
    how: ClassVar[str]
    """How to get them; part of the error for missing files."""
    shards: ClassVar[tuple[str, ...]]
    """Folders, in the dataset's own, in which the Hub's shards of them may be."""

    size: int = Field(default=64, ge=8, le=1024, description="pixels a side")
    resident: Resident = Field(
        default="auto", description="read all images into memory; auto: up to 2 GiB of pixels"
    )
    workers: NonNegativeInt | None = Field(
        default=None, le=1024, description="processes that read ahead; null: by the cores"
    )

    def published(self, path: Path) -> Path:
        """A path, if what is there is what was published, as far as that is known."""
        return path

    def chosen(self, paths: list[str]) -> tuple[list[str], Tensor]:
        """The relative paths that are used, and which of them are held out, bool (N,)."""
        raise NotImplementedError

    def by_hand(self) -> str:
        """The images are downloaded."""
        return self.how

    def load(self) -> Data:
        """Find the images, and read them or not. Raises DataError where there are none."""
        root = found(self.name, self.stands) or own_folder(self.name)
        if root is None:
            folder = shards_of(self.name, self.shards)
            if folder is None:
                raise missing(self.name, self.stands[0], self.how)
            return self._sharded(folder)
        files = files_at(self.published(root))
        paths, held = self.chosen(images_of(files)[0])
        if not held.any() or held.all():
            what = "train on" if held.any() else "hold out"
            message = f"{root} has no images of {self.name} to {what}: replace it by all of them."
            raise DataError(message)
        train, held_out = in_splits(
            ImageFiles(files, paths, self.size, 3),
            by_mask(held),
            labels={},
            resident=self.resident,
            workers=self.workers,
            who=str(root),
        )
        return Data(
            self.name,
            train,
            held_out,
            {"real": image_space(3, self.size)},
            {"features": extractor("pixels")},
            scored=scored(len(held_out)),
            remarks=(summary(len(paths), (), (), int(held.sum()), ""),),
        )

    def _sharded(self, folder: Path) -> Data:
        shards = Parquet(
            path=str(folder),
            label="",
            size=self.size,
            resident=self.resident,
            workers=self.workers,
        )
        data = shards.load()
        return replace(data, name=self.name, scored=scored(len(data.held_out)))


def own_folder(name: str) -> Path | None:
    """The folder of a dataset's own name that has images, or None."""
    places = (place for place in folders(name) if place.name == name)
    return next((place for place in places if Folder.reads(place)), None)


class Celeba(Faces):
    """CelebA, aligned: ``real``, uint8 (N, 3, size, size), of the central 178 x 178 pixels.

    Source: Z. Liu et al., Deep Learning Face Attributes in the Wild, arXiv:1411.7766. Splits are
    the published ones: 162,770 rows to train on, 19,962 held out (test); the 19,867 for validation
    are left out. See ``Faces``.
    """

    stands = ("img_align_celeba.zip", "img_align_celeba")
    how = f"download it and {TABLE} from https://mmlab.ie.cuhk.edu.hk/projects/CelebA.html"
    shards = ("img_align+identity+attr", "data", "")

    def published(self, path: Path) -> Path:
        """An archive with the published checksum; a folder is not compared with anything."""
        return checked(self.name, path, MOST) if path.suffix == ZIP else path

    def chosen(self, paths: list[str]) -> tuple[list[str], Tensor]:
        """Those that the published table has in its splits 0, to train on, and 2, held out."""
        table = found(self.name, [TABLE])
        if table is None:
            raise missing(self.name, TABLE, self.how)
        splits = partition(checked(self.name, table, MOST_TABLE))
        used = [path for path in paths if splits.get(PurePath(path).name) in {TRAIN, TEST}]
        return used, torch.tensor([splits[PurePath(path).name] == TEST for path in used])


def partition(path: Path) -> dict[str, str]:
    """The split of each image by its name, as a table says. Raises DataError naming the table."""
    try:
        lines = read_text(path, MOST_TABLE).splitlines()
    except OSError as error:
        message = f"{path} cannot be read ({error.strerror}): replace it with a fresh copy."
        raise DataError(message) from error
    splits: dict[str, str] = {}
    for number, line in enumerate(lines, 1):
        words = line.split()
        if words and (len(words) != 2 or words[1] not in SPLITS):  # noqa: PLR2004  (name, split)
            message = f"{path} cannot be read in line {number}: replace it with a fresh copy."
            raise DataError(message)
        if words:
            splits[words[0]] = words[1]
    return splits


class Ffhq(Faces):
    """Flickr-Faces-HQ: ``real``, uint8 (N, 3, size, size).

    Source: T. Karras, S. Laine and T. Aila, arXiv:1812.04948. The last 10,000 of the 70,000 images,
    those numbered from 60000, are held out, as published for validation; where only others are
    there, a tenth is, chosen by their paths. No checksum is compared. See ``Faces``.
    """

    stands = (
        "thumbnails128x128",
        "thumbnails128x128.zip",
        "images1024x1024",
        "images1024x1024.zip",
        "ffhq.zip",
    )
    how = "download it from https://github.com/NVlabs/ffhq-dataset"
    shards = ("data", "")

    def chosen(self, paths: list[str]) -> tuple[list[str], Tensor]:
        """All, of which those numbered from 60000 are held out."""
        names = [PurePath(path).stem for path in paths]
        held = torch.tensor([name.isdecimal() and int(name) >= FIRST_HELD for name in names])
        some = bool(held.any()) and not bool(held.all())
        return paths, held if some or len(paths) < 2 else held_by_path(paths, 0.1)  # noqa: PLR2004
