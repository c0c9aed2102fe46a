"""Metrics of samples that were generated for a label."""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import Field

from ganzoo.builtin.metrics.frechet import frechet_distance
from ganzoo.builtin.metrics.prdc import Prdc, prdc
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


def by_class(
    real: Tensor, label: Tensor, fake: Tensor, fake_label: Tensor, least: int
) -> list[tuple[Tensor, Tensor]]:
    """Held-out and generated rows of each class that has ``least`` of both; ZooError if none."""
    pairs = [(real[label == one], fake[fake_label == one]) for one in range(int(label.max()) + 1)]
    enough = [pair for pair in pairs if min(map(len, pair)) >= least]
    if not enough:
        message = f"no class has {least} held-out and {least} generated samples to compare."
        raise ZooError(message)
    return enough


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
        pairs = by_class(real_features, label, fake_features, fake_label, self.least)
        found = [frechet_distance(real, fake) for real, fake in pairs]
        return {
            "intra-frechet": sum(found) / len(found),
            "intra-frechet-classes": float(len(found)),
        }


class ClassPrdc(Metric):
    """The means over classes of precision, recall, density and coverage within a class.

    Each is measured as ``prdc`` does, on the held-out and the generated rows of one class. So
    samples that are good, but of another class than was asked for, are not precise.
    """

    on_device = True
    better: ClassVar[dict[str, Direction]] = {
        "class-precision": "higher",
        "class-recall": "higher",
        "class-density": "higher",
        "class-coverage": "higher",
        "class-prdc-classes": "higher",
    }
    ranges: ClassVar[dict[str, tuple[float, float]]] = {
        **{f"class-{name}": ends for name, ends in Prdc.ranges.items()},
        "class-prdc-classes": (0, inf),
    }

    k: int = Field(default=5, ge=1, le=100, description="neighbours that span a ball")
    least: int = Field(
        default=100,
        ge=2,
        le=1_000_000,
        description="classes with fewer real or generated samples are left out",
    )

    def enough(self, values: Mapping[str, Any]) -> int:
        """In each class as many as ``prdc`` takes."""
        return Prdc().enough(values) * len(values["label"].unique())

    def measure(
        self, real_features: Tensor, label: Tensor, fake_features: Tensor, fake_label: Tensor
    ) -> dict[str, float]:
        """The means, from features (N, D) and (M, D), and the number of classes averaged over."""
        least = max(self.least, self.k + 1)
        pairs = by_class(real_features, label, fake_features, fake_label, least)
        found = [prdc(real, fake, self.k) for real, fake in pairs]
        means = {name: sum(one[name] for one in found) / len(found) for name in Prdc.better}
        return {
            **{f"class-{name}": value for name, value in means.items()},
            "class-prdc-classes": float(len(found)),
        }
