"""The files that hf-xet has stored in a folder, in its undocumented ``local://`` format.

A shard is a header of 48 bytes and rows of 48 bytes. A file has one row with its hash, its flags
and the number of its segments, a row for each segment, as many rows to verify them, and one row
with its sha256.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

ROW = 48
VERIFIED, WITH_SHA256 = 1 << 31, 1 << 30
END = "f" * 64


def stored(folder: Path) -> dict[str, str]:
    """The Xet hash of each stored file by its sha256."""
    found: dict[str, str] = {}
    for shard in folder.glob("**/*.mdb"):
        blob, at = shard.read_bytes(), ROW
        while (name := hash_at(blob, at)) != END:
            flags, segments = struct.unpack_from("<II", blob, at + 32)
            at += ROW * (1 + segments * (2 if flags & VERIFIED else 1))
            if flags & WITH_SHA256:
                found[hash_at(blob, at)] = name
                at += ROW
    return found


def hash_at(blob: bytes, at: int) -> str:
    """A hash: four little-endian numbers."""
    return "".join(f"{number:016x}" for number in struct.unpack_from("<4Q", blob, at))
