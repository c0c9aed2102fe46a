"""The Fréchet distance between Gaussians fitted to features."""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING, Any, ClassVar

import torch

from ganzoo.errors import ZooError
from ganzoo.parts.metric import Direction, Metric

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor


EXACT = 1e-9
"""The largest error of a spread, as a share of both variances, at which covariances are used."""


def frechet_distance(one: Tensor, other: Tensor) -> float:
    """Between the Gaussians fitted to features (N, D) and (M, D), in float64, at least 0.

    |mean difference|^2 + tr(S + T - 2 (S T)^.5), eq. 6 of arXiv:1706.08500, S and T the unbiased
    covariances. Raises ZooError for fewer than two samples.
    """
    if min(len(one), len(other)) < 2:  # noqa: PLR2004
        message = "a Fréchet distance needs two rows or more on each side."
        raise ZooError(message)
    one, other = one.double(), other.double()
    shift = (one.mean(0) - other.mean(0)).square().sum()
    return float(shift + spread(one, other).clamp(min=0))


def spread(one: Tensor, other: Tensor) -> Tensor:
    """tr(S + T - 2 (S T)^.5), S and T the covariances.

    With many rows it is fast to form the covariances, but that loses digits. Where the loss would
    show, as with fewer rows than columns, the features themselves are factored.
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
    """A matrix A of the features' shape, with A'A the unbiased covariance."""
    return (features - features.mean(0)).div_((len(features) - 1) ** 0.5)


def spread_of_covariances(one: Tensor, other: Tensor) -> tuple[Tensor, Tensor]:
    """The spread, and a bound on its error as a share of both variances (NaN if it is unknown)."""
    (s, size), (t, other_size) = covariance(one), covariance(other)
    variances = s.trace() + t.trace()
    varied = (s.diagonal() > 0) & (t.diagonal() > 0)
    if not varied.all():  # a feature that is constant on one side adds nothing to the last trace
        s, t = (x[varied][:, varied] for x in (s, t))
    # A singular covariance has no such factor, and a negative eigenvalue no root; both give NaN.
    (root, failed), (other_root, other_failed) = (torch.linalg.cholesky_ex(x) for x in (s, t))
    roots: Tensor = torch.linalg.eigvalsh(products(other_root.T @ root)).sqrt()
    # An eigenvalue of S T is off by the error of S times |T| plus that of T times |S|, and its root
    # by that divided by twice the root.
    product = size * t.tril().norm() + other_size * s.tril().norm()
    off = size + other_size + product * roots.reciprocal().sum() / 2
    off *= torch.finfo(s.dtype).eps / variances
    return variances - 2 * roots.sum(), off.masked_fill(failed + other_failed > 0, torch.nan)


def covariance(features: Tensor) -> tuple[Tensor, Tensor]:
    """The lower triangle of the unbiased covariance, and the norm that its rounding scales with."""
    count, mean = len(features), features.mean(0)
    moment = products(features).div_(count - 1)
    size = moment.tril().norm()
    return moment.sub_(torch.outer(mean, mean), alpha=count / (count - 1)), size


def products(x: Tensor) -> Tensor:
    """The lower triangle of X'X, in four blocks of columns; the rest is not defined."""
    width = x.shape[1]
    found = x.new_zeros(width, width)
    block = max(1, width // 4)
    for start in range(0, width, block):
        found[start:, start : start + block] = x[:, start:].T @ x[:, start : start + block]
    return found


class Frechet(Metric):
    """The Fréchet distance on the data's own extractor, comparable only under that extractor."""

    on_device = True
    better: ClassVar[dict[str, Direction]] = {"frechet-distance": "lower"}
    ranges: ClassVar[dict[str, tuple[float, float]]] = {"frechet-distance": (0, inf)}
    headline = "frechet-distance"

    def fewest(self, values: Mapping[str, Any]) -> int:  # noqa: ARG002
        """Two, for a covariance."""
        return 2

    def enough(self, values: Mapping[str, Any]) -> int:
        """More than there are features: with fewer, no covariance has full rank."""
        return int(values["real_features"].shape[1]) + 1

    def measure(self, real_features: Tensor, fake_features: Tensor) -> dict[str, float]:
        """The distance of features (N, D) and (M, D)."""
        return {"frechet-distance": frechet_distance(real_features, fake_features)}
