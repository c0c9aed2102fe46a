"""Datasets: named columns with spaces, a training split and a held-out one."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from hashlib import sha256
from typing import TYPE_CHECKING

import torch

from ganzoo.errors import DataError
from ganzoo.parts.part import Part
from ganzoo.parts.space import Space

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
        """Some rows of one column as networks read them: uint8 images become float32 in [-1, 1]."""
        stored = self.columns[name]
        taken = stored[rows] if isinstance(rows, slice) else stored.index_select(0, rows)
        is_image = taken.dtype == torch.uint8 and taken.dim() > 2  # noqa: PLR2004
        return taken.float().div_(127.5).sub_(1) if is_image else taken

    def to(self, device: torch.device) -> Rows:
        """The same rows, resident on a device."""
        return Rows({name: column.to(device) for name, column in self.columns.items()})


@dataclass(frozen=True)
class Data:
    """A dataset, loaded: both splits, each column's space, and facts that metrics read by name.

    ``facts`` offers to metrics what is known of the data beyond its rows, for example ``locate``
    and ``modes`` (point sets) or ``features`` (the named extractor for images of this dataset).
    """

    name: str
    train: Rows
    held_out: Rows
    spaces: Mapping[str, Space]
    info: Mapping[str, object] = field(default_factory=dict)
    scored: int | None = None
    """How many samples a score takes unless told; as many as there are held-out rows by default."""

    def __post_init__(self) -> None:
        """Raise DataError where a row is of none of its column's classes."""
        for split, rows in (("training", self.train), ("held-out", self.held_out)):
            for name, space in self.spaces.items():
                if space.classes is None or name not in rows.columns:
                    continue
                if (wrong := space.outside(rows.columns[name])) is not None:
                    message = (
                        f"dataset '{self.name}' has the {name} {wrong} among its {split} rows; it "
                        f"says that there are {space.classes} classes, 0 to {space.classes - 1}."
                    )
                    raise DataError(message)

    @cached_property
    def sha256(self) -> str:
        """What the rows of both splits are, whatever the dataset is called."""
        digest = sha256()
        for rows in (self.train, self.held_out):
            for name, column in sorted(rows.columns.items()):
                digest.update(f"{name} {column.dtype} {tuple(column.shape)}".encode())
                digest.update(column.contiguous().numpy().data)
        return digest.hexdigest()


class Dataset(Part):
    """A source of data; its fields are its options, and ``NAME:VALUE`` sets the first of them."""

    kind = "dataset"

    def load(self) -> Data:
        """Read or make the data. Raises DataError with one sentence where that cannot be done."""
        raise NotImplementedError
