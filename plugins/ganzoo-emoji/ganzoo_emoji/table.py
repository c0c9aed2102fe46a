"""The table of emoji, ``emoji.json``: what each picture shows."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

from ganzoo.builtin.datasets.splits import rank_of
from ganzoo.errors import DataError, first_line, quoted
from ganzoo.parts.plain_json import json_of

if TYPE_CHECKING:
    from collections.abc import Iterator

FLAGS = "Flags"
CATEGORIES = (
    "Smileys & Emotion",
    "People & Body",
    "Animals & Nature",
    "Food & Drink",
    "Travel & Places",
    "Activities",
    "Objects",
    "Symbols",
    FLAGS,
)
"""Unicode's categories in its order, flags last. Its tenth, Component, is of no use: it holds five
patches of skin."""
TONES = {
    "1F3FB": "light-skin",
    "1F3FC": "medium-light-skin",
    "1F3FD": "medium-skin",
    "1F3FE": "medium-dark-skin",
    "1F3FF": "dark-skin",
}
"""The word for each modifier of skin tone."""
NAME = re.compile("[0-9a-f]+(-[0-9a-f]+)*")
WORD = re.compile(r"[^\s,:()]+")
HELD_OUT = 0.2
"""The share of groups that are held out, about."""


class Emoji(NamedTuple):
    """One picture's entry; those of other skin tones have the same ``base``."""

    identifier: str
    base: str
    category: str
    name: str
    """Words, in lower case; the tones of skin last."""

    @property
    def toned(self) -> bool:
        """Whether it has a skin tone that was chosen."""
        return self.identifier != self.base

    @property
    def held_out(self) -> bool:
        """Whether it is held out: by a hash of the base, so in every style and tone or in none."""
        return is_held_out(self.base)


def is_held_out(group: str) -> bool:
    """Whether the pictures of a group are held out, by a hash of what the group is called."""
    return rank_of(group.encode()) < HELD_OUT


def emoji_of(content: bytes, who: str) -> list[Emoji]:
    """The emoji of a table without components, those of one base together.

    Bases are in the order of their hashes, so that any stretch of rows is of all categories. Raises
    DataError, naming the table as ``who``, for what is no such table.
    """
    try:
        entries = [emoji for entry in json_of(content) for emoji in versions(entry)]
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        message = f"{who} is no table of emoji ({first_line(error)}): replace it."
        raise DataError(message) from error
    chosen = (emoji for emoji in entries if emoji.category in CATEGORIES)
    return sorted(chosen, key=lambda emoji: (rank_of(emoji.base.encode()), emoji))


def versions(entry: dict[str, Any]) -> Iterator[Emoji]:
    """An emoji as it is, and in each tone of skin."""
    base, name = identifier(entry), " ".join(WORD.findall(entry["name"].lower()))
    yield Emoji(base, base, entry["category"], name)
    for tones, version in entry.get("skin_variations", {}).items():
        words = " ".join(TONES[tone] for tone in tones.split("-"))
        yield Emoji(identifier(version), base, entry["category"], f"{name} {words}")


def identifier(entry: dict[str, Any]) -> str:
    """The code points of an entry, as its picture's file is named."""
    found: str = entry["image"].removesuffix(".png")
    if not NAME.fullmatch(found):
        message = f"no code points: {quoted(found)}"
        raise ValueError(message)
    return found
