"""The Fréchet distance between Gaussians fitted to features."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import torch

from ganzoo.errors import ZooError
from ganzoo.parts.metric import Direction, Metric

if TYPE_CHECKING:
    from torch import Tensor


EXACT = 1e-9
"""The share of both variances that a spread may be off by, at most."""


def frechet_distance(one: Tensor, other: Tensor) -> float:
    """Between the Gaussians fitted to features (N, D) and (M, D), in float64, at least 0.

    |mean difference|^2 + tr(S + T - 2 (S T)^.5), eq. 6 of arXiv:1706.08500, S and T the unbiased
    covariances. Raises ZooError for fewer than two samples.
    """
    if min(len(one), len(other)) < 2:  # noqa: PLR2004
        message = "a Fréchet distance needs two samples or more on each side; generate more."
        raise ZooError(message)
    one, other = one.double(), other.double()
    shift = (one.mean(0) - other.mean(0)).square().sum()
    return float(shift + spread(one, other).clamp(min=0))


def spread(one: Tensor, other: Tensor) -> Tensor:
    """tr(S + T - 2 (S T)^.5), S and T the covariances.

    To form them is the fast way where rows are many, but it loses digits: where that shows, as with
    fewer rows than columns, the features themselves are factored.
    """
    if min(len(one), len(other)) > one.shape[1]:
        found, off = spread_of_covariances(one, other)
        if off < EXACT:
            return found
    a, b = (centred(x) for x in (one, other))
    s, t = (torch.linalg.qr(x, mode="r").R if len(x) > x.shape[1] else x for x in (a, b))
    # The trace of (A'A B'B)^.5 is the sum of the singular values of A B'.
    shared: Tensor = torch.linalg.svdvals(s @ t.T).sum()
    return a.square().sum() + b.square().sum() - 2 * shared


def centred(features: Tensor) -> Tensor:
    """An A of the features' shape with A'A their unbiased covariance."""
    return (features - features.mean(0)).div_((len(features) - 1) ** 0.5)


def spread_of_covariances(one: Tensor, other: Tensor) -> tuple[Tensor, Tensor]:
    """The spread, and the share of both variances that it may be off by, or no number."""
    (s, size), (t, other_size) = covariance(one), covariance(other)
    variances = s.trace() + t.trace()
    varied = (s.diagonal() > 0) & (t.diagonal() > 0)
    if not varied.all():  # what is constant on either side adds nothing to the last trace
        s, t = (x[varied][:, varied] for x in (s, t))
    # Of a covariance that is singular, the factor is nonsense; so is the root of a negative.
    (root, failed), (other_root, other_failed) = (torch.linalg.cholesky_ex(x) for x in (s, t))
    roots: Tensor = torch.linalg.eigvalsh(products(other_root.T @ root)).sqrt()
    # An eigenvalue of S T is off by what S is off times |T|, and T times |S|; a root by that over
    # twice itself.
    product = size * t.tril().norm() + other_size * s.tril().norm()
    off = size + other_size + product * roots.reciprocal().sum() / 2
    off *= torch.finfo(s.dtype).eps / variances
    return variances - 2 * roots.sum(), off.masked_fill(failed + other_failed > 0, torch.nan)


def covariance(features: Tensor) -> tuple[Tensor, Tensor]:
    """The lower triangle of the unbiased covariance, and the norm of what it is off by eps of."""
    count, mean = len(features), features.mean(0)
    moment = products(features).div_(count - 1)
    size = moment.tril().norm()
    return moment.sub_(torch.outer(mean, mean), alpha=count / (count - 1)), size


def products(x: Tensor) -> Tensor:
    """The lower triangle of X'X, in four blocks of columns; above it may be anything."""
    width = x.shape[1]
    found = x.new_zeros(width, width)
    block = max(1, width // 4)
    for start in range(0, width, block):
        found[start:, start : start + block] = x[:, start:].T @ x[:, start : start + block]
    return found


class Frechet(Metric):
    """The Fréchet distance on the data's named extractor; comparable to no other extractor's."""

    better: ClassVar[dict[str, Direction]] = {"frechet-distance": "lower"}
    headline = "frechet-distance"

    def measure(self, real_features: Tensor, fake_features: Tensor) -> dict[str, float]:
        """The distance of features (N, D) and (M, D)."""
        return {"frechet-distance": frechet_distance(real_features, fake_features)}
