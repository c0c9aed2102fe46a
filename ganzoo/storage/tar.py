"""Files in a gzipped tar archive, read as they come; nothing is unpacked to a disk."""

from __future__ import annotations

import io
import tarfile
from gzip import GzipFile
from typing import IO, TYPE_CHECKING

from ganzoo.storage.reading import size_of

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator


def members(
    archive: IO[bytes], wanted: Collection[str], most: int
) -> Iterator[tuple[str, IO[bytes], int]]:
    """The ``wanted`` files, as ``files_in`` gives them. Raises ValueError where one is missing."""
    seen = set[str]()
    for path, content, size in files_in(archive, wanted.__contains__, most):
        seen.add(path)
        yield path, content, size
    if missing := [name for name in wanted if name not in seen]:
        message = f"it holds no {missing[0]}"
        raise ValueError(message)


def files_in(
    archive: IO[bytes], reads: Callable[[str], bool], most: int
) -> Iterator[tuple[str, IO[bytes], int]]:
    """Those regular files of an archive whose paths are to be read: path, content and size.

    They come in the archive's order, and each is to be read before the next is asked for. Raises
    ValueError for an archive that unpacks to more than ``most`` bytes, or has a file twice, and
    what tarfile and gzip raise for one that is damaged.
    """
    seen = set[str]()
    # Not by tarfile's own gzip, which raises TypeError for a header that is cut short.
    unpacked = Limited(GzipFile(fileobj=archive), most)
    with tarfile.open(fileobj=unpacked, mode="r|") as tar:
        for member in tar:
            if not member.isreg() or not reads(member.name):
                continue
            if member.name in seen:
                message = f"it holds {member.name} twice"
                raise ValueError(message)
            seen.add(member.name)
            content = tar.extractfile(member)
            assert content is not None  # it is of a regular file
            yield member.name, content, member.size


class Limited(io.RawIOBase):
    """A stream of which no more than ``most`` bytes are read. Raises ValueError beyond that."""

    def __init__(self, stream: io.BufferedIOBase, most: int) -> None:
        super().__init__()
        self.stream, self.most, self.left = stream, most, most

    def read(self, size: int = -1, /) -> bytes:
        """The next bytes."""
        found = self.stream.read(self.left + 1 if size < 0 else size)
        self.left -= len(found)
        if self.left < 0:
            message = f"it unpacks to more than {size_of(self.most)}"
            raise ValueError(message)
        return found
