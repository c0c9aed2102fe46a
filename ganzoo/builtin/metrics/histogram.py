"""The classes of samples, by the data's classifier."""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING, Any, ClassVar

import torch

from ganzoo.parts.metric import Direction, Metric

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor


def class_shares(logits: Tensor) -> Tensor:
    """The share of samples that a classifier puts in each class, float64 (classes,)."""
    counts = torch.bincount(logits.argmax(1), minlength=logits.shape[1])
    return counts.double() / len(logits)


class Histogram(Metric):
    """The rarest class's share of the samples, and the KL, in nats, from the data's own shares.

    Where labels are partly known, the data's shares are those of the rows that are.
    """

    on_device = True
    better: ClassVar[dict[str, Direction]] = {"rarest-class": "higher", "class-kl": "lower"}
    ranges: ClassVar[dict[str, tuple[float, float]]] = {
        "rarest-class": (0, 1),
        "class-kl": (0, inf),
    }

    def enough(self, values: Mapping[str, Any]) -> int:
        """Ten for each class."""
        return 10 * int(values["fake_logits"].shape[1])

    def measure(
        self, fake_logits: Tensor, label: Tensor, label_known: Tensor | None = None
    ) -> dict[str, float]:
        """The two numbers of logits (N, classes) and the real rows' labels (M,)."""
        label = label if label_known is None else label[label_known]
        share = class_shares(fake_logits)
        counts = torch.bincount(label, minlength=len(share)).double()
        real = counts.clamp(min=0.5) / len(label)  # half a row for an empty class: KL stays finite
        kl = torch.special.xlogy(share, share) - torch.special.xlogy(share, real)
        return {"rarest-class": float(share.min()), "class-kl": float(kl.sum())}
