"""ADA's transformations of images, each applied to an image with a probability.

Karras et al. 2020, Training Generative Adversarial Networks with Limited Data, arXiv:2006.06676,
appendix B. With a probability of zero every image keeps its bits.
"""

from __future__ import annotations

from math import pi
from typing import TYPE_CHECKING

import torch

from ganzoo_augment.diffaugment import ALPHA

if TYPE_CHECKING:
    from torch import Tensor

SHIFT, SCALE = 0.125, 0.2
"""The largest shift by whole pixels, and the deviation of others, as shares of a side; the
deviation of the binary logarithm of scales."""
BRIGHTNESS, CONTRAST, SATURATION = 0.2, 0.5, 1.0
"""The deviation of what is added to the brightness, and of the binary logarithms of factors."""
HUES = 3
"""The number of colours that a hue can turn among."""


def applied(drawn: Tensor, p: Tensor, neutral: float = 0.0) -> Tensor:
    """Draws, (N,), a share ``p`` of which is taken, and the others are neutral."""
    return torch.where(torch.rand_like(drawn) < p, drawn, neutral)


def moved(images: Tensor, p: Tensor, *, blit: bool, geometry: bool) -> Tensor:
    """Images, (N, C, H, W), mirrored, turned and shifted by whole pixels, then by any amount."""
    place = torch.eye(3, device=images.device).repeat(len(images), 1, 1)
    if blit:
        place = place @ blitted(images, p)
    if geometry:
        place = place @ warped(images, p)
    return resampled(images, place)


def blitted(images: Tensor, p: Tensor) -> Tensor:
    """Maps, (N, 3, 3), that mirror, turn by right angles and shift by whole pixels."""
    n, (height, width) = len(images), images.shape[2:]
    mirror = 1 - 2 * applied(draw(images).round(), p)
    quarters = applied((4 * draw(images)).floor(), p)
    # Exact for 0 to 3 quarters, which the cosine of a multiple of pi / 2 is not.
    even = 1 - quarters % 2
    turn = linear((1 - quarters) * even, (2 - quarters) * (1 - even))
    shift = [((2 * draw(images) - 1) * SHIFT * side).round() for side in (width, height)]
    chosen = applied(torch.ones(n, device=images.device), p)
    return scaling(mirror, torch.ones_like(mirror)) @ turn @ shifting(*(chosen * s for s in shift))


def warped(images: Tensor, p: Tensor) -> Tensor:
    """Maps, (N, 3, 3), that scale, rotate, stretch and shift."""
    n, (height, width) = len(images), images.shape[2:]
    scale, stretch = (applied(normal(images) * SCALE, p).exp2() for _ in range(2))
    # Before and after the stretch, so that it has any direction; one of them at least at rate p.
    before, after = (
        applied((2 * draw(images) - 1) * pi, 1 - (1 - p).clamp(min=0).sqrt()) for _ in range(2)
    )
    shift = [normal(images) * SHIFT * side for side in (width, height)]
    chosen = applied(torch.ones(n, device=images.device), p)
    return (
        scaling(scale, scale)
        @ linear(before.cos(), before.sin())
        @ scaling(stretch, 1 / stretch)
        @ linear(after.cos(), after.sin())
        @ shifting(*(chosen * s for s in shift))
    )


def recoloured(images: Tensor, p: Tensor) -> Tensor:
    """Images with random brightness, contrast, luma flip, hue and saturation; opacity stays."""
    channels = images.shape[1] - (images.shape[1] in ALPHA)
    colours = images[:, :channels]
    each = (-1, 1, 1, 1)
    brightness = applied(normal(images) * BRIGHTNESS, p).view(each)
    contrast = applied(normal(images) * CONTRAST, p).exp2().view(each)
    flip = (1 - 2 * applied(draw(images).round(), p)).view(each)
    luma = colours.mean(1, keepdim=True)
    # Written as changes of the image, which are zero where nothing is applied.
    gain = contrast * flip
    seen = colours + ((gain - 1) * luma + gain * brightness)
    if channels > 1:
        hue = applied((2 * draw(images) - 1) * pi, p).view(each)
        saturation = contrast * applied(normal(images) * SATURATION, p).exp2().view(each)
        chroma = colours - luma
        if channels == HUES:
            # About the axis of grey (1, 1, 1); the cross product with it is a difference.
            across = (chroma.roll(1, 1) - chroma.roll(-1, 1)) / HUES**0.5
            chroma_seen = saturation * hue.sin() * across + (saturation * hue.cos() - 1) * chroma
        else:
            chroma_seen = (saturation - 1) * chroma
        seen = seen + chroma_seen
    return torch.cat([seen, images[:, channels:]], 1)


# ------------------------------------------------------------------------------------------- maps


def draw(images: Tensor) -> Tensor:
    """Uniform draws in [0, 1), one for each image."""
    return torch.rand(len(images), device=images.device)


def normal(images: Tensor) -> Tensor:
    """Standard normal draws, one for each image."""
    return torch.randn(len(images), device=images.device)


def scaling(x: Tensor, y: Tensor) -> Tensor:
    """Maps that scale both coordinates."""
    return affine(x, torch.zeros_like(x), torch.zeros_like(x), y)


def linear(cos: Tensor, sin: Tensor) -> Tensor:
    """Rotations."""
    return affine(cos, -sin, sin, cos)


def shifting(x: Tensor, y: Tensor) -> Tensor:
    """Shifts, in pixels."""
    one, zero = torch.ones_like(x), torch.zeros_like(x)
    return affine(one, zero, zero, one, x, y)


def affine(*entries: Tensor) -> Tensor:
    """Maps of homogeneous (x, y, 1), (N, 3, 3), from a matrix's rows and a shift."""
    zero, one = torch.zeros_like(entries[0]), torch.ones_like(entries[0])
    a, b, c, d, x, y = entries if len(entries) > 4 else (*entries, zero, zero)  # noqa: PLR2004
    return torch.stack([a, b, x, c, d, y, zero, zero, one], 1).view(-1, 3, 3)


def resampled(images: Tensor, place: Tensor) -> Tensor:
    """Images whose every pixel is read from where ``place`` maps it, in pixels about the centre.

    Bilinear, mirrored at the border. Unlike torch's ``grid_sample`` it can be differentiated twice,
    as penalties require.
    """
    (n, channels), (height, width) = images.shape[:2], images.shape[2:]
    x, y = (torch.arange(side, device=images.device) - (side - 1) / 2 for side in (width, height))
    grid = torch.stack([x.expand(height, width), y[:, None].expand(height, width)])
    found = place[:, :2, :2] @ grid.flatten(1) + place[:, :2, 2:]
    left, right, x = neighbours(found[:, 0], width)
    top, bottom, y = neighbours(found[:, 1], height)
    index = torch.stack([r * width + c for r in (top, bottom) for c in (left, right)], 1)
    weight = torch.stack([r * c for r in (1 - y, y) for c in (1 - x, x)], 1)
    read = images.flatten(2).gather(2, index.view(n, 1, -1).expand(-1, channels, -1))
    return (read.view(n, channels, 4, -1) * weight[:, None]).sum(2).view(images.shape)


def neighbours(found: Tensor, side: int) -> tuple[Tensor, Tensor, Tensor]:
    """The pixels on both sides of coordinates about the centre, and the share of the second."""
    last = side - 1
    span = max(last, 1)
    inside = span - ((found + last / 2) % (2 * span) - span).abs()
    first = inside.floor()
    low = first.long().clamp(0, last)
    return low, (low + 1).clamp(max=last), inside - first
