"""Images in parquet shards, as datasets of the Hub come."""

from __future__ import annotations

import os
import re
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Literal

from pydantic import Field, NonNegativeInt

from ganzoo.builtin.datasets.files import files_below
from ganzoo.builtin.datasets.given import split
from ganzoo.builtin.datasets.layout import (
    SPLITS,
    TRAIN,
    Selection,
    held_out,
    meaning,
    summary,
    title_of,
)
from ganzoo.builtin.datasets.shards import Shards
from ganzoo.builtin.datasets.splits import Resident, image_space, in_splits
from ganzoo.builtin.metrics.features import extractor
from ganzoo.errors import DataError
from ganzoo.parts.dataset import Data, Dataset, Place
from ganzoo.parts.space import Space
from ganzoo.storage.paths import home, is_folder

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

ENDING = ".parquet"


class Parquet(Dataset):
    """Images in parquet shards below a folder: ``real``, uint8, and ``label``, int64.

    A Hub dataset that was downloaded is one. Images are encoded files (``{"bytes": ...}`` or
    binary), of 8 or 16 bits, cropped to the central square and resized. Shards whose names begin
    with ``train``, or that are in such a folder, are trained on, and those of ``test`` (or
    ``validation``) held out; without such names, every tenth row is. Labels are integers or texts.
    They are streamed, unless ``resident`` is yes. A row is read with its whole row group, so groups
    should be small, as the Hub's are for images.
    ``Data.remarks`` say what was understood. Needs pyarrow. Facts: ``features`` (pixels),
    ``classes``.
    """

    path: Place = Field(description="the folder")
    image: str = Field(default="image", description="the column of images")
    label: str = Field(default="label", description="the column of classes, if there is one")
    size: int = Field(default=32, ge=8, le=1024, description="pixels a side")
    channels: Literal[1, 3] = Field(default=3, description="1 is grey, 3 is RGB")
    resident: Resident = Field(
        default="no", description="read all images into memory; auto: up to 2 GiB of pixels"
    )
    workers: NonNegativeInt | None = Field(
        default=None, le=1024, description="processes that read ahead; null: by the cores"
    )

    @property
    def title(self) -> str:
        """The folder's own name."""
        return title_of(self.path) or self.name

    @classmethod
    def reads(cls, path: Path) -> bool:
        """Whether a path is a folder with a shard somewhere below it."""
        return is_folder(path) and any(file.endswith(ENDING) for file in files_below(str(path)))

    def load(self) -> Data:
        """Read the shards' indexes and labels. Raises DataError where that cannot be done."""
        root = home(self.path)
        files = files_below(str(root)) if is_folder(root) else ()
        paths = sorted(os.path.relpath(file, root) for file in files if file.endswith(ENDING))
        if not paths:
            message = f"there are no {ENDING} files below {root}."
            raise DataError(message)
        found = Selection(paths, [], "shard")
        splits = {path: split_of(path) for path in paths}
        known = {TRAIN} < {*splits.values()} - {""}
        held, split_name = held_out(found, splits, root) if known else (set[str](), "")
        shards = Shards(root, found.paths, self.image, self.size, self.channels)
        numbers = shards.split(held) if held else split(len(shards))
        spaces = {"real": image_space(self.channels, self.size)}
        facts: dict[str, object] = {"features": extractor("pixels")}
        classes: dict[str, Tensor] = {}
        if self.label in shards.columns:
            classes["label"], spaces["label"] = shards.labels(self.label)
            facts["classes"] = spaces["label"].classes
        train, held_rows = in_splits(
            shards,
            numbers,
            labels=classes,
            resident=self.resident,
            workers=self.workers,
            who=self.path,
        )
        names, labels = shown_classes(spaces.get("label"), classes.get("label"))
        line = summary(len(shards), names, labels, len(held_rows), split_name)
        remarks = (line, *found.remarks, *shards.remarks())
        return Data(self.name, train, held_rows, spaces, facts, remarks=remarks)


def split_of(path: str) -> str:
    """The name of the split that a shard is of, by its own name or its nearest folder's; or ""."""
    *folders, name = PurePath(path).parts
    begins = re.split(r"[^a-z]", name.lower(), maxsplit=1)[0]
    split = SPLITS.get(begins) or next(filter(None, map(meaning, reversed(folders))), None)
    return split or ""


def shown_classes(space: Space | None, labels: Tensor | None) -> tuple[Sequence[str], list[int]]:
    """The names of classes, or their numbers where they have none, and the class of each row."""
    if space is None or labels is None or space.classes is None:
        return (), []
    return space.names or [str(i) for i in range(space.classes)], labels.tolist()
