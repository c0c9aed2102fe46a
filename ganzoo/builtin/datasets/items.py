"""The items of a map-style dataset as rows: dicts of columns, as stored."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from ganzoo.builtin.datasets.values import finite, image
from ganzoo.errors import DataError, ZooError, first_line
from ganzoo.parts.space import Space

PLAIN = {"1": "L", "P": "RGB", "PA": "RGBA", "CMYK": "RGB", "YCbCr": "RGB", "HSV": "RGB"}
"""Pillow's modes whose numbers are not brightness, and what they are converted to."""


class Items:
    """A source made of any map-style dataset: memory-mapped array, torch or Hugging Face Dataset.

    An item is a dict of columns, an image, or a pair of an image and its class. ``image``, as
    Hugging Face datasets call it, is ``real``.
    """

    def __init__(self, dataset: Any) -> None:
        self.dataset, self.who = dataset, f"the given {type(dataset).__name__}"
        said = getattr(dataset, "spaces", None)
        self.spaces: dict[str, Space] = dict(said) if isinstance(said, dict) else {}

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, row: int) -> dict[str, Tensor]:
        """One row; images become (C, H, W), the number of a class int64, ()."""
        item = self.dataset[row]
        if isinstance(item, (tuple, list)):
            item = dict(zip(("real", "label"), item, strict=False))
        elif not isinstance(item, dict):
            item = {"real": item}
        elif "real" not in item and "image" in item:
            item = {"real": item["image"], **{n: v for n, v in item.items() if n != "image"}}
        return {name: self._stored(name, value, row) for name, value in item.items()}

    def kept(self, name: str) -> Tensor | None:
        """A column of classes that the dataset keeps in memory beside its rows, int64, (N,).

        torchvision's datasets have ``targets``, the Hub's library reads a column by its name.
        """
        columns = getattr(self.dataset, "column_names", ())
        try:
            values = self.dataset[name][:] if name in columns else self.dataset.targets
            column = torch.as_tensor(values)
        except Exception:  # noqa: BLE001  (it is the user's object; then its rows are read)
            return None
        whole = column.shape == (len(self),) and not column.is_floating_point()
        return column.long() if whole else None

    def _stored(self, name: str, value: Any, row: int) -> Tensor:
        if isinstance(value, str) and name in self.spaces:
            return self.spaces[name].encode([value])[0]
        if hasattr(value, "getbands"):  # an image of pillow
            value = np.asarray(value.convert(PLAIN.get(value.mode, value.mode)))
        last = isinstance(value, np.ndarray)
        # Memory-mapped rows cannot be written to, and torch warns of that; hence the copy.
        stored = torch.from_numpy(np.array(value)) if last else torch.as_tensor(value)
        if stored.dim() >= 2:  # noqa: PLR2004
            return image(name, stored, row, last=last)
        if stored.is_floating_point():
            return finite(name, stored[None], row)[0]
        return stored if stored.dtype == torch.bool else stored.long()


def spaces_of(items: Items) -> dict[str, Space]:
    """The space of each column, from what a dataset says of itself, or else from its first row.

    Raises DataError where neither says of how many classes a column is.
    """
    if items.spaces:
        return items.spaces
    try:
        first = items[0]
    except ZooError:
        raise
    except Exception as error:
        message = f"row 0 of {items.who} cannot be read: {first_line(error)}."
        raise DataError(message) from error
    if "real" not in first:
        message = f"rows of {items.who} have no 'real'; they have: {', '.join(first) or 'nothing'}."
        raise DataError(message)
    spaces = {}
    for name, value in first.items():
        is_class = not value.dim() and not value.is_floating_point()
        bounded = value.dim() >= 2 and value.dtype != torch.bool  # noqa: PLR2004
        plain = Space(shape=tuple(value.shape), bounded=bounded)
        spaces[name] = classes_of(items, name) if is_class else plain
    return spaces


def classes_of(items: Items, name: str) -> Space:
    """The classes that a dataset has, by its attribute ``classes``: their number, or names."""
    features = getattr(items.dataset, "features", None)  # of a Hugging Face dataset
    feature = features.get(name) if isinstance(features, dict) else None
    classes = getattr(feature, "names", None) or getattr(items.dataset, "classes", None)
    if isinstance(classes, int):
        return Space(classes=classes)
    if isinstance(classes, (list, tuple)):
        return Space(classes=len(classes), names=tuple(map(str, classes)))
    message = (
        f"rows of {items.who} have a '{name}', but it does not say of how many classes: give it an "
        "attribute 'classes', their number or names, or 'spaces', the space of each column."
    )
    raise DataError(message)
