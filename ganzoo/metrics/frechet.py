"""The Fréchet distance between Gaussians fitted to features."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import torch

from ganzoo.metric import Direction, Metric

if TYPE_CHECKING:
    from torch import Tensor


def frechet_distance(one: Tensor, other: Tensor) -> float:
    """Between features (N, D) and (M, D), in float64 (arXiv:1706.08500, eq. 6).

    |mean difference|^2 + tr(S1 + S2 - 2 (S1 S2)^(1/2)). Where there are no more samples than
    dimensions the covariances are of low rank, and the trace of the root is taken exactly from the
    centred features: it is the nuclear norm of their product.
    """
    one, other = one.double(), other.double()
    shift = (one.mean(0) - other.mean(0)).square().sum()
    a, b = centred(one), centred(other)
    if max(len(a), len(b)) <= a.shape[1]:
        cross = torch.linalg.matrix_norm(a @ b.T, ord="nuc")
    else:
        values, vectors = torch.linalg.eigh(a.T @ a)
        root = (vectors * values.clamp(min=0).sqrt()) @ vectors.T
        cross = torch.linalg.eigvalsh(root @ (b.T @ b) @ root).clamp(min=0).sqrt().sum()
    return max(0.0, float(shift + a.square().sum() + b.square().sum() - 2 * cross))


def centred(features: Tensor) -> Tensor:
    """Features less their mean, so scaled that their Gram matrix is the covariance."""
    deviation: Tensor = features - features.mean(0)
    deviation /= (len(features) - 1) ** 0.5
    return deviation


class Frechet(Metric):
    """The Fréchet distance on the data's named extractor; comparable to no other extractor's."""

    better: ClassVar[dict[str, Direction]] = {"frechet-distance": "lower"}
    headline = "frechet-distance"

    def measure(self, real_features: Tensor, fake_features: Tensor) -> dict[str, float]:
        """The distance of features (N, D) and (M, D)."""
        return {"frechet-distance": frechet_distance(real_features, fake_features)}
