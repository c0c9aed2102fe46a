"""Building blocks for networks, for any plugin: MLPs, and convolutions for images of any size."""

from __future__ import annotations

from itertools import pairwise
from math import prod
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field, PositiveInt
from torch import nn

from ganzoo.errors import ComposeError
from ganzoo.parts.part import Architecture
from ganzoo.parts.space import Space

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

SMALLEST, LARGEST, MOST_CHANNELS = 8, 128, 4
"""Image sides and channels that the convolutional blocks are made for, in pixels."""
MOST_WIDENING = 8


def mlp(
    sizes: list[int],
    *,
    activation: Callable[[], nn.Module] = nn.ReLU,
    norm: Callable[[int], nn.Module] | None = None,
) -> nn.Sequential:
    """Linear layers from sizes[0] to sizes[-1]; all but the last are normalized and activated."""
    layers: list[nn.Module] = []
    for into, out in pairwise(sizes[:-1]):
        layers += [nn.Linear(into, out)]
        layers += [norm(out)] if norm else []
        layers += [activation()]
    return nn.Sequential(*layers, nn.Linear(sizes[-2], sizes[-1]))


def leaky() -> nn.Module:
    """The discriminators' activation."""
    return nn.LeakyReLU(0.2)


def squash(space: Space) -> nn.Module:
    """What maps a network's output into a space: tanh where it is bounded."""
    return nn.Tanh() if space.bounded else nn.Identity()


