"""Atomic writes: a file is complete or absent, never half written."""

from __future__ import annotations

import os
import re
import threading
from contextlib import contextmanager, suppress
from glob import escape
from pathlib import Path
from typing import TYPE_CHECKING

from ganzoo.errors import RunError

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside ``path``; it replaces ``path`` if the block succeeds.

    What processes left that were killed while they wrote the same file is removed. Raises RunError
    if the file cannot be written; the previous file is then unchanged.
    """
    # In the same folder, because a rename is atomic only within one file system.
    owner = f"{os.getpid()}-{threading.get_native_id()}"  # threads may write one file at once
    temporary = path.with_name(f".{path.name}.{owner}.part")
    for left in path.parent.glob(f".{escape(path.name)}.*.part"):
        if is_left(left):
            remove(left)
    try:
        yield temporary
        with temporary.open("rb") as file:
            # Without this, a power cut could leave the new name with the bytes still unwritten.
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        message = f"cannot write {path}: {error.strerror or error}."
        if path.exists():
            message += " The previous file is unchanged."
        raise RunError(message) from error
    finally:
        remove(temporary)


def write_text(path: Path, text: str) -> None:
    """Write a text file as UTF-8; if that fails, the previous file is unchanged."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def remove_leftovers(folder: Path) -> None:
    """Remove the temporary files of a folder whose processes were killed while they wrote them.

    For who holds the folder's lock: what is named after this process is not its own, then, but of
    one that had its number, as in a container that was started again; or another thread's.
    """
    for path in folder.glob(".*.part"):
        if is_left(path, locked=True):
            remove(path)


def is_left(path: Path, *, locked: bool = False) -> bool:
    """Whether a temporary file's process ended, or where its folder is ``locked``, its thread."""
    owner = re.search(r"\.([0-9]+)(?:-([0-9]+))?\.part$", path.name)  # 0.2 named no thread
    if owner is None:
        return False
    process, thread = int(owner[1]), int(owner[2] or 0)
    others = {thread.native_id for thread in threading.enumerate()} - {threading.get_native_id()}
    is_own = locked and process == os.getpid() and thread not in others
    return is_own or not is_alive(process)


def remove(path: Path) -> None:
    """Remove a file, if it is there and the disk allows it."""
    with suppress(OSError):
        path.unlink()


def is_alive(process: int) -> bool:
    """Whether a process of this number runs here, as far as that can be told."""
    if os.name == "nt":  # there, asking by a signal would end it
        return True
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:  # somebody else's
        return True
    return True


def numbered(folder: Path, ending: str) -> list[Path]:
    """The files of a folder that a number names, such as ``00000100.png``, by their numbers."""
    found = [path for path in folder.glob(f"*{ending}") if path.stem.isdecimal()]
    return sorted(found, key=lambda path: int(path.stem))


def make_folder(folder: Path) -> None:
    """Make a folder and those above it, where they are missing.

    Raises RunError if that fails, or if its name is not UTF-8, where weights could not be read.
    """
    if not is_utf_8(str(folder)):
        message = f"the name of the folder {str(folder)!r} is not UTF-8; choose another."
        raise RunError(message)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        message = f"cannot make the folder {folder}: {error.strerror}."
        raise RunError(message) from error


def is_utf_8(text: str) -> bool:
    """Whether a text can be written to JSON; a file's name need not be."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
