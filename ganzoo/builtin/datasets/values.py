"""Columns of values that users give: what each is, as stored, and its space."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from ganzoo.errors import DataError
from ganzoo.parts.space import UNKNOWN, Space

CHANNELS = (1, 3, 4)
"""Numbers of channels by which the order of an image's dimensions is told."""
IMAGES, COLUMN_OF_IMAGES, VECTORS, SCALARS = 4, 3, 2, 1


def column_of(name: str, values: Any) -> tuple[Tensor, Space]:
    """A column as stored, (N, ...), and its space; see ``data_from`` for what values may be.

    Raises DataError in one sentence that names the column.
    """
    if isinstance(values, (list, tuple)) and values and all(isinstance(v, str) for v in values):
        return texts(values) if name == "text" else named(values)
    if isinstance(values, np.ma.MaskedArray) or (
        isinstance(values, torch.Tensor) and values.layout != torch.strided
    ):
        message = f"column '{name}' is a masked or sparse array; give one that has every number."
        raise DataError(message)
    last = isinstance(values, np.ndarray)  # numpy's images have their channels last
    try:
        column = torch.as_tensor(np.ascontiguousarray(values) if last else values)
    except (TypeError, ValueError, RuntimeError) as error:
        message = f"column '{name}' is no array of numbers: {str(error).splitlines()[0]}."
        raise DataError(message) from error
    if column.is_meta or 0 in column.shape[1:]:
        message = f"column '{name}' of shape {tuple(column.shape)} holds no numbers."
        raise DataError(message)
    column = column.detach().cpu()
    if not len(column.shape) or not len(column):
        message = f"column '{name}' of shape {tuple(column.shape)} has no rows."
        raise DataError(message)
    if column.dtype in {torch.uint8, torch.bool} and column.dim() >= COLUMN_OF_IMAGES:
        column = channels_first(name, column, last=last)
        # A mask is 0 or 1; what is drawn has the range of images.
        bounded = column.dtype == torch.uint8
        return column, Space(shape=tuple(column.shape[1:]), bounded=bounded)
    if column.is_floating_point():
        return floats(name, column, last=last)
    if column.dim() == SCALARS and name != "real":
        return classes(name, column.long())
    message = (
        f"column '{name}' of {str(column.dtype).removeprefix('torch.')} and shape "
        f"{tuple(column.shape)} is neither images (uint8, or floats in [-1, 1]), vectors (floats, "
        "(N, d)) nor classes (integers, (N,))."
    )
    raise DataError(message)


def floats(name: str, column: Tensor, *, last: bool) -> tuple[Tensor, Space]:
    """Images in [-1, 1], or vectors of any numbers."""
    column = finite(name, column)
    if column.dim() == SCALARS:
        column = column[:, None]
    if column.dim() == VECTORS:
        return column, Space(shape=tuple(column.shape[1:]))
    column = in_range(name, channels_first(name, column, last=last))
    if (low := column.min().item()) >= 0:
        message = (
            f"column '{name}' holds images of floats from {low:.3g} to {column.max().item():.3g}; "
            "they must fill [-1, 1]: give 2 * x - 1."
        )
        raise DataError(message)
    return column, Space(shape=tuple(column.shape[1:]), bounded=True)


def image(name: str, value: Tensor, row: int, *, last: bool) -> Tensor:
    """One row's image, (C, H, W), of bytes, booleans or floats in [-1, 1]: ``channels_first``."""
    if value.is_floating_point():
        value = in_range(name, finite(name, value[None], row))[0]
    return channels_first(name, value[None], last=last)[0]


def finite(name: str, column: Tensor, first: int = 0) -> Tensor:
    """A column as float32, whose rows count from ``first``.

    Raises DataError where a number is not finite.
    """
    wrong = ~torch.isfinite(column.flatten(1) if column.dim() > 1 else column[:, None])
    if bool(wrong.any()):
        row = first + int(wrong.any(1).nonzero()[0])
        message = f"column '{name}' has a number that is not finite, in row {row}."
        raise DataError(message)
    return column.float()


def in_range(name: str, column: Tensor) -> Tensor:
    """Images of floats as they are. Raises DataError where they are not in [-1, 1]."""
    low, high = column.min().item(), column.max().item()
    if low < -1 or high > 1:
        message = (
            f"column '{name}' holds images of floats from {low:.3g} to {high:.3g}; they must be in "
            "[-1, 1]: give uint8, or x / 127.5 - 1."
        )
        raise DataError(message)
    return column


def channels_first(name: str, column: Tensor, *, last: bool) -> Tensor:
    """Images as (N, C, H, W); ``last`` decides where the order cannot be told by their shape."""
    if column.dim() == COLUMN_OF_IMAGES:
        return column[:, None]
    if column.dim() == IMAGES:
        first_fits, last_fits = column.shape[1] in CHANNELS, column.shape[3] in CHANNELS
        if last_fits and (last or not first_fits):
            return column.movedim(3, 1).contiguous()
        if first_fits:
            return column.contiguous()
    message = (
        f"column '{name}' of shape {tuple(column.shape)} is none of images: give (N, C, H, W), "
        "(N, H, W, C) or (N, H, W), of 1, 3 or 4 channels."
    )
    raise DataError(message)


def classes(name: str, column: Tensor) -> tuple[Tensor, Space]:
    """Classes from 0, of which as many are taken to exist as occur; -1 is not known."""
    low, high = int(column.min()), int(column.max())
    if low < UNKNOWN or high < 0:
        message = (
            f"column '{name}' holds the class {low}; they are 0, 1, 2, ..., and -1 where not known."
        )
        raise DataError(message)
    return column, Space(classes=high + 1, partial=low == UNKNOWN)


def named(values: list[str] | tuple[str, ...]) -> tuple[Tensor, Space]:
    """Names of classes, which are numbered in their sorted order."""
    space = Space(classes=len({*values}), names=tuple(sorted({*values})))
    return space.encode(values), space


def texts(values: list[str] | tuple[str, ...]) -> tuple[Tensor, Space]:
    """Texts as token ids; the vocabulary is the words that occur, sorted."""
    words = sorted({word for text in values for word in text.split()})
    length = max(1, *(len(text.split()) for text in values))
    space = Space(shape=(length,), vocabulary=("", *words))
    return space.encode(values), space
