"""Augmentation that keeps the codes from learning position, rotation and scale."""

from __future__ import annotations

import math

import torch
from pydantic import Field
from torch import Tensor
from torch.nn.functional import affine_grid

from ganzoo.parts.part import Regularizer


class Jitter(Regularizer):
    """Small random rotations, shifts and zooms of every image that the discriminator sees.

    The Q-head cannot recover what they hide, so categories come to stand for the kind of object
    (arXiv:1910.01112 does the same with real images). Real and generated images are augmented
    alike, so the generator still learns unaugmented images (arXiv:2006.06676, section 2.1).
    """

    shift: float = Field(
        default=0.1, ge=0, le=0.5, description="largest shift, a share of each side"
    )
    turn: float = Field(default=20.0, ge=0, le=180, description="largest rotation, in degrees")
    zoom: float = Field(default=0.2, ge=0, le=1, description="largest change of the log scale")

    def augment(self, sample: Tensor) -> Tensor:
        """Augment images, each with its own uniform draw; return other samples unchanged."""
        if sample.dim() != 4:  # noqa: PLR2004
            return sample
        shift_x, shift_y, turn, zoom = torch.rand(4, len(sample), device=sample.device) * 2 - 1
        scale, angle = (self.zoom * zoom).exp(), turn * math.radians(self.turn)
        cos, sin = scale * angle.cos(), scale * angle.sin()
        shift_x, shift_y = 2 * self.shift * shift_x, 2 * self.shift * shift_y
        rows = [torch.stack(row, 1) for row in ((cos, -sin, shift_x), (sin, cos, shift_y))]
        return resampled(sample, torch.stack(rows, 1))


def resampled(images: Tensor, affine: Tensor) -> Tensor:
    """Images, (N, C, H, W), resampled through affine maps, (N, 2, 3), of torch's ``affine_grid``.

    Bilinear, with the border's pixels repeated beyond it. Unlike torch's ``grid_sample`` it can be
    differentiated twice, as gradient penalties require.
    """
    height, width = images.shape[2:]
    points = affine_grid(affine, list(images.shape), align_corners=False)
    x = ((points[..., 0] + 1) * width / 2 - 0.5).clamp(0, width - 1).flatten(1)
    y = ((points[..., 1] + 1) * height / 2 - 0.5).clamp(0, height - 1).flatten(1)
    left, top = x.long(), y.long()
    x, y = x - left, y - top
    flat, made = images.flatten(2), torch.zeros_like(images).flatten(2)
    for down, right, weight in (
        (0, 0, (1 - y) * (1 - x)),
        (0, 1, (1 - y) * x),
        (1, 0, y * (1 - x)),
        (1, 1, y * x),
    ):
        row, column = (top + down).clamp(max=height - 1), (left + right).clamp(max=width - 1)
        index = (row * width + column).unsqueeze(1).expand_as(flat)
        made = made + weight.unsqueeze(1) * flat.gather(2, index)
    return made.reshape(images.shape)
