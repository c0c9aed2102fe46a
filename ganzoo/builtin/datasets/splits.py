"""Both splits of a dataset of images: in memory, or streamed where they are too many."""

from __future__ import annotations

import os
from hashlib import sha256
from pathlib import PurePath
from typing import TYPE_CHECKING, Literal, Protocol, TypeAlias

import torch

from ganzoo.parts.rows import ResidentRows
from ganzoo.parts.space import Space
from ganzoo.parts.streamed import Source, StreamedRows

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor

    from ganzoo.parts.rows import Rows


class Images(Source, Protocol):
    """Square images as a source of ``real``, one by one or all at once."""

    size: int
    channels: int

    def read(self) -> Tensor:
        """All images, uint8 (N, channels, size, size). Raises DataError naming the unreadable."""

    def index(self) -> str:
        """What these images are, without reading them."""


RESIDENT_BYTES = 2 << 30
"""The most bytes of pixels that are read into memory, unless ``resident`` says otherwise."""
Resident: TypeAlias = Literal["auto", "yes", "no"]


def image_space(channels: int, size: int) -> Space:
    """The space of square images."""
    return Space(shape=(channels, size, size), bounded=True)


def in_splits(
    images: Images,
    splits: tuple[Tensor, Tensor],
    *,
    labels: Mapping[str, Tensor],
    resident: Resident,
    workers: int | None,
    who: str,
) -> tuple[Rows, Rows]:
    """The rows to train on and those held out, by their numbers: ``real``, and ``labels``.

    Raises DataError naming images that are known to be unreadable and, where all are read, any.
    """
    real = image_space(images.channels, images.size)
    few = len(images) * real.size <= RESIDENT_BYTES
    if resident == "yes" or (resident == "auto" and few):
        return resident_splits({"real": images.read(), **labels}, splits)
    index = images.index()
    streamed, streamed_held = (
        StreamedRows(
            images,
            {"real": real},
            index=index,
            resident={name: column[rows] for name, column in labels.items()},
            chosen=rows,
            workers=workers,
            who=who,
        )
        for rows in splits
    )
    return streamed, streamed_held


def resident_splits(
    columns: Mapping[str, Tensor], splits: tuple[Tensor, Tensor]
) -> tuple[ResidentRows, ResidentRows]:
    """The rows to train on and those held out, in memory, by their numbers or by a mask of each."""
    train, held_out = (
        ResidentRows({name: column[rows] for name, column in columns.items()}) for rows in splits
    )
    return train, held_out


def by_mask(held: Tensor) -> tuple[Tensor, Tensor]:
    """The numbers of the rows to train on and of those held out, by a mask of the latter."""
    return (~held).nonzero().squeeze(1), held.nonzero().squeeze(1)


def rank_of(name: bytes) -> float:
    """Where a name comes in a random order that is the same everywhere, in [0, 1)."""
    return int.from_bytes(sha256(name).digest()[:8]) / 2**64


def held_by_path(paths: list[str], share: float) -> Tensor:
    """Which files are held out, by their relative paths alone: bool, (N,).

    So adding a file moves no other. At least one is held out, and at least one is not.
    """
    names = [os.fsencode(PurePath(path).as_posix()) for path in paths]
    ranks = torch.tensor([*map(rank_of, names)])
    held = ranks < share
    if not held.any():
        held[int(ranks.argmin())] = True
    if held.all():
        held[int(ranks.argmax())] = False
    return held
