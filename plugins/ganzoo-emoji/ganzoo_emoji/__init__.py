"""Coloured images for training: emoji in three styles, and game sprites."""

from __future__ import annotations

from typing import TYPE_CHECKING

import ganzoo
from ganzoo_emoji.emoji import Emoji
from ganzoo_emoji.wesnoth import Wesnoth

if TYPE_CHECKING:
    from ganzoo.parts.dataset import Dataset


@ganzoo.hookimpl
def ganzoo_datasets() -> list[type[Dataset]]:
    """Emoji, and the sprites of a game."""
    return [Emoji, Wesnoth]
