"""CIFAR-10 and CIFAR-100, from their binary versions: records of classes and pixels in a tar file.

A record is one byte for each kind of class, then 32 x 32 bytes each of red, green and blue, row by
row.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import torch
from pydantic import Field

from ganzoo.builtin.datasets.archived import (
    MOST,
    Archived,
    Contents,
    Split,
    classes_in,
    names_in,
    records,
)
from ganzoo.storage.reading import MIB, opened
from ganzoo.storage.tar import members

if TYPE_CHECKING:
    from pathlib import Path


SIDE, PIXELS = 32, 3 * 32 * 32
MOST_UNPACKED = 256 * MIB
"""Each archive unpacks to 176 MiB."""


class Cifar(Archived):
    """What both have in common."""

    page = "https://www.cs.toronto.edu/~kriz/cifar.html"
    folder: ClassVar[str]
    """In the archive."""
    training: ClassVar[tuple[str, ...]]
    """Its files of images to train on."""
    testing: ClassVar[str]
    """Its file of held-out images."""
    kinds: ClassVar[int]
    """How many classes a record has, each of another kind."""

    def labelled(self) -> tuple[int, int, str]:
        """Which class of a record is read, of how many, and the file of their names."""
        raise NotImplementedError

    def contents(self, *archives: Path) -> Contents:
        """Read the one archive."""
        which, classes, named = self.labelled()
        wanted = [f"{self.folder}/{file}" for file in (*self.training, self.testing, named)]
        with opened(archives[0], MOST) as (file, _):
            unpacked = members(file, wanted, MOST_UNPACKED)
            held = {name: content.read(size) for name, content, size in unpacked}
        *training, testing, names = (held[name] for name in wanted)

        def split(*contents: bytes) -> Split:
            rows = torch.cat([records(content, self.kinds + PIXELS) for content in contents])
            labels = classes_in(rows[:, which], classes)
            return Split(rows[:, self.kinds :].reshape(-1, 3, SIDE, SIDE).contiguous(), labels)

        return Contents(split(*training), split(testing), names_in(names, classes))


class Cifar10(Cifar):
    """CIFAR-10: ``real``, uint8 (N, 3, 32, 32), and ``label``, of ten classes.

    Source: A. Krizhevsky, Learning Multiple Layers of Features from Tiny Images, 2009. 50,000 rows
    to train on, 10,000 held out; see ``Archived``.
    """

    name = "cifar-10"
    pickled = ("cifar-10-python.tar.gz", "cifar-10-batches-py")
    folder = "cifar-10-batches-bin"
    training = tuple(f"data_batch_{number}.bin" for number in range(1, 6))
    testing = "test_batch.bin"
    kinds = 1

    def archives(self) -> tuple[str, ...]:
        """The binary version."""
        return ("cifar-10-binary.tar.gz",)

    def shards(self) -> tuple[str, ...]:
        """Where the Hub's uoft-cs/cifar10 has them."""
        return ("plain_text", "")

    def columns(self) -> tuple[str, str]:
        """Of that dataset."""
        return "img", "label"

    def labelled(self) -> tuple[int, int, str]:
        """The only class."""
        return 0, 10, "batches.meta.txt"


class Cifar100(Cifar):
    """CIFAR-100: ``real``, uint8 (N, 3, 32, 32), and ``label``, of 100 or 20 classes.

    Source: as of CIFAR-10. 50,000 rows to train on, 10,000 held out; see ``Archived``.
    """

    name = "cifar-100"
    pickled = ("cifar-100-python.tar.gz", "cifar-100-python")
    folder = "cifar-100-binary"
    training = ("train.bin",)
    testing = "test.bin"
    kinds = 2

    coarse: bool = Field(default=False, description="labels are the 20 superclasses")

    def archives(self) -> tuple[str, ...]:
        """The binary version."""
        return ("cifar-100-binary.tar.gz",)

    def shards(self) -> tuple[str, ...]:
        """Where the Hub's uoft-cs/cifar100 has them."""
        return ("cifar100", "")

    def columns(self) -> tuple[str, str]:
        """Of that dataset."""
        return "img", "coarse_label" if self.coarse else "fine_label"

    def labelled(self) -> tuple[int, int, str]:
        """The first class of a record is the coarse one."""
        coarse, fine = (0, 20, "coarse_label_names.txt"), (1, 100, "fine_label_names.txt")
        return coarse if self.coarse else fine
