"""Pictures with transparency, shrunk: on white paper, or with their opacity as a fourth channel."""

from __future__ import annotations

from io import BytesIO

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from ganzoo.builtin.datasets.images import UNREADABLE, first_words, opened
from ganzoo.errors import DataError

WHITE = 255


def picture(
    content: bytes, who: str, size: int, *, alpha: bool = False, side: int | None = None
) -> Tensor:
    """A picture's central square, shrunk to ``size``: uint8, (3, size, size), or 4 with ``alpha``.

    The square is the largest, or has ``side`` pixels. Each pixel is the mean of those that it
    stands for. On paper, they are laid on white before; with ``alpha`` each counts as much as it is
    opaque, and what is fully transparent is white. Raises DataError, naming the picture as ``who``,
    if it cannot be read or is too small.
    """
    try:
        with opened(BytesIO(content)) as image:
            square = central(image.convert("RGBA"), side)
    except UNREADABLE as error:
        message = f"{who} cannot be read as an image ({first_words(error)}): replace it."
        raise DataError(message) from error
    if square.width < size:
        message = f"{who} is of {square.width} pixels a side; it is not enlarged to {size}."
        raise DataError(message)
    if not alpha:
        paper = Image.new("RGBA", square.size, "white")
        square = Image.alpha_composite(paper, square).convert("RGB")
    # Of a picture with opacity, pillow takes means of the colours multiplied by it.
    array = np.array(square.resize((size, size), Image.Resampling.BOX))
    if alpha:
        array[array[..., 3] == 0] = (WHITE, WHITE, WHITE, 0)
    return torch.from_numpy(array).movedim(2, 0).contiguous()


def central(image: Image.Image, side: int | None = None) -> Image.Image:
    """The square around an image's centre, the largest or that of ``side`` pixels."""
    side = min(*image.size, side or min(image.size))
    left, top = (image.width - side) // 2, (image.height - side) // 2
    return image.crop((left, top, left + side, top + side))
