"""Having npm fetch packages."""

from __future__ import annotations

import shutil
import subprocess
from typing import TYPE_CHECKING

from ganzoo.errors import DataError, without_secrets
from ganzoo.storage.files import make_folder
from ganzoo_emoji.packages import found, of_tarball

if TYPE_CHECKING:
    from pathlib import Path

    from ganzoo_emoji.packages import Package

TIMEOUT = 1800
"""Seconds for all packages, 152 MB."""


def fetched(packages: list[Package], places: list[Path], folder: Path) -> Path:
    """Have npm put the tarballs of packages into a folder, except those that a place has.

    Each is checked. Raises DataError, which names the one command to run, where npm is missing or
    fails. Returns the folder, or that of the packages if all were there.
    """
    there = [path for package in packages if (path := found(package, places)) is not None]
    missing = [package for package in packages if found(package, places) is None]
    if not missing:
        return there[0].parent
    arguments = ["pack", *(package.spec for package in missing)]
    command = " ".join(["npm", *arguments])
    npm = shutil.which("npm")
    if npm is None:
        message = (
            f"npm is not installed here: run '{command}' where it is, and put what it writes into "
            f"{folder}, or into the folder that GANZOO_DATA names."
        )
        raise DataError(message)
    make_folder(folder)
    try:
        subprocess.run(  # noqa: S603  (all of it is written here)
            [npm, *arguments],
            cwd=folder,
            capture_output=True,
            text=True,
            check=True,
            timeout=TIMEOUT,
        )
    except (OSError, subprocess.SubprocessError) as error:
        message = f"'{command}' failed in {folder}: {last_line(error)}."
        raise DataError(message) from error
    for package in missing:
        of_tarball(package, folder / package.tarball)
    return folder


def last_line(error: Exception) -> str:
    """What a program that failed said last, or how it failed."""
    said = getattr(error, "stderr", None) or ""
    lines = [line for line in str(said).splitlines() if line.strip()]
    return without_secrets(lines[-1] if lines else str(error)).strip().rstrip(".")
