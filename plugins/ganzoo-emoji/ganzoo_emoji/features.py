"""The feature extractor of emoji: a small classifier of their categories."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

from torch.nn.functional import interpolate

from ganzoo.builtin.metrics.features import Shape, TrainedCnn
from ganzoo_emoji.table import CATEGORIES

if TYPE_CHECKING:
    from torch import Tensor

SHAPE = Shape(32, (2, 2, 2), channels=3, features=32, classes=len(CATEGORIES))
SHA256 = "2fab65ce3aeec067089c8bfccc23d0c5ba70c52a7e7b02d82c2fe76a44453ca8"
"""Of the weight file; every score that was measured with it contains it."""
OPACITY = 4
"""The channels of images whose last one is opacity."""


class EmojiCnn(TrainedCnn):
    """A classifier of all three styles: 32 features after a ReLU, and a logit for each category.

    Images of another size than 32 x 32 are resized (bilinear, antialiased); those with opacity are
    laid on white.
    """

    def __init__(self, classes: int) -> None:
        """``classes`` says of how many categories logits are returned: 8, or 9 with flags."""
        file = files("ganzoo_emoji") / "weights" / "emoji.safetensors"
        super().__init__("small-cnn/emoji", file, SHA256, SHAPE)
        self.classes = classes

    def __call__(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Return features, float64 (N, 32), and logits, float64 (N, classes)."""
        features, logits = super().__call__(images)
        return features, logits[:, : self.classes]

    def reads(self, channels: int) -> bool:
        """Whether images have colours, and perhaps opacity."""
        return channels in {self.shape.channels, OPACITY}

    def fitted(self, images: Tensor) -> Tensor:
        """Return images on white, of 32 x 32 pixels, float32."""
        images, side = images.detach().float(), self.side
        if images.shape[1] == OPACITY:
            opacity = (images[:, 3:] + 1) / 2
            images = images[:, :3] * opacity + (1 - opacity)
        if images.shape[2:] == (side, side):
            return images
        return interpolate(images, (side, side), mode="bilinear", antialias=True)


@cache
def extractor(classes: int) -> EmojiCnn:
    """The extractor for data of so many categories; its network is read once."""
    return EmojiCnn(classes)
