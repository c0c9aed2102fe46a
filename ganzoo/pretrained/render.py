"""Samples of a run or of a pretrained model, written as a picture, as a film or as numbers."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from ganzoo.builtin.observers.grid import GRID, drawable, drawn, tiles
from ganzoo.errors import OptionError
from ganzoo.parts.arguments import check_arguments
from ganzoo.plugins.default import chosen_zoo
from ganzoo.pretrained.neighbours import neighbours as nearest_images
from ganzoo.pretrained.opening import model_of
from ganzoo.pretrained.runs import RunFolder
from ganzoo.pretrained.sweep import Sweep
from ganzoo.storage.files import replacing
from ganzoo.storage.paths import given_path
from ganzoo.training.run import Run

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from torch import Tensor

    from ganzoo.engine.fixed import Given
    from ganzoo.engine.sampling import FrozenGenerator
    from ganzoo.parts.dataset import Data
    from ganzoo.plugins.zoo import Zoo

SUFFIXES = (".png", ".npy", ".gif")
SWEPT_ROWS = 10
"""The rows of a sweep's grid if ``n`` is not given: as many latents."""
FRAME_MS = 33


@dataclass(frozen=True)
class SampleSource:
    """What samples are drawn from: a run's last checkpoint, or a pretrained model."""

    variant: str
    frozen: FrozenGenerator
    data: Callable[[], Data]
    """Loads the dataset, which only pictures of points need: they are drawn over real ones."""
    file: Path
    """Where samples are written by default, without the suffix."""


def sample_source(
    what: str | Path, zoo: Zoo, *, device: str | None = None, kind: str = "samples"
) -> SampleSource:
    """A run by its folder, or a pretrained model by its name; ``kind`` is what is to be written."""
    model = model_of(what, device=device, zoo=zoo)
    is_run = isinstance(model.source, RunFolder)
    name = re.sub(r"[^\w.-]+", "-", f"{model.name}-{kind}")
    file = Path(what) / kind if is_run else Path(name)
    return SampleSource(model.variant.name, model.frozen, lambda: model.data, file)


def write_samples(
    what: str | Path,
    *,
    n: int | None = None,
    seed: int = 0,
    out: str | Path | None = None,
    label: int | str | None = None,
    given: Mapping[str, Given] | None = None,
    sweep: str | None = None,
    neighbours: bool = False,
    device: str | None = None,
    zoo: Zoo | None = None,
) -> Path:
    """Write samples of a run's last checkpoint, or of a pretrained model; returns the file's path.

    Args:
        what: The folder of a run, or the name of a pretrained model.
        n: How many samples, 64 by default; for a sweep, how many rows, 10 by default.
        seed: Fixes the latents.
        out: A .png draws the samples; a .npy stores them as float32 (n, *shape), images in [-1, 1];
            a .gif films one sample that unfolds in time. By default ``samples``, or ``neighbours``,
            in the run's folder, or ``VARIANT-DATASET-samples`` in the current one.
        label: One class for all samples, by its number or its name.
        given: Other values that samples are made from, by name.
        sweep: ``NAME=LOW:HIGH``, such as ``code.c1=-2:2``, ``label=0:9`` or ``label=dress:coat``:
            varies one value from left to right, with all others fixed along each row.
        neighbours: Draw the nearest training image beside each sample, which needs the data.
        device: Where the networks are put; by default a run's own device if it is here, or the CPU.
        zoo: The plugins; by default the installed ones.

    Raises:
        OptionError: If samples are not made from such a value, or cannot be written in that form.
    """
    check_arguments(given=given)
    kind = "neighbours" if neighbours else "samples"
    source = sample_source(what, chosen_zoo(zoo), device=device, kind=kind)
    out = _checked_out(source, out, label=label, sweep=sweep)
    held = {**(given or {}), **labels(source, label)}
    if neighbours:
        require_picture(out, sweep=sweep)
        found = nearest_images(what, n or GRID, seed=seed, given=held, device=device, zoo=zoo)
        write_picture(found.picture(), out)
    elif out.suffix == ".gif":
        write_film(frames_of(source, seed=seed), out)
    elif sweep is not None:
        swept = Sweep.parse(sweep, source.frozen, source.variant)
        write_sweep(swept.samples(n or SWEPT_ROWS, seed, given=held), out)
    else:
        write_drawn(source, out, n, seed=seed, given=held)
    return out


