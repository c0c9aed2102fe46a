"""Samples of a run, written as a picture, as a film or as numbers."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from PIL import Image

import ganzoo
from ganzoo.calls import fake_of
from ganzoo.errors import OptionError
from ganzoo.files import replacing
from ganzoo.observers.grid import drawable, run_picture, tiles
from ganzoo.published import parts_of
from ganzoo.run import Run

if TYPE_CHECKING:
    from torch import Tensor

    from ganzoo.game import Game
    from ganzoo.parts import Space
    from ganzoo.zoo import Zoo

SUFFIXES = (".png", ".npy", ".gif")
SWEPT_ROWS, SWEPT_STEPS = 10, 11
"""A sweep's grid, unless told: other latents downwards, the swept value from left to right."""
FRAME_MS = 33


def write_samples(
    run: str | Path,
    *,
    n: int | None = None,
    seed: int = 0,
    out: str | Path | None = None,
    label: int | None = None,
    sweep: str | None = None,
    zoo: Zoo | None = None,
) -> Path:
    """Write samples of a run's last checkpoint: .png draws them, .npy keeps them, .gif films one.

    A .npy holds float32, (n, *shape), images in [-1, 1]. ``label`` conditions all of them on one
    class. ``sweep``, as in ``code.c1=-2:2`` or ``label=0:9``, varies one value from left to right,
    all else fixed along each of ``n`` rows. Without ``out`` the file is ``samples`` in the run's
    folder. Raises OptionError for what this run has no value of, or cannot be written so.
    """
    opened = Run.open(run, zoo or ganzoo.default_zoo())
    game = opened.game
    suffix = ".png" if drawable(game.spaces) else ".gif"
    out = Path(out) if out is not None else opened.folder / f"samples{suffix}"
    if out.suffix not in SUFFIXES:
        message = f"cannot write samples as '{out.name}'; name a .png, .npy or .gif file."
        raise OptionError(message)
    if label is not None and sweep is not None:
        message = "give --label or --sweep, not both; --sweep label=0:9 shows every label."
        raise OptionError(message)
    if out.suffix == ".gif":
        write_film(opened, out, seed=seed)
        return out
    if not drawable(game.spaces):
        message = f"samples of '{game.variant.name}' are no pictures; name a .gif file, a film."
        raise OptionError(message)
    if sweep is not None:
        images = swept(game, sweep, rows=n or SWEPT_ROWS, seed=seed)
        write_sweep(images, out)
        return out
    given = labels(game, label, n or 64)
    if out.suffix == ".png":
        drawn = run_picture(opened, 64 if given and n is None else n, seed=seed, given=given)
        write_picture(drawn, out)
    else:
        write_array(fake_of(opened, game.sample(n or 64, seed=seed, given=given)), out)
    return out


def write_picture(drawn: Image.Image, out: Path) -> None:
    """Write a PNG, whole or not at all."""
    with replacing(out) as path:
        drawn.save(path, format="png")


def write_array(samples: Tensor, out: Path) -> None:
    """Write a .npy, whole or not at all."""
    with replacing(out) as path, path.open("wb") as file:
        np.save(file, samples.numpy())


def write_film(run: Run, out: Path, *, seed: int) -> None:
    """Write one sample that unfolds in time as an animated GIF, thirty frames a second."""
    published = run.game.published()
    frames = published.sampler.frames(published, seed=seed)
    if frames is None:
        message = (
            f"samples of '{run.game.variant.name}' do not unfold in time; name a .png or .npy file."
        )
        raise OptionError(message)
    first, *others = [Image.fromarray(frame.numpy()) for frame in frames]
    with replacing(out) as path:
        first.save(
            path, format="gif", save_all=True, append_images=others, duration=FRAME_MS, loop=0
        )


def write_sweep(images: Tensor, out: Path) -> None:
    """Write a sweep, (rows, steps, *shape): a grid of images, or numbers."""
    if out.suffix == ".npy":
        write_array(images, out)
        return
    if images.dim() != 5:  # noqa: PLR2004
        message = "a sweep is drawn of images only; name a .npy file for its numbers."
        raise OptionError(message)
    write_picture(tiles(images.flatten(0, 1), columns=images.shape[1]), out)


def labels(game: Game, label: int | None, n: int) -> dict[str, Tensor]:
    """The label to condition all samples on; OptionError where the generator reads none."""
    if label is None:
        return {}
    if "label" not in (*game.inputs["generator"], *game.options["generator"]):
        message = (
            f"the generator of '{game.variant.name}' reads no label, so --label means nothing."
        )
        raise OptionError(message)
    return {"label": torch.full((n,), label, device=game.device)}


def swept(game: Game, sweep: str, *, rows: int, seed: int) -> Tensor:
    """Samples of ``rows`` latents under each value of a sweep, (rows, steps, *shape)."""
    name, values = sweep_values(game, sweep)
    published = game.published()
    made = []
    for value in values:
        given = {name: torch.full((rows,), value, device=game.device)}
        made.append(published.sample(rows, seed=seed, given=given)["fake"])
    return torch.stack(made, 1)


def sweep_values(game: Game, sweep: str) -> tuple[str, list[int] | list[float]]:
    """``NAME=LOW:HIGH`` as the name and its values: each category, or eleven numbers."""
    name, _, ends = sweep.partition("=")
    known = sweepable(game)
    if name not in known:
        listed = ", ".join(known) or "none"
        message = f"there is no '{name}' to sweep; '{game.variant.name}' has: {listed}."
        raise OptionError(message)
    try:
        low, high = (float(end) for end in ends.split(":"))
    except ValueError:
        message = f"'{sweep}' is no sweep; write NAME=LOW:HIGH, as in {name}=0:1."
        raise OptionError(message) from None
    classes = known[name].classes
    if classes is None:
        return name, np.linspace(low, high, SWEPT_STEPS).tolist()
    if not 0 <= low <= high < classes:
        message = f"'{name}' is one of {classes} classes, 0 to {classes - 1}; {ends} is not within."
        raise OptionError(message)
    return name, list(range(int(low), int(high) + 1))


def sweepable(game: Game) -> dict[str, Space]:
    """The categories and single numbers that samples are made from, by name or ``name.part``."""
    read = (*game.inputs["generator"], *game.options["generator"])
    own = game.variant.sampler.spaces(game.data.spaces)
    spaces = {name: game.spaces[name] for name in game.spaces if name in read or name in own}
    spaces |= parts_of(spaces)
    return {n: s for n, s in spaces.items() if s.classes or (s.size == 1 and not s.parts)}
