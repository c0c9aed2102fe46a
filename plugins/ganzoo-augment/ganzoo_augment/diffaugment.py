"""DiffAugment: colour, translation and cutout of all that the discriminator sees.

Zhao et al. 2020, Differentiable Augmentation for Data-Efficient GAN Training, arXiv:2006.10738.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

import torch
from pydantic import BeforeValidator, Field

from ganzoo.parts.part import Regularizer, Samples
from ganzoo.parts.schedule import Anneals

if TYPE_CHECKING:
    from torch import Tensor

BRIGHTNESS, SHIFT, CUT = 0.5, 0.125, 0.5
"""The published strengths: the largest change of brightness, and shares of an image's side."""
ALPHA = (2, 4)
"""Numbers of channels of which the last is opacity."""


def named(value: Any) -> Any:
    """Names between commas as a list; anything else as it is."""
    return value.split(",") if isinstance(value, str) else value


class Diffaugment(Regularizer):
    """Random colour, translation and cutout of every image that D sees (arXiv:2006.10738, eq. 4).

    Real and generated images are augmented alike, each with draws of its own, on both players'
    turns, and gradients pass through. So the generator still learns images that are not augmented.
    """

    augments: ClassVar[Samples | None] = "images"

    policy: Annotated[
        tuple[Literal["colour", "translation", "cutout"], ...], BeforeValidator(named)
    ] = Field(
        default=("colour", "translation", "cutout"),
        min_length=1,
        description="what is done, of colour, translation and cutout",
    )
    p: Annotated[float, Anneals(ge=0, le=1)] = Field(
        default=1.0, description="share of the images that are augmented; the others stay the same"
    )
    fill: float = Field(
        default=0.0, ge=-1, le=1, description="value of pixels moved in or cut out; 0 is mid-grey"
    )

    def augment(self, sample: Tensor) -> Tensor:
        """Images, (N, C, H, W) in about [-1, 1], of which a share ``p`` is augmented."""
        seen = sample
        if "colour" in self.policy:
            seen = recoloured(seen)
        if "translation" in self.policy:
            seen = translated(seen, self.fill)
        if "cutout" in self.policy:
            seen = cut(seen, self.fill)
        chosen = torch.rand(len(sample), 1, 1, 1, device=sample.device) < self.p
        return torch.where(chosen, seen, sample)


def recoloured(images: Tensor) -> Tensor:
    """Images with random brightness, saturation and contrast; their opacity stays.

    Brightness is shifted by up to 0.5, differences between the channels of a pixel are multiplied
    by up to 2, and differences from the image's mean by 0.5 to 1.5, uniformly.
    """
    channels = images.shape[1] - (images.shape[1] in ALPHA)
    colours = images[:, :channels]
    brightness, saturation, contrast = torch.rand(3, len(images), 1, 1, 1, device=images.device)
    colours = colours + BRIGHTNESS * (2 * brightness - 1)
    if channels > 1:  # a grey image has no saturation
        grey = colours.mean(1, keepdim=True)
        colours = grey + 2 * saturation * (colours - grey)
    mean = colours.mean((1, 2, 3), keepdim=True)
    colours = mean + (0.5 + contrast) * (colours - mean)
    return torch.cat([colours, images[:, channels:]], 1)


def translated(images: Tensor, fill: float) -> Tensor:
    """Images shifted by up to an eighth of each side, in whole pixels."""
    rows, columns = (sources(images, side) for side in images.shape[2:])
    height, width = images.shape[2:]
    inside = within(rows, height)[:, :, None] & within(columns, width)[:, None, :]
    # Differentiable twice, and an image's pixel is read at most once where it counts: so no
    # gradient is a sum whose order could change its bits.
    index = rows.clamp(0, height - 1)[:, :, None] * width + columns.clamp(0, width - 1)[:, None, :]
    moved = images.flatten(2).gather(2, index.flatten(1)[:, None].expand(-1, images.shape[1], -1))
    return moved.view(images.shape).where(inside[:, None], fill)


def sources(images: Tensor, side: int) -> Tensor:
    """The coordinate that each one of a side is read from, shifted at random, (N, side)."""
    most = int(side * SHIFT + 0.5)
    shift = torch.randint(-most, most + 1, (len(images), 1), device=images.device)
    return torch.arange(side, device=images.device) + shift


def within(coordinates: Tensor, side: int) -> Tensor:
    """Which coordinates lie on an image."""
    return (coordinates >= 0) & (coordinates < side)


def cut(images: Tensor, fill: float) -> Tensor:
    """Images with a random rectangle of half of each side filled; it may reach over the border."""
    rows, columns = (covered(images, side) for side in images.shape[2:])
    hole = rows[:, :, None] & columns[:, None, :]
    return images.where(~hole[:, None], fill)


def covered(images: Tensor, side: int) -> Tensor:
    """Which coordinates of a side lie in a random interval of half of it, (N, side)."""
    size = int(side * CUT + 0.5)
    centre = torch.randint(side + 1 - size % 2, (len(images), 1), device=images.device)
    offset = torch.arange(side, device=images.device) - centre + size // 2
    return within(offset, size)
