"""Emoji in three styles: pictures, categories and names, and pairs of styles."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import torch
from pydantic import Field, ValidationInfo, field_validator

from ganzoo.builtin.datasets.published import cache, folders
from ganzoo.builtin.datasets.splits import image_space, resident_splits
from ganzoo.parts.dataset import Data, Dataset, Place
from ganzoo.parts.space import Space
from ganzoo.storage.paths import home
from ganzoo_emoji.features import extractor
from ganzoo_emoji.fetching import fetched
from ganzoo_emoji.kept import Packed, kept
from ganzoo_emoji.packages import STYLES, TABLE, Package, Style, contents, found
from ganzoo_emoji.pictures import picture
from ganzoo_emoji.table import CATEGORIES, FLAGS, emoji_of
from ganzoo_emoji.table import Emoji as Entry

if TYPE_CHECKING:
    from torch import Tensor

LARGEST: dict[Style, int] = {"noto": 64, "twemoji": 64, "fluent": 128}
"""The most pixels a side that a style is offered in; its pictures have no fewer."""
READING = 2
"""Raised when pictures are read otherwise, so that what was kept before is read again."""


class Emoji(Dataset):
    """Emoji: ``real``, uint8 (N, 3 or 4, size, size), ``label``, int64, and ``name``, a text.

    Labels are Unicode's 8 categories, or 9 with flags. With ``given``, rows are the pictures that
    both styles have, and that of the other style is the column ``given``. 20 % of the emoji are
    held out, by a hash of their code points: the same in every style, in all tones of skin. The
    pictures are read from npm packages as published (``ganzoo data fetch emoji``). Facts:
    ``features``, ``classes``, ``notices`` (licences).
    """

    style: Style = Field(
        default="noto", description="who drew them: Google (noto), Twitter (twemoji), Microsoft"
    )
    size: Literal[16, 32, 64, 128] = Field(
        default=32, description="pixels a side; 128 of fluent only, since none is enlarged"
    )
    tones: Literal["all", "none"] = Field(
        default="all", description="pictures of every skin tone, or only those without one"
    )
    flags: bool = Field(default=False, description="with flags, the ninth category")
    alpha: bool = Field(default=False, description="opacity as a fourth channel, not white paper")
    given: Style | None = Field(default=None, description="a second style, as the column 'given'")
    path: Place | None = Field(
        default=None, description="folder of the packages; null: GANZOO_DATA and the cache"
    )

    @field_validator("size")
    @classmethod
    def _is_not_enlarged(cls, size: int, others: ValidationInfo) -> int:
        require_pixels(others.data.get("style"), size)
        return size

    @field_validator("given")
    @classmethod
    def _is_another(cls, given: Style | None, others: ValidationInfo) -> Style | None:
        if given is not None and given == others.data.get("style"):
            message = "that is the style of 'real'"
            raise ValueError(message)
        require_pixels(given, others.data.get("size", 0))
        return given

    @property
    def styles(self) -> list[Style]:
        """The styles that are read, one or two."""
        return [self.style] if self.given is None else [self.style, self.given]

    def load(self) -> Data:
        """Read the pictures that were chosen. Raises DataError where a package is missing."""
        packed = [self.packed(style) for style in self.styles]
        places = [{name: row for row, name in enumerate(p.facts["pictures"])} for p in packed]
        table = [entry for entry in map(Entry._make, packed[0].facts["table"]) if self.takes(entry)]
        entries = [entry for entry in table if all(entry.identifier in rows for rows in places)]
        words = sorted({word for entry in table for word in entry.name.split()})
        length = max(len(entry.name.split()) for entry in table)
        categories = CATEGORIES[: len(CATEGORIES) - (not self.flags)]
        image = image_space(3 + self.alpha, self.size)
        spaces = {
            **dict.fromkeys(["real", "given"][: len(packed)], image),
            "label": Space(classes=len(categories), names=categories),
            "name": Space(shape=(length,), vocabulary=("", *words)),
        }
        columns = {
            name: pictures[[rows[entry.identifier] for entry in entries]]
            for name, (pictures, _), rows in zip(spaces, packed, places, strict=False)
        }
        columns["label"] = spaces["label"].encode(entry.category for entry in entries)
        columns["name"] = spaces["name"].encode(entry.name for entry in entries)
        held = torch.tensor([entry.held_out for entry in entries])
        train, held_out = resident_splits(columns, (~held, held))
        notices = tuple(STYLES[style].notice for style in self.styles)
        classes = len(categories)
        facts = {"features": extractor(classes), "classes": classes, "notices": notices}
        return Data(self.name, train, held_out, spaces, facts, remarks=told(entries, held, notices))

    def fetch(self) -> Path:
        """Have npm fetch the three packages, as far as they are not there."""
        return fetched([*STYLES.values()], self.places, cache(self.name))

    @property
    def places(self) -> list[Path]:
        """The folders that are searched for packages, in order."""
        return folders(self.name) if self.path is None else [home(self.path)]

    def takes(self, entry: Entry) -> bool:
        """Whether an emoji is among those that were chosen."""
        return (self.flags or entry.category != FLAGS) and (self.tones == "all" or not entry.toned)

    def packed(self, style: Style) -> Packed:
        """All pictures of a style, from the cache if they were read before, and the table."""
        package = STYLES[style]
        read_as = f"{package.sha256} {self.size} {self.alpha} {READING}"
        key = sha256(read_as.encode()).hexdigest()[:12]
        name = f"{style}-{self.size}{'-alpha' * self.alpha}-{key}.safetensors"
        return kept(cache(self.name) / name, lambda: self.read(package))

    def read(self, package: Package) -> Packed:
        """All pictures of a package that the table names, and the table."""
        files = contents(package, self.places)
        table = emoji_of(files.get(TABLE) or table_of(self.places), TABLE)
        pictures = {package.identifier(path): path for path in files if path != TABLE}
        names = [entry.identifier for entry in table if entry.identifier in pictures]
        images = [
            picture(files[path], f"{path} of {package.spec}", self.size, alpha=self.alpha)
            for path in map(pictures.__getitem__, names)
        ]
        return Packed(torch.stack(images), {"pictures": names, "table": table})


def require_pixels(style: Style | None, size: int) -> None:
    """Raise ValueError if a style's pictures would be enlarged."""
    if style is not None and size > LARGEST[style]:
        message = f"pictures of {style} have {LARGEST[style]} pixels a side"
        raise ValueError(message)


def table_of(places: list[Path]) -> bytes:
    """The table, for a package that has none. Raises DataError where no package has it."""
    owners = [package for package in STYLES.values() if package.has_table]
    owner = next((package for package in owners if found(package, places)), owners[0])
    return contents(owner, places)[TABLE]


def told(table: list[Entry], held: Tensor, notices: tuple[str, ...]) -> tuple[str, ...]:
    """Sentences on what was read, and whose it is."""
    emoji = len({entry.base for entry in table})
    return (
        f"{len(table):,} pictures of {emoji:,} emoji, {int(held.sum()):,} held out.",
        f"The pictures are {' and '.join(notices)}.",
    )
