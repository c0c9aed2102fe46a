"""Any folder of images."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
import torch
from PIL import Image, ImageOps
from pydantic import Field

from ganzoo.builtin.metrics.features import extractor
from ganzoo.errors import DataError
from ganzoo.parts.dataset import Data, Dataset, Rows
from ganzoo.parts.space import Space

if TYPE_CHECKING:
    from torch import Tensor

# Of those that pillow registers, data formats and documents are no pictures.
NO_PICTURES = {"PDF", "HDF5", "GRIB", "BUFR", "FITS", "MPEG", "WMF", "PS", "EPS"}
ENDINGS = frozenset(
    end for end, kind in Image.registered_extensions().items() if kind not in NO_PICTURES
)
MODES = {1: "L", 3: "RGB"}
PIXEL_LIMIT = 100_000_000
"""An image of more pixels is refused: a small file can unpack to fill memory."""


class Folder(Dataset):
    """Images below a folder: ``real``, uint8 (N, channels, size, size), and any ``label``.

    Cropped to the central square and resized. Labels are the names of subfolders, sorted, where
    every image is in one. Which rows are held out follows from each file's relative path, so adding
    a file moves no other between the splits. Facts: ``features`` (pixels).
    """

    path: str = Field(description="the folder")
    size: int = Field(default=32, ge=8, le=1024, description="pixels a side")
    channels: Literal[1, 3] = Field(default=3, description="1 is grey, 3 is RGB")
    held_out: float = Field(default=0.1, gt=0, lt=1, description="share of the images, about")

    def load(self) -> Data:
        """Read every image. Raises DataError naming an empty folder or a broken file."""
        root = Path(self.path).expanduser()
        if not root.is_dir():
            message = f"there is no folder {root}."
            raise DataError(message)
        paths = sorted(path for path in root.rglob("*") if is_image_file(path, root))
        if len(paths) < 2:  # noqa: PLR2004
            message = (
                f"{root} holds {len(paths)} images; two are needed, to train on and to hold out."
            )
            raise DataError(message)
        images = torch.stack([self._read(path) for path in paths])
        columns = {"real": images}
        spaces = {"real": Space(shape=tuple(images.shape[1:]), bounded=True)}
        folders = [path.relative_to(root).parts[0] for path in paths]
        if all(len(path.relative_to(root).parts) > 1 for path in paths) and len(set(folders)) > 1:
            classes = sorted(set(folders))
            columns["label"] = torch.tensor([classes.index(folder) for folder in folders])
            spaces["label"] = Space(classes=len(classes))
        held = self._held(paths, root)
        facts: dict[str, object] = {"features": extractor("pixels")}
        if "label" in spaces:
            facts["classes"] = spaces["label"].classes
        train, held_out = (
            Rows({name: column[rows] for name, column in columns.items()}) for rows in (~held, held)
        )
        return Data(self.name, train, held_out, spaces, facts)

    def _read(self, path: Path) -> Tensor:
        try:
            with Image.open(path) as image:
                if image.width * image.height > PIXEL_LIMIT:
                    message = f"{path} has {image.width} x {image.height} pixels, too many to read."
                    raise DataError(message)
                upright = ImageOps.exif_transpose(eight_bit(image)).convert("RGBA")
                paper = Image.new("RGBA", upright.size, "white")  # what is transparent shows it
                plain = Image.alpha_composite(paper, upright).convert(MODES[self.channels])
                square = ImageOps.fit(plain, (self.size, self.size), Image.Resampling.LANCZOS)
        except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
            message = (
                f"{path} cannot be read as an image ({first_words(error)}): mend or remove it."
            )
            raise DataError(message) from error
        array = np.asarray(square)
        return torch.from_numpy(array.reshape(self.size, self.size, -1).copy()).movedim(2, 0)

    def _held(self, paths: list[Path], root: Path) -> Tensor:
        """Which files are held out; at least one is, and at least one is not."""
        ranks = [
            int.from_bytes(sha256(path.relative_to(root).as_posix().encode()).digest()[:8]) / 2**64
            for path in paths
        ]
        held = torch.tensor(ranks) < self.held_out
        if not held.any():
            held[int(torch.tensor(ranks).argmin())] = True
        if held.all():
            held[int(torch.tensor(ranks).argmax())] = False
        return held


def eight_bit(image: Image.Image) -> Image.Image:
    """An image of 16 or 32 bits a pixel scaled to 8, which pillow would clip instead."""
    if not image.mode.startswith("I"):
        return image
    levels = np.asarray(image).astype(np.float64)
    return Image.fromarray((levels / 257).round().clip(0, 255).astype(np.uint8))


def is_image_file(path: Path, root: Path) -> bool:
    """Whether a path is an image by its ending, and not hidden (thumbnails, resource forks)."""
    hidden = any(part.startswith(".") for part in path.relative_to(root).parts)
    return not hidden and path.suffix.lower() in ENDINGS and path.is_file()


def first_words(error: BaseException) -> str:
    """What an error of pillow says, without the path, which stands before it."""
    return str(error).split(" file '")[0].split(" file <")[0].strip() or type(error).__name__
