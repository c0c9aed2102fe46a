"""The npm packages of emoji: where they are on this machine, and what they hold, checked."""

from __future__ import annotations

import tarfile
import zlib
from dataclasses import dataclass
from hashlib import sha256
from io import BytesIO
from typing import TYPE_CHECKING, Literal

from ganzoo.errors import DataError, first_line
from ganzoo.storage.paths import is_file, is_folder
from ganzoo.storage.reading import MIB, read_bytes
from ganzoo.storage.tar import files_in

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

Style = Literal["noto", "twemoji", "fluent"]
TABLE = "emoji.json"
"""The names and categories of all emoji; the same file in two of the packages."""
ROOT = "package/"
"""What npm puts before every path in a tarball."""
MOST = 128 * MIB
"""The largest tarball takes 71 MiB."""
MOST_UNPACKED = 256 * MIB
"""The largest one unpacks to 77 MiB."""
MOST_FILE = 4 * MIB
"""The largest file that is read of a package, the table, takes 1.3 MiB."""


@dataclass(frozen=True)
class Package:
    """A published version of an npm package, and the checksums of what it holds."""

    name: str
    version: str
    pictures: str
    """The folder of its pictures."""
    ending: str
    has_table: bool
    sha256: str
    """Of the tarball."""
    contents: str
    """``digest`` of what is read: what an unpacked copy is told by."""
    notice: str
    """Whose the pictures are, and their licence."""

    @property
    def spec(self) -> str:
        """What npm calls this version."""
        return f"{self.name}@{self.version}"

    @property
    def tarball(self) -> str:
        """The name that ``npm pack`` gives its tarball."""
        return f"{self.name.removeprefix('@').replace('/', '-')}-{self.version}.tgz"

    def reads(self, path: str) -> bool:
        """Whether a file of the package is read, by its path in it."""
        folder, _, file = path.rpartition("/")
        is_picture = folder == self.pictures and file.endswith(self.ending)
        return is_picture or (self.has_table and path == TABLE)

    def identifier(self, path: str) -> str:
        """The code points that a picture's file is named by, such as ``1f476-1f3fb``."""
        return path.rpartition("/")[2].removesuffix(self.ending)


NOTO = Package(
    name="emoji-datasource-google",
    version="16.0.0",
    pictures="img/google/64",
    ending=".png",
    has_table=True,
    sha256="fb5fd131b362aab7a55542d2a147a79708cce0a8b1c1bbacd470172708b5c438",
    contents="320141d4aa1b55c29d4d0fae23b95be445594b7e530c0ac09a907e0e26f509e5",
    notice="Noto Emoji, Copyright Google LLC, Apache-2.0",
)
TWEMOJI = Package(
    name="emoji-datasource-twitter",
    version="16.0.0",
    pictures="img/twitter/64",
    ending=".png",
    has_table=True,
    sha256="f64a530c63bca463bd8317fdc4615ce63a53a0c65018e4ce2d848aaba7a28877",
    contents="127d989937f8ff346bd7157b2972dc5c0056b6cce12bcece604a865d420d4d13",
    notice="Twemoji, Copyright Twitter, Inc and other contributors, CC-BY 4.0",
)
FLUENT = Package(
    name="@lobehub/fluent-emoji-3d",
    version="1.1.0",
    pictures="assets",
    ending=".webp",
    has_table=False,
    sha256="c1bb7eee7de090205a232518a9ab4adb3df458bfbe8a1f78232991194c8b2e58",
    contents="8978a3508bcdbe1d72a69446de2493725afe12c45312cec2b84d56c8cabf089c",
    notice="Fluent Emoji, Copyright Microsoft Corporation, MIT",
)
STYLES: dict[Style, Package] = {"noto": NOTO, "twemoji": TWEMOJI, "fluent": FLUENT}
COMMAND = "ganzoo data fetch emoji"


def found(package: Package, places: Iterable[Path]) -> Path | None:
    """A package's tarball, or the folder that it was unpacked to, in the first place with one."""
    for place in places:
        if is_file(tarball := place / package.tarball):
            return tarball
        for folder in (place / package.name, place / "node_modules" / package.name):
            if is_folder(folder):
                return folder
    return None


def contents(package: Package, places: list[Path]) -> dict[str, bytes]:
    """The pictures of a package, and its table, by their paths in it.

    ``places`` are folders that may hold the tarball, or the package unpacked. Raises DataError
    where none does, and where what is found is not what was published.
    """
    path = found(package, places)
    if path is None:
        message = (
            f"no {package.tarball} in {', '.join(map(str, places))}: run '{COMMAND}', or set "
            "GANZOO_DATA to the folder that holds it."
        )
        raise DataError(message)
    return of_folder(package, path) if is_folder(path) else of_tarball(package, path)


def of_tarball(package: Package, path: Path) -> dict[str, bytes]:
    """What is read of a package's tarball. Nothing is unpacked before its sha256 is checked."""
    try:
        content = read_bytes(path, MOST)
    except OSError as error:
        message = f"{path} cannot be read ({error.strerror}): replace it, as by '{COMMAND}'."
        raise DataError(message) from error
    require(sha256(content).hexdigest(), package.sha256, path, package)
    return unpacked(content, package.reads, str(path))


def of_folder(package: Package, folder: Path) -> dict[str, bytes]:
    """What is read of an unpacked package."""
    try:
        names = [file.name for file in (folder / package.pictures).iterdir()]
        paths = [path for name in names if package.reads(path := f"{package.pictures}/{name}")]
        paths += [TABLE] if package.has_table else []
        files = {path: read_bytes(folder / path, MOST_FILE) for path in paths}
    except OSError as error:
        message = (
            f"{error.filename or folder} cannot be read ({error.strerror}): replace {folder}, as "
            f"by '{COMMAND}'."
        )
        raise DataError(message) from error
    require(digest(files), package.contents, folder, package)
    return files


def require(checksum: str, published: str, path: Path, package: Package) -> None:
    """Raise DataError unless a checksum is the published one."""
    if checksum != published:
        message = (
            f"{path} is not {package.spec} as published (sha256 {checksum[:12]}..., not "
            f"{published[:12]}...): replace it, as by '{COMMAND}'."
        )
        raise DataError(message)


def digest(files: Mapping[str, bytes]) -> str:
    """The sha256 of the paths and the sha256 of some files, in the order of their paths."""
    total = sha256()
    for path, content in sorted(files.items()):
        total.update(f"{path}\0{sha256(content).hexdigest()}\n".encode())
    return total.hexdigest()


def unpacked(content: bytes, reads: Callable[[str], bool], who: str) -> dict[str, bytes]:
    """Some files of an npm tarball by their paths in the package.

    Raises DataError, naming the tarball as ``who``, where it is damaged or a file is too large.
    """
    files: dict[str, bytes] = {}

    def within(path: str) -> bool:
        return reads(path.removeprefix(ROOT))

    try:
        for name, file, size in files_in(BytesIO(content), within, MOST_UNPACKED):
            if size > MOST_FILE:
                message = f"{name} takes {size:,} bytes"
                raise ValueError(message)  # noqa: TRY301  (said with the name of the tarball)
            files[name.removeprefix(ROOT)] = file.read()
    except (tarfile.TarError, OSError, EOFError, ValueError, zlib.error) as error:
        message = f"{who} cannot be unpacked ({first_line(error)}): replace it, as by '{COMMAND}'."
        raise DataError(message) from error
    return files
