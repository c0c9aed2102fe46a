"""Feature extractors: they turn images into the vectors between which metrics measure distances."""

from __future__ import annotations

import copy
from functools import cache
from typing import Generic, Protocol, TypeVar

import torch
from torch import Tensor, nn

Network = TypeVar("Network", bound=nn.Module)


class FeatureExtractor(Protocol):
    """A deterministic map from images to features; ``sha256`` identifies what it computes."""

    name: str
    sha256: str

    def __call__(self, images: Tensor) -> tuple[Tensor, Tensor | None]:
        """Map images in [-1, 1], (N, C, H, W), to features (N, D) and logits (N, classes) or None.

        Both are float64. They are computed where the images are, or on the CPU, and each image's do
        not depend on the others: a GPU is given a large number of images in parts.
        """


class Placed(Generic[Network]):
    """A network in eval mode on the CPU, and its copies on other devices, each made once."""

    def __init__(self, net: Network) -> None:
        """Keep the network as it is."""
        self._nets = {torch.device("cpu"): net}

    def on(self, device: torch.device) -> Network:
        """The network on a device."""
        if device not in self._nets:
            self._nets[device] = copy.deepcopy(self._nets[torch.device("cpu")]).to(device)
        return self._nets[device]


@cache
def has_float64(device: torch.device) -> bool:
    """Whether a device has float64 numbers; MPS has none."""
    try:
        torch.zeros(1, dtype=torch.float64, device=device)
    except (TypeError, RuntimeError):
        return False
    return True


def in_float64(values: Tensor) -> Tensor:
    """Values in float64, on the CPU where their own device has none."""
    return (values if has_float64(values.device) else values.cpu()).double()
