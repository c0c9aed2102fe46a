"""The built-in feature extractors: pixels, and small classifiers."""

from __future__ import annotations

from functools import cache, cached_property
from hashlib import sha256
from importlib.resources import files
from typing import cast

import torch
from safetensors import SafetensorError
from safetensors.torch import load
from torch import Tensor, nn
from torch.nn.functional import interpolate

from ganzoo.errors import ZooError
from ganzoo.parts.features import FeatureExtractor, Placed, in_float64
from ganzoo.storage.weight_file import Uninitialized

WEIGHTS = {
    "digits": "6332e4ce49d01a732dfa63dda50966a18022c530973d7f3162c8306f22b985f4",
    "fashion-mnist": "5f593676901c095afa521b28e9840058d00c7946eb4b3c016e72774e3d90184e",
    "mnist": "02b63252fe9a2752e736e022400018057a79ff3d7d84a4a35674297d81e7ce29",
}
"""The sha256 of each weight file; every score that was measured with one contains it."""

NETS: dict[str, tuple[int, tuple[int, int, int]]] = {
    "digits": (8, (1, 2, 1)),
    "fashion-mnist": (28, (2, 2, 2)),
    "mnist": (28, (2, 2, 2)),
}
"""Pixels per side, and the stride of each convolution; all end in 64 maps of 4 x 4."""

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
    """A small convolutional classifier of grey images: 128 features after a ReLU, ten logits."""

    def __init__(self, strides: tuple[int, int, int]) -> None:
        """Build three convolutions with these strides; their output must be 4 x 4."""
        super().__init__()
        layers: list[nn.Module] = []
        for before, after, stride in zip((1, 32, 64), (32, 64, 64), strides, strict=True):
            conv = nn.Conv2d(before, after, 3, stride, padding=1, bias=False)
            layers += [conv, nn.BatchNorm2d(after), nn.ReLU()]
        self.features = nn.Sequential(*layers, nn.Flatten(), nn.Linear(64 * 4 * 4, 128), nn.ReLU())
        self.logits = nn.Linear(128, 10)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Return features (N, 128), never negative, and logits (N, 10)."""
        features = self.features(images)
        return features, self.logits(features)


class SmallCnn:
    """A classifier trained on one dataset (``tools/train_features.py``), with packaged weights.

    The weights are read, and their sha256 checked, on the first call. Images larger than those of
    the training are cropped around their center (datasets pad with black), smaller ones are resized
    (bilinear, antialiased).
    """

    def __init__(self, dataset: str) -> None:
        """Name the dataset: ``digits``, ``mnist`` or ``fashion-mnist``."""
        self.dataset = dataset
        self.name = f"small-cnn/{dataset}"
        self.sha256 = WEIGHTS[dataset]
        self.side, self.strides = NETS[dataset]

    @cached_property
    def net(self) -> Classifier:
        """The trained network. Raises ZooError if the weights are not those of this release."""
        file = files("ganzoo.builtin.metrics") / "weights" / f"{self.dataset}.safetensors"
        try:
            content = file.read_bytes()
            if sha256(content).hexdigest() != self.sha256:
                reason = f"{file} is not the file of this release: reinstall ganzoo-core."
                raise ZooError(reason)
            with Uninitialized():
                net = Classifier(self.strides)
            net.load_state_dict(load(content))
        except (OSError, SafetensorError) as error:
            reason = f"{file} cannot be read ({error}): reinstall ganzoo-core."
            raise ZooError(reason) from error
        return net.eval()

    @cached_property
    def placed(self) -> Placed[Classifier]:
        """The trained network on each device that images were on."""
        return Placed(self.net)

    def __call__(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Return features, float64 (N, 128), and logits, float64 (N, 10)."""
        if images.dim() != 4 or images.shape[1] != 1:  # noqa: PLR2004
            reason = (
                f"{self.name} reads grey images, (N, 1, height, width), and was given "
                f"{tuple(images.shape)}: use the extractor 'pixels' for these."
            )
            raise ZooError(reason)
        net = self.placed.on(images.device)
        with torch.no_grad():
            pairs = [net(self.fitted(some)) for some in torch.split(images, BATCH)]
        features, logits = (in_float64(torch.cat(parts)) for parts in zip(*pairs, strict=True))
        return features, logits

    def fitted(self, images: Tensor) -> Tensor:
        """Return images of the trained size, float32."""
        images, side = images.detach().float(), self.side
        height, width = images.shape[2:]
        top, left = max(0, (height - side) // 2), max(0, (width - side) // 2)
        cropped = images[:, :, top : top + side, left : left + side]
        if cropped.shape[2:] == (side, side):
            return cropped
        return interpolate(cropped, (side, side), mode="bilinear", antialias=True)


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
