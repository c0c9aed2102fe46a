"""Files by their relative paths: below a folder, or in a zip archive of one."""

from __future__ import annotations

import os
import zlib
from collections import Counter
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path, PurePath
from typing import IO, TYPE_CHECKING, Protocol
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile

import numpy as np

from ganzoo.errors import DataError, first_line
from ganzoo.storage.paths import is_file, is_folder, real
from ganzoo.storage.reading import GIB, MIB, opened, require_file, size_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager

DEEPEST = 64
"""Folders in folders."""
MOST_VISITS = 64
"""Paths to one folder, through links."""
MOST_ARCHIVE = 1024 * GIB
"""The largest zip archive: files are read from it one by one."""
MOST_MEMBER = 512 * MIB
"""The largest file in one, packed or not."""
LONGEST_NAME = 1024
"""Bytes of a name in one; the names of all are kept in an array of this width at most."""
ZIP = ".zip"
LOCAL_HEADER, MAGIC = 30, b"PK\x03\x04"
"""Before each file in a zip archive: its length without name and extras, and its first bytes."""
ENCRYPTED = 1
"""The bit of a file's flags."""


class Files(Protocol):
    """Files below ``root``, which is a folder or an archive."""

    root: Path

    def paths(self) -> Iterator[str]:
        """All relative paths, in no order; links that lead nowhere are among them."""

    def holds(self, path: str) -> bool:
        """Whether a file is at a relative path."""

    def size(self, path: str) -> int:
        """The bytes of a file."""

    def picture(self, path: str) -> Path | BytesIO:
        """A file for pillow. Raises ValueError or OSError where it cannot be read."""

    def opened(self, path: str, most: int) -> AbstractContextManager[tuple[IO[bytes], int]]:
        """A file of at most ``most`` bytes, open, and its size. Raises ValueError or OSError."""


def files_at(root: Path) -> Files:
    """The files of a folder or of a zip archive. Raises DataError where there is neither."""
    if is_folder(root):
        return FolderFiles(root)
    if is_file(root) and root.suffix.lower() == ZIP:
        return ZipFiles(root)
    message = f"there is no folder {root}."
    raise DataError(message)


class FolderFiles:
    """The files below a folder."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def paths(self) -> Iterator[str]:
        """All relative paths, through links; see ``files_below``."""
        return (os.path.relpath(path, self.root) for path in files_below(str(self.root)))

    def holds(self, path: str) -> bool:
        """Whether a file is at a relative path."""
        return is_file(self.root / path)

    def size(self, path: str) -> int:
        """The bytes of a file."""
        return (self.root / path).stat().st_size

    def picture(self, path: str) -> Path:
        """The path of a file."""
        return self.root / path

    def opened(self, path: str, most: int) -> AbstractContextManager[tuple[IO[bytes], int]]:
        """A file, open, and its size."""
        return opened(self.root / path, most)


class ZipFiles:
    """The files in a zip archive, read one by one in any order; nothing is unpacked to a disk.

    Hidden files are left out. If all others lie in one folder, their paths are relative to that.
    Raises DataError for what is no such archive.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        found = {path: numbers for path, numbers in entries(root) if path}
        tops = {PurePath(path).parts[0] for path in found}
        within = any(len(PurePath(path).parts) == 1 for path in found)
        shared = len(*tops) + 1 if len(tops) == 1 and not within else 0
        # Arrays, not a million objects: touching an object copies its page in every worker.
        order = sorted((os.fsencode(path[shared:]), numbers) for path, numbers in found.items())
        self.names = np.array([name for name, _ in order], dtype=bytes)
        self.entries = np.array([numbers for _, numbers in order], np.int64).reshape(-1, 5)

    def paths(self) -> Iterator[str]:
        """All relative paths, sorted."""
        return (os.fsdecode(name) for name in self.names.tolist())

    def holds(self, path: str) -> bool:
        """Whether a file is at a relative path."""
        return self._place(path) is not None

    def size(self, path: str) -> int:
        """The bytes of a file, as the archive says."""
        return self._entry(path)[2]

    def picture(self, path: str) -> BytesIO:
        """The content of a file."""
        return BytesIO(self.content(path, MOST_MEMBER))

    @contextmanager
    def opened(self, path: str, most: int) -> Iterator[tuple[IO[bytes], int]]:
        """The content of a file, and its size."""
        content = self.content(path, most)
        yield BytesIO(content), len(content)

    def content(self, path: str, most: int) -> bytes:
        """What a file holds, at most ``most`` bytes. Raises ValueError where that is not so."""
        start, packed, size, check, method = self._entry(path)
        if max(packed, size) > most:
            message = f"it is larger than {size_of(most)}"
            raise ValueError(message)
        if method not in {ZIP_STORED, ZIP_DEFLATED}:
            message = "it is encrypted" if method < 0 else "it is neither stored nor deflated"
            raise ValueError(message)
        # Opened for each file: a position that threads or processes share would be moved by others.
        with opened(self.root, MOST_ARCHIVE) as (file, _):
            file.seek(start)
            header = file.read(LOCAL_HEADER)
            lengths = (int.from_bytes(header[at : at + 2], "little") for at in (26, 28))
            file.seek(start + LOCAL_HEADER + sum(lengths))
            content = file.read(packed)
        if method == ZIP_DEFLATED:
            content = inflated(content, size)
        if header[:4] != MAGIC or len(content) != size or zlib.crc32(content) != check:
            message = "its data in the archive are damaged"
            raise ValueError(message)
        return content

    def _place(self, path: str) -> int | None:
        """The number of a path among the sorted ones."""
        name = os.fsencode(path)
        at = int(np.searchsorted(self.names, name)) if len(self.names) else 0
        return at if at < len(self.names) and self.names[at] == name else None

    def _entry(self, path: str) -> tuple[int, ...]:
        return tuple(self.entries[self._place(path)].tolist())


