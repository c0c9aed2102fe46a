"""The sprites of Battle for Wesnoth, where the game's data are installed."""

from __future__ import annotations

import re
from io import BytesIO
from pathlib import Path, PurePosixPath
from typing import Literal

import torch
from pydantic import Field
from torch import Tensor

from ganzoo.builtin.datasets.files import files_below
from ganzoo.builtin.datasets.images import UNREADABLE, first_words, opened
from ganzoo.builtin.datasets.splits import image_space, resident_splits
from ganzoo.builtin.metrics.features import extractor
from ganzoo.errors import DataError
from ganzoo.parts.dataset import Data, Dataset, Place
from ganzoo.parts.space import Space
from ganzoo.storage.paths import home, is_folder
from ganzoo.storage.reading import MIB, read_bytes
from ganzoo_emoji.pictures import picture
from ganzoo_emoji.table import is_held_out

UNITS = "/usr/share/games/wesnoth/1.16/data/core/images/units"
PACKAGE = "wesnoth-1.16-data"
SPRITE = (72, 72)
"""The size of most units; larger ones are left out."""
CENTRAL = 64
"""Pixels of a sprite's central square, which is all that is read of it."""
MOST = MIB
NOTICE = "of Battle for Wesnoth, by its artists, GPL-2.0-or-later"


class Wesnoth(Dataset):
    """Game sprites: ``real``, uint8 (N, 3, size, size), on white, and ``label``, int64, the race.

    The units of 72 x 72 pixels of Battle for Wesnoth, of which the central 64 x 64 are read.
    Magenta stands for the colour of a team. 20 % of the units are held out, by a hash of their
    names, with all pictures of their movements. Facts: ``features`` (pixels), ``classes``,
    ``notices`` (licence).
    """

    path: Place = Field(default=UNITS, description="the folder of the units")
    size: Literal[32, 64] = Field(
        default=64, description="pixels a side: the central 64 of a sprite, or that shrunk to 32"
    )

    def load(self) -> Data:
        """Read the sprites. Raises DataError where there are none, or one cannot be read."""
        root = home(self.path)
        below = files_below(str(root)) if is_folder(root) else ()
        paths = sorted(Path(path).relative_to(root).as_posix() for path in below)
        found = [(path, self.sprite(root / path)) for path in paths if is_unit(path)]
        sprites = {path: sprite for path, sprite in found if sprite is not None}
        held = torch.tensor([is_held_out(unit_of(path)) for path in sprites])
        if not sprites or held.all() or not held.any():
            message = (
                f"{root} does not hold units of {SPRITE[0]} x {SPRITE[1]} pixels to train on and "
                f"to hold out: install the Debian package '{PACKAGE}', or set data.path."
            )
            raise DataError(message)
        races = tuple(sorted({*map(race_of, sprites)}))
        label = Space(classes=len(races), names=races)
        columns = {
            "real": torch.stack([*sprites.values()]),
            "label": label.encode(map(race_of, sprites)),
        }
        train, held_out = resident_splits(columns, (~held, held))
        facts = {"features": extractor("pixels"), "classes": len(races), "notices": (NOTICE,)}
        counts = (
            f"{len(sprites):,} pictures of {len({*map(unit_of, sprites)})} units, "
            f"{int(held.sum()):,} held out; {len(found) - len(sprites):,} of other sizes are left "
            "out."
        )
        remarks = (counts, f"The pictures are {NOTICE}.")
        spaces = {"real": image_space(3, self.size), "label": label}
        return Data(self.name, train, held_out, spaces, facts, remarks=remarks)

    def sprite(self, path: Path) -> Tensor | None:
        """A unit's picture, or None if it is of another size."""
        try:
            content = read_bytes(path, MOST)
            with opened(BytesIO(content)) as image:
                if image.size != SPRITE:
                    return None
        except UNREADABLE as error:
            message = f"{path} cannot be read as an image ({first_words(error)}): replace it."
            raise DataError(message) from error
        return picture(content, str(path), self.size, side=CENTRAL)


def is_unit(path: str) -> bool:
    """Whether a file is a picture of a unit: one in the folder of a race."""
    return path.endswith(".png") and "/" in path


def race_of(path: str) -> str:
    """The race of a unit: the folder that it is in."""
    return path.partition("/")[0]


def unit_of(path: str) -> str:
    """The race and the first word of a unit's name, which all pictures of it share.

    Units that share the word, such as a man and a woman of one rank, are one here.
    """
    race, name, *_ = PurePosixPath(path).with_suffix("").parts
    return f"{race}/{re.split('[-+]', name)[0]}"
