from __future__ import annotations

from pathlib import Path

import pytest
import torch
from ganzoo_emoji.table import is_held_out
from ganzoo_emoji.wesnoth import PACKAGE, Wesnoth, unit_of
from PIL import Image

from ganzoo.errors import DataError

COLOURS = {
    "drakes/burner.png": "red",
    "drakes/burner-attack-1.png": "green",
    "drakes/clasher/clasher-defend.png": "blue",
    "human-magi/white-mage+female.png": "black",
    "human-magi/red-mage.png": "#ff00ff",
    "trolls/rocklobber.png": "#102030",
    "trolls/whelp.png": "#405060",
    "trolls/grunt.png": "#708090",
}


def sprite(path: Path, colour: str, side: int = 72) -> None:
    """A square of a colour on nothing, 40 pixels wide, in the middle."""
    path.parent.mkdir(parents=True, exist_ok=True)
    image = Image.new("RGBA", (side, side))
    image.paste(Image.new("RGBA", (40, 40), colour), (side // 2 - 20, side // 2 - 20))
    image.save(path)


@pytest.fixture
def units(tmp_path: Path) -> Path:
    for path, colour in COLOURS.items():
        sprite(tmp_path / path, colour)
    sprite(tmp_path / "drakes/large.png", "red", 100)
    sprite(tmp_path / "unknown-unit.png", "red")
    (tmp_path / "drakes/notes.txt").write_text("no picture")
    return tmp_path


def test_sprites_are_labelled_by_their_race_and_stand_on_white(units: Path) -> None:
    data = Wesnoth(path=str(units), size=32).load()
    assert data.spaces["label"].names == ("drakes", "human-magi", "trolls")
    rows = [data.train.columns, data.held_out.columns]
    images = torch.cat([columns["real"] for columns in rows])
    assert images.shape == (8, 3, 32, 32)
    assert (images[:, :, :6] == 255).all()
    assert (images[:, :, :, -6:] == 255).all()
    labels = data.spaces["label"].decode(torch.cat([columns["label"] for columns in rows]))
    middles = [tuple(image[:, 16, 16].tolist()) for image in images]
    expected = {Image.new("RGB", (1, 1), c).getpixel((0, 0)): p for p, c in COLOURS.items()}
    races = [expected[middle].partition("/")[0] for middle in middles]
    assert races == labels
    assert {*middles} == {*expected}
    assert data.remarks[0] == (
        f"8 pictures of 7 units, {len(data.held_out)} held out; 1 of other sizes are left out."
    )
    held = {tuple(image[:, 16, 16].tolist()) for image in data.held_out.columns["real"]}
    assert {expected[middle] for middle in held} == {p for p in COLOURS if is_held_out(unit_of(p))}
    whole = Wesnoth(path=str(units)).load()
    assert whole.spaces["real"].shape == (3, 64, 64)
    inked = (whole.train.columns["real"] < 255).any(1)
    assert inked.any(1).sum(1).unique().tolist() == [40]  # pixels as they are


def test_all_pictures_of_a_unit_are_in_one_split() -> None:
    same = ["drakes/burner.png", "drakes/burner-fire-s-5.png", "drakes/burner/burner+x.png"]
    assert {*map(unit_of, same)} == {"drakes/burner"}
    assert unit_of("orcs/burner.png") == "orcs/burner"


def test_a_folder_without_sprites_is_said(tmp_path: Path) -> None:
    with pytest.raises(DataError) as refused:
        Wesnoth(path=str(tmp_path / "none")).load()
    assert str(refused.value) == (
        f"{tmp_path / 'none'} does not hold units of 72 x 72 pixels to train on and to hold out: "
        f"install the Debian package '{PACKAGE}', or set data.path."
    )


def test_a_damaged_sprite_is_named(units: Path) -> None:
    (units / "drakes/burner.png").write_bytes(b"x")
    with pytest.raises(DataError) as refused:
        Wesnoth(path=str(units)).load()
    assert str(refused.value) == (
        f"{units}/drakes/burner.png cannot be read as an image (cannot identify image): replace it."
    )
