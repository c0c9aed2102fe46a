"""The kernel distance between features."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import torch
from pydantic import Field

from ganzoo.engine.streams import seed_for
from ganzoo.parts.metric import Direction, Metric

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor

CHUNK = 256
"""Rows of a kernel's matrix that are held at once; so few stay in a processor's cache."""


def kernel_distance(one: Tensor, other: Tensor) -> float:
    """The unbiased squared maximum mean discrepancy of (N, D) and (M, D), in float64.

    Under the kernel (x . y / D + 1)^3 (Binkowski et al. 2018, arXiv:1801.01401, section 4).
    """
    one, other = one.double(), other.double()
    between = torch.stack([kernel(rows, other).sum() for rows in torch.split(one, CHUNK)]).sum()
    return float(within(one) + within(other) - 2 * between / (len(one) * len(other)))


def kernel(x: Tensor, y: Tensor) -> Tensor:
    """The kernel of every pair of rows, (N, M)."""
    return torch.addmm(x.new_ones(()), x, y.T, alpha=1 / x.shape[1]).pow_(3)


def within(x: Tensor) -> Tensor:
    """The mean kernel of two different rows; each pair is computed once."""
    total = x.new_zeros(())
    for start in range(0, len(x), CHUNK):
        rows = x[start : start + CHUNK]
        gram = kernel(rows, x[start:])
        block = gram[:, : len(rows)]
        total += 2 * gram.sum() - block.sum() - block.trace()
    return total / (len(x) * (len(x) - 1))


def subset_distance(one: Tensor, other: Tensor, subsets: int, size: int, *, seed: int) -> float:
    """The mean kernel distance of random subsets of ``size`` rows each, or of all if fewer."""
    stream = torch.Generator().manual_seed(seed_for(seed, "subsets"))
    size = min(size, len(one), len(other))

    def chosen(rows: Tensor) -> Tensor:
        return rows[torch.randperm(len(rows), generator=stream)[:size].to(rows.device)]

    found = [kernel_distance(chosen(one), chosen(other)) for _ in range(subsets)]
    return sum(found) / subsets


class Kernel(Metric):
    """The kernel distance, averaged over random subsets (arXiv:1801.01401) that the seed fixes.

    It is unbiased: near zero, and often negative, for samples of the data's own distribution.
    """

    on_device = True
    better: ClassVar[dict[str, Direction]] = {"kernel-distance": "lower"}

    subsets: int = Field(default=20, ge=1, le=1000, description="number of subsets")
    size: int = Field(default=1000, ge=2, le=10_000, description="the most rows in each")

    def fewest(self, values: Mapping[str, Any]) -> int:  # noqa: ARG002
        """Two: it compares pairs of different rows."""
        return 2

    def enough(self, values: Mapping[str, Any]) -> int:  # noqa: ARG002
        """100: it has no bias with fewer, but a wide spread (``docs/metrics.md``)."""
        return 100

    def measure(self, real_features: Tensor, fake_features: Tensor, seed: int) -> dict[str, float]:
        """The distance of features (N, D) and (M, D)."""
        found = subset_distance(real_features, fake_features, self.subsets, self.size, seed=seed)
        return {"kernel-distance": found}
