"""Datasets: named columns with spaces, a training split and a held-out one."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import torch

from ganzoo.parts import Part, Space

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor


@dataclass(frozen=True, slots=True)
class Rows:
    """One split: columns aligned by row, kept as stored (uint8 images, int64 labels)."""

    columns: Mapping[str, Tensor]

    def __len__(self) -> int:
        """How many rows there are."""
        return len(next(iter(self.columns.values())))

    def column(self, name: str, rows: Tensor | slice = slice(None)) -> Tensor:
        """Some rows of one column as networks read them: uint8 becomes float32 in [-1, 1]."""
        stored = self.columns[name]
        taken = stored[rows] if isinstance(rows, slice) else stored.index_select(0, rows)
        return taken.float().div_(127.5).sub_(1) if taken.dtype == torch.uint8 else taken

    def to(self, device: torch.device) -> Rows:
        """The same rows, resident on a device."""
        return Rows({name: column.to(device) for name, column in self.columns.items()})


@dataclass(frozen=True, slots=True)
class Data:
    """A dataset, loaded: both splits, each column's space, and facts that metrics read by name.

    ``facts`` offers to metrics what is known of the data beyond its rows, for example ``locate``
    and ``modes`` (point sets) or ``features`` (the named extractor for images of this dataset).
    """

    name: str
    train: Rows
    held_out: Rows
    spaces: Mapping[str, Space]
    facts: Mapping[str, object] = field(default_factory=dict)


class Dataset(Part):
    """A source of data; its fields are its options, and ``NAME:VALUE`` sets the first of them."""

    kind = "dataset"

    def load(self) -> Data:
        """Read or make the data. Raises DataError with one sentence where that cannot be done."""
        raise NotImplementedError
