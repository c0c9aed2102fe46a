"""StyleGAN2's discriminator."""

from __future__ import annotations

from itertools import pairwise
from math import sqrt
from typing import TYPE_CHECKING

from torch import Tensor, nn

from ganzoo_stylegan2.layers import START, Conv, Halving, Verdict, halved, leaky, margins, padded

if TYPE_CHECKING:
    from ganzoo.parts.space import Space


class Block(nn.Module):
    """Two convolutions, the second of which halves, beside a shorter way for the residual."""

    def __init__(self, into: int, out: int, *, residual: bool) -> None:
        super().__init__()
        self.first, self.second = Conv(into, into, 3), Halving(into, out, 3)
        self.shorter = Conv(into, out, 1, bias=False) if residual else None

    def forward(self, x: Tensor) -> Tensor:
        """(N, into, H, W) to (N, out, H / 2, W / 2)."""
        out = leaky(self.second(leaky(self.first(x))))
        if self.shorter is None:
            return out
        shorter: Tensor = self.shorter(halved(x))
        return (out + shorter) / sqrt(2)


class StyleDiscriminator(nn.Module):
    """Images to scores, with the standard deviation among samples at the end."""

    def __init__(
        self,
        real: Space,
        counts: list[int],
        *,
        residual: bool,
        group: int,
        classes: int | None = None,
    ) -> None:
        """Judge ``real`` with ``counts`` features at each size from 4 pixels on."""
        super().__init__()
        self.margins = margins(START << len(counts) - 1, real)
        self.pixels = Conv(real.shape[0], counts[-1], 1)
        self.blocks = nn.ModuleList(
            Block(into, out, residual=residual) for into, out in pairwise(counts[::-1])
        )
        self.verdict = Verdict(counts[0], group=group, classes=classes)

    def forward(self, sample: Tensor) -> Tensor:
        """(N, *real.shape) to (N,)."""
        return self.judged(sample, None)

    def judged(self, sample: Tensor, label: Tensor | None) -> Tensor:
        """What ``forward`` returns, of labels too."""
        x = leaky(self.pixels(padded(sample, self.margins)))
        for block in self.blocks:
            x = block(x)
        score: Tensor = self.verdict(x, label)
        return score


class LabelledStyleDiscriminator(StyleDiscriminator):
    """The same for a label, which the features of a sample are projected on."""

    def forward(self, sample: Tensor, label: Tensor) -> Tensor:  # type: ignore[override]
        """(N, *real.shape) and (N,) to (N,)."""
        return self.judged(sample, label)
