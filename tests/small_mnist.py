"""A stand-in for MNIST, which is not on every machine."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from ganzoo.builtin.datasets.idx import Mnist


def of_noise(monkeypatch: pytest.MonkeyPatch) -> None:
    """Put 30 images of noise, and 10 held-out ones, in the place of MNIST's files."""

    def array(_: Mnist, file: str) -> Tensor:
        n, stream = (30, 10)["t10k" in file], torch.Generator().manual_seed(len(file))
        if "labels" in file:
            return torch.arange(n).byte() % 10
        return torch.randint(256, (n, 28, 28), generator=stream).byte()

    monkeypatch.setattr(Mnist, "array", array)
