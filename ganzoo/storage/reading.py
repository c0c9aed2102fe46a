"""Bounded reading: of a file that could be anybody's, no more than its kind can need.

Whatever cannot be read is an OSError, whose ``strerror`` says why: the system's errors, and
``UnfitError`` for what the system would read, but forever or until memory is full. ``json_of``
bounds what a text unpacks to.
"""

from __future__ import annotations

import errno
import os
import stat
import zlib
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

KIB, MIB, GIB = 1 << 10, 1 << 20, 1 << 30
NO_NAME = "no file can have this name"
"""What is wrong with a null byte in a path, or with half a pair of escapes."""
MOST_STREAMS = 100
"""In one gzip file; each costs a copy of the rest."""
KINDS = {
    stat.S_IFIFO: "a named pipe",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
    stat.S_IFSOCK: "a socket",
}
# Opening a pipe waits for its writer, and a terminal could become the process's own.
FLAGS = os.O_RDONLY | sum(
    getattr(os, flag, 0) for flag in ("O_NONBLOCK", "O_NOCTTY", "O_CLOEXEC", "O_BINARY")
)


class UnfitError(OSError):
    """A file that is no regular file, or is too large, or is not text; ``strerror`` says which."""


def unfit(path: Path, why: str) -> UnfitError:
    """The error of a file that will not be read."""
    return UnfitError(errno.EINVAL, why, str(path))


@contextmanager
def opened(path: Path, most: int) -> Iterator[tuple[IO[bytes], int]]:
    """A regular file of at most ``most`` bytes, open for reading, and its size. Raises OSError."""
    try:
        number = os.open(path, FLAGS)
    except ValueError as error:
        raise unfit(path, NO_NAME) from error
    with os.fdopen(number, "rb") as file:
        found = os.fstat(number)
        require(found, path, most)
        yield file, found.st_size


def require_file(path: Path, most: int) -> None:
    """Raise OSError unless a path is that of a regular file of at most ``most`` bytes.

    For files that a library opens by their path.
    """
    try:
        found = path.stat()
    except ValueError as error:
        raise unfit(path, NO_NAME) from error
    require(found, path, most)


def require(found: os.stat_result, path: Path, most: int) -> None:
    """Raise OSError unless what the system says of a path is that of ``require_file``."""
    if stat.S_ISDIR(found.st_mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    if not stat.S_ISREG(found.st_mode):
        kind = KINDS.get(stat.S_IFMT(found.st_mode), "a special file")
        raise unfit(path, f"it is {kind}, not a file")
    if found.st_size > most:
        raise unfit(path, f"it is larger than {size_of(most)}")


def read_bytes(path: Path, most: int) -> bytes:
    """The content of a file of at most ``most`` bytes. Raises OSError.

    Of a file that grows meanwhile it is the part that was there.
    """
    with opened(path, most) as (file, size):
        return file.read(size)


def read_text(path: Path, most: int) -> str:
    """The content of a file of UTF-8, of at most ``most`` bytes. Raises OSError."""
    try:
        return read_bytes(path, most).decode()
    except UnicodeDecodeError as error:
        raise unfit(path, f"it is not UTF-8 at byte {error.start:,}") from error


def gunzipped(content: bytes, most: int) -> bytes:
    """What a gzip file holds, at most ``most`` bytes.

    Raises ValueError where it is more, or is cut short or damaged.
    """
    parts: list[bytes] = []
    room, rest = most, content
    while rest:  # a file may hold several streams, one after the other
        stream = zlib.decompressobj(wbits=16 + zlib.MAX_WBITS)
        try:
            parts.append(stream.decompress(rest, room + 1))
        except zlib.error as error:
            message = f"its compressed data are damaged ({error})"
            raise ValueError(message) from error
        room -= len(parts[-1])
        if room < 0:
            message = f"it unpacks to more than {size_of(most)}"
            raise ValueError(message)
        if not stream.eof or len(parts) > MOST_STREAMS:
            wrong = "are of too many streams" if stream.eof else "are cut short"
            message = f"its compressed data {wrong}"
            raise ValueError(message)
        rest = stream.unused_data.lstrip(b"\0")  # a tape is padded by zeros
    return b"".join(parts)


def size_of(count: int) -> str:
    """A number of bytes as text, such as ``16 MiB``."""
    for unit, name in ((GIB, "GiB"), (MIB, "MiB"), (KIB, "KiB")):
        if count >= unit and count % unit == 0:
            return f"{count // unit} {name}"
    return f"{count:,} bytes"
