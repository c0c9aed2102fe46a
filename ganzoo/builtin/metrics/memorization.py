"""Nearest training rows of samples, and the share of samples that lie too near to one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import torch
from pydantic import Field, field_validator

from ganzoo.builtin.metrics.features import extractor
from ganzoo.errors import ZooError
from ganzoo.parts.metric import Direction, Metric

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor

    from ganzoo.parts.features import FeatureExtractor

CHUNK = 64
"""Rows whose distances to all others are held at once: of 60,000 they take 30 MB."""


def nearest(rows: Tensor, others: Tensor, k: int = 1) -> tuple[Tensor, Tensor]:
    """The distances from rows (N, D) to their k nearest of (M, D), and which these are, (N, k).

    Nearest first; a row that is one of the others is exactly 0 from it. Raises ZooError where there
    are fewer than k others.
    """
    if len(others) < k:
        message = f"there are {len(others):,} rows to find {k:,} nearest ones among."
        raise ZooError(message)
    squares = others.square().sum(1)
    found = []
    for some in torch.split(rows, CHUNK):
        # Squared distances but for the row's own square, which changes no order.
        which = torch.addmm(squares, some, others.T, alpha=-2).topk(k, dim=1, largest=False).indices
        # Those products leave 1e-8 where there should be nothing.
        distances, order = (some[:, None] - others[which]).norm(dim=2).sort(dim=1)
        found.append((distances, which.gather(1, order)))
    distances, which = (torch.cat(parts) for parts in zip(*found, strict=True))
    return distances, which


class Memorization(Metric):
    """The share of samples that lie as near to a training row as few held-out rows do.

    A held-out row is new, and so shows how near a new picture comes to some training row by chance.
    ``memorization-share`` counts the samples whose nearest training row is at most as far away as
    the ``quantile`` of these distances: copies have 1, held-out rows themselves the quantile, and
    what is far from all data has 0. So more than the quantile is copying, and less says nothing of
    quality. The comparison with held-out rows is that of Meehan et al. 2020 (arXiv:2004.05675),
    whose test ranks all distances; this counts the nearest only.
    """

    routine = False
    on_device = True
    better: ClassVar[dict[str, Direction]] = {"memorization-share": "lower"}
    ranges: ClassVar[dict[str, tuple[float, float]]] = {"memorization-share": (0, 1)}

    features: str | None = Field(
        default=None, description="extractor: pixels, small-cnn/mnist, ...; null: the data's own"
    )
    quantile: float = Field(
        default=0.05, gt=0, lt=1, description="share of held-out rows that are as near by chance"
    )

    @field_validator("features")
    @classmethod
    def _known(cls, features: str | None) -> str | None:
        try:
            return None if features is None else extractor(features).name
        except ZooError as error:
            raise ValueError(str(error).rstrip(".")) from error

    def extractor(self) -> FeatureExtractor | None:
        """The extractor of the option ``features``."""
        return None if self.features is None else extractor(self.features)

    def enough(self, values: Mapping[str, Any]) -> int:  # noqa: ARG002
        """So many that ten held-out rows lie below the quantile."""
        return round(10 / self.quantile)

    def measure(
        self, real_features: Tensor, fake_features: Tensor, train_features: Tensor
    ) -> dict[str, float]:
        """The share, from features (N, D), (M, D) and (T, D)."""
        chance, _ = nearest(real_features, train_features)
        near = chance.quantile(self.quantile, interpolation="lower")
        found, _ = nearest(fake_features, train_features)
        return {"memorization-share": float((found <= near).double().mean())}
