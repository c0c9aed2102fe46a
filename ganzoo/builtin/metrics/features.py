"""The built-in feature extractors: pixels, and small classifiers."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, cached_property
from hashlib import sha256
from importlib.resources import files
from typing import TYPE_CHECKING, cast

import torch
from safetensors import SafetensorError
from safetensors.torch import load
from torch import Tensor, nn
from torch.nn.functional import interpolate

from ganzoo.errors import ZooError
from ganzoo.parts.features import FeatureExtractor, Placed, in_float64
from ganzoo.storage.weight_file import Uninitialized

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable

WEIGHTS = {
    "digits": "6332e4ce49d01a732dfa63dda50966a18022c530973d7f3162c8306f22b985f4",
    "fashion-mnist": "5f593676901c095afa521b28e9840058d00c7946eb4b3c016e72774e3d90184e",
    "mnist": "02b63252fe9a2752e736e022400018057a79ff3d7d84a4a35674297d81e7ce29",
}
"""The sha256 of each weight file; every score that was measured with one contains it."""


@dataclass(frozen=True)
class Shape:
    """What a classifier reads and returns."""

    side: int
    """Pixels a side."""
    strides: tuple[int, int, int]
    """Of each convolution; all end in 64 maps of 4 x 4."""
    channels: int = 1
    features: int = 128
    classes: int = 10


NETS = {
    "digits": Shape(8, (1, 2, 1)),
    "fashion-mnist": Shape(28, (2, 2, 2)),
    "mnist": Shape(28, (2, 2, 2)),
}
COLOURS = {1: "grey", 3: "colour"}
BATCH = 500


class Pixels:
    """Pixels as features, for images that no trained extractor fits; there are no logits.

    Larger images are shrunk to 16 x 16 (bilinear, antialiased), so that a distance takes seconds at
    any size.
    """

    name = "pixels"
    sha256 = sha256(name.encode()).hexdigest()
    side = 16

    def __call__(self, images: Tensor) -> tuple[Tensor, None]:
        """Return features, float64 (N, C * height * width)."""
        small = in_float64(images.detach())
        if max(small.shape[2:]) > self.side:
            small = interpolate(small, (self.side, self.side), mode="bilinear", antialias=True)
        return small.flatten(1), None


class Classifier(nn.Module):
    """A small convolutional classifier of images: features after a ReLU, and logits."""

    def __init__(self, shape: Shape) -> None:
        """Build three convolutions; their output must be 4 x 4."""
        super().__init__()
        layers: list[nn.Module] = []
        widths = (shape.channels, 32, 64, 64)
        for before, after, stride in zip(widths, widths[1:], shape.strides, strict=False):
            conv = nn.Conv2d(before, after, 3, stride, padding=1, bias=False)
            layers += [conv, nn.BatchNorm2d(after), nn.ReLU()]
        linear = nn.Linear(64 * 4 * 4, shape.features)
        self.features = nn.Sequential(*layers, nn.Flatten(), linear, nn.ReLU())
        self.logits = nn.Linear(shape.features, shape.classes)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Return features (N, features), never negative, and logits (N, classes)."""
        features = self.features(images)
        return features, self.logits(features)


class TrainedCnn:
    """A classifier as an extractor, with the weights that a distribution ships.

    The weights are read, and their sha256 checked, on the first call. Images larger than those of
    the training are cropped around their center (datasets pad with black), smaller ones are resized
    (bilinear, antialiased); a subclass may fit them otherwise.
    """

    def __init__(self, name: str, file: Traversable, sha256: str, shape: Shape) -> None:
        """``sha256`` is that of the weight file, which ``tools/train_features.py`` writes."""
        self.name, self.file, self.sha256, self.shape = name, file, sha256, shape

    @property
    def side(self) -> int:
        """Pixels a side that the network reads."""
        return self.shape.side

    @cached_property
    def net(self) -> Classifier:
        """The trained network. Raises ZooError if the weights are not those of this release."""
        remedy = "reinstall the package that it belongs to"
        try:
            content = self.file.read_bytes()
            if sha256(content).hexdigest() != self.sha256:
                reason = f"{self.file} is not the file of this release: {remedy}."
                raise ZooError(reason)
            with Uninitialized():
                net = Classifier(self.shape)
            net.load_state_dict(load(content))
        except (OSError, SafetensorError) as error:
            reason = f"{self.file} cannot be read ({error}): {remedy}."
            raise ZooError(reason) from error
        return net.eval()

    @cached_property
    def placed(self) -> Placed[Classifier]:
        """The trained network on each device that images were on."""
        return Placed(self.net)

    def __call__(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Return features, float64 (N, features), and logits, float64 (N, classes)."""
        if images.dim() != 4 or not self.reads(images.shape[1]):  # noqa: PLR2004
            channels = self.shape.channels
            reason = (
                f"{self.name} reads {COLOURS[channels]} images, (N, {channels}, height, width), "
                f"and was given {tuple(images.shape)}: use the extractor 'pixels' for these."
            )
            raise ZooError(reason)
        net = self.placed.on(images.device)
        with torch.no_grad():
            pairs = [net(self.fitted(some)) for some in torch.split(images, BATCH)]
        features, logits = (in_float64(torch.cat(parts)) for parts in zip(*pairs, strict=True))
        return features, logits

    def reads(self, channels: int) -> bool:
        """Whether images of so many channels can be fitted."""
        return channels == self.shape.channels

    def fitted(self, images: Tensor) -> Tensor:
        """Return images of the trained size, float32."""
        images, side = images.detach().float(), self.side
        height, width = images.shape[2:]
        top, left = max(0, (height - side) // 2), max(0, (width - side) // 2)
        cropped = images[:, :, top : top + side, left : left + side]
        if cropped.shape[2:] == (side, side):
            return cropped
        return interpolate(cropped, (side, side), mode="bilinear", antialias=True)


class SmallCnn(TrainedCnn):
    """The classifier of one of core's datasets."""

    def __init__(self, dataset: str) -> None:
        """Name the dataset: ``digits``, ``mnist`` or ``fashion-mnist``."""
        file = files("ganzoo.builtin.metrics") / "weights" / f"{dataset}.safetensors"
        super().__init__(f"small-cnn/{dataset}", file, WEIGHTS[dataset], NETS[dataset])


@cache
def extractor(name: str) -> FeatureExtractor:
    """Return the extractor of a name: ``pixels``, or ``small-cnn/`` and a dataset's name."""
    if name == Pixels.name:
        return cast("FeatureExtractor", Pixels())
    dataset = name.removeprefix("small-cnn/")
    if dataset not in WEIGHTS:
        offered = ", ".join([Pixels.name, *(f"small-cnn/{one}" for one in WEIGHTS)])
        reason = f"no feature extractor '{name}': there are {offered}."
        raise ZooError(reason)
    return SmallCnn(dataset)
