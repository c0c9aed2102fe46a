"""The Parzen-window estimate of the log-likelihood."""

from __future__ import annotations

from math import inf, log, pi
from typing import TYPE_CHECKING, ClassVar

import torch

from ganzoo.parts.metric import Direction, Metric

if TYPE_CHECKING:
    from torch import Tensor

CHUNK = 500


def log_likelihood(points: Tensor, centres: Tensor, sigma: float) -> Tensor:
    """Each point's log density, nats, (N,), under Gaussians of width sigma at centres (M, D)."""
    dim = centres.shape[1]
    constant = -log(len(centres)) - dim * (log(sigma) + 0.5 * log(2 * pi))
    found = [
        torch.logsumexp(-torch.cdist(rows, centres).square() / (2 * sigma**2), 1)
        for rows in torch.split(points, CHUNK)
    ]
    return torch.cat(found) + constant


class Parzen(Metric):
    """The mean log-likelihood of held-out rows by Goodfellow et al.'s protocol (arXiv:1406.2661).

    There is a Gaussian at each sample, with pixels in [0, 1]. Its width is chosen from ten between
    0.1 and 1, evenly spaced in the logarithm, by the likelihood of 1,000 validation rows. In nats.
    The variance is high, and the number does not measure how samples look (Theis et al. 2015,
    arXiv:1511.01844). For bounded data only.
    """

    routine = False
    on_device = True
    better: ClassVar[dict[str, Direction]] = {
        "parzen": "higher",
        "parzen-error": "lower",
        "parzen-sigma": "lower",
    }
    ranges: ClassVar[dict[str, tuple[float, float]]] = {
        "parzen-error": (0, inf),
        "parzen-sigma": (0.1, 1),
    }

    def measure(self, real: Tensor, fake: Tensor, validation: Tensor) -> dict[str, float]:
        """The mean, its standard error, and the width chosen, for images in [-1, 1]."""
        real, fake, validation = ((x.flatten(1).double() + 1) / 2 for x in (real, fake, validation))
        sigmas = torch.logspace(-1, 0, 10, dtype=torch.float64).tolist()
        sigma = max(sigmas, key=lambda s: float(log_likelihood(validation, fake, s).mean()))
        found = log_likelihood(real, fake, sigma)
        error = float(found.std()) / len(found) ** 0.5
        return {"parzen": float(found.mean()), "parzen-error": error, "parzen-sigma": sigma}
