"""Networks whose discriminator has a second head, which predicts the code."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal, cast

from pydantic import Field
from torch import nn

from ganzoo.builtin.networks import ConvOrMlp, leaky, mlp

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

    from ganzoo.parts.space import Space

RECOGNIZING = 128
"""Units of the Q-head's hidden layer (arXiv:1606.03657, appendix C.1)."""


def layer_norm(channels: int) -> nn.Module:
    """Layer norm over all channels and pixels of a sample."""
    return nn.GroupNorm(1, channels)


class FromLatent(nn.Sequential):
    """A Sequential whose input is named ``z``, because the engine passes values by name."""

    def forward(self, z: Tensor) -> Tensor:
        """(N, dim) to the output of the last module."""
        return cast("Tensor", super().forward(z))  # type: ignore[no-untyped-call]


class QHead(nn.Module):
    """A discriminator with a linear score and a Q-head, an MLP of one hidden layer, of the code."""

    def __init__(
        self, body: nn.Module, features: int, code: Space, norm: Callable[[int], nn.Module]
    ) -> None:
        """Read the ``features`` numbers that ``body`` returns."""
        super().__init__()
        self.body, self.head = body, nn.Linear(features, 1)
        self.code = mlp([features, RECOGNIZING, code.width], activation=leaky, norm=norm)

    def forward(self, sample: Tensor) -> dict[str, Tensor]:
        """``score``, (N,), and ``code``, (N, width): logits of categories, means of numbers."""
        features = self.body(sample)
        return {"score": self.head(features).squeeze(1), "code": self.code(features)}


class Infogan(ConvOrMlp):
    """The paper's networks: convolutions and a dense layer for images, otherwise MLPs.

    The Q-head shares all but its last layers with the discriminator (appendix C).
    """

    heads: ClassVar[tuple[str, ...]] = ("code",)
    smallest: ClassVar[int] = 7  # the paper halves MNIST twice

    dense: int = Field(
        default=1024,
        ge=1,
        le=65536,
        description="units of the dense layer",
    )
    norm: Literal["batch", "layer"] = Field(
        default="batch", description="norm of the discriminator; layer suits penalties"
    )

    def generator(self, z: Space, real: Space) -> nn.Module:
        """``z`` to a sample, (N, *real.shape)."""
        if not self.convolves(real):
            return self.from_vector(z.size, real)
        dense = [nn.Linear(z.size, self.dense, bias=False), nn.BatchNorm1d(self.dense), nn.ReLU()]
        return FromLatent(*dense, self.from_vector(self.dense, real, by_unit=True))

    def discriminator(self, real: Space, code: Space) -> nn.Module:
        """A sample to its ``score``, (N,), and its ``code``, (N, code.width)."""
        layers = self.norm == "layer"
        norm1d, norm2d = (layer_norm, layer_norm) if layers else (nn.BatchNorm1d, nn.BatchNorm2d)
        body, features = self.to_features(real, norm=norm2d)
        if self.convolves(real):
            dense = [nn.Linear(features, self.dense, bias=False), norm1d(self.dense), leaky()]
            body, features = nn.Sequential(body, *dense), self.dense
        return QHead(body, features, code, norm1d)
