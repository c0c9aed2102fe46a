"""Rows: named columns of a split, resident in memory or fetched by number (``StreamedRows``)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, runtime_checkable

import torch

from ganzoo.errors import DataError, in_words, quoted
from ganzoo.parts.space import MASK, UNKNOWN

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from torch import Tensor

IMAGE_DIMS = 3
"""Dimensions from which a column of bytes or booleans is one of images: (N, height, width)."""


@runtime_checkable
class Rows(Protocol):
    """One split of a dataset: columns aligned by row."""

    @property
    def names(self) -> tuple[str, ...]:
        """The columns."""

    @property
    def fetched(self) -> frozenset[str]:
        """The columns that are read from a source row by row, which takes time; often none."""

    @property
    def device(self) -> torch.device:
        """Where row numbers are cheapest to read from: draw them there."""

    def __len__(self) -> int:
        """How many rows there are."""

    def column(self, name: str, rows: Tensor | slice = slice(None)) -> Tensor:
        """Some rows of one column as networks read them, (N, ...); see ``as_read``.

        ``rows`` are row numbers, int64, (N,), or a slice. Raises DataError where a row cannot be
        read.
        """

    def to(self, device: torch.device) -> Rows:
        """The same rows, whose columns are read on a device."""

    def ahead(self, batches: Iterable[Tensor]) -> None:
        """Announce the batches of row numbers that will be read next, in order, without end.

        A hint: resident rows ignore it. Announcing none, ``()``, ends all fetching ahead.
        """

    def digest(self, into: Any) -> None:
        """Update a hash of ``hashlib`` with what these rows are."""


def as_read(stored: Tensor) -> Tensor:
    """Stored values as networks read them.

    Images of bytes become float32 in [-1, 1], masks (images of booleans) float32 0 or 1; anything
    else stays what it is.
    """
    if stored.dim() < IMAGE_DIMS:
        return stored
    if stored.dtype == torch.uint8:
        return stored.float().div_(127.5).sub_(1)
    return stored.float() if stored.dtype == torch.bool else stored


def is_column(value: object) -> bool:
    """Whether a value can be a column in memory: a dense tensor of rows, without a graph."""
    return (
        isinstance(value, torch.Tensor)
        and value.layout is torch.strided
        and not (value.is_complex() or value.is_meta or value.requires_grad)
        and value.dim() > 0
    )


@dataclass(frozen=True, eq=False, slots=True, weakref_slot=True)
class ResidentRows:
    """Rows in memory: columns of equal length, kept as stored (uint8 images, int64 labels)."""

    columns: Mapping[str, Tensor]
    """Raises DataError for what is no dense tensor, and where their numbers of rows differ."""

    def __post_init__(self) -> None:
        if not isinstance(self.columns, Mapping):
            message = f"resident rows are made of columns by name, not of {in_words(self.columns)}."
            raise DataError(message)
        for name, column in self.columns.items():
            if not isinstance(name, str) or not is_column(column):
                message = (
                    f"the column {quoted(name)} of resident rows cannot be {in_words(column)}: "
                    "give a dense tensor with values for each row, under a name."
                )
                raise DataError(message)
        lengths = {name: len(column) for name, column in self.columns.items()}
        if len({*lengths.values()}) > 1:
            told = ", ".join(f"{name} has {n}" for name, n in lengths.items())
            message = f"columns must have one value for each row: {told}."
            raise DataError(message)

    @property
    def names(self) -> tuple[str, ...]:
        """The columns."""
        return tuple(self.columns)

    @property
    def fetched(self) -> frozenset[str]:
        """None: everything is in memory."""
        return frozenset()

    @property
    def device(self) -> torch.device:
        """Where the columns are."""
        return next(iter(self.columns.values()), torch.empty(0)).device

    def __len__(self) -> int:
        return len(next(iter(self.columns.values()), ()))  # of streamed rows none need be resident

    def column(self, name: str, rows: Tensor | slice = slice(None)) -> Tensor:
        """Some rows of one column as networks read them, (N, ...)."""
        stored = self.columns[name]
        return as_read(stored[rows] if isinstance(rows, slice) else stored.index_select(0, rows))

    def to(self, device: torch.device) -> ResidentRows:
        """The same rows, resident on a device."""
        return ResidentRows({name: column.to(device) for name, column in self.columns.items()})

    def ahead(self, batches: Iterable[Tensor]) -> None:
        """Ignore the hint."""

    def digest(self, into: Any) -> None:
        """Update a hash with every column's name, type, shape and bytes."""
        for name, column in sorted(self.columns.items()):
            into.update(f"{name} {column.dtype} {tuple(column.shape)}".encode())
            into.update(column.contiguous().numpy().data)


@dataclass(frozen=True, eq=False, slots=True, weakref_slot=True)
class PartlyKnown:
    """Rows of which some columns store -1 where a value is not known.

    Such a column, ``label``, reads as 0 there, so that it can index an embedding, and another one
    beside it, ``label_known``, bool, (N,), says where it is known.
    """

    stored: Rows
    partial: frozenset[str]

    @property
    def names(self) -> tuple[str, ...]:
        """The columns, and the masks of those that are partly known."""
        return (*self.stored.names, *sorted(name + MASK for name in self.partial))

    @property
    def fetched(self) -> frozenset[str]:
        """The columns that are read from a source, with their masks."""
        fetched = self.stored.fetched
        return fetched | {name + MASK for name in self.partial & fetched}

    @property
    def device(self) -> torch.device:
        """Where row numbers are cheapest to read from."""
        return self.stored.device

    def __len__(self) -> int:
        return len(self.stored)

    def column(self, name: str, rows: Tensor | slice = slice(None)) -> Tensor:
        """Some rows of one column, or of a mask, as networks read them."""
        whose = name.removesuffix(MASK)
        if name != whose and whose in self.partial:
            return self.stored.column(whose, rows) != UNKNOWN
        found = self.stored.column(name, rows)
        return found.clamp(min=0) if name in self.partial else found

    def to(self, device: torch.device) -> PartlyKnown:
        """The same rows, read on a device."""
        return PartlyKnown(self.stored.to(device), self.partial)

    def ahead(self, batches: Iterable[Tensor]) -> None:
        """Hand the hint on."""
        self.stored.ahead(batches)

    def digest(self, into: Any) -> None:
        """Update a hash with what is stored."""
        self.stored.digest(into)
