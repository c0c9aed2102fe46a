"""Precision, recall, density and coverage on nearest-neighbour balls."""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING, Any, ClassVar

import torch
from pydantic import Field, PositiveInt

from ganzoo.errors import ZooError
from ganzoo.parts.metric import Direction, Metric

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor

CHUNK = 1024
"""Rows of a distance matrix held at once."""


def radii(features: Tensor, k: int) -> Tensor:
    """Each row's distance to its k-th nearest other row, (N,)."""
    found = [
        # The nearest is the row itself.
        torch.cdist(rows, features).kthvalue(k + 1, dim=1).values
        for rows in torch.split(features, CHUNK)
    ]
    return torch.cat(found)


def prdc(real: Tensor, fake: Tensor, k: int) -> dict[str, float]:
    """The four numbers for features (N, D) and (M, D), in float64, with balls of k neighbours.

    Raises ZooError if a side has k rows or fewer.
    """
    if min(len(real), len(fake)) <= k:
        message = f"precision and recall need more than {k} rows on each side."
        raise ZooError(message)
    real, fake = real.double(), fake.double()
    real_radii, fake_radii = radii(real, k), radii(fake, k)
    in_real = fake.new_zeros(len(fake))
    in_fake, covered = [], []
    for rows, reach in zip(torch.split(real, CHUNK), torch.split(real_radii, CHUNK), strict=True):
        distance = torch.cdist(rows, fake)
        in_real += (distance < reach[:, None]).sum(0)
        in_fake.append((distance < fake_radii).any(1))
        covered.append(distance.amin(1) < reach)
    return {
        "precision": float((in_real > 0).double().mean()),
        "recall": float(torch.cat(in_fake).double().mean()),
        "density": float(in_real.mean()) / k,
        "coverage": float(torch.cat(covered).double().mean()),
    }


class Prdc(Metric):
    """Precision and recall (arXiv:1904.06991), density and coverage (arXiv:2002.09797).

    Precision and density measure how well samples lie within the data, recall and coverage how much
    of the data has samples near it. They depend on both numbers of rows, which a score contains.
    """

    on_device = True
    better: ClassVar[dict[str, Direction]] = {
        "precision": "higher",
        "recall": "higher",
        "density": "higher",
        "coverage": "higher",
    }
    ranges: ClassVar[dict[str, tuple[float, float]]] = {
        "precision": (0, 1),
        "recall": (0, 1),
        "density": (0, inf),
        "coverage": (0, 1),
    }

    rows: PositiveInt = Field(default=5000, le=1_000_000, description="the most rows of each side")
    k: int = Field(default=5, ge=1, le=100, description="neighbours that span a ball")

    def fewest(self, values: Mapping[str, Any]) -> int:  # noqa: ARG002
        """One more than neighbours: a row is not its own."""
        return self.k + 1

    def enough(self, values: Mapping[str, Any]) -> int:  # noqa: ARG002
        """400: on fewer, balls are so large that noise lies within them (``docs/metrics.md``)."""
        return 400

    def measure(self, real_features: Tensor, fake_features: Tensor) -> dict[str, float]:
        """The four numbers of features (N, D) and (M, D)."""
        return prdc(real_features, fake_features, self.k)
