"""Paths as anybody may write them.

``Path`` raises for a name that is too long, or a home unknown. These ask ``os.path``, to which a
path that no file can have is one where nothing is.
"""

from __future__ import annotations

import os
from pathlib import Path

from ganzoo.errors import OptionError, quoted


def given_path(path: str | Path) -> Path:
    """A path that a user names; OptionError for an empty one, and for what is no path."""
    if not isinstance(path, (str, os.PathLike)):
        message = f"{quoted(path)} is no path; give a text or a pathlib.Path."
        raise OptionError(message)
    # To Path it would be the working directory, which nobody means by nothing, as in --out "$OUT".
    if isinstance(path, str) and not path.strip():
        message = "a path must not be empty; write '.' for the working directory."
        raise OptionError(message)
    return Path(path)


def home(path: str | Path) -> Path:
    """A path whose ``~`` is the user's home; it stays as it is if there is no such home."""
    return Path(os.path.expanduser(path))  # noqa: PTH111


def exists(path: str | Path) -> bool:
    """Whether anything is at a path."""
    return os.path.exists(path)  # noqa: PTH110


def is_file(path: str | Path) -> bool:
    """Whether a regular file is at a path, or a link to one."""
    return os.path.isfile(path)  # noqa: PTH113


def is_folder(path: str | Path) -> bool:
    """Whether a folder is at a path, or a link to one."""
    return os.path.isdir(path)  # noqa: PTH112


def real(path: str | Path) -> Path:
    """A path without links; those in a circle stay, for whoever opens it to stumble over."""
    try:
        return Path(os.path.realpath(path))
    except ValueError:  # a null byte
        return Path(path)
