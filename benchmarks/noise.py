"""Images of noise as data, for benchmarks that need no others."""

from __future__ import annotations

import torch

from ganzoo.parts.dataset import Data
from ganzoo.parts.rows import ResidentRows, Rows
from ganzoo.parts.space import Space

VARIED = 1000
"""The most images that differ; more rows repeat them."""


def space_of(channels: int, side: int) -> Space:
    """The space of square images."""
    return Space(shape=(channels, side, side), bounded=True)


def pixels(rows: int, channels: int, side: int) -> torch.Tensor:
    """So many images of bytes, (rows, channels, side, side)."""
    stream = torch.Generator().manual_seed(0)
    shape = (min(rows, VARIED), channels, side, side)
    varied = torch.randint(256, shape, generator=stream, dtype=torch.uint8)
    return varied[torch.arange(rows) % len(varied)]


def images(rows: int, channels: int, side: int, *, train: Rows | None = None) -> Data:
    """So many images of bytes with labels of ten classes, or given rows to train on."""
    resident = ResidentRows(
        {"real": pixels(rows, channels, side), "label": torch.arange(rows) % 10}
    )
    spaces = {"real": space_of(channels, side), "label": Space(classes=10)}
    return Data("noise", resident if train is None else train, resident, spaces)
