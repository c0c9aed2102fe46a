"""Where the files of published datasets are searched, and whether they are what was published."""

from __future__ import annotations

import os
from hashlib import md5
from pathlib import Path
from typing import TYPE_CHECKING

from ganzoo.errors import DataError
from ganzoo.storage.paths import exists, home
from ganzoo.storage.reading import MIB, opened

if TYPE_CHECKING:
    from collections.abc import Iterable

MD5 = {
    "cifar-10-binary.tar.gz": "c32a1d4ab5d03f1284b67883e8d87530",
    "cifar-100-binary.tar.gz": "03b5dce01913d631647c71ecec9e9cb8",
    "stl10_binary.tar.gz": "91f7769df0f17e558f3565bffb0c7dfb",
    "train_32x32.mat": "e26dedcc434d2e4c54c9b2d4a06d8373",
    "test_32x32.mat": "eb5a983be6a315427106f1b164d9cef3",
    "extra_32x32.mat": "a93ce644f1a588dc4d68dda5feec44a7",
    "img_align_celeba.zip": "00d2c5bc6d35e252742224ab0c1e8fcb",
    "list_eval_partition.txt": "d32c9cbf5e040fd4025c592c306e6668",
}
"""md5 of the published files, by their names."""


def cache(name: str) -> Path:
    """Return the folder that keeps the fetched files of a dataset."""
    return Path.home() / ".cache" / "ganzoo" / name


def folders(name: str) -> list[Path]:
    """Return the folders that are searched for a dataset's files, in order."""
    own = os.environ.get("GANZOO_DATA")
    ours = [home(own) / name, home(own)] if own else []
    return [*ours, cache(name), Path("/usr/share/datasets") / name]


def found(name: str, files: Iterable[str]) -> Path | None:
    """The first of some files or folders in the first folder that has any, or None."""
    names = [*files]
    paths = (place / file for place in folders(name) for file in names)
    return next((path for path in paths if exists(path)), None)


def checked(name: str, path: Path, most: int) -> Path:
    """A path whose file of at most ``most`` bytes is the published one of a dataset.

    Raises DataError where it is another, or cannot be read.
    """
    content = md5(usedforsecurity=False)
    try:
        with opened(path, most) as (file, _):
            while part := file.read(MIB):
                content.update(part)
    except OSError as error:
        message = f"{path} cannot be read ({error.strerror}): replace it with a fresh copy."
        raise DataError(message) from error
    if (digest := content.hexdigest()) != MD5[path.name]:
        raise other(name, path, digest, MD5[path.name])
    return path


def other(name: str, path: Path, digest: str, right: str) -> DataError:
    """The error of a file that is not the published one."""
    return DataError(
        f"{path} is not the published file of {name} (md5 {digest}, not {right}): replace it with "
        "a fresh copy, or remove it."
    )


def missing(name: str, what: str, how: str, why: str = "") -> DataError:
    """The error of files that are in no folder, with ``how`` to get them."""
    places = ", ".join(map(str, folders(name)))
    more = f" ({why})" if why else ""
    return DataError(
        f"no {what} of {name} in {places}: {how} and set GANZOO_DATA to the folder with its "
        f"files{more}."
    )
