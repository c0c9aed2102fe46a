"""Small packages of emoji, of the form of the published ones."""

from __future__ import annotations

import json
import tarfile
from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ganzoo_emoji.packages import STYLES, TABLE, digest
from PIL import Image

CATEGORIES = ("Smileys & Emotion", "Objects", "Flags", "Component")
EMOJI = [f"1f6{i:02x}" for i in range(24)]
TONED = EMOJI[0]
TONES = {"1F3FB": f"{TONED}-1f3fb", "1F3FB-1F3FF": f"{TONED}-1f3fb-200d-1f3ff"}
MISSING = EMOJI[5]
"""What the third style has no picture of."""


def entry(number: int, code: str) -> dict[str, Any]:
    about = {"image": f"{code}.png", "name": f"FACE {number}", "category": CATEGORIES[number % 4]}
    if code == TONED:
        about["skin_variations"] = {key: {"image": f"{t}.png"} for key, t in TONES.items()}
    return about


def pixels(code: str, side: int) -> np.ndarray[Any, Any]:
    """Noise that differs for every emoji: opaque at the left, transparent at the right."""
    noise = np.random.default_rng(list(code.encode())).integers(0, 256, (side, side, 4), np.uint8)
    noise[:, : side // 4, 3] = 255
    noise[:, -side // 4 :, 3] = 0
    return noise


@cache
def files_of(style: str) -> dict[str, bytes]:
    package, files = STYLES[style], {}
    for code in [*EMOJI, *TONES.values()]:
        if style == "fluent" and code == MISSING:
            continue
        out = BytesIO()
        side = 128 if style == "fluent" else 64
        Image.fromarray(pixels(style + code, side)).save(
            out, package.ending[1:], **({"lossless": True} if style == "fluent" else {})
        )
        files[f"{package.pictures}/{code}{package.ending}"] = out.getvalue()
    if package.has_table:
        files[TABLE] = json.dumps([*map(entry, range(len(EMOJI)), EMOJI)]).encode()
    return files


def tarball(files: Mapping[str, bytes]) -> bytes:
    out = BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as archive:
        for path, content in {"package.json": b"{}", **files}.items():
            member = tarfile.TarInfo(f"package/{path}")
            member.size = len(content)
            archive.addfile(member, BytesIO(content))
    return out.getvalue()


def packed(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Put the tarballs of all styles into a folder, and have them be the published ones."""
    folder.mkdir(exist_ok=True)
    for style, package in [*STYLES.items()]:
        files = files_of(style)
        content = tarball(files)
        (folder / package.tarball).write_bytes(content)
        known = replace(package, sha256=sha256(content).hexdigest(), contents=digest(files))
        monkeypatch.setitem(STYLES, style, known)
