"""Count the published emoji: ``GANZOO_DATA=FOLDER python tools/count_emoji.py``.

Reads the three npm packages anew, which checks their sha256, and exits with 1 if a number is not
the known one. Prints also what the shipped extractor recognizes.
"""

from __future__ import annotations

import sys
from hashlib import sha256
from itertools import combinations
from pathlib import Path

from ganzoo_emoji.emoji import Emoji, table_of
from ganzoo_emoji.features import extractor
from ganzoo_emoji.packages import STYLES, TABLE, Package, contents, digest
from ganzoo_emoji.pictures import picture
from ganzoo_emoji.table import emoji_of

from ganzoo.parts.dataset import Data

PICTURES = {"noto": 3786, "twemoji": 3786, "fluent": 3391}
PAIRS = {("noto", "twemoji"): 3786, ("noto", "fluent"): 3372, ("twemoji", "fluent"): 3372}
ROWS = {"noto": (2863, 648), "twemoji": (2863, 648), "fluent": (2505, 614)}
"""To train on and held out, without flags and components."""


def main() -> int:
    places = Emoji().places
    files = {style: contents(package, places) for style, package in STYLES.items()}
    names = {
        style: {STYLES[style].identifier(path) for path in each if path != TABLE}
        for style, each in files.items()
    }
    pairs = {(a, b): len(names[a] & names[b]) for a, b in combinations(STYLES, 2)}
    data = {style: Emoji(style=style).load() for style in STYLES}
    rows = {style: (len(each.train), len(each.held_out)) for style, each in data.items()}
    for style, package in STYLES.items():
        print(f"{style}: {package.spec}, sha256 {package.sha256}, contents {digest(files[style])}")
        print(f"  {len(names[style]):,} pictures; {split_of(files[style], package, places)}")
        print(
            f"  {rows[style][0]:,} rows to train on, {rows[style][1]:,} held out; categories "
            f"recognized: {recognized(data[style])}"
        )
    for (a, b), count in pairs.items():
        print(f"{a} and {b}: {count:,} pairs")
    known = {style: len(each) for style, each in names.items()} == PICTURES
    return int(not (known and pairs == PAIRS and rows == ROWS))


def split_of(files: dict[str, bytes], package: Package, places: list[Path]) -> str:
    """How the emoji of a package are split, and how many pictures are in both splits."""
    table = {emoji.identifier: emoji for emoji in emoji_of(table_of(places), TABLE)}
    bases: dict[bool, set[str]] = {False: set(), True: set()}
    pixels: dict[bool, set[bytes]] = {False: set(), True: set()}
    for path, content in files.items():
        if (emoji := table.get(package.identifier(path))) is not None:
            bases[emoji.held_out].add(emoji.base)
            image = picture(content, path, 64)
            pixels[emoji.held_out].add(sha256(image.numpy().tobytes()).digest())
    assert bases[False].isdisjoint(bases[True])
    return (
        f"of {len(bases[False] | bases[True]):,} emoji {len(bases[True]):,} are held out, none is "
        f"in both splits; {len(pixels[False] & pixels[True])} pictures are the same in both"
    )


def recognized(data: Data) -> str:
    """The shares of held-out rows, and of those of a category, that the extractor recognizes."""
    label = data.held_out.column("label")
    logits = extractor(len(data.spaces["label"].names))(data.held_out.column("real"))[1]
    right = (logits.argmax(1) == label).double()
    recalls = [float(right[label == k].mean()) for k in range(logits.shape[1])]
    return f"{float(right.mean()):.3f} of the rows, {sum(recalls) / len(recalls):.3f} of a category"


if __name__ == "__main__":
    sys.exit(main())
