"""Stacked MNIST's metric: the modes that samples reach, and how evenly."""

from __future__ import annotations

from hashlib import sha256
from math import inf, log
from typing import TYPE_CHECKING, Any, ClassVar

import torch
from pydantic import Field, PositiveInt

from ganzoo.builtin.metrics.histogram import class_shares
from ganzoo.parts.metric import Direction, Metric

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from torch import Tensor

    from ganzoo.parts.features import FeatureExtractor

CHANNELS, DIGITS = 3, 10
TRIPLES = DIGITS**CHANNELS
DEVIATIONS = 4
"""A KL so many standard deviations below that of perfect samples is no luck."""


def numbered(digits: Tensor) -> Tensor:
    """The number that the digits of each row make, int64 (N,), of (N, 3): 3, 0 and 7 are 307."""
    places = DIGITS ** torch.arange(CHANNELS - 1, -1, -1, device=digits.device)
    return (digits * places).sum(1)


class PerChannel:
    """An extractor of grey images on each channel of others; a class is one of every channel.

    The features stand side by side. The logits are of all combinations of the channels' classes in
    their order as numbers, so that the likeliest one joins the likeliest of each channel.
    """

    def __init__(self, grey: FeatureExtractor, classes: int) -> None:
        """Name the extractor of grey images, and the number of its classes."""
        self.grey, self.classes = grey, classes
        self.name = f"{grey.name} per channel"
        self.sha256 = sha256(f"per channel {grey.sha256}".encode()).hexdigest()

    def __call__(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Return features, float64 (N, C * D), and logits, float64 (N, classes ** C)."""
        n, channels = images.shape[:2]
        features, logits = self.grey(images.flatten(0, 1).unsqueeze(1))
        assert logits is not None  # for mypy: it was chosen as a classifier
        of_each = logits.log_softmax(1).view(n, channels, -1).unbind(1)
        joint = of_each[0]
        for more in of_each[1:]:
            joint = (joint[:, :, None] + more[:, None, :]).flatten(1)
        return features.view(n, -1), joint


def kl_from_uniform(share: Tensor) -> float:
    """KL(p || uniform), in nats, of shares, (modes,)."""
    return float(torch.special.xlogy(share, share).sum()) + log(len(share))


def perfect_kl(n: int, modes: int) -> tuple[float, float]:
    """The mean KL of the shares of ``n`` uniform draws from the uniform distribution, and its std.

    The mean is exact: each count is binomial, and the expectation of a sum is that of its terms.
    The deviation is the limit for many draws of each mode, where 2 n KL is chi-squared with one
    degree of freedom fewer than there are modes.
    """
    count = torch.arange(n + 1, dtype=torch.float64)
    draws = torch.tensor(float(n), dtype=torch.float64)
    choose = (draws + 1).lgamma() - (count + 1).lgamma() - (draws - count + 1).lgamma()
    p = torch.tensor(1 / modes, dtype=torch.float64)
    likely = (choose + count * p.log() + torch.special.xlog1py(draws - count, -p)).exp()
    term = torch.special.xlogy(count / n, count * modes / n)
    return modes * float((likely * term).sum()), ((modes - 1) / 2) ** 0.5 / n


class StackedModes(Metric):
    """Modes captured and KL of stacked digits (PacGAN, arXiv:1712.04086, section 4.2).

    A mode is a triple of digits, as MNIST's classifier reads the three channels; it is captured by
    one sample. The KL, in nats, is that of the samples' triples from the uniform distribution.
    ``stacked-kl-floor`` is what as many perfectly uniform draws have on average, and the least that
    the expected KL of any generator can be.
    """

    on_device = True
    better: ClassVar[dict[str, Direction]] = {
        "stacked-modes": "higher",
        "stacked-kl": "lower",
        "stacked-kl-floor": "lower",
    }
    ranges: ClassVar[dict[str, tuple[float, float]]] = {
        "stacked-modes": (0, TRIPLES),
        "stacked-kl": (0, inf),
        "stacked-kl-floor": (0, inf),
    }
    headline = "stacked-kl"

    rows: PositiveInt = Field(default=26_000, le=1_000_000, description="the most samples")

    def enough(self, values: Mapping[str, Any]) -> int:
        """Ten for each triple."""
        return 10 * int(values["triples"])

    def doubts(self, values: Mapping[str, Any], found: Mapping[str, float]) -> Iterable[str]:
        """One for a KL that even uniform draws would not have."""
        n, kl = len(values["fake_logits"]), found["stacked-kl"]
        floor, deviation = perfect_kl(n, values["triples"])
        if kl < floor - DEVIATIONS * deviation:
            yield (
                f"'stacked-kl' is {kl:.4f}, and {n:,} uniform draws have {floor:.4f} +- "
                f"{deviation:.4f}: the samples are no independent draws, or were counted wrongly."
            )

    def measure(self, fake_logits: Tensor, triples: int) -> dict[str, float]:
        """The three numbers of logits (N, triples)."""
        share = class_shares(fake_logits)
        return {
            "stacked-modes": float((share > 0).sum()),
            "stacked-kl": kl_from_uniform(share),
            "stacked-kl-floor": perfect_kl(len(fake_logits), triples)[0],
        }
