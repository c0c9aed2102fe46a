"""Small things to test with: data in memory, and variants that train in milliseconds."""

from __future__ import annotations

from typing import Any

import torch

from ganzoo.builtin.losses import NonSaturating
from ganzoo.builtin.samplers import Gaussian
from ganzoo.parts.dataset import Data
from ganzoo.parts.part import Architecture
from ganzoo.parts.rows import ResidentRows
from ganzoo.parts.space import Space
from ganzoo.parts.variant import Variant


def points(n: int = 64) -> Data:
    """Labelled points of a standard normal."""
    stream = torch.Generator().manual_seed(0)
    real = torch.randn(n, 2, generator=stream)
    label = torch.arange(n) % 3
    rows = ResidentRows({"real": real, "label": label})
    return Data("points", rows, rows, {"real": Space(shape=(2,)), "label": Space(classes=3)})


def images(n: int = 32, size: int = 8) -> Data:
    """Grey noise."""
    stream = torch.Generator().manual_seed(0)
    real = torch.randint(256, (n, 1, size, size), generator=stream, dtype=torch.uint8)
    rows = ResidentRows({"real": real})
    return Data("images", rows, rows, {"real": Space(shape=(1, size, size), bounded=True)})


def variant_of(architecture: Architecture, **fields: Any) -> Variant:
    """A small variant around an architecture."""
    defaults: dict[str, Any] = {
        "name": "test",
        "loss": NonSaturating(),
        "sampler": Gaussian(dim=4),
        "batch": 8,
    }
    return Variant(architecture=architecture, **{**defaults, **fields})
