"""The rows of parquet shards: encoded images, and their classes."""

from __future__ import annotations

import os
from bisect import bisect_right
from functools import lru_cache
from hashlib import sha256
from io import BytesIO
from itertools import accumulate
from typing import TYPE_CHECKING, Any

import torch

from ganzoo.builtin.datasets.images import UNREADABLE, decoded, first_words
from ganzoo.builtin.datasets.images import opened as opened_image
from ganzoo.builtin.datasets.metadata import in_order
from ganzoo.builtin.datasets.scale import SIXTEEN_BITS, values_of, wide
from ganzoo.builtin.datasets.values import classes
from ganzoo.errors import DataError
from ganzoo.parts.plain_json import json_of
from ganzoo.parts.space import Space
from ganzoo.storage.reading import GIB, MIB, require_file, size_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from torch import Tensor

MOST_BYTES = 64 * GIB
"""The largest shard."""
MOST_ROWS = 20_000_000
"""Of all shards: their classes are kept in memory."""
MOST_GROUP = 512 * MIB
"""The largest column of a row group, as it is in memory."""
BATCH = 64
"""Rows of a group that are read at a time."""
SCALES = {"I;16": SIXTEEN_BITS}
"""Other modes are refused: their range is not known before all images are read."""


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
        if not 0 <= sum(self.counts) <= MOST_ROWS:
            message = f"{root} holds {sum(self.counts):,} rows; at most {MOST_ROWS:,} are read."
            raise DataError(message)
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
        content, who = self.content(row)
        return {"real": decoded(BytesIO(content), who, self.size, self.channels, SCALES)}

    def read(self) -> Tensor:
        """All images, uint8 (N, channels, size, size)."""
        return torch.stack([self[row]["real"] for row in range(len(self))])

    def content(self, row: int) -> tuple[bytes, str]:
        """One image as the file that it was, and what errors call it."""
        at = bisect_right(self.starts, row) - 1
        number, group, _ = self.groups[at]
        path = self.root / self.paths[number]
        # A file opened before a fork shares its position with the other process's.
        table = read(opened(path, os.getpid()), path, group, self.image)
        place = row - self.starts[at]
        value = table.column(0)[place].as_py() if place < len(table) else None
        content = value.get("bytes") if isinstance(value, dict) else value
        who = f"row {row - sum(self.counts[:number])} of {path}"
        if not isinstance(content, bytes):
            message = f"{who} holds no image, but {type(content).__name__}."
            raise DataError(message)
        return content, who

    def remarks(self) -> Iterator[str]:
        """Sentences on what is done to the images, of which the first is looked at."""
        content, who = self.content(0)
        try:
            with opened_image(BytesIO(content)) as image:
                size, mode = image.size, wide(image.mode)
                values = values_of(image) if mode in SCALES else None
        except UNREADABLE:
            return  # its error comes when the row is read
        if values is not None:
            yield (
                f"Images of 16 bits are read as such, 65535 is white; {who} has values from "
                f"{values.min():g} to {values.max():g}."
            )
        if size != (self.size, self.size):
            yield (
                f"Images are cropped to their central squares and resized to {self.size} x "
                f"{self.size} (data.size); {who} is of {size[0]} x {size[1]}."
            )

    def labels(self, name: str) -> tuple[Tensor, Space]:
        """The classes of all rows, int64, (N,), -1 where not known, and their space.

        Integers are classes, which the Hub's library may have named; texts are names of classes.
        """
        files = [(opened(self.root / path, os.getpid()), self.root / path) for path in self.paths]
        parts = [
            read(file, path, group, name).column(0)
            for file, path in files
            for group in range(file.num_row_groups)
        ]
        kind = str(parts[0].type) if parts else "null"
        if kind in {"string", "large_string"}:
            texts = [text for part in parts for text in part.to_pylist()]
            names = tuple(in_order({text for text in texts if text is not None}))
            number = {text: i for i, text in enumerate(names)}
            found = torch.tensor([number.get(text, -1) for text in texts])
            return found, Space(classes=len(names), names=names, partial=None in texts)
        if not is_integer(kind):
            message = f"column '{name}' of {self.root} holds no classes, but {kind}."
            raise DataError(message)
        column = torch.cat(
            [torch.as_tensor(part.fill_null(-1).to_numpy().copy()) for part in parts]
        )
        found, space = classes(name, column.long())
        names = class_names(files[0][0].schema_arrow.metadata, name)
        if names and space.classes is not None and len(names) >= space.classes:
            space = Space(classes=len(names), names=names, partial=space.partial)
        return found, space

    def split(self, held: set[str]) -> tuple[Tensor, Tensor]:
        """The rows to train on and those held out, by the shards that are."""
        flags = torch.tensor([path in held for path in self.paths])
        of_rows = flags.repeat_interleave(torch.tensor(self.counts))
        return (~of_rows).nonzero().squeeze(1), of_rows.nonzero().squeeze(1)

    def index(self) -> str:
        """What these rows are: a hash of the shards' paths, sizes and numbers of rows."""
        digest = sha256(f"{self.image} {self.size} {self.channels}\n".encode())
        for path, count in zip(self.paths, self.counts, strict=True):
            digest.update(os.fsencode(path))
            digest.update(f" {(self.root / path).stat().st_size} {count}\n".encode())
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
        require_file(path, MOST_BYTES)
        return parquet.ParquetFile(path, memory_map=True)
    except (OSError, ArrowException) as error:
        message = f"{path} cannot be read as parquet ({first_words(error)}): mend or remove it."
        raise DataError(message) from error


@lru_cache(maxsize=8)
def read(file: Any, path: Path, group: int, column: str) -> Any:
    """One column of a row group, as a table; the last few are kept, for rows that are neighbours.

    Raises DataError naming the file.
    """
    from pyarrow import ArrowException, Table, schema  # as in opened

    parts, size = [], 0
    try:
        form = schema([file.schema_arrow.field(column)])
        # In batches, since a few bytes can stand for a million equal texts; numbers are small.
        rows = MOST_ROWS if is_integer(form.types[0]) else BATCH
        # Its threads would compete with the other workers.
        for batch in file.iter_batches(rows, [group], columns=[column], use_threads=False):
            parts.append(batch)
            size += batch.nbytes
            if size > MOST_GROUP:
                message = (
                    f"{path} has a row group of more than {size_of(MOST_GROUP)}: write it again "
                    "with a smaller row_group_size."
                )
                raise DataError(message)
        return Table.from_batches(parts) if parts else form.empty_table()
    except (OSError, KeyError, ArrowException) as error:
        message = f"{path} cannot be read as parquet ({first_words(error)}): mend or remove it."
        raise DataError(message) from error


def is_integer(kind: Any) -> bool:
    """Whether a column of this type holds integers."""
    return str(kind).startswith(("int", "uint"))


def class_names(metadata: dict[bytes, bytes] | None, column: str) -> tuple[str, ...]:
    """The names of classes that the Hub's library has written into a file; none if it has not."""
    try:
        info = json_of((metadata or {})[b"huggingface"])["info"]
        names = tuple(info["features"][column]["names"])
    except (KeyError, TypeError, ValueError):
        return ()
    return names if all(isinstance(name, str) for name in names) else ()
