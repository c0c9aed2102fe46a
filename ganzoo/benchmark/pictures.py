"""Pictures as part of the page: sample grids, and points over the discriminator's score."""

from __future__ import annotations

import base64
import io
from math import gcd
from typing import TYPE_CHECKING, Any, TypeAlias
from zipfile import ZipFile

import numpy as np
from PIL import Image

from ganzoo.builtin.datasets.images import MODES, UNREADABLE, first_words, opened
from ganzoo.errors import RunError
from ganzoo.plugins.loading import reason
from ganzoo.storage.reading import MIB, read_bytes, size_of

if TYPE_CHECKING:
    from pathlib import Path

Pixels: TypeAlias = "np.ndarray[Any, np.dtype[np.uint8]]"

SMALL_BYTES = 20_000
"""A file of at most so many bytes is embedded as it is: to compress it again gains little."""
LOSSLESS_BYTES, QUALITY = 60_000, 80
"""A picture that takes more bytes without loss, as a grid of colours does, is compressed more."""
SIDE = 280
"""Pixels along each side of a panel."""
LEVELS = 200
"""Colours of the discriminator's score, from purple (low) over white to orange (high)."""
PAPER, REAL, FAKE, REAL_MEAN, FAKE_MEAN = range(LEVELS, LEVELS + 5)
"""The palette's entries after the levels."""
LOW, MIDDLE, HIGH = (139, 118, 173), (255, 255, 255), (236, 164, 90)
COLOURS = [(255, 255, 255), (107, 122, 143), (214, 69, 65), (43, 52, 66), (120, 20, 18)]
FORMS: dict[str, tuple[int | None, ...]] = {
    "fake": (None, 2),
    "real": (None, 2),
    "limits": (2, 2),
    "landscape": (None, None),
    "features": (None, 2),
}
"""The shapes of a snapshot's arrays; None is any number."""
NEEDED = {"fake", "real", "limits"}
MOST_BYTES = 16 * MIB
"""Of a picture's file, and of what a snapshot unpacks to."""
DOT, MARK = 1, 3
"""Pixels on each side of the centre of a point, and of a centroid."""


def data_uri(blob: bytes, kind: str) -> str:
    """An address that holds its content, of this media type."""
    return f"data:{kind};base64,{base64.b64encode(blob).decode()}"


def grid_picture(path: Path) -> str:
    """A picture of samples, as a data URI, each sample at its own size.

    The file was enlarged by a whole number, to be seen on its own; here the browser enlarges it.
    It loses nothing unless it would be large.
    """
    try:
        blob = read_bytes(path, MOST_BYTES)
        if len(blob) <= SMALL_BYTES:
            return data_uri(blob, "image/png")
        with opened(io.BytesIO(blob)) as image:
            plain = image if image.mode in MODES.values() else image.convert("RGB")
            pixels = np.asarray(plain)
    except UNREADABLE as error:
        message = f"{path} cannot be read as an image ({first_words(error)}): remove it."
        raise RunError(message) from error
    factor = enlargement(pixels)
    picture = Image.fromarray(np.ascontiguousarray(pixels[::factor, ::factor]))
    compressed = encoded(picture, "webp", lossless=True)
    if len(compressed) > LOSSLESS_BYTES:
        compressed = encoded(picture, "webp", quality=QUALITY)
    return data_uri(compressed, "image/webp")


def enlargement(pixels: np.ndarray[Any, Any]) -> int:
    """The largest whole number by which a picture, (height, width, ...), may have been enlarged.

    All changes of colour lie on its multiples, and so do the picture's own sides.
    """
    factor = gcd(*pixels.shape[:2])
    for axis in (0, 1):
        changes = np.diff(np.moveaxis(pixels, axis, 0).reshape(pixels.shape[axis], -1), axis=0)
        at = np.flatnonzero(changes.any(axis=1)) + 1
        factor = gcd(factor, *at.tolist())
    return factor


def encoded(image: Image.Image, kind: str, **options: Any) -> bytes:
    """A picture's file."""
    out = io.BytesIO()
    image.save(out, format=kind, **options)
    return out.getvalue()


def snapshot_picture(path: Path) -> str:
    """One checkpoint of a game on points in a plane (see ``snapshots``), as a data URI.

    On the left generated points (red) and real ones (grey) over the discriminator's score; on the
    right its last features of both, if they were kept, with their centroids.
    """
    snapshot = arrays_of(path)
    low, high = snapshot["limits"]
    panel = np.full((SIDE, SIDE), PAPER, np.uint8)
    if "landscape" in snapshot:
        panel = enlarged(levels(snapshot["landscape"]))
    for name, colour in (("real", REAL), ("fake", FAKE)):
        draw_points(panel, snapshot[name], low, high, colour)
    if "features" in snapshot:
        panel[:, -1] = REAL  # the line between the panels
        panel = np.hstack([panel, feature_panel(snapshot["features"], len(snapshot["real"]))])
    picture = Image.fromarray(panel)  # drawn by numpy, since matplotlib takes 20 times as long
    picture.putpalette(palette())
    return data_uri(encoded(picture, "png", compress_level=6), "image/png")


