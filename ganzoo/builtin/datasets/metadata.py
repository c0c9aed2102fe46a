"""``metadata.csv`` and ``metadata.jsonl``: classes and splits of images, as the Hub's library has.

https://huggingface.co/docs/datasets/image_dataset: a row for each image, whose path, relative to
the table's folder, is in the column ``file_name``. Two more columns are read: ``label`` and
``split``.
"""

from __future__ import annotations

import csv
import posixpath
import re
from dataclasses import dataclass, field
from io import TextIOWrapper
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from ganzoo.errors import DataError, counted
from ganzoo.parts.plain_json import json_of
from ganzoo.storage.reading import MIB

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ganzoo.builtin.datasets.files import Files

FILES = ("metadata.csv", "metadata.jsonl")
COLUMNS = ("file_name", "label", "split")
MOST = 256 * MIB
"""The largest table, of more than a million rows."""
FEW = 5
"""So many missing images are named in one error."""


@dataclass(frozen=True)
class Table:
    """What the metadata of a folder say, by the relative path of each image."""

    named: set[str] = field(default_factory=set)
    labels: dict[str, str] = field(default_factory=dict)
    splits: dict[str, str] = field(default_factory=dict)
    remarks: list[str] = field(default_factory=list)


def metadata(files: Files, folders: Iterable[str], paths: Iterable[str]) -> Table:
    """The metadata beside some files and in some folders, of the images that are there, ``paths``.

    Raises DataError where a table cannot be understood, or names an image that is not there.
    """
    table, root = Table(), files.root
    for folder in ("", *folders):
        tables = [str(PurePath(folder, name)) for name in FILES]
        there = [path for path in tables if files.holds(path)]
        table.remarks.extend(
            f"{root / path} is not read, because {PurePath(there[0]).name} is beside it."
            for path in there[1:]
        )
        for number, row in enumerate(rows(files, there[0])) if there else ():
            if not number and "file_name" not in row:  # it is about something else
                table.remarks.append(
                    f"{root / there[0]} is not read: it has no column 'file_name'."
                )
                break
            add(table, posixpath.normpath(posixpath.join(folder, row.get("file_name", ""))), row)
    missing = sorted(table.named.difference(paths))
    if missing:
        more = [f"{len(missing) - FEW} more"] if len(missing) > FEW else []
        many = "are not there or are no images"
        what = "is not there or is no image" if len(missing) == 1 else many
        message = (
            f"the metadata of {root} name {counted(len(missing), 'file')} that {what}: "
            f"{', '.join(missing[:FEW] + more)}."
        )
        raise DataError(message)
    return table


def add(table: Table, path: str, row: dict[str, str]) -> None:
    """Note what a row says. Raises DataError where another row has said something else."""
    for told, name in ((table.labels, "label"), (table.splits, "split")):
        value = row.get(name, "")
        if path in table.named and told.get(path, "") != value:
            message = f"the metadata of {path} contradict each other: its {name} has two values."
            raise DataError(message)
        if value:
            told[path] = value
    table.named.add(path)


def rows(files: Files, path: str) -> Iterator[dict[str, str]]:
    """What the rows of a table say. Raises DataError naming a line that cannot be read."""
    line = 1
    try:
        with files.opened(path, MOST) as (content, _):
            lines = TextIOWrapper(content, encoding="utf-8-sig", newline="")
            if path.endswith(".csv"):
                reader = csv.DictReader(lines)
                for row in reader:
                    line = reader.line_num
                    yield cells(row)
                return
            for line, text in enumerate(lines, 1):  # noqa: B007  (an error names the line)
                if text.strip():
                    yield cells(dict(json_of(text)))
    except (OSError, TypeError, ValueError, csv.Error) as error:
        message = f"{files.root / path} cannot be read in line {line}: {reason(error)}."
        raise DataError(message) from error


def reason(error: Exception) -> str:
    """What is wrong with a line or a file."""
    return str(getattr(error, "strerror", None) or error)


def cells(row: dict[str, Any]) -> dict[str, str]:
    """The columns that are read, as text. Raises TypeError for a list or an object in one."""
    found = {name: row[name] for name in COLUMNS if row.get(name) is not None}
    for name, value in found.items():
        if not isinstance(value, (str, int, float)):
            message = f"its {name} {value!r} is neither a text nor a number"
            raise TypeError(message)
    return {name: str(value).strip() for name, value in found.items()}


def in_order(names: Iterable[str]) -> list[str]:
    """Names of classes in their order: numbers by their values, texts by the alphabet."""
    known = sorted(names)
    numbers = all(re.fullmatch(r"-?\d{1,18}", name) for name in known)
    return sorted(known, key=int) if numbers else known
