"""Fixtures: zoos that load no entry points; every test on one thread, and off the network."""

from __future__ import annotations

import os
import shutil
import tempfile

os.environ |= {
    "HF_ENDPOINT": "http://127.0.0.1:9",
    "HF_HOME": (home := tempfile.mkdtemp(prefix="ganzoo-tests-")),
    "HF_HUB_CACHE": f"{home}/hub",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "HF_HUB_DISABLE_XET": "1",
    "HF_TOKEN": "",
    "HUGGING_FACE_HUB_TOKEN": "",
}

import ganzoo_augment
import ganzoo_conditional
import ganzoo_dcgan
import ganzoo_emoji
import ganzoo_gail
import ganzoo_infogan
import ganzoo_r3gan
import ganzoo_sngan
import ganzoo_stylegan2
import ganzoo_vanilla
import ganzoo_wgan_gp
import pytest
import torch

from ganzoo.plugins.loading import Origin
from ganzoo.plugins.zoo import Zoo

FIRST_PARTY = {
    "vanilla": ganzoo_vanilla,
    "dcgan": ganzoo_dcgan,
    "wgan-gp": ganzoo_wgan_gp,
    "infogan": ganzoo_infogan,
    "conditional": ganzoo_conditional,
    "gail": ganzoo_gail,
    "emoji": ganzoo_emoji,
    "sngan": ganzoo_sngan,
    "r3gan": ganzoo_r3gan,
    "stylegan2": ganzoo_stylegan2,
    "augment": ganzoo_augment,
}


@pytest.fixture(scope="session")
def core() -> Zoo:
    return Zoo()


@pytest.fixture(scope="session")
def zoo() -> Zoo:
    return Zoo([(Origin(n, f"ganzoo-{n}", "0.2.0"), m) for n, m in FIRST_PARTY.items()])


@pytest.fixture(autouse=True, scope="session")
def _one_thread() -> None:
    torch.set_num_threads(1)


def pytest_unconfigure() -> None:
    """Leave no trace; whoever runs the tests has kept their token and their cache to themselves."""
    shutil.rmtree(home, ignore_errors=True)
