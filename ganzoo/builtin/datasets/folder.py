"""Any folder of images, or a zip archive of one."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import torch
from pydantic import Field, NonNegativeInt

from ganzoo.builtin.datasets.files import files_at
from ganzoo.builtin.datasets.images import ImageFiles, darkness, is_image, surveyed
from ganzoo.builtin.datasets.layout import layout_of, summary, title_of
from ganzoo.builtin.datasets.splits import Resident, by_mask, held_by_path, image_space, in_splits
from ganzoo.builtin.metrics.features import extractor
from ganzoo.errors import DataError, counted
from ganzoo.parts.dataset import Data, Dataset, Place
from ganzoo.parts.rows import ResidentRows
from ganzoo.parts.space import Space
from ganzoo.storage.paths import home

if TYPE_CHECKING:
    from torch import Tensor

    from ganzoo.builtin.datasets.layout import Layout


class Folder(Dataset):
    """Images below a folder, or in a zip archive of one: ``real``, uint8 (N, channels, size, size).

    Cropped to the central square and resized. Folders called ``train`` and ``test`` (or
    ``validation``) are splits. Labels, ``label``, int64, are the names of the folders in them, or
    at the top, sorted; ``metadata.csv`` or ``metadata.jsonl`` can say both instead (see
    ``layout_of``). Without splits, which rows are held out follows from each file's relative path,
    so adding a file moves no other.
    Images of 16 or 32 bits are scaled by the range of all of them (``scale.decided``). Images that
    would take more than 2 GiB of memory are streamed: read when they are needed, with equal
    results. ``Data.remarks`` say what was understood. Facts: ``features`` (pixels), ``classes``.
    """

    path: Place = Field(description="the folder, or a zip archive of one")
    size: int = Field(default=32, ge=8, le=1024, description="pixels a side")
    channels: Literal[1, 3] = Field(default=3, description="1 is grey, 3 is RGB")
    held_out: float = Field(
        default=0.1, gt=0, lt=1, description="share of the images, about, if there are no splits"
    )
    resident: Resident = Field(
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
        """Whether a path is a folder or a zip archive with an image somewhere below it."""
        try:
            files = files_at(path)
        except DataError:
            return False
        return any(is_image(file) for file in files.paths())

    def load(self) -> Data:
        """Understand the folder, and read its images or not.

        Streamed data are known by the relative paths and sizes of all files (``Data.sha256``); of
        their files the headers are read here. Raises DataError for a folder that is not understood,
        and one for all files that cannot be read.
        """
        files = files_at(home(self.path))
        layout = layout_of(files)
        if len(layout.paths) < 2:  # noqa: PLR2004
            message = (
                f"{files.root} holds {counted(len(layout.paths), 'image')}; two are needed, to "
                "train on and to hold out."
            )
            raise DataError(message)
        survey = surveyed(files, layout.paths)
        images = ImageFiles(
            files,
            layout.paths,
            self.size,
            self.channels,
            scales=survey.scales,
            broken=survey.broken,
        )
        spaces = {"real": image_space(self.channels, self.size)}
        facts: dict[str, object] = {"features": extractor("pixels")}
        labels: dict[str, Tensor] = {}
        if layout.names:
            labels["label"] = torch.tensor(layout.labels)
            classes, partial = len(layout.names), -1 in layout.labels
            spaces["label"] = Space(classes=classes, names=layout.names, partial=partial)
            facts["classes"] = classes
        held = self._held(layout)
        train, held_out = in_splits(
            images,
            by_mask(held),
            labels=labels,
            resident=self.resident,
            workers=self.workers,
            who=self.path,
        )
        remarks = (
            summary(len(images), layout.names, layout.labels, int(held.sum()), layout.split),
            *layout.remarks,
            *survey.remarks(self.size, self.channels),
            *(darkness(train.columns["real"]) if isinstance(train, ResidentRows) else ()),
        )
        return Data(self.name, train, held_out, spaces, facts, remarks=remarks)

    def _held(self, layout: Layout) -> Tensor:
        """Which files are held out, bool (N,); at least one is, and at least one is not."""
        if layout.held_out is not None:
            return torch.tensor(layout.held_out)
        return held_by_path(layout.paths, self.held_out)
