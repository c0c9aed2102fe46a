"""Targets of ganzoo-emoji: npm tarballs, the table of emoji, and the cache."""

from __future__ import annotations

import gzip
import tarfile
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import torch
from fuzz.edits import as_json, damaged, json_of, rewritten, zipped
from fuzz.trial import Target
from ganzoo_emoji.kept import Packed, kept
from ganzoo_emoji.packages import TABLE, unpacked
from ganzoo_emoji.pictures import picture
from ganzoo_emoji.table import emoji_of
from hypothesis import strategies as st
from PIL import Image

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

ENTRY: dict[str, Any] = {
    "image": "1f476.png",
    "name": "BABY",
    "category": "People & Body",
    "skin_variations": {"1F3FB": {"image": "1f476-1f3fb.png"}},
}


TABLES: list[Any] = [[ENTRY], [ENTRY, {**ENTRY, "category": "Component"}], []]


def tar(kind: int) -> bytes:
    out, image = BytesIO(), BytesIO()
    Image.new("RGBA", (16, 16), "red").save(image, "PNG")
    with tarfile.open(fileobj=out, mode="w", format=kind) as archive:
        for name, content in ((TABLE, json_of(TABLES[0])), ("a.png", image.getvalue())):
            member = tarfile.TarInfo(f"package/{name}")
            member.size = len(content)
            archive.addfile(member, BytesIO(content))
        link = tarfile.TarInfo("package/b.png")
        link.type, link.linkname = tarfile.SYMTYPE, "../../etc/passwd"
        archive.addfile(link)
    return out.getvalue()


def tarball_inputs() -> SearchStrategy[bytes]:
    whole = [tar(kind) for kind in (tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT)]
    packed = [gzip.compress(content, mtime=0) for content in [*whole, bytes(10**8)]]
    return st.one_of(zipped(damaged(whole)), damaged(packed))


def read_a_tarball(blob: bytes, _: Path) -> object:
    files = unpacked(blob, lambda path: path.endswith((".png", TABLE)), "it")
    return [picture(file, "it", 8) for path, file in files.items() if path.endswith(".png")]


def read_a_table(blob: bytes, _: Path) -> object:
    return [emoji.held_out for emoji in emoji_of(blob, "it")]


def packed() -> Packed:
    return Packed(torch.zeros(1, 3, 8, 8, dtype=torch.uint8), {"pictures": ["1f476"]})


def caches() -> list[bytes]:
    with TemporaryDirectory() as folder:
        kept(path := Path(folder) / "noto.safetensors", packed)
        return [path.read_bytes()]


def read_a_cache(blob: bytes, folder: Path) -> object:
    path = folder / "noto.safetensors"
    path.write_bytes(blob)
    return kept(path, packed)


TARGETS = [
    Target("emoji-tarball", tarball_inputs, read_a_tarball),
    Target("emoji-table", lambda: rewritten(TABLES, as_json), read_a_table),
    Target("emoji-cache", lambda: damaged(caches()), read_a_cache),
]
