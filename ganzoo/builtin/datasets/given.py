"""Data given from Python: tensors, arrays, columns, or any map-style torch Dataset."""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from pydantic import Field
from torch import Tensor

from ganzoo.builtin.datasets.images import darkness
from ganzoo.builtin.datasets.items import Items, spaces_of
from ganzoo.builtin.datasets.values import column_of
from ganzoo.builtin.metrics.features import extractor
from ganzoo.errors import DataError, counted
from ganzoo.parts.dataset import Data, Dataset
from ganzoo.parts.rows import ResidentRows
from ganzoo.parts.streamed import Reader, StreamedRows

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ganzoo.parts.rows import Rows
    from ganzoo.parts.space import Space

HELD_OUT = 10
"""One in so many rows is held out, at random, but always the same ones."""
SAMPLED = 64
"""The rows, evenly spaced, by which a streamed source is told from others."""


class Given(Dataset):
    """Data that Python gave to ``train(..., data=...)``: a run knows only their sha256."""

    sha256: str = Field(default="", description="of the data that were given")

    def load(self) -> Data:
        """Raise DataError: the data are not kept with the run."""
        message = (
            "this run's data were given from Python and are not kept with it: pass them again, as "
            "in ganzoo.train(..., data=images, resume=True)."
        )
        raise DataError(message)

    @staticmethod
    def of(given: object) -> Data:
        """The data of a Python object; see ``data_from``."""
        return data_from(given)


def data_from(given: object) -> Data:
    """The data of a Python object; every tenth row, at random, is held out.

    ``given`` is one of

    - a ``Data``, as it is;
    - a tensor or array of images, (N, C, H, W), (N, H, W, C) or (N, H, W), uint8 or floats in
      [-1, 1], or of vectors, (N, d), floats: the column ``real``;
    - a dict of columns, ``real`` among them, of equal length. Integers, (N,), are classes, -1 where
      the class is not known; a list of strings is a text if it is named ``text``, else names of
      classes; booleans are masks;
    - a memory-mapped array of images or vectors, streamed;
    - a map-style torch Dataset of images, (image, class) pairs or dicts of columns, streamed; the
      same number must give the same row each time. It says how many classes there are by its
      attribute ``classes`` (a number, or names), or gives the space of each column by ``spaces``.
      Where it keeps the class of every row (``targets``), no image is read to know one.

    The sha256 of streamed data is of the number of rows, the spaces, and 64 rows, evenly spaced.

    Raises DataError in one sentence where a shape, a type or a range is none of these, or where a
    number is not finite.
    """
    if isinstance(given, Data):
        return given
    if isinstance(given, np.memmap) or is_dataset(given):
        return streamed(given)
    if isinstance(given, (Tensor, np.ndarray)):
        given = {"real": given}
    if isinstance(given, dict):
        return resident(given)
    message = (
        f"data of the type {type(given).__name__} cannot be trained on: give a tensor, an array, a "
        "dict of columns, a torch Dataset, or ganzoo.Data."
    )
    raise DataError(message)


def is_dataset(given: object) -> bool:
    """Whether an object is map-style: anything with a length whose rows are found by number."""
    plain = isinstance(given, (Tensor, np.ndarray, dict, list, tuple, str, bytes))
    return not plain and hasattr(given, "__getitem__") and hasattr(given, "__len__")


def resident(columns: Mapping[str, Any]) -> Data:
    """Columns in memory."""
    if "real" not in columns:
        message = f"data need a column 'real'; there is: {', '.join(map(str, columns)) or 'none'}."
        raise DataError(message)
    found = {name: column_of(name, values) for name, values in columns.items()}
    lengths = {name: len(column) for name, (column, _) in found.items()}
    if len({*lengths.values()}) > 1:
        told = ", ".join(f"{name} has {n}" for name, n in lengths.items())
        message = f"columns must have one value for each row: {told}."
        raise DataError(message)
    train, held_out = (
        ResidentRows({name: column[rows] for name, (column, _) in found.items()})
        for rows in split(lengths["real"])
    )
    spaces = {name: space for name, (_, space) in found.items()}
    remarks = understood(spaces, found["real"][0], train, held_out)
    return Data("given", train, held_out, spaces, facts(spaces), remarks=remarks)


def understood(
    spaces: Mapping[str, Space], real: Tensor, train: Rows, held_out: Rows
) -> tuple[str, ...]:
    """What was understood of data, in one line; and a sentence on images that are nearly black."""
    columns = ", ".join(f"{name} {space}" for name, space in spaces.items())
    line = f"{counted(len(train) + len(held_out), 'row')} of {columns}; {len(held_out)} held out."
    return line, *(darkness(real) if real.dtype == torch.uint8 else ())


def streamed(source: Any) -> Data:
    """A source whose rows are read by number; a few are read now, to check them."""
    numbers = split(len(source))
    items = Items(source)
    few = torch.linspace(0, len(items) - 1, min(SAMPLED, len(items))).long()
    spaces = spaces_of(items)
    sample = Reader(items, spaces, torch.arange(len(items)), items.who)[few]
    if isinstance(sample, str):
        raise DataError(sample)
    column_of("real", sample["real"])
    index = sha256(f"{len(items)} {[(name, str(s)) for name, s in spaces.items()]}".encode())
    ResidentRows(sample).digest(index)
    kept: dict[str, Tensor] = {}
    label = items.kept("label") if "label" in spaces else None
    # A dataset may change what it keeps when a row is read.
    if label is not None and torch.equal(label[few], sample["label"]):
        kept["label"] = label
    train, held_out = (
        StreamedRows(
            items,
            {name: space for name, space in spaces.items() if name not in kept},
            index=index.hexdigest(),
            resident={name: column[rows] for name, column in kept.items()},
            chosen=rows,
            who=items.who,
        )
        for rows in numbers
    )
    remarks = understood(spaces, sample["real"], train, held_out)
    return Data("given", train, held_out, spaces, facts(spaces), remarks=remarks)


def split(n: int) -> tuple[Tensor, Tensor]:
    """The numbers of the rows to train on, and of those held out, in order."""
    if n < 2:  # noqa: PLR2004
        message = (
            f"data of {counted(n, 'row')} cannot be trained on: two are needed, one to hold out."
        )
        raise DataError(message)
    # At random, because rows often come sorted by class.
    order = torch.randperm(n, generator=torch.Generator().manual_seed(0))
    held = max(1, n // HELD_OUT)
    return order[held:].sort().values, order[:held].sort().values


def facts(spaces: Mapping[str, Space]) -> dict[str, object]:
    """What metrics read of such data: pixels as features of images."""
    return {"features": extractor("pixels")} if spaces["real"].is_image else {}
