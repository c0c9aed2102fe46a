"""The progressive GAN's networks: they begin at 4 x 4 pixels and grow with progress."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, interpolate

from ganzoo_stylegan2.layers import (
    START,
    Conv,
    Linear,
    Verdict,
    cropped,
    leaky,
    margins,
    padded,
    pixel_norm,
)

if TYPE_CHECKING:
    from ganzoo.parts.space import Space


class Growing(nn.Module):
    """A network with a stage for each size, 4 pixels first; each has the same share of the budget.

    In the first half of its share, a new size is faded in.
    """

    sizes: int

    def stage(self, progress: float) -> int:
        """The size that is trained: 0 for 4 pixels, 1 for 8."""
        return min(int(progress * self.sizes), self.sizes - 1)

    def faded(self, before: Tensor, now: Tensor, stage: int, progress: float | Tensor) -> Tensor:
        """From the last size's image or features to this size's, in the first half of a stage."""
        done = torch.as_tensor(
            2 * (progress * self.sizes - stage), dtype=torch.float32, device=now.device
        )
        return before + (now - before) * done.clamp(0, 1)


def enlarged(image: Tensor, times: int) -> Tensor:
    """Each pixel as a square of pixels."""
    return interpolate(image, scale_factor=float(times)) if times > 1 else image


def shrunk(image: Tensor, times: int) -> Tensor:
    """Each square of pixels as their mean."""
    return avg_pool2d(image, times) if times > 1 else image


class Upwards(nn.Module):
    """Two convolutions at twice the size, each pixel's vector normalized."""

    def __init__(self, into: int, out: int) -> None:
        super().__init__()
        self.first, self.second = Conv(into, out, 3), Conv(out, out, 3)

    def forward(self, x: Tensor) -> Tensor:
        """(N, into, H, W) to (N, out, 2 H, 2 W)."""
        x = pixel_norm(leaky(self.first(enlarged(x, 2))))
        return pixel_norm(leaky(self.second(x)))


class Downwards(nn.Module):
    """Two convolutions, then half the size."""

    def __init__(self, into: int, out: int) -> None:
        super().__init__()
        self.first, self.second = Conv(into, into, 3), Conv(into, out, 3)

    def forward(self, x: Tensor) -> Tensor:
        """(N, into, H, W) to (N, out, H / 2, W / 2)."""
        return shrunk(leaky(self.second(leaky(self.first(x)))), 2)


class GrowingGenerator(Growing):
    """Latents to images of the present size, enlarged to that of the data."""

    def __init__(self, z: Space, real: Space, counts: list[int]) -> None:
        """Generate ``real`` with ``counts`` features at each size from 4 pixels on."""
        super().__init__()
        self.sizes = len(counts)
        self.margins = margins(START << self.sizes - 1, real)
        self.dense = Linear(z.size, counts[0] * START**2)
        self.first = Conv(counts[0], counts[0], 3)
        self.blocks = nn.ModuleList(Upwards(into, out) for into, out in pairwise(counts))
        self.pixels = nn.ModuleList(Conv(count, real.shape[0], 1) for count in counts)

    def forward(self, z: Tensor, stage: int, progress: float | Tensor) -> Tensor:
        """(N, inputs) to (N, *real.shape)."""
        x = leaky(self.dense(pixel_norm(z))).view(len(z), -1, START, START)
        x = pixel_norm(leaky(self.first(pixel_norm(x))))
        for block in self.blocks[: max(stage - 1, 0)]:
            x = block(x)
        if stage:
            before = enlarged(self.pixels[stage - 1](x), 2)
            now = self.pixels[stage](self.blocks[stage - 1](x))
            image = self.faded(before, now, stage, progress)
        else:
            image = self.pixels[0](x)
        return cropped(enlarged(image, 1 << self.sizes - 1 - stage), self.margins)


class GrowingDiscriminator(Growing):
    """Images to scores; it sees them at the present size."""

    def __init__(self, real: Space, counts: list[int], *, group: int) -> None:
        """Judge ``real`` with ``counts`` features at each size from 4 pixels on."""
        super().__init__()
        self.sizes = len(counts)
        self.margins = margins(START << self.sizes - 1, real)
        self.pixels = nn.ModuleList(Conv(real.shape[0], count, 1) for count in counts)
        self.blocks = nn.ModuleList(Downwards(into, out) for out, into in pairwise(counts))
        self.verdict = Verdict(counts[0], group=group)

    def forward(self, sample: Tensor, stage: int, progress: float | Tensor) -> Tensor:
        """(N, *real.shape) to (N,)."""
        image = shrunk(padded(sample, self.margins), 1 << self.sizes - 1 - stage)
        if stage:
            smaller = shrunk(image, 2)
            # Details appear in what it judges as they do in what the generator makes.
            image = self.faded(enlarged(smaller, 2), image, stage, progress)
            before = leaky(self.pixels[stage - 1](smaller))
            now = self.blocks[stage - 1](leaky(self.pixels[stage](image)))
            x = self.faded(before, now, stage, progress)
        else:
            x = leaky(self.pixels[0](image))
        for i in range(stage - 2, -1, -1):
            x = self.blocks[i](x)
        score: Tensor = self.verdict(x)
        return score