def arrays_of(path: Path) -> dict[str, np.ndarray[Any, Any]]:
    """The arrays of a snapshot. Raises RunError where it is none, or would fill the memory."""
    try:
        return unpacked(io.BytesIO(read_bytes(path, MOST_BYTES)))
    except Exception as error:  # those of zipfile, zlib and numpy have no common base
        message = f"{path} is no snapshot of points ({reason(error)}): remove it."
        raise RunError(message) from error


def unpacked(content: io.BytesIO) -> dict[str, np.ndarray[Any, Any]]:
    """The arrays of a snapshot's file. Raises whatever happens where it is none."""
    with ZipFile(content) as archive:
        if sum(file.file_size for file in archive.infolist()) > MOST_BYTES:
            message = f"it unpacks to more than {size_of(MOST_BYTES)}"
            raise RunError(message)
    with np.load(content, allow_pickle=False) as arrays:
        found = {name: arrays[name] for name in FORMS if name in NEEDED or name in arrays}
    for name, array in found.items():
        if not fits(array, FORMS[name]):
            message = f"its '{name}' is {array.dtype} of shape {array.shape}"
            raise RunError(message)
    return found


def fits(array: np.ndarray[Any, Any], form: tuple[int | None, ...]) -> bool:
    """Whether an array holds numbers and has a shape, in which None is any number but zero."""
    sides = zip(array.shape, form, strict=False)
    whole = array.ndim == len(form) and all(n == side or (n and side is None) for n, side in sides)
    return bool(whole) and array.dtype.kind == "f"


def levels(landscape: np.ndarray[Any, Any]) -> Pixels:
    """Scores at cells of the plane, (x, y), as palette entries, (row from the top, column)."""
    low, high = landscape.min(), landscape.max()
    share = (landscape - low) / max(high - low, 1e-12)
    entries: Pixels = (share * (LEVELS - 1)).round().astype(np.uint8)
    return entries.T[::-1]


def enlarged(cells: Pixels) -> Pixels:
    """Cells as a panel, by the nearest neighbour."""
    rows, columns = (np.arange(SIDE) * n // SIDE for n in cells.shape)
    return cells[np.ix_(rows, columns)]


def feature_panel(features: np.ndarray[Any, Any], n_real: int) -> Pixels:
    """Features of real points, then of generated ones, (N, 2), with the centroids of both."""
    panel = np.full((SIDE, SIDE), PAPER, np.uint8)
    low, high = features.min(0), features.max(0)
    margin = np.maximum(0.05 * (high - low), 1e-12)
    ends = (low - margin, high + margin)
    halves = (features[:n_real], features[n_real:])
    for points, colour in zip(halves, (REAL, FAKE), strict=True):
        draw_points(panel, points, *ends, colour)
    for points, colour in zip(halves, (REAL_MEAN, FAKE_MEAN), strict=True):
        draw_points(panel, points.mean(0, keepdims=True), *ends, colour, reach=MARK)
    return panel


def draw_points(
    panel: Pixels,
    points: np.ndarray[Any, Any],
    low: np.ndarray[Any, Any],
    high: np.ndarray[Any, Any],
    colour: int,
    *,
    reach: int = DOT,
) -> None:
    """Draw points, (N, 2), as small squares; those outside the plane from low to high are cut."""
    columns, rows = ((points - low) / (high - low) * SIDE).astype(int).T
    rows = SIDE - 1 - rows
    for down in range(-reach, reach + 1):
        for right in range(-reach, reach + 1):
            y, x = rows + down, columns + right
            inside = (y >= 0) & (y < SIDE) & (x >= 0) & (x < SIDE)
            panel[y[inside], x[inside]] = colour


def palette() -> list[int]:
    """The colours of a panel: red, green and blue of one entry after the other."""
    ends = np.array([LOW, MIDDLE, HIGH])
    share = np.linspace(0, 1, LEVELS)
    scale = np.stack([np.interp(share, [0, 0.5, 1], ends[:, i]) for i in range(3)], axis=1)
    return [*scale.round().astype(int).flatten().tolist(), *np.ravel(COLOURS).tolist()]
