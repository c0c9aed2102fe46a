"""Mode counts for point sets whose distribution is known."""

from __future__ import annotations

from math import inf, log
from typing import TYPE_CHECKING, Any, ClassVar

import torch

from ganzoo.parts.metric import Direction, Metric

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from torch import Tensor


class Modes(Metric):
    """Modes captured, high-quality samples and reverse KL (PacGAN, arXiv:1712.04086, section 4.1).

    A sample is of high quality within three standard deviations of its nearest mode; a mode is
    captured by one such sample; the reverse KL, in nats, is that of the samples' distribution over
    nearest modes from the uniform one. ``balanced-quality`` is the share of high-quality samples,
    where each mode counts at most for its share of the data: 1 is perfect, and neither collapse nor
    stray samples can score high.
    """

    better: ClassVar[dict[str, Direction]] = {
        "balanced-quality": "higher",
        "modes-captured": "higher",
        "high-quality": "higher",
        "reverse-kl": "lower",
    }
    ranges: ClassVar[dict[str, tuple[float, float]]] = {
        "balanced-quality": (0, 1),
        "modes-captured": (0, inf),
        "high-quality": (0, 1),
        "reverse-kl": (0, inf),
    }
    headline = "balanced-quality"

    def enough(self, values: Mapping[str, Any]) -> int:
        """Ten for each mode."""
        return 10 * int(values["modes"])

    def measure(
        self, fake: Tensor, locate: Callable[[Tensor], tuple[Tensor, Tensor]], modes: int
    ) -> dict[str, float]:
        """The four numbers of samples (N, 2)."""
        nearest, good = locate(fake)
        captured = torch.bincount(nearest[good], minlength=modes).double() / len(fake)
        share = torch.bincount(nearest, minlength=modes).double() / len(fake)
        return {
            "balanced-quality": float(captured.clamp(max=1 / modes).sum()),
            "modes-captured": float((captured > 0).sum()),
            "high-quality": float(good.double().mean()),
            "reverse-kl": float(torch.special.xlogy(share, share).sum()) + log(modes),
        }
