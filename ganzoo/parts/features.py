"""What turns images into the vectors that distances are measured between."""

from __future__ import annotations

from typing import Protocol

from torch import Tensor


class FeatureExtractor(Protocol):
    """Turns images into features, always the same ones: its sha256 pins what it computes."""

    name: str
    sha256: str

    def __call__(self, images: Tensor) -> tuple[Tensor, Tensor | None]:
        """Map images in [-1, 1], (N, C, H, W), to features (N, D) and logits (N, classes) or None.

        Both are float64 and on the CPU, whatever the images' device, so that a score does not
        depend on it.
        """
