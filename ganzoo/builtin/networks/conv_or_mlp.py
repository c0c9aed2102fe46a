"""The architecture that several plugins share: convolutions for images, an MLP otherwise."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field, PositiveInt

from ganzoo.builtin.networks.convolution import Upsampler, downsampler, pyramid
from ganzoo.builtin.networks.mlp import MlpGenerator, mlp_features
from ganzoo.parts.part import Architecture

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import nn

    from ganzoo.parts.part import Samples
    from ganzoo.parts.space import Space


class ConvOrMlp(Architecture):
    """Convolutions for images, an MLP for anything else; the options and blocks of both.

    A subclass names the spaces that its players read. It builds its generator with ``from_vector``
    and its discriminator on ``to_features``.
    """

    smallest: ClassVar[int] = 4
    """Images are halved until their shorter side has this many pixels."""

    body: Literal["auto", "conv", "mlp"] = Field(
        default="auto", description="auto means conv for images and mlp for anything else"
    )
    width: int = Field(
        default=64,
        ge=1,
        le=1024,
        description="channels at full resolution, doubled at each halving",
    )
    kernel: Literal[3, 4, 5] = Field(default=5, description="side of the convolutions, in pixels")
    hidden: int = Field(default=128, ge=1, le=65536, description="units of each layer of the mlp")
    depth: PositiveInt = Field(default=3, le=64, description="hidden layers of the mlp")

    @property
    def builds(self) -> Samples | None:  # type: ignore[override]  # depends on an option
        """Images alone if it is told to convolve."""
        return "images" if self.body == "conv" else None

    def convolves(self, real: Space) -> bool:
        """Whether samples of this space are treated as images."""
        return self.body == "conv" or (self.body == "auto" and real.is_image)

    def from_vector(self, inputs: int, real: Space, *, by_unit: bool = False) -> nn.Module:
        """A generator from vectors, (N, inputs), to samples, (N, *real.shape).

        ``by_unit`` applies to convolutions and is explained at ``Upsampler``.
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
        """A network from samples to vectors, and the length of its vectors.

        Samples have ``more`` channels (or numbers, for an MLP) than ``real``, such as a label's.
        ``norm(channels)`` follows every convolution but the first; an MLP has none.
        """
        if not self.convolves(real):
            return mlp_features(real.size + more, self.depth * [self.hidden])
        sizes = pyramid(real, self.name, smallest=self.smallest)
        return downsampler(
            real.shape[0] + more, sizes, width=self.width, kernel=self.kernel, norm=norm
        )
