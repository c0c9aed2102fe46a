"""Files of images below a folder, read one by one."""

from __future__ import annotations

import os
from hashlib import sha256
from pathlib import Path, PurePath
from typing import TYPE_CHECKING

import numpy as np
import torch
from PIL import Image, ImageOps

from ganzoo.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from io import BytesIO

    from torch import Tensor

# Of those that pillow registers, data formats and documents are no pictures.
NO_PICTURES = {"PDF", "HDF5", "GRIB", "BUFR", "FITS", "MPEG", "WMF", "PS", "EPS"}
ENDINGS = frozenset(
    end for end, kind in Image.registered_extensions().items() if kind not in NO_PICTURES
)
MODES = {1: "L", 3: "RGB"}
OPAQUE = {"L", "RGB"}
"""Modes that are the same on any paper: most images, which would lose a quarter of their time."""
PIXEL_LIMIT = 100_000_000
"""An image of more pixels is refused: a small file can unpack to fill memory."""


class ImageFiles:
    """The images below a folder: a source of ``real``, uint8 (channels, size, size), by number.

    Each is cropped to its central square and resized; what is transparent shows white paper.
    """

    def __init__(self, root: Path, paths: list[str], size: int, channels: int) -> None:
        self.root, self.size, self.channels = root, size, channels
        # One array, not a million strings: touching a string copies its page in every worker.
        self.paths = np.array([os.fsencode(path) for path in paths])

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, row: int) -> dict[str, Tensor]:
        """One image. Raises DataError naming a file that cannot be read."""
        path = self.root / os.fsdecode(self.paths[row])
        return {"real": decoded(path, str(path), self.size, self.channels)}

    def index(self) -> str:
        """What these images are, without reading them: a hash of all relative paths and sizes.

        Times are left out, so that a copy of the folder is the same data.
        """
        digest = sha256(f"{self.size} {self.channels}\n".encode())
        for path in self.paths.tolist():
            digest.update(path + b" %d\n" % (self.root / os.fsdecode(path)).stat().st_size)
        return digest.hexdigest()


def decoded(file: Path | BytesIO, who: str, size: int, channels: int) -> Tensor:
    """An image cropped to its central square and resized, uint8, (channels, size, size).

    Raises DataError naming it, as ``who``, where it cannot be read.
    """
    try:
        with Image.open(file) as image:
            if image.width * image.height > PIXEL_LIMIT:
                message = f"{who} has {image.width} x {image.height} pixels, too many to read."
                raise DataError(message)
            upright = ImageOps.exif_transpose(eight_bit(image))
            if upright.mode not in OPAQUE or "transparency" in upright.info:
                upright = upright.convert("RGBA")
                paper = Image.new("RGBA", upright.size, "white")
                upright = Image.alpha_composite(paper, upright)
            plain = upright.convert(MODES[channels])
            square = ImageOps.fit(plain, (size, size), Image.Resampling.LANCZOS)
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        message = f"{who} cannot be read as an image ({first_words(error)}): mend or remove it."
        raise DataError(message) from error
    array = np.asarray(square)
    return torch.from_numpy(array.reshape(size, size, -1).copy()).movedim(2, 0)


def image_paths(root: Path) -> list[str]:
    """The relative paths of all images below a folder, sorted; hidden files are left out."""
    return sorted(_walked(root), key=lambda path: PurePath(path).parts)


def _walked(root: Path) -> Iterator[str]:
    for folder, folders, files in os.walk(root):
        folders[:] = [name for name in folders if not name.startswith(".")]
        for name in files:
            if Path(name).suffix.lower() in ENDINGS and not name.startswith("."):
                path = Path(folder, name)
                if path.is_file():  # not a link to nothing
                    yield str(path.relative_to(root))


def eight_bit(image: Image.Image) -> Image.Image:
    """An image of 16 or 32 bits a pixel scaled to 8, which pillow would clip instead."""
    if not image.mode.startswith("I"):
        return image
    levels = np.asarray(image).astype(np.float64)
    return Image.fromarray((levels / 257).round().clip(0, 255).astype(np.uint8))


def first_words(error: BaseException) -> str:
    """What an error of pillow says, without the path, which stands before it."""
    return str(error).split(" file '")[0].split(" file <")[0].strip() or type(error).__name__
