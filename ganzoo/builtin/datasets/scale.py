"""The scale of images that are not of 8 bits: decided once, by the range of all of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ganzoo.errors import DataError, counted

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from numpy.typing import NDArray
    from PIL import Image

WIDE = {"I;16": "of 16 bits", "I": "of 32 bits", "F": "of floats"}
"""Pillow's modes whose values do not say what is white, in words."""
ROWS = 256
"""Of an image that are scaled at a time, in double precision: all at once could fill memory."""
BRIGHT = 32
"""Floats that are not in [-1, 1] are in [0, 255], if they reach this: darker ones could be either,
overshooting [0, 1] or nearly black."""


@dataclass(frozen=True)
class Scale:
    """The values that become black and white, and what such images are called."""

    black: float
    white: float
    name: str

    def to_bytes(self, values: NDArray[Any]) -> NDArray[np.uint8]:
        """Values, of two dimensions, as bytes; those outside the scale are clipped."""
        found = np.empty(values.shape, np.uint8)
        for at in range(0, len(values), ROWS):
            part = values[at : at + ROWS].astype(np.float64)
            levels = (part - self.black) / ((self.white - self.black) / 255)
            found[at : at + ROWS] = levels.round().clip(0, 255)
        return found


SIXTEEN_BITS = Scale(0, 65535, "16 bits")
INTEGERS = (Scale(0, 255, "8 bits"), Scale(0, 4095, "12 bits"), SIXTEEN_BITS)
UNIT, SIGNED, LEVELS = Scale(0, 1, "[0, 1]"), Scale(-1, 1, "[-1, 1]"), Scale(0, 255, "[0, 255]")


@dataclass(frozen=True)
class Range:
    """The least and the greatest value of an image, and its name."""

    low: float
    high: float
    name: str

    def __str__(self) -> str:
        return f"from {self.low:.6g} to {self.high:.6g}"


def wide(mode: str) -> str | None:
    """The key in ``WIDE`` of an image's mode; None for images of 8 bits."""
    family = "I;16" if mode.startswith("I;16") else mode
    return family if family in WIDE else None


def values_of(image: Image.Image) -> NDArray[Any]:
    """The values of an image of one channel. Raises ValueError where one is not finite."""
    values = np.asarray(image)
    if not np.isfinite(values).all():
        message = "a value is not a finite number"
        raise ValueError(message)
    return values


def decided(ranges: Mapping[str, Iterable[Range]]) -> tuple[dict[str, Scale], list[str]]:
    """The scale of each mode, from the ranges of all its images, and a sentence on each.

    Raises DataError, which names an image, where the range fits no usual scale.
    """
    scales, remarks = {}, []
    for mode, of_images in ranges.items():
        each = list(of_images)
        least, greatest = min(each, key=lambda r: r.low), max(each, key=lambda r: r.high)
        low, high = least.low, greatest.high
        scale = of_floats(low, high) if mode == "F" else of_integers(low, high)
        if scale is None:
            known = "[0, 1], [-1, 1] or [0, 255]" if mode == "F" else "0 to 255 or 0 to 65535"
            wrong = greatest if high > SIXTEEN_BITS.white or low >= 0 else least
            message = (
                f"{wrong.name} is {WIDE[mode]}, {wrong}, which fits no usual scale: save such "
                f"images with values in {known}."
            )
            raise DataError(message)
        scales[mode] = scale
        have, are = ("has", "is") if len(each) == 1 else ("have", "are")
        remarks.append(
            f"{counted(len(each), 'image')} {WIDE[mode]} {have} values from {low:.6g} to "
            f"{high:.6g}, and {are} read as {scale.name}: {scale.black:g} is black, "
            f"{scale.white:g} is white."
        )
    return scales, remarks


def of_integers(low: float, high: float) -> Scale | None:
    """The smallest scale of integers that holds a range."""
    fits = (scale for scale in INTEGERS if low >= 0 and high <= scale.white)
    return next(fits, None)


def of_floats(low: float, high: float) -> Scale | None:
    """The scale of floats that a range tells of."""
    if low >= -1 and high <= 1:
        return UNIT if low >= 0 else SIGNED
    return LEVELS if low >= 0 and BRIGHT <= high <= LEVELS.white else None
