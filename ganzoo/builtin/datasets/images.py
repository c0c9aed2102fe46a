"""Files of images: what their headers say, and reading them one by one or all at once."""

from __future__ import annotations

import os
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass
from hashlib import sha256
from itertools import chain
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

import numpy as np
import torch
from PIL import Image, ImageOps

from ganzoo.builtin.datasets.scale import SIXTEEN_BITS, Range, Scale, decided, values_of, wide
from ganzoo.errors import DataError
from ganzoo.storage.reading import MIB, require_file

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from io import BytesIO

    from torch import Tensor

    from ganzoo.builtin.datasets.files import Files

# Of those that pillow registers, data formats and documents are no pictures.
NO_PICTURES = {"PDF", "HDF5", "GRIB", "BUFR", "FITS", "MPEG", "WMF", "PS", "EPS"}
ENDINGS = frozenset(
    end for end, kind in Image.registered_extensions().items() if kind not in NO_PICTURES
)
MODES = {1: "L", 3: "RGB"}
GREY = {"1", "L", "LA", "I;16", "I", "F"}
OPAQUE = {"L", "RGB"}
"""Modes that are the same on any paper: most images, which would lose a quarter of their time."""
PICTURES = [kind for kind in Image.ID if kind not in NO_PICTURES]
"""What a file may hold, whatever its name says: PostScript, for one, would be run."""
PIXEL_LIMIT = 50_000_000
"""An image of more pixels is refused: a small file can unpack to fill memory."""
MOST = 512 * MIB
"""The largest file of an image; that of the most pixels, as floats, has half of it."""
LARGE = PIXEL_LIMIT // 16
"""Of images of more pixels, one at a time is read for its values."""
UNREADABLE = Exception
"""What pillow raises for a file that is no image, or half of one: its readers of rarer formats
raise whatever they run into, such as RuntimeError, or MemoryError for a size that is not true."""
THREADS = 8
"""Headers are read by so many threads: mostly they wait for the disk."""
MANY = 4096
"""So many files wait for the threads at a time."""
NAMED = 5
"""So many files are named in one error."""
DARK = 16
"""Images that are all darker than this, of 255, have another scale than it seems: 0 and 1, or 12
bits in 16."""


@dataclass(frozen=True)
class Survey:
    """What images are, before they are read: how many of each mode and size, and their scales."""

    modes: Counter[str]
    sizes: Counter[tuple[int, int]]
    scales: Mapping[str, Scale]
    of_scales: list[str]
    """A sentence on each of the scales."""
    broken: dict[str, str]
    """The relative paths of those that cannot be read, and why."""

    def remarks(self, size: int, channels: int) -> Iterator[str]:
        """Sentences on what is done to the images before they are trained on."""
        yield from self.of_scales
        if {*self.sizes} - {(size, size)}:
            least, most = min(map(min, self.sizes)), max(map(max, self.sizes))
            sides = f"{least}" if least == most else f"{least} to {most}"
            yield (
                f"Images of {sides} pixels a side are cropped to their central squares and resized "
                f"to {size} x {size} (data.size)."
            )
        coloured = self.modes.keys() - GREY
        if channels == 1 and coloured:
            yield "Colours become grey (data.channels=1)."
        if channels == 3 and self.modes and not coloured:  # noqa: PLR2004
            yield "All images are grey, and are read as RGB; data.channels=1 reads them as grey."


def surveyed(files: Files, paths: list[str]) -> Survey:
    """Read the headers of all images, and the range of those that are not of 8 bits.

    Raises DataError where a range fits no usual scale.
    """
    modes: Counter[str] = Counter()
    sizes: Counter[tuple[int, int]] = Counter()
    ranges: dict[str, list[Range]] = {}
    broken: dict[str, str] = {}
    alone = Lock()

    def header(path: str) -> tuple[str, tuple[int, int], Range | None] | str:
        name = str(files.root / path)
        try:
            with opened(files.picture(path)) as image:
                if wide(image.mode) is None:
                    return image.mode, image.size, None
                with alone if image.width * image.height > LARGE else nullcontext():
                    values = values_of(image)
                    low, high = float(values.min()), float(values.max())
                return image.mode, image.size, Range(low, high, name)
        except UNREADABLE as error:
            return first_words(error)

    with ThreadPoolExecutor(THREADS) as pool:
        headers = chain.from_iterable(pool.map(header, part) for part in parts(paths))
        for path, found in zip(paths, headers, strict=True):
            if isinstance(found, str):
                broken[path] = found
                continue
            mode, size, of_values = found
            modes[family := wide(mode) or mode] += 1
            sizes[size] += 1
            if of_values is not None:
                ranges.setdefault(family, []).append(of_values)
    return Survey(modes, sizes, *decided(ranges), broken)


def parts(paths: list[str]) -> Iterator[list[str]]:
    """Paths in lists of no more than MANY."""
    return (paths[at : at + MANY] for at in range(0, len(paths), MANY))


