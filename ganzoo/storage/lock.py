"""One at a time: in a folder, and at what a process has only once."""

from __future__ import annotations

import os
from contextlib import contextmanager
from threading import RLock
from typing import TYPE_CHECKING

from filelock import FileLock, Timeout

from ganzoo.errors import RunError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class Exclusive:
    """Something that a process has once, such as torch's generators, for one thread at a time.

    The thread that holds it may take it again. A fork finds it free, since the thread that held it
    is not in the fork. Several are taken in one order, so that no two threads wait for each other:
    plugins may take the generators while they load, and whoever has the generators loads none.
    """

    def __init__(self) -> None:
        self._lock = RLock()
        if hasattr(os, "register_at_fork"):  # not on Windows
            os.register_at_fork(after_in_child=self._renew)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Wait until no other thread holds it, and keep the others out, inside."""
        with self._lock:  # the same to the end, also in a fork, which has another
            yield

    def _renew(self) -> None:
        self._lock = RLock()


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
        message = (
            f"another process or thread is at work in {folder}; wait for it, or choose another "
            "--out."
        )
        raise RunError(message) from None
    except OSError as error:
        message = f"cannot lock the folder {folder}: {error.strerror or error}."
        raise RunError(message) from error
    try:
        yield
    finally:
        lock.release()
