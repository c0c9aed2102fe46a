"""Fixtures: a zoo without entry points, tiny data, and games that train in milliseconds."""

from __future__ import annotations

import os
from typing import Any

os.environ |= {
    "HF_ENDPOINT": "http://127.0.0.1:9",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "HF_HUB_DISABLE_XET": "1",
}

import ganzoo_dcgan
import ganzoo_vanilla
import ganzoo_wgan_gp
import pytest
import torch

from ganzoo.data import Data, Rows
from ganzoo.losses import NonSaturating
from ganzoo.parts import Architecture, Space
from ganzoo.plugins import Origin
from ganzoo.samplers import Gaussian
from ganzoo.variant import Variant
from ganzoo.zoo import Zoo

FIRST_PARTY = {"vanilla": ganzoo_vanilla, "dcgan": ganzoo_dcgan, "wgan-gp": ganzoo_wgan_gp}


@pytest.fixture(scope="session")
def core() -> Zoo:
    return Zoo()


@pytest.fixture(scope="session")
def zoo() -> Zoo:
    return Zoo([(Origin(n, f"ganzoo-{n}", "0.1.0"), m) for n, m in FIRST_PARTY.items()])


@pytest.fixture(autouse=True, scope="session")
def _one_thread() -> None:
    torch.set_num_threads(1)


def points(n: int = 64) -> Data:
    """Labelled points of a standard normal."""
    stream = torch.Generator().manual_seed(0)
    real = torch.randn(n, 2, generator=stream)
    label = torch.arange(n) % 3
    rows = Rows({"real": real, "label": label})
    return Data("points", rows, rows, {"real": Space(shape=(2,)), "label": Space(classes=3)})


def images(n: int = 32, size: int = 8) -> Data:
    """Grey noise."""
    stream = torch.Generator().manual_seed(0)
    real = torch.randint(256, (n, 1, size, size), generator=stream, dtype=torch.uint8)
    rows = Rows({"real": real})
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