def entries(root: Path) -> Iterator[tuple[str, tuple[int, ...]]]:
    """Each file that an archive lists: its path and five numbers. Raises DataError.

    They are where it starts, its sizes packed and unpacked, its checksum and its method, which is
    -1 for one that is encrypted.
    """
    try:
        require_file(root, MOST_ARCHIVE)
        with ZipFile(root) as archive:
            listed = archive.infolist()
    except Exception as error:  # zipfile raises whatever it runs into
        why = getattr(error, "strerror", None) or first_line(error)
        message = f"{root} cannot be read as a zip archive ({why}): replace it with a fresh copy."
        raise DataError(message) from error
    for info in listed:
        parts = PurePath(info.filename.lstrip("/")).parts
        if info.is_dir() or not parts or any(p.startswith((".", "__MACOSX")) for p in parts):
            continue
        if len(info.filename.encode("utf-8", "surrogateescape")) > LONGEST_NAME:
            message = f"{root} holds a file whose name takes more than {LONGEST_NAME:,} bytes."
            raise DataError(message)
        method = -1 if info.flag_bits & ENCRYPTED else info.compress_type
        numbers = (info.header_offset, info.compress_size, info.file_size, info.CRC, method)
        yield str(PurePath(*parts)), numbers


def inflated(content: bytes, size: int) -> bytes:
    """What deflated data hold, a byte more than ``size`` at most. Raises ValueError."""
    try:
        return zlib.decompressobj(-zlib.MAX_WBITS).decompress(content, size + 1)
    except zlib.error as error:
        message = f"its compressed data are damaged ({error})"
        raise ValueError(message) from error


def files_below(
    folder: str, above: tuple[str, ...] = (), visits: Counter[str] | None = None
) -> Iterator[str]:
    """All files below a folder that are not hidden, through links, but never in circles.

    Raises DataError for a folder that cannot be read, that lies too deep, or that too many links
    lead to: ten links to each of ten folders in a row are 10^10 paths.
    """
    here = str(real(folder))
    if here in above:
        return
    visits = Counter[str]() if visits is None else visits
    visits[here] += 1
    if len(above) > DEEPEST or visits[here] > MOST_VISITS:
        deep = f"lies more than {DEEPEST} folders deep"
        wrong = deep if len(above) > DEEPEST else f"is reached by more than {MOST_VISITS} paths"
        message = f"the folder {shown(folder)} {wrong}."
        raise DataError(message)
    try:
        entries = list(os.scandir(folder))
    except OSError as error:
        message = f"the folder {shown(folder)} cannot be read: {error.strerror}."
        raise DataError(message) from error
    for entry in entries:
        if entry.name.startswith("."):
            continue
        if is_folder(entry.path):
            yield from files_below(entry.path, (*above, here), visits)
        else:
            yield entry.path


def shown(name: str) -> str:
    """A file's name as text: bytes that are not UTF-8 as escapes."""
    return os.fsencode(name).decode("utf-8", "backslashreplace")
