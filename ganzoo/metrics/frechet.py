"""The Fréchet distance between Gaussians fitted to features."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import torch

from ganzoo.errors import ZooError
from ganzoo.metric import Direction, Metric

if TYPE_CHECKING:
    from torch import Tensor


def frechet_distance(one: Tensor, other: Tensor) -> float:
    """Between the Gaussians fitted to features (N, D) and (M, D), in float64, at least 0.

    |mean difference|^2 + tr(S + T - 2 (S T)^.5), eq. 6 of arXiv:1706.08500, S and T the unbiased
    covariances. The last trace is the sum of the singular values of A B', A and B the centred
    features over the root of N - 1: no covariance is formed and no root taken, so no digit is lost
    where there are fewer samples than features. Raises ZooError for fewer than two samples.
    """
    if min(len(one), len(other)) < 2:  # noqa: PLR2004
        message = "a Fréchet distance needs two samples or more on each side; generate more."
        raise ZooError(message)
    (mean, root), (other_mean, other_root) = moments(one.double()), moments(other.double())
    shared = torch.linalg.svdvals(root @ other_root.T).sum()
    spread = root.square().sum() + other_root.square().sum() - 2 * shared
    return float((mean - other_mean).square().sum() + spread.clamp(min=0))


def moments(features: Tensor) -> tuple[Tensor, Tensor]:
    """The mean, (D,), and an R with R'R the unbiased covariance, (min(N, D), D)."""
    mean = features.mean(0)
    root = torch.linalg.qr(features - mean, mode="r").R
    return mean, root / (len(features) - 1) ** 0.5


class Frechet(Metric):
    """The Fréchet distance on the data's named extractor; comparable to no other extractor's."""

    better: ClassVar[dict[str, Direction]] = {"frechet-distance": "lower"}
    headline = "frechet-distance"

    def measure(self, real_features: Tensor, fake_features: Tensor) -> dict[str, float]:
        """The distance of features (N, D) and (M, D)."""
        return {"frechet-distance": frechet_distance(real_features, fake_features)}