def pyramid(space: Space, builder: str, *, smallest: int = 4) -> list[tuple[int, int]]:
    """The sizes of an image as it is halved, rounded up, until its shorter side is ``smallest``.

    Or less: (28, 28), (14, 14), (7, 7), (4, 4). ``smallest`` is less than 8. Raises ComposeError
    for what is no image, and for sides and channel counts that the blocks are not made for.
    """
    if not space.is_image:
        message = (
            f"'{builder}' builds images (channels, height, width); the data's samples are of shape "
            f"{space}."
        )
        raise ComposeError(message)
    channels, *sides = space.shape
    if min(sides) < SMALLEST or max(sides) > LARGEST or channels > MOST_CHANNELS:
        message = (
            f"'{builder}' builds images of {SMALLEST} to {LARGEST} pixels a side and 1 to "
            f"{MOST_CHANNELS} channels; the data's are {space}."
        )
        raise ComposeError(message)
    height, width = sides
    steps = [(height, width)]
    while min(steps[-1]) > smallest:
        height, width = steps[-1]
        steps.append((-(-height // 2), -(-width // 2)))
    return steps


def channel_counts(base: int, count: int) -> list[int]:
    """Channels at each size of a pyramid, largest image first: doubled each time, up to 8 fold."""
    return [base * min(2**i, MOST_WIDENING) for i in range(count)]


class MlpGenerator(nn.Module):
    """Perceptrons from a vector to a sample of any shape."""

    def __init__(
        self,
        inputs: int,
        hidden: list[int],
        real: Space,
        norm: Callable[[int], nn.Module] | None = None,
    ) -> None:
        """Build from ``inputs`` numbers to ``real.shape``; ``norm`` is of hidden layers."""
        super().__init__()
        layers = mlp([inputs, *hidden, real.size], norm=norm)
        self.layers = nn.Sequential(layers, squash(real), nn.Unflatten(1, real.shape))

    def forward(self, z: Tensor) -> Tensor:
        """(N, inputs) to (N, *real.shape)."""
        out: Tensor = self.layers(z)
        return out


class ByUnit(nn.Sequential):
    """Batch norm of each number of an image by itself, as that of a dense layer's units."""

    def __init__(self, shape: tuple[int, int, int]) -> None:
        """For images (channels, height, width)."""
        super().__init__(nn.Flatten(), nn.BatchNorm1d(prod(shape)), nn.Unflatten(1, shape))


class Upsampler(nn.Module):
    """From a vector to an image: a projection, then transposed convolutions of stride 2.

    ``sizes`` are a pyramid's, largest first; padding makes every size come out exactly. The result
    is squashed to [-1, 1].
    """

    def __init__(
        self,
        inputs: int,
        channels: int,
        sizes: list[tuple[int, int]],
        *,
        width: int,
        kernel: int,
        by_unit: bool = False,
    ) -> None:
        """Build from ``inputs`` numbers to (channels, *sizes[0]).

        The smallest image's batch norm is over each channel, or ``by_unit`` over each pixel of it.
        """
        super().__init__()
        sizes = [*reversed(sizes)]
        counts = [*channel_counts(width, len(sizes) - 1)[::-1], channels]
        self.seed = (counts[0], *sizes[0])
        self.project = nn.Linear(inputs, counts[0] * sizes[0][0] * sizes[0][1], bias=False)
        layers: list[nn.Module] = [
            ByUnit(self.seed) if by_unit else nn.BatchNorm2d(counts[0]),
            nn.ReLU(),
        ]
        for i, (into, out) in enumerate(pairwise(counts)):
            # What a transposed convolution without padding makes too many of.
            (h, w), (to_h, to_w) = sizes[i], sizes[i + 1]
            more_h, more_w = 2 * (h - 1) + kernel - to_h, 2 * (w - 1) + kernel - to_w
            last = i == len(counts) - 2
            layers.append(
                nn.ConvTranspose2d(
                    into,
                    out,
                    kernel,
                    stride=2,
                    padding=(-(-more_h // 2), -(-more_w // 2)),
                    output_padding=(more_h % 2, more_w % 2),
                    bias=last,
                )
            )
            layers += [nn.Tanh()] if last else [nn.BatchNorm2d(out), nn.ReLU()]
        self.layers = nn.Sequential(*layers)

    def forward(self, z: Tensor) -> Tensor:
        """(N, inputs) to (N, channels, height, width)."""
        out: Tensor = self.layers(self.project(z).unflatten(1, self.seed))
        return out


def downsampler(
    channels: int,
    sizes: list[tuple[int, int]],
    *,
    width: int,
    kernel: int,
    norm: Callable[[int], nn.Module] | None = None,
) -> tuple[nn.Sequential, int]:
    """From an image to a vector: convolutions of stride 2 and leaky ReLUs, flattened.

    Normalized by ``norm(channels)`` after all but the first. Also returns the vector's length.
    """
    counts = [channels, *channel_counts(width, len(sizes) - 1)]
    layers: list[nn.Module] = []
    for i, (into, out) in enumerate(pairwise(counts)):
        bias = not (norm and i)  # a norm would take it away again
        h, w = sizes[i]
        padding = (kernel - 1 + h % 2) // 2, (kernel - 1 + w % 2) // 2
        layers.append(nn.Conv2d(into, out, kernel, stride=2, padding=padding, bias=bias))
        layers += [norm(out)] if norm and i else []
        layers.append(leaky())
    return nn.Sequential(*layers, nn.Flatten()), counts[-1] * sizes[-1][0] * sizes[-1][1]


def perceptrons(inputs: int, hidden: list[int]) -> tuple[nn.Sequential, int]:
    """From ``inputs`` numbers of any shape to a vector: linear layers and leaky ReLUs.

    Also returns the vector's length.
    """
    layers = mlp([inputs, *hidden], activation=leaky)
    return nn.Sequential(nn.Flatten(), layers, leaky()), hidden[-1]


def mlp_scorer(real: Space, hidden: list[int]) -> Scorer:
    """A discriminator of perceptrons with leaky ReLUs, for samples of any shape."""
    return Scorer(*perceptrons(real.size, hidden))


class Scorer(nn.Module):
    """Features of a sample and one linear score of them, (N,), beside other linear heads."""

    def __init__(self, body: nn.Module, features: int, **heads: int) -> None:
        """Score the ``features`` numbers that ``body`` returns; ``code=12`` adds a head of 12."""
        super().__init__()
        self.body, self.head = body, nn.Linear(features, 1)
        self.others = nn.ModuleDict({name: nn.Linear(features, n) for name, n in heads.items()})

    def forward(self, sample: Tensor) -> Tensor | dict[str, Tensor]:
        """A batch of samples to (N,), or to ``score`` and the other heads, (N, n)."""
        features = self.body(sample)
        score: Tensor = self.head(features).squeeze(1)
        if not self.others:
            return score
        return {"score": score, **{name: head(features) for name, head in self.others.items()}}


class ConvOrMlp(Architecture):
    """Convolutions for images, else perceptrons: options and blocks that architectures share.

    A subclass says what its players are built from, and builds the generator by ``from_vector`` and
    the discriminator on ``to_features``.
    """

    smallest: ClassVar[int] = 4
    """The side, in pixels, down to which images are halved."""

    body: Literal["auto", "conv", "mlp"] = Field(
        default="auto", description="conv for images and mlp for anything else, unless told"
    )
    width: int = Field(
        default=64, ge=1, le=1024, description="channels at the largest image, doubled below"
    )
    kernel: Literal[3, 4, 5] = Field(default=5, description="side of the convolutions, in pixels")
    hidden: int = Field(default=128, ge=1, le=65536, description="units of each layer of the mlp")
    depth: PositiveInt = Field(default=3, le=64, description="hidden layers of the mlp")

    def convolves(self, real: Space) -> bool:
        """Whether samples of this space are images, and to be made and seen as such."""
        return self.body == "conv" or (self.body == "auto" and real.is_image)

    def from_vector(self, inputs: int, real: Space, *, by_unit: bool = False) -> nn.Module:
        """What maps vectors ``z``, (N, inputs), to samples, (N, *real.shape).

        Of convolutions, the first batch norm is over channels, or ``by_unit``.
        """
        if not self.convolves(real):
            return MlpGenerator(inputs, self.depth * [self.hidden], real)
        sizes = pyramid(real, self.name, smallest=self.smallest)
        return Upsampler(
            inputs,
            real.shape[0],
            sizes,
            width=self.width,
            kernel=self.kernel,
            by_unit=by_unit,
        )

    def to_features(
        self, real: Space, *, more: int = 0, norm: Callable[[int], nn.Module] | None = None
    ) -> tuple[nn.Module, int]:
        """What maps samples, their first axis longer by ``more``, to vectors; and their length.

        Of convolutions, all but the first are normalized, by ``norm(channels)``.
        """
        if not self.convolves(real):
            return perceptrons(real.size + more, self.depth * [self.hidden])
        sizes = pyramid(real, self.name, smallest=self.smallest)
        return downsampler(
            real.shape[0] + more, sizes, width=self.width, kernel=self.kernel, norm=norm
        )