def _checked_out(
    source: SampleSource, out: str | Path | None, *, label: int | str | None, sweep: str | None
) -> Path:
    is_drawable = drawable(source.frozen.spaces)
    path = (
        given_path(out)
        if out is not None
        else source.file.with_suffix(".png" if is_drawable else ".gif")
    )
    if out is None and not os.access(path.parent, os.W_OK):
        message = f"the folder {path.parent} cannot be written to; name a file elsewhere by --out."
        raise OptionError(message)
    if path.suffix not in SUFFIXES:
        message = f"cannot write samples as '{path.name}'; name a .png, .npy or .gif file."
        raise OptionError(message)
    if label is not None and sweep is not None:
        message = "give --label or --sweep, not both; --sweep label=0:9 shows every label."
        raise OptionError(message)
    if path.suffix != ".gif" and not is_drawable:
        message = f"samples of '{source.variant}' cannot be drawn; name a .gif file to film one."
        raise OptionError(message)
    return path


def sample(
    what: str | Path | Run,
    n: int = 64,
    *,
    seed: int = 0,
    label: Given | None = None,
    given: Mapping[str, Given] | None = None,
    device: str | None = None,
    zoo: Zoo | None = None,
) -> Tensor:
    """Samples of a run's last checkpoint, or of a pretrained model, (n, *shape), on the CPU.

    Repeatable by seed; ``label`` and ``given`` as in ``Pretrained.sample``. ``what`` is a run, its
    folder, or the name of a model. Raises OptionError if it generates no samples, or for a value
    that they are not made from.
    """
    check_arguments(device=device, given=given)
    if not isinstance(what, Run):
        model = model_of(what, device=device, zoo=zoo)
        return model.sample(n, seed=seed, label=label, given=given)
    fixed = {**(given or {}), **({} if label is None else {"label": label})}
    # Categories are drawn, as for a model whose data may not be here.
    made = replace(what.game.frozen(), lazy=True).sample(n, seed=seed, given=fixed)
    if "fake" not in made:
        message = (
            f"'{what.game.variant.name}' generates no samples to draw; game.sample gives: "
            f"{', '.join(made)}."
        )
        raise OptionError(message)
    return made["fake"]


def write_drawn(
    source: SampleSource, out: Path, n: int | None, *, seed: int, given: Mapping[str, Given]
) -> None:
    """Write samples as they are drawn: as a picture, or as a .npy of numbers."""
    if out.suffix == ".png":
        write_picture(drawn(source.frozen, source.data, n, seed=seed, given=given), out)
    else:
        write_array(source.frozen.sample(n or GRID, seed=seed, given=given)["fake"], out)


def require_picture(out: Path, *, sweep: str | None) -> None:
    """Raise OptionError where neighbours are to be written otherwise than as a picture."""
    if out.suffix != ".png":
        message = f"neighbours are drawn, and '{out.name}' is no picture; name a .png file."
        raise OptionError(message)
    if sweep is not None:
        message = "give --sweep or --neighbours, not both."
        raise OptionError(message)


def write_picture(picture: Image.Image, out: Path) -> None:
    """Write a PNG; if that fails, the previous file is unchanged."""
    with replacing(out) as path:
        picture.save(path, format="png")


def write_array(samples: Tensor, out: Path) -> None:
    """Write a .npy; if that fails, the previous file is unchanged."""
    with replacing(out) as path, path.open("wb") as file:
        np.save(file, samples.numpy())


def frames_of(source: SampleSource, *, seed: int) -> Tensor:
    """The frames of one sample that unfolds in time, uint8, (T, H, W, 3).

    Raises OptionError if samples do not.
    """
    frames = source.frozen.sampler.frames(source.frozen, seed=seed)
    if frames is None:
        message = f"samples of '{source.variant}' do not unfold in time; name a .png or .npy file."
        raise OptionError(message)
    return frames


def write_film(frames: Tensor, out: Path) -> None:
    """Write frames, uint8 (T, H, W, 3), as an animated GIF at thirty a second."""
    first, *others = [Image.fromarray(frame.numpy()) for frame in frames]
    with replacing(out) as path:
        first.save(
            path, format="gif", save_all=True, append_images=others, duration=FRAME_MS, loop=0
        )


def write_sweep(images: Tensor, out: Path) -> None:
    """Write a sweep, (rows, steps, *shape): images as a grid, anything as a .npy of numbers."""
    if out.suffix == ".npy":
        write_array(images, out)
        return
    if images.dim() != 5:  # noqa: PLR2004
        message = "a sweep is drawn of images only; name a .npy file for its numbers."
        raise OptionError(message)
    write_picture(tiles(images.flatten(0, 1), columns=images.shape[1]), out)


def labels(source: SampleSource, label: int | str | None) -> dict[str, float | str]:
    """The label of all samples by name, if there is one.

    Raises OptionError if the generator reads none.
    """
    if label is None:
        return {}
    if "label" not in (*source.frozen.reads, *source.frozen.accepts):
        message = f"the generator of '{source.variant}' reads no label; leave out --label."
        raise OptionError(message)
    return {"label": label}
