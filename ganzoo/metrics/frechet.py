"""The Fréchet distance between Gaussians fitted to features."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import torch

from ganzoo.errors import ZooError
from ganzoo.metric import Direction, Metric

if TYPE_CHECKING:
    from torch import Tensor


EXACT = 1e-9
"""The share of both variances that a trace of roots may be off by, at most."""


def frechet_distance(one: Tensor, other: Tensor) -> float:
    """Between the Gaussians fitted to features (N, D) and (M, D), in float64, at least 0.

    |mean difference|^2 + tr(S + T - 2 (S T)^.5), eq. 6 of arXiv:1706.08500, S and T the unbiased
    covariances. Raises ZooError for fewer than two samples.
    """
    if min(len(one), len(other)) < 2:  # noqa: PLR2004
        message = "a Fréchet distance needs two samples or more on each side; generate more."
        raise ZooError(message)
    (mean, a), (other_mean, b) = moments(one.double()), moments(other.double())
    spread = a.norm().square() + b.norm().square() - 2 * trace_of_roots(a, b)
    return float((mean - other_mean).square().sum() + spread.clamp(min=0))


def moments(features: Tensor) -> tuple[Tensor, Tensor]:
    """The mean, (D,), and an A with A'A the unbiased covariance, (N, D)."""
    mean = features.mean(0)
    return mean, (features - mean).div_((len(features) - 1) ** 0.5)


def trace_of_roots(a: Tensor, b: Tensor) -> Tensor:
    """The trace of (A'A B'B)^.5, which is the sum of the singular values of A B'.

    Covariances are the fast way where rows are many, but a root loses half of the digits near zero:
    where that shows, as with fewer rows than columns, the features themselves are factored.
    """
    if min(len(a), len(b)) > a.shape[1]:
        roots, off = roots_of_covariances(products(a), products(b))
        if off < EXACT * (a.norm().square() + b.norm().square()):
            return roots.sum()
    s, t = (torch.linalg.qr(x, mode="r").R if len(x) > x.shape[1] else x for x in (a, b))
    values: Tensor = torch.linalg.svdvals(s @ t.T)
    return values.sum()


def roots_of_covariances(s: Tensor, t: Tensor) -> tuple[Tensor, Tensor]:
    """Eigenvalues' roots of S T, lower triangles, and what their sum may be off by, or no number.

    A feature that is constant on either side adds nothing to them, and is left out.
    """
    varied = (s.diagonal() > 0) & (t.diagonal() > 0)
    if not varied.all():
        s, t = (x[varied][:, varied] for x in (s, t))
    # Of a covariance that is singular, the factor is nonsense; so is the root of a negative.
    (one, failed), (other, other_failed) = (torch.linalg.cholesky_ex(x) for x in (s, t))
    roots: Tensor = torch.linalg.eigvalsh(products(other.T @ one)).sqrt()
    # An eigenvalue is off by about eps |S| |T|, its root by that over twice the root.
    off = torch.finfo(s.dtype).eps * s.trace() * t.trace() * roots.reciprocal().sum() / 2
    return roots, off.masked_fill(failed + other_failed > 0, torch.nan)


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
