"""Images in parquet shards, as datasets of the Hub come."""

from __future__ import annotations

import json
import os
from bisect import bisect_right
from functools import lru_cache
from hashlib import sha256
from io import BytesIO
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import torch
from pydantic import Field, NonNegativeInt

from ganzoo.builtin.datasets.given import split
from ganzoo.builtin.datasets.images import decoded, first_words
from ganzoo.builtin.datasets.values import classes
from ganzoo.builtin.metrics.features import extractor
from ganzoo.errors import DataError
from ganzoo.parts.dataset import Data, Dataset
from ganzoo.parts.space import Space
from ganzoo.parts.streamed import StreamedRows

if TYPE_CHECKING:
    from torch import Tensor

HELD_OUT = ("test", "validation", "valid", "dev")
"""How the name of a shard begins that is held out, if others begin with ``train``."""


class Parquet(Dataset):
    """Images in parquet shards below a folder, streamed: ``real``, uint8, and ``label``, int64.

    A Hub dataset that was downloaded is one. Images are encoded files (``{"bytes": ...}`` or
    binary), cropped to the central square and resized. Shards whose names begin with ``train`` are
    trained on and those that begin with ``test`` or ``validation`` held out; without such names,
    every tenth row is. A row is read with its whole row group, so groups should be small, as the
    Hub's are for images. Needs pyarrow. Facts: ``features`` (pixels), ``classes``.
    """

    path: str = Field(description="the folder")
    image: str = Field(default="image", description="the column of images")
    label: str = Field(default="label", description="the column of classes, if there is one")
    size: int = Field(default=32, ge=8, le=1024, description="pixels a side")
    channels: Literal[1, 3] = Field(default=3, description="1 is grey, 3 is RGB")
    workers: NonNegativeInt | None = Field(
        default=None, description="processes that read ahead; null: by the cores"
    )

    def load(self) -> Data:
        """Read the shards' indexes and labels. Raises DataError where that cannot be done."""
        root = Path(self.path).expanduser()
        paths = sorted(str(path.relative_to(root)) for path in root.rglob("*.parquet"))
        if not paths:
            message = f"there are no .parquet files below {root}."
            raise DataError(message)
        shards = Shards(root, paths, self.image, self.size, self.channels)
        real = Space(shape=(self.channels, self.size, self.size), bounded=True)
        spaces = {"real": real}
        facts: dict[str, object] = {"features": extractor("pixels")}
        resident: dict[str, Tensor] = {}
        if self.label in shards.columns:
            resident["label"], spaces["label"] = shards.labels(self.label)
            facts["classes"] = spaces["label"].classes
        train, held_out = (
            StreamedRows(
                shards,
                {"real": real},
                index=shards.index(),
                resident={name: column[rows] for name, column in resident.items()},
                chosen=rows,
                workers=self.workers,
                who=self.path,
            )
            for rows in shards.split()
        )
        return Data(self.name, train, held_out, spaces, facts)


