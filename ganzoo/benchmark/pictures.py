"""Pictures as part of the page: sample grids, and points over the discriminator's score."""

from __future__ import annotations

import base64
import io
from math import gcd
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from PIL import Image

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
    if path.stat().st_size <= SMALL_BYTES:
        return data_uri(path.read_bytes(), "image/png")
    with Image.open(path) as image:
        pixels = np.asarray(image)
    factor = enlargement(pixels)
    picture = Image.fromarray(np.ascontiguousarray(pixels[::factor, ::factor]))
    blob = encoded(picture, "webp", lossless=True)
    if len(blob) > LOSSLESS_BYTES:
        blob = encoded(picture, "webp", quality=QUALITY)
    return data_uri(blob, "image/webp")


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
    with np.load(path) as arrays:
        snapshot = dict(arrays)
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
