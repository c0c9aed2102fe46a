"""Feature extractors: they turn images into the vectors between which metrics measure distances."""

from __future__ import annotations

from typing import Protocol

from torch import Tensor


class FeatureExtractor(Protocol):
    """A deterministic map from images to features; ``sha256`` identifies what it computes."""

    name: str
    sha256: str

    def __call__(self, images: Tensor) -> tuple[Tensor, Tensor | None]:
        """Map images in [-1, 1], (N, C, H, W), to features (N, D) and logits (N, classes) or None.

        Both are float64 and on the CPU, whatever the images' device, so that a score does not
        depend on it.
        """
