"""Samples of a run or of a pretrained model, written as a picture, as a film or as numbers."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from PIL import Image

from ganzoo.builtin.observers.grid import drawable, drawn, tiles
from ganzoo.errors import OptionError
from ganzoo.plugins.default import default_zoo
from ganzoo.pretrained.model import load
from ganzoo.pretrained.sources import is_name
from ganzoo.storage.files import replacing
from ganzoo.training.run import Run

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

    from ganzoo.engine.sampling import FrozenGenerator
    from ganzoo.parts.dataset import Data
    from ganzoo.parts.space import Space
    from ganzoo.plugins.zoo import Zoo

SUFFIXES = (".png", ".npy", ".gif")
SWEPT_ROWS, SWEPT_STEPS = 10, 11
"""A sweep's grid, unless told: other latents downwards, the swept value from left to right."""
FRAME_MS = 33


@dataclass(frozen=True)
class Subject:
    """What is sampled; ``data``, loaded when called, is what points are drawn over."""

    variant: str
    frozen: FrozenGenerator
    data: Callable[[], Data]
    file: Path
    """Where samples go unless told, less the suffix."""


def subject(what: str | Path, zoo: Zoo) -> Subject:
    """A run by its folder, or a pretrained model by its name."""
    if is_name(str(what), zoo):
        model = load(str(what), zoo=zoo)
        file = Path(re.sub(r"[^\w.-]+", "-", model.name) + "-samples")
        return Subject(model.variant.name, model.frozen, lambda: model.data, file)
    run = Run.open(what, zoo)
    game = run.game
    file = run.folder / "samples"
    return Subject(game.variant.name, game.frozen(), lambda: game.data, file)


def write_samples(
    what: str | Path,
    *,
    n: int | None = None,
    seed: int = 0,
    out: str | Path | None = None,
    label: int | None = None,
    sweep: str | None = None,
    zoo: Zoo | None = None,
) -> Path:
    """Write samples of a run's last checkpoint, or of a pretrained model by its name.

    A .png draws them, a .npy keeps them as float32 (n, *shape), images in [-1, 1], a .gif films
    one. ``label`` conditions all of them on one class. ``sweep``, as in ``code.c1=-2:2`` or
    ``label=0:9``, varies one value from left to right, all else fixed along each of ``n`` rows.
    Without ``out`` the file is ``samples`` in the run's folder, or ``VARIANT-DATASET-samples``
    here. Raises OptionError for what there is no value of, or cannot be written so.
    """
    source = subject(what, zoo or default_zoo())
    spaces = source.frozen.spaces
    suffix = ".png" if drawable(spaces) else ".gif"
    out = Path(out) if out is not None else source.file.with_suffix(suffix)
    if out.suffix not in SUFFIXES:
        message = f"cannot write samples as '{out.name}'; name a .png, .npy or .gif file."
        raise OptionError(message)
    if label is not None and sweep is not None:
        message = "give --label or --sweep, not both; --sweep label=0:9 shows every label."
        raise OptionError(message)
    if out.suffix == ".gif":
        write_film(frames_of(source, seed=seed), out)
        return out
    if not drawable(spaces):
        message = f"samples of '{source.variant}' are no pictures; name a .gif file, a film."
        raise OptionError(message)
    if sweep is not None:
        write_sweep(swept(source, sweep, rows=n or SWEPT_ROWS, seed=seed), out)
        return out
    given = labels(source, label, n or 64)
    if out.suffix == ".png":
        shown = 64 if given and n is None else n
        write_picture(drawn(source.frozen, source.data, shown, seed=seed, given=given), out)
    else:
        write_array(source.frozen.sample(n or 64, seed=seed, given=given)["fake"], out)
    return out


def write_picture(drawn: Image.Image, out: Path) -> None:
    """Write a PNG, whole or not at all."""
    with replacing(out) as path:
        drawn.save(path, format="png")


def write_array(samples: Tensor, out: Path) -> None:
    """Write a .npy, whole or not at all."""
    with replacing(out) as path, path.open("wb") as file:
        np.save(file, samples.numpy())


def frames_of(source: Subject, *, seed: int) -> Tensor:
    """One sample that unfolds in time, (T, H, W, 3); OptionError where none does."""
    frames = source.frozen.sampler.frames(source.frozen, seed=seed)
    if frames is None:
        message = f"samples of '{source.variant}' do not unfold in time; name a .png or .npy file."
        raise OptionError(message)
    return frames


def write_film(frames: Tensor, out: Path) -> None:
    """Write frames as an animated GIF, thirty a second."""
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


def labels(source: Subject, label: int | None, n: int) -> dict[str, Tensor]:
    """The label to condition all samples on; OptionError where the generator reads none."""
    if label is None:
        return {}
    if "label" not in (*source.frozen.reads, *source.frozen.accepts):
        message = f"the generator of '{source.variant}' reads no label, so --label means nothing."
        raise OptionError(message)
    return {"label": torch.full((n,), label, device=source.frozen.device)}


def swept(source: Subject, sweep: str, *, rows: int, seed: int) -> Tensor:
    """Samples of ``rows`` latents under each value of a sweep, (rows, steps, *shape)."""
    name, values = sweep_values(source, sweep)
    made = []
    for value in values:
        given = {name: torch.full((rows,), value, device=source.frozen.device)}
        made.append(source.frozen.sample(rows, seed=seed, given=given)["fake"])
    return torch.stack(made, 1)


def sweep_values(source: Subject, sweep: str) -> tuple[str, list[int] | list[float]]:
    """``NAME=LOW:HIGH`` as the name and its values: each category, or eleven numbers."""
    name, _, ends = sweep.partition("=")
    known = sweepable(source.frozen)
    if name not in known:
        listed = ", ".join(known) or "none"
        message = f"there is no '{name}' to sweep; '{source.variant}' has: {listed}."
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


def sweepable(frozen: FrozenGenerator) -> dict[str, Space]:
    """The categories and single numbers that samples are made from, by name or ``name.part``."""
    spaces = frozen.made_from()
    return {n: s for n, s in spaces.items() if s.classes or (s.size == 1 and not s.parts)}
