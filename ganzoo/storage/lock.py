"""One process at a time in a folder."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from filelock import FileLock, Timeout

from ganzoo.errors import RunError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Keep other processes, and other threads of this one, out of an existing folder.

    Raises RunError if one is at work in it, or if the folder cannot be written. A process that is
    killed leaves no lock behind.
    """
    # Whichever thread trains may let go of it, not only the one that has taken it.
    lock = FileLock(folder / ".lock", blocking=False, thread_local=False)
    try:
        lock.acquire()
    except Timeout:
        message = f"another process is at work in {folder}; wait for it, or choose another --out."
        raise RunError(message) from None
    except OSError as error:
        message = f"cannot lock the folder {folder}: {error.strerror or error}."
        raise RunError(message) from error
    try:
        yield
    finally:
        lock.release()
