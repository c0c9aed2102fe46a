"""StyleGAN2's generator: a mapping network, and a synthesis network that it styles."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from math import sqrt
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d

from ganzoo_stylegan2.layers import START, Linear, cropped, doubled, leaky, margins, pixel_norm

if TYPE_CHECKING:
    from ganzoo.parts.space import Space

FOLLOWED = 0.995
"""The decay of the mean of w, for each batch."""


@dataclass(frozen=True)
class Styles:
    """Where styles come from and how samples vary beside them; the options of an architecture."""

    dim: int
    layers: int
    mixing: float
    fixed_noise: bool


class Mapping(nn.Module):
    """From a latent, and a label where there are classes, to w."""

    def __init__(self, inputs: int, dim: int, layers: int, classes: int | None = None) -> None:
        super().__init__()
        self.embed = None if classes is None else nn.Embedding(classes, dim)
        sizes = [inputs + (0 if classes is None else dim), *layers * [dim]]
        # A hundredth of the others' learning rate, as in StyleGAN (arXiv:1812.04948, appendix C).
        self.layers = nn.ModuleList(Linear(*pair, rate=0.01) for pair in pairwise(sizes))

    def forward(self, z: Tensor, label: Tensor | None = None) -> Tensor:
        """(N, inputs) to (N, dim)."""
        x = pixel_norm(z)
        if self.embed is not None and label is not None:
            x = torch.cat([x, pixel_norm(self.embed(label))], 1)
        for layer in self.layers:
            x = leaky(layer(x))
        return x


def modulated(x: Tensor, weight: Tensor, style: Tensor, *, demodulate: bool) -> Tensor:
    """A convolution whose weights are scaled for each sample (arXiv:1912.04958, eq. 1 and 3).

    ``x`` is (N, into, H, W), ``weight`` (out, into, k, k), ``style`` (N, into). A scale of the
    weights' inputs is one of the image's channels, and that of their outputs one of the result's.
    So one convolution serves the batch.
    """
    out = conv2d(x * style[:, :, None, None], weight, padding=weight.shape[-1] // 2)
    if not demodulate:
        return out
    length = style.square() @ weight.square().sum((2, 3)).T
    return out * (length + 1e-8).rsqrt()[:, :, None, None]


class Modulated(nn.Module):
    """A modulated convolution with an equalized learning rate, and its style."""

    def __init__(self, into: int, out: int, kernel: int, dim: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(out, into, kernel, kernel))
        self.bias = nn.Parameter(torch.zeros(out))
        self.style = Linear(dim, into, bias=1.0)
        self.scale = 1 / sqrt(into * kernel**2)


class Layer(Modulated):
    """A demodulated convolution, with noise for each pixel, bias and activation."""

    noise: Tensor

    def __init__(self, into: int, out: int, side: int, dim: int, *, fixed_noise: bool) -> None:
        super().__init__(into, out, 3, dim)
        self.strength = nn.Parameter(torch.zeros(()))
        self.fixed_noise = fixed_noise
        if fixed_noise:
            self.register_buffer("noise", torch.randn(1, side, side))

    def forward(self, x: Tensor, w: Tensor) -> Tensor:
        """(N, into, H, W) and (N, dim) to (N, out, H, W)."""
        x = modulated(x, self.weight * self.scale, self.style(w), demodulate=True)
        if self.fixed_noise and not self.training:
            noise = self.noise.to(x.dtype)
        else:
            noise = torch.randn(len(x), 1, *x.shape[2:], device=x.device, dtype=x.dtype)
        return leaky(x + noise * self.strength + self.bias[:, None, None])


class ToPixels(Modulated):
    """A modulated convolution of one pixel to the image's channels."""

    def __init__(self, into: int, channels: int, dim: int) -> None:
        super().__init__(into, channels, 1, dim)

    def forward(self, x: Tensor, w: Tensor) -> Tensor:
        """(N, into, H, W) and (N, dim) to (N, channels, H, W)."""
        made = modulated(x, self.weight * self.scale, self.style(w), demodulate=False)
        return made + self.bias[:, None, None]


class Block(nn.Module):
    """Two layers at twice the size, the first of which doubles; the image is their sum."""

    def __init__(
        self, into: int, out: int, channels: int, side: int, dim: int, *, fixed_noise: bool
    ) -> None:
        super().__init__()
        self.first = Layer(into, out, side, dim, fixed_noise=fixed_noise)
        self.second = Layer(out, out, side, dim, fixed_noise=fixed_noise)
        self.pixels = ToPixels(out, channels, dim)

    def forward(self, x: Tensor, image: Tensor, w: Tensor) -> tuple[Tensor, Tensor]:
        """Features and image of one size, and w of three layers, to those of twice the size."""
        x = self.first(doubled(x), w[:, 0])
        x = self.second(x, w[:, 1])
        return x, doubled(image) + self.pixels(x, w[:, 2])


