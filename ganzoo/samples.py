"""Samples of a run, written as a picture or as numbers."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch

import ganzoo
from ganzoo.errors import OptionError
from ganzoo.files import replacing
from ganzoo.observers.grid import run_picture
from ganzoo.run import Run

if TYPE_CHECKING:
    from torch import Tensor

    from ganzoo.zoo import Zoo


def write_samples(
    run: str | Path,
    *,
    n: int | None = None,
    seed: int = 0,
    out: str | Path,
    label: int | None = None,
    zoo: Zoo | None = None,
) -> Path:
    """Write samples of a run's last checkpoint to ``out``: .png draws them, .npy keeps them.

    A .npy holds float32, (n, *shape), images in [-1, 1].
    """
    out = Path(out)
    if out.suffix not in {".png", ".npy"}:
        message = f"cannot write samples as '{out.name}'; name a .png or a .npy file."
        raise OptionError(message)
    opened = Run.open(run, zoo or ganzoo.default_zoo())
    given = labels(opened, label, n or 64)
    if out.suffix == ".png":
        drawn = run_picture(opened, 64 if given and n is None else n, seed=seed, given=given)
        with replacing(out) as path:
            drawn.save(path, format="png")
    else:
        samples = opened.game.sample(n or 64, seed=seed, given=given)["fake"].numpy()
        with replacing(out) as path, path.open("wb") as file:
            np.save(file, samples)
    return out


def labels(run: Run, label: int | None, n: int) -> dict[str, Tensor]:
    """The label to condition all samples on; OptionError where the generator reads none."""
    if label is None:
        return {}
    game = run.game
    if "label" not in game.inputs["generator"]:
        message = (
            f"the generator of '{game.variant.name}' reads no label, so --label means nothing."
        )
        raise OptionError(message)
    classes = game.spaces["label"].classes or 0
    if label >= classes:
        message = f"label {label} is none of the {classes} classes, 0 to {classes - 1}."
        raise OptionError(message)
    return {"label": torch.full((n,), label, device=game.device)}
