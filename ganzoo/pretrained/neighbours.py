"""Samples beside the training rows that are nearest to them: were any of them remembered?"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import ceil, sqrt
from typing import TYPE_CHECKING, cast

import torch

from ganzoo.builtin.metrics import features as builtin
from ganzoo.builtin.metrics.memorization import nearest
from ganzoo.builtin.observers.grid import tiles
from ganzoo.engine.featured import extracted, measuring, searched, training_features
from ganzoo.engine.fixed import whole
from ganzoo.errors import OptionError
from ganzoo.parts.arguments import check_arguments
from ganzoo.plugins.default import chosen_zoo
from ganzoo.pretrained.opening import model_of
from ganzoo.pretrained.scores import data_of
from ganzoo.training.run import Run

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from PIL import Image
    from torch import Tensor

    from ganzoo.engine.fixed import Given
    from ganzoo.parts.dataset import Data
    from ganzoo.parts.features import FeatureExtractor
    from ganzoo.parts.rows import Rows
    from ganzoo.plugins.zoo import Zoo

MOST = 100
"""The most neighbours of one sample."""


@dataclass(frozen=True, eq=False)
class Neighbours:
    """Samples, and the nearest training images of each, nearest first, on the CPU."""

    samples: Tensor
    """(n, C, H, W), in [-1, 1]."""
    images: Tensor
    """(n, k, C, H, W), in [-1, 1]."""
    rows: Tensor
    """Their row numbers in the training split, int64 (n, k)."""
    distances: Tensor
    """Between features, float64 (n, k)."""
    extractor: str
    """The name of the features."""

    def picture(self) -> Image.Image:
        """Each sample with its neighbours to the right of it, one pixel apart, on white."""
        pictures = torch.cat((self.samples[:, None], self.images), 1)
        gap = torch.ones_like(pictures[:, 0, ..., :1])
        joined = [part for one in pictures.unbind(1) for part in (gap, one)]
        together = torch.cat(joined[1:], 3)
        return tiles(together, columns=max(1, ceil(sqrt(len(together) / pictures.shape[1]))))


def neighbours(
    what: str | Path | Run,
    n: int = 64,
    *,
    k: int = 1,
    seed: int = 0,
    given: Mapping[str, Given] | None = None,
    features: str | None = None,
    data: object = None,
    device: str | None = None,
    zoo: Zoo | None = None,
) -> Neighbours:
    """The training images nearest to samples of a run's last checkpoint, or of a model.

    All training rows are searched, or 100,000 that the seed chooses.

    Args:
        what: A run, its folder, or the name of a model.
        n: How many samples; they are those of ``sample``.
        k: How many neighbours of each.
        seed: Fixes the samples.
        given: Values that samples are made from, by name, such as ``label``; as in ``sample``.
        features: The extractor whose features are compared, such as ``pixels``; by default the
            data's own.
        data: The data, if they were given from Python when it was trained; as in ``train``.
        device: As in ``evaluate``.
        zoo: The plugins; by default the installed ones.

    Raises:
        OptionError: If the samples are no images, or the data name no extractor and none is given.
        DataError: If a run's data are not here, or have changed since it was trained on them.
    """
    check_arguments(device=device, seed=seed)
    n, k = whole("the number of samples", n, 1), whole("the number of neighbours", k, 1, MOST)
    if isinstance(what, Run):
        name, frozen, rows = what.title, what.game.frozen(), what.game.data
    else:
        model = model_of(what, device=device, zoo=chosen_zoo(zoo))
        name, frozen, rows = model.name, model.frozen, data_of(model, data)
    extractor = comparing(features, rows, name)
    samples = replace(frozen, lazy=True).sample(n, seed=seed, given=given or {})["fake"]
    where = measuring(frozen.device)
    mine, _ = extracted(extractor, samples, where)
    theirs = training_features(rows.train, extractor, where, seed)
    distances, which = nearest(mine, theirs, k)
    near = searched(rows.train, seed)[which.cpu()]
    return Neighbours(samples, some_images(rows.train, near), near, distances.cpu(), extractor.name)


def comparing(features: str | None, data: Data, name: str) -> FeatureExtractor:
    """The extractor that is asked for, or else the data's own; OptionError where there is none."""
    if "real" not in data.spaces or not data.spaces["real"].is_image:
        message = f"neighbours are found of images, and the samples of '{name}' are none."
        raise OptionError(message)
    used = data.info.get("features") if features is None else builtin.extractor(features)
    if used is None:
        message = f"the data of '{name}' name no extractor; say one, such as features='pixels'."
        raise OptionError(message)
    return cast("FeatureExtractor", used)


def some_images(train: Rows, numbers: Tensor) -> Tensor:
    """The images of row numbers, (n, k), as (n, k, C, H, W) on the CPU."""
    images = train.column("real", numbers.flatten().to(train.device)).cpu()
    return images.view(*numbers.shape, *images.shape[1:])
