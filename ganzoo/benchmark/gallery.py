"""The pictures of a benchmark's page: sample grids, training played as a film, and episodes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ganzoo.benchmark.pictures import MOST_BYTES, data_uri, grid_picture, snapshot_picture
from ganzoo.storage.files import numbered
from ganzoo.storage.paths import is_file
from ganzoo.storage.reading import read_bytes

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from ganzoo.benchmark.folder import Bench

FRAMES = 12
"""The most pictures of its training that the page has of a contender."""


def first_folder(bench: Bench, name: str) -> Path:
    """The folder of a contender's first run."""
    return next(job.folder for job in bench.jobs if job.contender == name)


def sample_files(folder: Path) -> list[Path]:
    """The pictures of samples that a run left, oldest first."""
    return numbered(folder / "samples", ".png")


def grids(bench: Bench, ranked: Sequence[str]) -> list[dict[str, Any]]:
    """The last samples of every contender and seed."""
    found = []
    for job in bench.jobs:
        if job.contender in ranked and (files := sample_files(job.folder)):
            label = {"contender": job.contender, "seed": job.seed}
            found.append({**label, "data": grid_picture(files[-1])})
    return sorted(found, key=lambda g: (ranked.index(g["contender"]), g["seed"]))


def real_images(bench: Bench) -> str | None:
    """Held-out images to compare with, if the data are images."""
    paths = (job.folder / "real.png" for job in bench.jobs if not job.contender)
    return next((grid_picture(path) for path in paths if path.exists()), None)


def films(bench: Bench, ranked: Sequence[str]) -> list[dict[str, Any]]:
    """The training of each contender's first seed, if there is more than one picture of it."""
    found = [{"contender": name, "frames": frames(first_folder(bench, name))} for name in ranked]
    return [film for film in found if len(film["frames"]) > 1]


def frames(folder: Path) -> list[dict[str, Any]]:
    """The training of one run: snapshots of a game on points, or else grids of images."""
    snapshots = thinned(numbered(folder / "scenes", ".npz"))
    if snapshots:
        return [{"round": int(path.stem), "data": snapshot_picture(path)} for path in snapshots]
    files = thinned(sample_files(folder))
    return [{"round": int(path.stem), "data": grid_picture(path)} for path in files]


def episodes(bench: Bench, ranked: Sequence[str]) -> list[dict[str, Any]]:
    """A film of each contender whose samples unfold in time."""
    paths = {name: first_folder(bench, name) / "film.gif" for name in ranked}
    return [
        {"contender": name, "data": data_uri(read_bytes(path, MOST_BYTES), "image/gif")}
        for name, path in paths.items()
        if is_file(path)
    ]


def thinned(paths: Sequence[Path]) -> list[Path]:
    """At most FRAMES of them, evenly spaced, the first and the last among them."""
    if len(paths) <= FRAMES:
        return list(paths)
    chosen = np.linspace(0, len(paths) - 1, FRAMES).round().astype(int)
    return [paths[i] for i in chosen]
