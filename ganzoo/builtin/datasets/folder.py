"""Any folder of images."""

from __future__ import annotations

import os
from hashlib import sha256
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any, Literal

import torch
from pydantic import Field, NonNegativeInt

from ganzoo.builtin.datasets.images import (
    ImageFiles,
    darkness,
    is_image,
    surveyed,
    unreadable,
)
from ganzoo.builtin.datasets.layout import files_below, layout_of, summary, title_of
from ganzoo.builtin.metrics.features import extractor
from ganzoo.errors import DataError, counted
from ganzoo.parts.dataset import Data, Dataset, Place
from ganzoo.parts.rows import ResidentRows, Rows
from ganzoo.parts.space import Space
from ganzoo.parts.streamed import StreamedRows
from ganzoo.storage.paths import home, is_folder

if TYPE_CHECKING:
    from torch import Tensor

    from ganzoo.builtin.datasets.layout import Layout

RESIDENT_BYTES = 2 << 30
"""The most bytes of pixels that are read into memory, unless ``resident`` says otherwise."""


class Folder(Dataset):
    """Images below a folder: ``real``, uint8 (N, channels, size, size), and ``label``, int64.

    Cropped to the central square and resized. Folders called ``train`` and ``test`` (or
    ``validation``) are splits. Labels are the names of the folders in them, or at the top, sorted;
    ``metadata.csv`` or ``metadata.jsonl`` can say both instead (see ``layout_of``). Without splits,
    which rows are held out follows from each file's relative path, so adding a file moves no other.
    Images of 16 or 32 bits are scaled by the range of all of them (``scale.decided``). Images that
    would take more than 2 GiB of memory are streamed: read when they are needed, with equal
    results. ``Data.remarks`` say what was understood. Facts: ``features`` (pixels), ``classes``.
    """

    path: Place = Field(description="the folder")
    size: int = Field(default=32, ge=8, le=1024, description="pixels a side")
    channels: Literal[1, 3] = Field(default=3, description="1 is grey, 3 is RGB")
    held_out: float = Field(
        default=0.1, gt=0, lt=1, description="share of the images, about, if there are no splits"
    )
    resident: Literal["auto", "yes", "no"] = Field(
        default="auto", description="read all images into memory; auto: up to 2 GiB of pixels"
    )
    workers: NonNegativeInt | None = Field(
        default=None, le=1024, description="processes that read ahead; null: by the cores"
    )

    def spec(self) -> dict[str, Any]:
        """The dataset as JSON, without the options that runs of 0.1 do not have, if unused."""
        later = {"resident": "auto", "workers": None}
        spec = super().spec().items()
        return {name: value for name, value in spec if (name, value) not in later.items()}

    @property
    def title(self) -> str:
        """The folder's own name."""
        return title_of(self.path) or self.name

    @classmethod
    def reads(cls, path: Path) -> bool:
        """Whether a path is a folder with an image somewhere below it."""
        return is_folder(path) and any(is_image(file) for file in files_below(str(path)))

    def load(self) -> Data:
        """Understand the folder, and read its images or not.

        Streamed data are known by the relative paths and sizes of all files (``Data.sha256``); of
        their files the headers are read here. Raises DataError for a folder that is not understood,
        and one for all files that cannot be read.
        """
        root = home(self.path)
        if not is_folder(root):
            message = f"there is no folder {root}."
            raise DataError(message)
        layout = layout_of(root)
        if len(layout.paths) < 2:  # noqa: PLR2004
            message = (
                f"{root} holds {counted(len(layout.paths), 'image')}; two are needed, to train on "
                "and to hold out."
            )
            raise DataError(message)
        survey = surveyed(root, layout.paths)
        files = ImageFiles(root, layout.paths, self.size, self.channels, survey.scales)
        spaces = {"real": self._space()}
        facts: dict[str, object] = {"features": extractor("pixels")}
        labels: dict[str, Tensor] = {}
        if layout.names:
            labels["label"] = torch.tensor(layout.labels)
            classes, partial = len(layout.names), -1 in layout.labels
            spaces["label"] = Space(classes=classes, names=layout.names, partial=partial)
            facts["classes"] = classes
        held = self._held(layout)
        train, held_out = self._rows(files, labels, held, survey.broken)
        remarks = (
            summary(len(files), layout.names, layout.labels, int(held.sum()), layout.split),
            *layout.remarks,
            *survey.remarks(self.size, self.channels),
            *(darkness(train.columns["real"]) if isinstance(train, ResidentRows) else ()),
        )
        return Data(self.name, train, held_out, spaces, facts, remarks=remarks)

    def _rows(
        self, files: ImageFiles, labels: dict[str, Tensor], held: Tensor, broken: dict[str, str]
    ) -> tuple[Rows, Rows]:
        """Both splits. Raises DataError naming files that cannot be read."""
        real = self._space()
        few = len(files) * real.size <= RESIDENT_BYTES
        if self.resident == "yes" or (self.resident == "auto" and few):
            columns = {"real": files.read(broken), **labels}
            train, held_out = (
                ResidentRows({name: column[rows] for name, column in columns.items()})
                for rows in (~held, held)
            )
            return train, held_out
        if broken:
            raise unreadable(files.root, broken)
        index = files.index()
        streamed, streamed_held = (
            StreamedRows(
                files,
                {"real": real},
                index=index,
                resident={name: column[rows] for name, column in labels.items()},
                chosen=rows.nonzero().squeeze(1),
                workers=self.workers,
                who=self.path,
            )
            for rows in (~held, held)
        )
        return streamed, streamed_held

    def _space(self) -> Space:
        return Space(shape=(self.channels, self.size, self.size), bounded=True)

    def _held(self, layout: Layout) -> Tensor:
        """Which files are held out, bool (N,); at least one is, and at least one is not."""
        if layout.held_out is not None:
            return torch.tensor(layout.held_out)
        names = [os.fsencode(PurePath(path).as_posix()) for path in layout.paths]
        ranks = torch.tensor([int.from_bytes(sha256(name).digest()[:8]) / 2**64 for name in names])
        held = ranks < self.held_out
        if not held.any():
            held[int(ranks.argmin())] = True
        if held.all():
            held[int(ranks.argmax())] = False
        return held