class ImageFiles:
    """Images among some files: a source of ``real``, uint8 (channels, size, size), by number.

    Each is cropped to its central square and resized; what is transparent shows white paper.
    """

    def __init__(
        self,
        files: Files,
        paths: list[str],
        size: int,
        channels: int,
        *,
        scales: Mapping[str, Scale] | None = None,
        broken: Mapping[str, str] | None = None,
    ) -> None:
        self.files, self.size, self.channels = files, size, channels
        self.scales = scales or {}
        self.broken = dict(broken or {})
        """The relative paths of those that are known to be unreadable, and why."""
        # One array, not a million strings: touching a string copies its page in every worker.
        self.paths = np.array([os.fsencode(path) for path in paths])

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, row: int) -> dict[str, Tensor]:
        """One image. Raises DataError naming a file that cannot be read."""
        path = os.fsdecode(self.paths[row])
        try:
            return {"real": self._square(path)}
        except UNREADABLE as error:
            raise unreadable(self.files.root, {path: first_words(error)}) from error

    def read(self) -> Tensor:
        """All images, uint8 (N, channels, size, size).

        Raises DataError naming all that cannot be read.
        """
        images, wrong = [], dict(self.broken)
        for encoded in self.paths.tolist():
            path = os.fsdecode(encoded)
            if path in wrong:
                continue
            try:
                images.append(self._square(path))
            except UNREADABLE as error:
                wrong[path] = first_words(error)
        if wrong:
            raise unreadable(self.files.root, wrong)
        return torch.stack(images)

    def index(self) -> str:
        """What these images are, without reading them: a hash of all relative paths and sizes.

        Times are left out, so that a copy of the folder is the same data. Raises DataError naming
        those that are known to be unreadable.
        """
        if self.broken:
            raise unreadable(self.files.root, self.broken)
        digest = sha256(f"{self.size} {self.channels}\n".encode())
        for mode, scale in sorted(self.scales.items()):
            if scale != SIXTEEN_BITS:  # that of every image in 0.1
                digest.update(f"{mode} {scale.name}\n".encode())
        for path in self.paths.tolist():
            digest.update(path + b" %d\n" % self.files.size(os.fsdecode(path)))
        return digest.hexdigest()

    def _square(self, path: str) -> Tensor:
        return square(self.files.picture(path), self.size, self.channels, self.scales)


def is_image(path: str | Path) -> bool:
    """Whether a file's name says that it holds an image."""
    return Path(path).suffix.lower() in ENDINGS


def opened(file: Path | BytesIO) -> Image.Image:
    """An image whose header has been read. Raises one of UNREADABLE where it cannot be."""
    if isinstance(file, Path):
        require_file(file, MOST)
    image = Image.open(file, formats=PICTURES)
    if image.width * image.height > PIXEL_LIMIT:
        image.close()
        message = f"{image.width} x {image.height} pixels are too many"
        raise ValueError(message)
    return image


def decoded(
    file: Path | BytesIO, who: str, size: int, channels: int, scales: Mapping[str, Scale]
) -> Tensor:
    """An image cropped to its central square and resized, uint8, (channels, size, size).

    ``scales`` are those of the modes that are not of 8 bits. Raises DataError naming the image, as
    ``who``, where it cannot be read.
    """
    try:
        return square(file, size, channels, scales)
    except UNREADABLE as error:
        message = f"{who} cannot be read as an image ({first_words(error)}): mend or remove it."
        raise DataError(message) from error


def square(file: Path | BytesIO, size: int, channels: int, scales: Mapping[str, Scale]) -> Tensor:
    """The image of ``decoded``. Raises one of UNREADABLE."""
    with opened(file) as image:
        upright = eight_bit(image, scales)
        ImageOps.exif_transpose(upright, in_place=True)
        if upright.mode not in OPAQUE or "transparency" in upright.info:
            paper = Image.new("RGBA", upright.size, "white")
            above = upright if upright.mode == "RGBA" else upright.convert("RGBA")
            upright = Image.alpha_composite(paper, above)
        plain = upright.convert(MODES[channels])
        fitted = ImageOps.fit(plain, (size, size), Image.Resampling.LANCZOS)
    array = np.asarray(fitted)
    return torch.from_numpy(array.reshape(size, size, -1).copy()).movedim(2, 0)


def eight_bit(image: Image.Image, scales: Mapping[str, Scale]) -> Image.Image:
    """An image of 8 bits, by the scale of its mode. Raises ValueError where none was decided."""
    mode = wide(image.mode)
    if mode is None:
        return image
    if mode not in scales:
        message = f"which value is white cannot be told in the mode {image.mode}"
        raise ValueError(message)
    return Image.fromarray(scales[mode].to_bytes(values_of(image)))


def unreadable(root: Path, broken: Mapping[str, str]) -> DataError:
    """The error of all images that cannot be read: the first of them by name, and how many."""
    told = [f"{path} ({why})" for path, why in [*broken.items()][:NAMED]]
    if len(broken) == 1:
        (path, why), *_ = broken.items()
        return DataError(f"{root / path} cannot be read as an image ({why}): mend or remove it.")
    more = [f"{len(broken) - NAMED} more"] if len(broken) > NAMED else []
    return DataError(
        f"{len(broken)} images below {root} cannot be read, {', '.join(told + more)}: mend or "
        "remove them."
    )


def darkness(images: Tensor) -> list[str]:
    """A sentence on images, uint8, of which none is bright."""
    most = int(images.max())
    if most >= DARK:
        return []
    return [f"No pixel is brighter than {most} of 255: the images are almost black."]


def first_words(error: BaseException) -> str:
    """What an error of pillow says, without the path, which stands before it."""
    return str(error).split(" file '")[0].split(" file <")[0].strip() or type(error).__name__
