"""STL-10, from its binary version: images in a tar file, each channel column by column."""

from __future__ import annotations

from typing import IO, TYPE_CHECKING, Literal

import numpy as np
import torch
from PIL import Image
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
from ganzoo.parts.space import UNKNOWN
from ganzoo.storage.reading import GIB, opened
from ganzoo.storage.tar import members

if TYPE_CHECKING:
    from pathlib import Path

    from torch import Tensor

CLASSES, SIDE = 10, 96
MOST_UNPACKED = 4 * GIB
"""The archive unpacks to 2.9 GiB."""
MOST_SMALL = 1 << 20
"""Bytes of a file of classes or of names."""
CHUNK = 256
"""Images that are read at a time."""
FOLDER = "stl10_binary/"


class Stl10(Archived):
    """STL-10: ``real``, uint8 (N, 3, size, size), and ``label``, of ten classes, where it is known.

    Source: A. Coates, H. Lee and A. Ng, An Analysis of Single-Layer Networks in Unsupervised
    Feature Learning, 2011. 5,000 labelled rows and 100,000 without a label to train on, 8,000 held
    out. Images of 96 pixels are resized as those of ``folder`` are; see ``Archived``.
    """

    name = "stl-10"
    page = "https://cs.stanford.edu/~acoates/stl10"

    size: Literal[32, 48, 64, 96] = Field(default=32, description="pixels a side")
    unlabelled: bool = Field(
        default=True, description="train on the 100,000 images without a label too"
    )

    @property
    def side(self) -> int:
        """Pixels a side of the images."""
        return self.size

    def archives(self) -> tuple[str, ...]:
        """The binary version."""
        return ("stl10_binary.tar.gz",)

    def contents(self, *archives: Path) -> Contents:
        """Read the one archive."""
        files = ["train_X", "train_y", "test_X", "test_y", *["unlabeled_X"] * self.unlabelled]
        named = FOLDER + "class_names.txt"
        images: dict[str, Tensor] = {}
        small: dict[str, bytes] = {}
        with opened(archives[0], MOST) as (file, _):
            wanted = [named, *(f"{FOLDER}{name}.bin" for name in files)]
            for name, content, size in members(file, wanted, MOST_UNPACKED):
                if name.endswith("_X.bin"):
                    images[name] = read(content, size, self.size)
                elif size > MOST_SMALL:
                    message = f"{name} is too large"
                    raise ValueError(message)
                else:
                    small[name] = content.read(size)
        labels = {
            split: classes_in(records(small[f"{FOLDER}{split}_y.bin"], 1)[:, 0], CLASSES, first=1)
            for split in ("train", "test")
        }
        train, test = (images[f"{FOLDER}{split}_X.bin"] for split in ("train", "test"))
        if self.unlabelled:
            more = images[f"{FOLDER}unlabeled_X.bin"]
            train = torch.cat([train, more])
            labels["train"] = torch.cat([labels["train"], torch.full((len(more),), UNKNOWN)])
        names = names_in(small[named], CLASSES)
        return Contents(Split(train, labels["train"]), Split(test, labels["test"]), names)


def read(content: IO[bytes], size: int, side: int) -> Tensor:
    """Images of 96 pixels a side as smaller ones, (N, 3, side, side).

    Raises ValueError where a file of ``size`` bytes ends early.
    """
    found, left = [], size
    while left:
        part = content.read(min(left, CHUNK * 3 * SIDE * SIDE))
        left -= len(part)
        # Stored column by column: the last dimension but one is the one that runs along a row.
        found.append(resized(records(part, 3, SIDE, SIDE).transpose(2, 3), side))
    if not found:
        message = "it holds no images"
        raise ValueError(message)
    return torch.cat(found)


def resized(images: Tensor, side: int) -> Tensor:
    """Images with the filter of ``images.square``, uint8 (N, 3, side, side)."""
    if images.shape[-1] == side:
        return images.contiguous()
    arrays = images.permute(0, 2, 3, 1).contiguous().numpy()
    fitted = [
        np.asarray(Image.fromarray(array).resize((side, side), Image.Resampling.LANCZOS))
        for array in arrays
    ]
    return torch.from_numpy(np.stack(fitted)).permute(0, 3, 1, 2).contiguous()
