"""Any folder of images."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any, Literal

import torch
from pydantic import Field, NonNegativeInt

from ganzoo.builtin.datasets.images import ImageFiles, image_paths
from ganzoo.builtin.metrics.features import extractor
from ganzoo.errors import DataError
from ganzoo.parts.dataset import Data, Dataset
from ganzoo.parts.rows import ResidentRows, Rows
from ganzoo.parts.space import Space
from ganzoo.parts.streamed import StreamedRows

if TYPE_CHECKING:
    from torch import Tensor

RESIDENT_BYTES = 2 << 30
"""The most bytes of pixels that are read into memory, unless ``resident`` says otherwise."""


class Folder(Dataset):
    """Images below a folder: ``real``, uint8 (N, channels, size, size), and ``label``, int64.

    Cropped to the central square and resized. Labels are the names of subfolders, sorted, if every
    image is in one. Which rows are held out follows from each file's relative path, so adding a
    file moves no other between the splits. Images that would take more than 2 GiB of memory are
    streamed: read when they are needed, with equal results. Facts: ``features`` (pixels),
    ``classes``.
    """

    path: str = Field(description="the folder")
    size: int = Field(default=32, ge=8, le=1024, description="pixels a side")
    channels: Literal[1, 3] = Field(default=3, description="1 is grey, 3 is RGB")
    held_out: float = Field(default=0.1, gt=0, lt=1, description="share of the images, about")
    resident: Literal["auto", "yes", "no"] = Field(
        default="auto", description="read all images into memory; auto: up to 2 GiB of pixels"
    )
    workers: NonNegativeInt | None = Field(
        default=None, description="processes that read ahead; null: by the cores"
    )

    def spec(self) -> dict[str, Any]:
        """The dataset as JSON, without the options that runs of 0.1 do not have, if unused."""
        later = {"resident": "auto", "workers": None}
        spec = super().spec().items()
        return {name: value for name, value in spec if (name, value) not in later.items()}

    def load(self) -> Data:
        """List the images, and read them or not. Raises DataError naming an empty folder or a file.

        Streamed data are known by the relative paths and sizes of all files (``Data.sha256``); a
        file that cannot be read is named when its row is.
        """
        root = Path(self.path).expanduser()
        if not root.is_dir():
            message = f"there is no folder {root}."
            raise DataError(message)
        paths = image_paths(root)
        if len(paths) < 2:  # noqa: PLR2004
            message = (
                f"{root} holds {len(paths)} images; two are needed, to train on and to hold out."
            )
            raise DataError(message)
        files = ImageFiles(root, paths, self.size, self.channels)
        spaces = {"real": Space(shape=(self.channels, self.size, self.size), bounded=True)}
        facts: dict[str, object] = {"features": extractor("pixels")}
        labels: dict[str, Tensor] = {}
        parts = [PurePath(path).parts for path in paths]
        names = tuple(sorted({first for first, *_ in parts}))
        if min(map(len, parts)) > 1 and len(names) > 1:
            number = {name: i for i, name in enumerate(names)}
            labels["label"] = torch.tensor([number[first] for first, *_ in parts])
            spaces["label"] = Space(classes=len(names), names=names)
            facts["classes"] = len(names)
        held = self._held(paths)
        train, held_out = self._rows(files, labels, spaces["real"], held)
        return Data(self.name, train, held_out, spaces, facts)

    def _rows(
        self, files: ImageFiles, labels: dict[str, Tensor], real: Space, held: Tensor
    ) -> tuple[Rows, Rows]:
        few = len(files) * real.size <= RESIDENT_BYTES
        if self.resident == "yes" or (self.resident == "auto" and few):
            images = torch.stack([files[row]["real"] for row in range(len(files))])
            columns = {"real": images, **labels}
            train, held_out = (
                ResidentRows({name: column[rows] for name, column in columns.items()})
                for rows in (~held, held)
            )
            return train, held_out
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

    def _held(self, paths: list[str]) -> Tensor:
        """Which files are held out, bool (N,); at least one is, and at least one is not."""
        ranks = [
            int.from_bytes(sha256(PurePath(path).as_posix().encode()).digest()[:8]) / 2**64
            for path in paths
        ]
        held = torch.tensor(ranks) < self.held_out
        if not held.any():
            held[int(torch.tensor(ranks).argmin())] = True
        if held.all():
            held[int(torch.tensor(ranks).argmax())] = False
        return held
