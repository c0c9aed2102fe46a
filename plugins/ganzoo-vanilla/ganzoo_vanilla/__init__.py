"""The original GAN: multilayer perceptrons and the non-saturating game.

Goodfellow et al. 2014, Generative Adversarial Networks, arXiv:1406.2661.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field, PositiveInt
from torch import nn

import ganzoo
from ganzoo.builtin.losses import NonSaturating
from ganzoo.builtin.networks import MlpGenerator, Scorer, mlp_scorer
from ganzoo.builtin.samplers import Gaussian, Uniform
from ganzoo.parts.optimizer import Adam
from ganzoo.parts.part import Architecture
from ganzoo.parts.space import Space
from ganzoo.parts.variant import Variant

if TYPE_CHECKING:
    from torch import Tensor


class Mlp(Architecture):
    """Plain MLPs for samples of any shape; the discriminator has no batch norm."""

    width: int = Field(default=128, ge=1, le=65536, description="units of each hidden layer")
    depth: PositiveInt = Field(default=3, le=64, description="hidden layers")
    norm: Literal["none", "batch"] = Field(
        default="none", description="norm in the generator; batch suits images"
    )

    def generator(self, z: Space, real: Space) -> nn.Module:
        """``z`` to a sample, (N, *real.shape)."""
        norm = nn.BatchNorm1d if self.norm == "batch" else None
        return MlpGenerator(z.size, self.depth * [self.width], real, norm)

    def discriminator(self, real: Space) -> nn.Module:
        """A sample to its score, (N,)."""
        return mlp_scorer(real, self.depth * [self.width])


class Maxout(nn.Module):
    """Each unit is the largest of several linear maps (Goodfellow et al. 2013, arXiv:1302.4389)."""

    def __init__(self, into: int, out: int, pieces: int) -> None:
        """Map (N, into) to (N, out); every output has ``pieces`` linear maps."""
        super().__init__()
        self.linear, self.shape = nn.Linear(into, out * pieces), (out, pieces)

    def forward(self, x: Tensor) -> Tensor:
        """The maximum over the pieces, (N, out)."""
        pieces: Tensor = self.linear(x).unflatten(1, self.shape)
        return pieces.amax(2)


class MaxoutMlp(Architecture):
    """The paper's pair: a ReLU generator against a maxout discriminator with dropout."""

    width: int = Field(default=1200, ge=1, le=65536, description="units of the generator's layers")
    units: int = Field(
        default=240, ge=1, le=65536, description="maxout units of the discriminator's layers"
    )
    pieces: int = Field(default=5, ge=1, le=64, description="linear maps in one maxout unit")
    dropout: float = Field(default=0.5, ge=0, lt=1, description="dropout of hidden layers")
    input_dropout: float = Field(default=0.2, ge=0, lt=1, description="dropout of the sample")

    def generator(self, z: Space, real: Space) -> nn.Module:
        """``z`` to a sample, (N, *real.shape)."""
        return MlpGenerator(z.size, [self.width, self.width], real)

    def discriminator(self, real: Space) -> nn.Module:
        """A sample to its score, (N,)."""
        body = nn.Sequential(
            nn.Flatten(),
            nn.Dropout(self.input_dropout),
            Maxout(real.size, self.units, self.pieces),
            nn.Dropout(self.dropout),
            Maxout(self.units, self.units, self.pieces),
            nn.Dropout(self.dropout),
        )
        return Scorer(body, self.units)


SOURCE = "Goodfellow et al. 2014, arXiv:1406.2661"


@ganzoo.hookimpl
def ganzoo_architectures() -> list[type[Architecture]]:
    """A plain MLP, and the paper's with maxout."""
    return [Mlp, MaxoutMlp]


@ganzoo.hookimpl
def ganzoo_variants() -> list[Variant]:
    """The game with plain MLPs, and with the paper's networks."""
    return [
        Variant(
            name="vanilla",
            source=SOURCE,
            architecture=Mlp(),
            loss=NonSaturating(),
            sampler=Gaussian(dim=64),
            batch=256,
            ema=0.999,
            optimizers={"discriminator": Adam(lr=1e-3), "generator": Adam(lr=1e-3)},
        ),
        Variant(
            name="vanilla-maxout",
            source=SOURCE,
            architecture=MaxoutMlp(),
            loss=NonSaturating(),
            sampler=Uniform(dim=100),
            batch=100,
            data="mnist",
        ),
    ]
