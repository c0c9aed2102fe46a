"""Stacked MNIST: three random digits as the channels of one image, whose 1,000 modes are known."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from pydantic import Field

from ganzoo.builtin.datasets.idx import Mnist
from ganzoo.builtin.metrics.features import extractor
from ganzoo.builtin.metrics.stacked import CHANNELS, DIGITS, TRIPLES, PerChannel, numbered
from ganzoo.parts.dataset import Data, Dataset
from ganzoo.parts.rows import as_read
from ganzoo.parts.space import Space

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from torch import Tensor

SCORED = 26_000
"""Samples per score in PacGAN's protocol (arXiv:1712.04086, section 4.2)."""
MOST = 10_000_000
"""The most stacks of a split."""


@dataclass(frozen=True, eq=False, slots=True, weakref_slot=True)
class StackedRows:
    """Rows of three grey images each, stacked when they are read.

    Each image stands in memory once, however many rows have it: stored as they are read, 128,000
    stacks would take 300 MB, and take 55 MB so.
    """

    images: Tensor
    """Grey images, uint8 (images, height, width)."""
    digits: Tensor
    """The class of each, int64 (images,)."""
    members: Tensor
    """The images of each row by their numbers, int64 (N, 3)."""

    @property
    def names(self) -> tuple[str, ...]:
        """The stacks, and the numbers that their digits make: 3, 0 and 7 are 307."""
        return ("real", "label")

    @property
    def fetched(self) -> frozenset[str]:
        """None: everything is in memory."""
        return frozenset()

    @property
    def device(self) -> torch.device:
        """Where the images are."""
        return self.images.device

    def __len__(self) -> int:
        return len(self.members)

    def column(self, name: str, rows: Tensor | slice = slice(None)) -> Tensor:
        """Some rows of one column as networks read them, (N, 3, height, width) or (N,)."""
        members = self.members[rows]
        if name == "label":
            return numbered(self.digits[members])
        return as_read(self.images[members])

    def to(self, device: torch.device) -> StackedRows:
        """The same rows, in the memory of a device."""
        return StackedRows(*(t.to(device) for t in (self.images, self.digits, self.members)))

    def ahead(self, batches: Iterable[Tensor]) -> None:
        """Ignore the hint."""

    def digest(self, into: Any) -> None:
        """Update a hash with the images, their classes, and which of them each row has."""
        for stored in (self.images, self.digits, self.members):
            into.update(f"stacked {stored.dtype} {tuple(stored.shape)}".encode())
            into.update(stored.contiguous().numpy().data)


class StackedMnist(Dataset):
    """Stacks of three random MNIST images: ``real``, (N, 3, size, size), ``label``, int64.

    The protocol is PacGAN's (arXiv:1712.04086, section 4.2): stacks of the 70,000 images of both
    MNIST splits, drawn once. Pixels are in [-1, 1], as those of all images here; PacGAN's are in
    [0, 1]. The held-out rows are other stacks of the same images. ``label`` is the number that the
    three digits make, 0 to 999. Facts: ``features`` (MNIST's, of each channel), ``classes``,
    ``triples``.
    """

    size: int = Field(default=28, ge=28, le=256, description="pixels per side, padded with black")
    n: int = Field(default=128_000, ge=100, le=MOST, description="training stacks")
    held_out: int = Field(default=10_000, ge=100, le=MOST, description="held-out stacks")
    seed: int = Field(default=0, ge=0, le=2**31, description="fixes which images are stacked")

    def fetch(self) -> Path:
        """Fetch MNIST. Raises DataError where that is impossible."""
        return Mnist().fetch()

    def load(self) -> Data:
        """Read MNIST, and draw both splits. Raises DataError where MNIST cannot be had."""
        splits = [Mnist(size=self.size).rows(split) for split in ("train", "t10k")]
        images = torch.cat([rows.columns["real"][:, 0] for rows in splits])
        digits = torch.cat([rows.columns["label"] for rows in splits])
        stream = torch.Generator().manual_seed(self.seed)
        train, held_out = (
            StackedRows(images, digits, torch.randint(len(images), (n, CHANNELS), generator=stream))
            for n in (self.n, self.held_out)
        )
        shape = (CHANNELS, self.size, self.size)
        spaces = {"real": Space(shape=shape, bounded=True), "label": Space(classes=TRIPLES)}
        features = PerChannel(extractor("small-cnn/mnist"), DIGITS)
        facts = {"features": features, "classes": TRIPLES, "triples": TRIPLES}
        return Data(self.name, train, held_out, spaces, facts, scored=SCORED)
