"""Metrics of samples that were generated for a label."""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import Field

from ganzoo.builtin.metrics.frechet import frechet_distance
from ganzoo.errors import ZooError
from ganzoo.parts.metric import Direction, Metric

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor


class LabelAccuracy(Metric):
    """The share of samples that the dataset's classifier assigns to their requested class."""

    on_device = True
    better: ClassVar[dict[str, Direction]] = {"label-accuracy": "higher"}
    ranges: ClassVar[dict[str, tuple[float, float]]] = {"label-accuracy": (0, 1)}

    def enough(self, values: Mapping[str, Any]) -> int:
        """Ten for each class."""
        return 10 * int(values["fake_logits"].shape[1])

    def measure(self, fake_logits: Tensor, fake_label: Tensor) -> dict[str, float]:
        """The share, in [0, 1], from logits (N, classes) and labels (N,)."""
        right = fake_logits.argmax(1) == fake_label
        return {"label-accuracy": float(right.double().mean())}


class IntraFrechet(Metric):
    """The mean over classes of the Fréchet distance within a class (arXiv:1802.05637's intra FID).

    It is biased upwards when there are few samples per class, so compare it only between equal
    sample counts.
    """

    on_device = True
    better: ClassVar[dict[str, Direction]] = {
        "intra-frechet": "lower",
        "intra-frechet-classes": "higher",
    }
    ranges: ClassVar[dict[str, tuple[float, float]]] = {
        "intra-frechet": (0, inf),
        "intra-frechet-classes": (0, inf),
    }

    least: int = Field(
        default=2,
        ge=2,
        le=1_000_000,
        description="classes with fewer real or generated samples are left out",
    )

    def enough(self, values: Mapping[str, Any]) -> int:
        """In each class more than there are features: with fewer, no covariance has full rank."""
        return (int(values["real_features"].shape[1]) + 1) * len(values["label"].unique())

    def measure(
        self, real_features: Tensor, label: Tensor, fake_features: Tensor, fake_label: Tensor
    ) -> dict[str, float]:
        """The mean, from features (N, D) and (M, D), and the number of classes averaged over."""
        found = []
        for one in range(int(label.max()) + 1):
            real, fake = real_features[label == one], fake_features[fake_label == one]
            if min(len(real), len(fake)) >= self.least:
                found.append(frechet_distance(real, fake))
        if not found:
            message = (
                f"no class has {self.least} held-out and {self.least} generated samples, so there "
                "is no intra-class distance."
            )
            raise ZooError(message)
        return {
            "intra-frechet": sum(found) / len(found),
            "intra-frechet-classes": float(len(found)),
        }