class Shards:
    """The rows of parquet files as a source of ``real``, uint8 (channels, size, size)."""

    def __init__(self, root: Path, paths: list[str], image: str, size: int, channels: int) -> None:
        self.root, self.paths, self.image = root, paths, image
        self.size, self.channels = size, channels
        opened.cache_clear()  # a file may have been replaced since it was read
        files = [opened(root / path, os.getpid()) for path in paths]
        self.columns: list[str] = files[0].schema_arrow.names
        if image not in self.columns:
            message = (
                f"{root / paths[0]} has no column '{image}' of images; it has: "
                f"{', '.join(self.columns)}."
            )
            raise DataError(message)
        self.counts: list[int] = [file.metadata.num_rows for file in files]
        self.groups: list[tuple[int, int, int]] = [
            (number, group, file.metadata.row_group(group).num_rows)
            for number, file in enumerate(files)
            for group in range(file.num_row_groups)
        ]
        self.starts: list[int] = [*accumulate((rows for *_, rows in self.groups), initial=0)]

    def __len__(self) -> int:
        return self.starts[-1]

    def __getitem__(self, row: int) -> dict[str, Tensor]:
        """One image. Raises DataError naming a shard and a row that cannot be read."""
        at = bisect_right(self.starts, row) - 1
        number, group, _ = self.groups[at]
        path = self.root / self.paths[number]
        # A file opened before a fork shares its position with the other process's.
        table = read(opened(path, os.getpid()), path, group, self.image)
        value = table.column(0)[row - self.starts[at]].as_py()
        content = value.get("bytes") if isinstance(value, dict) else value
        who = f"row {row - sum(self.counts[:number])} of {path}"
        if not isinstance(content, bytes):
            message = f"{who} holds no image, but {type(content).__name__}."
            raise DataError(message)
        return {"real": decoded(BytesIO(content), who, self.size, self.channels)}

    def labels(self, name: str) -> tuple[Tensor, Space]:
        """The classes of all rows, int64, (N,), -1 where not known, and their space."""
        files = [(opened(self.root / path, os.getpid()), self.root / path) for path in self.paths]
        parts = [
            read(file, path, group, name).column(0).fill_null(-1).to_numpy()
            for file, path in files
            for group in range(file.num_row_groups)
        ]
        column = torch.cat([torch.as_tensor(part.copy()) for part in parts])
        if column.is_floating_point() or column.dtype == torch.bool:
            message = f"column '{name}' of {self.root} holds no classes, which are integers."
            raise DataError(message)
        found, space = classes(name, column.long())
        names = class_names(files[0][0].schema_arrow.metadata, name)
        if names and space.classes is not None and len(names) >= space.classes:
            space = Space(classes=len(names), names=names, partial=space.partial)
        return found, space

    def split(self) -> tuple[Tensor, Tensor]:
        """The rows to train on and those held out, by the shards' names if they tell."""
        names = [Path(path).name for path in self.paths]
        held = [name.startswith(HELD_OUT) for name in names]
        if not any(held) or not any(name.startswith("train") for name in names):
            return split(len(self))
        of_rows = torch.tensor(held).repeat_interleave(torch.tensor(self.counts))
        return (~of_rows).nonzero().squeeze(1), of_rows.nonzero().squeeze(1)

    def index(self) -> str:
        """What these rows are: a hash of the shards' paths, sizes and numbers of rows."""
        digest = sha256(f"{self.image} {self.size} {self.channels}\n".encode())
        for path, count in zip(self.paths, self.counts, strict=True):
            digest.update(f"{path} {(self.root / path).stat().st_size} {count}\n".encode())
        return digest.hexdigest()


@lru_cache(maxsize=1024)
def opened(path: Path, process: int) -> Any:  # noqa: ARG001  (each process opens it for itself)
    """A parquet file. Raises DataError naming it where it is none, or pyarrow is not there."""
    try:
        from pyarrow import ArrowException, parquet  # optional, and slow to import
    except ImportError as error:
        message = "parquet files are read by pyarrow: pip install 'ganzoo-core[parquet]'."
        raise DataError(message) from error
    try:
        return parquet.ParquetFile(path, memory_map=True)
    except (OSError, ArrowException) as error:
        message = f"{path} cannot be read as parquet ({first_words(error)}): mend or remove it."
        raise DataError(message) from error


@lru_cache(maxsize=8)
def read(file: Any, path: Path, group: int, column: str) -> Any:
    """One column of a row group, as a table; the last few are kept, for rows that are neighbours.

    Raises DataError naming the file.
    """
    from pyarrow import ArrowException  # as in opened

    try:
        # Its threads would compete with the other workers.
        return file.read_row_group(group, columns=[column], use_threads=False)
    except (OSError, ArrowException) as error:
        message = f"{path} cannot be read as parquet ({first_words(error)}): mend or remove it."
        raise DataError(message) from error


def class_names(metadata: dict[bytes, bytes] | None, column: str) -> tuple[str, ...]:
    """The names of classes that the Hub's library has written into a file; none if it has not."""
    try:
        info = json.loads((metadata or {})[b"huggingface"])["info"]
        return tuple(info["features"][column]["names"])
    except (KeyError, TypeError, ValueError):
        return ()