class Synthesis(nn.Module):
    """From w of each layer to an image; each size adds to it (arXiv:1912.04958, figure 7)."""

    def __init__(self, channels: int, counts: list[int], dim: int, *, fixed_noise: bool) -> None:
        """Synthesize images of ``channels``, with ``counts`` features at each size from 4 on."""
        super().__init__()
        self.start = nn.Parameter(torch.randn(counts[0], START, START))
        self.first = Layer(counts[0], counts[0], START, dim, fixed_noise=fixed_noise)
        self.pixels = ToPixels(counts[0], channels, dim)
        self.blocks = nn.ModuleList(
            Block(into, out, channels, START << i, dim, fixed_noise=fixed_noise)
            for i, (into, out) in enumerate(pairwise(counts), 1)
        )
        self.layers = 2 * len(counts)
        """How many layers read w; a layer to pixels shares that of the next convolution."""

    def forward(self, w: Tensor) -> Tensor:
        """(N, layers, dim) to (N, channels, side, side)."""
        x = self.first(self.start.expand(len(w), -1, -1, -1), w[:, 0])
        image: Tensor = self.pixels(x, w[:, 1])
        for i, block in enumerate(self.blocks):
            x, image = block(x, image, w[:, 2 * i + 1 : 2 * i + 4])
        return image


class StyleGenerator(nn.Module):
    """Latents to images, by way of w; in training, most samples have the styles of two latents."""

    w_mean: Tensor

    def __init__(
        self, z: Space, real: Space, counts: list[int], styles: Styles, classes: int | None = None
    ) -> None:
        """Generate ``real`` with ``counts`` features at each size from 4 pixels on."""
        super().__init__()
        self.mapping = Mapping(z.size, styles.dim, styles.layers, classes)
        self.synthesis = Synthesis(
            real.shape[0], counts, styles.dim, fixed_noise=styles.fixed_noise
        )
        self.mixing = styles.mixing
        self.margins = margins(START << len(counts) - 1, real)
        self.register_buffer("w_mean", torch.zeros(styles.dim))

    def forward(self, z: Tensor, psi: Tensor | None = None) -> dict[str, Tensor]:
        """``fake``, (N, *real.shape), and ``w``, (N, layers, dim), from ``z``, (N, inputs).

        ``psi``, (N,), is for samples alone: how far w is from its mean, 1 unless it is given
        (the truncation of arXiv:1812.04948, appendix B).
        """
        return self.styled(z, None, psi)

    def styled(self, z: Tensor, label: Tensor | None, psi: Tensor | None) -> dict[str, Tensor]:
        """What ``forward`` returns, of labels too."""
        w = self.mapping(z, label)
        if self.training:
            with torch.no_grad():
                self.w_mean.lerp_(w.mean(0).float(), 1 - FOLLOWED)
        of_layers = w[:, None].expand(-1, self.synthesis.layers, -1)
        if self.training and self.mixing:
            # The batch's latents in another order have their distribution, whatever it is.
            other = self.mapping(z.roll(1, 0), label)[:, None]
            of_layers = torch.where(self.before_cut(w)[:, :, None], of_layers, other)
        if psi is not None:
            share = psi.to(w.dtype)[:, None, None]
            of_layers = self.w_mean + share * (of_layers - self.w_mean)
        return {"fake": cropped(self.synthesis(of_layers), self.margins), "w": of_layers}

    def before_cut(self, w: Tensor) -> Tensor:
        """Which layers have their own latent's style, (N, layers): those before a random one.

        A share ``mixing`` of the samples has a cut, uniform behind the first layer and before the
        last; all layers of the others are before it.
        """
        n, layers = len(w), self.synthesis.layers
        cut = torch.randint(1, layers, (n,), device=w.device)
        mixed = torch.rand(n, device=w.device) < self.mixing
        cut = torch.where(mixed, cut, layers)
        return torch.arange(layers, device=w.device) < cut[:, None]


class LabelledStyleGenerator(StyleGenerator):
    """The same for a label: w is that of a latent and a class."""

    def forward(  # type: ignore[override]  # it reads another value
        self, z: Tensor, label: Tensor, psi: Tensor | None = None
    ) -> dict[str, Tensor]:
        """``fake``, (N, *real.shape), and ``w``, (N, layers, dim), from ``z`` and ``label``."""
        return self.styled(z, label, psi)
