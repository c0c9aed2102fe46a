"""R3GAN: a relativistic loss with two penalties, and networks without tricks.

Huang et al. 2024, The GAN is dead; long live the GAN! A Modern Baseline GAN, arXiv:2501.05441. The
loss is that of Jolicoeur-Martineau 2018, arXiv:1807.00734, and Sun et al. 2020, arXiv:2011.04926.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from pydantic import Field
from torch import nn
from torch.nn.functional import softplus

import ganzoo
from ganzoo.builtin.networks import classes_of, pyramid
from ganzoo.builtin.regularizers import R1, R2
from ganzoo.builtin.samplers import Gaussian
from ganzoo.parts.optimizer import Adam
from ganzoo.parts.part import DISCRIMINATOR, Architecture, Loss
from ganzoo.parts.schedule import cosine
from ganzoo.parts.space import Space
from ganzoo.parts.variant import Variant
from ganzoo_r3gan.networks import (
    Discriminator,
    Generator,
    LabelledDiscriminator,
    LabelledGenerator,
    Stages,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from torch import Tensor

    from ganzoo.parts.protocols import GameView


class Relativistic(Loss):
    """Each generated sample against one real one: by how much is it scored less (1807.00734).

    The pairing form, as in arXiv:2501.05441: f(t) = -log(1 + e^-t) of D(G(z)) - D(x), whose
    landscape has no local minima where modes are dropped (arXiv:2011.04926).
    """

    signed: ClassVar[bool] = False

    def discriminator(self, real_score: Tensor, fake_score: Tensor) -> Tensor:
        """log(1 + exp(-(D(x) - D(G(z))))), (N,)."""
        return softplus(fake_score - real_score)

    def generator(self, real_score: Tensor, fake_score: Tensor) -> Tensor:
        """log(1 + exp(-(D(G(z)) - D(x)))), (N,)."""
        return softplus(real_score - fake_score)

    def warnings(self, game: GameView) -> Iterable[str]:
        """Penalties that are not in every step, which the paper saw fail."""
        for part in game.variant.regularizers:
            if part.every > 1 and part.defines(DISCRIMINATOR):
                yield (
                    f"'{part.name}' is applied every {part.every} steps only: with lazy penalties "
                    "and this loss, the authors of R3GAN saw training fail to converge on stacked "
                    f"MNIST and on points (arXiv:2501.05441); set {part.name}.every=1."
                )


class R3gan(Architecture):
    """ResNeXt blocks without norm for both players, for images of 8 to 128 pixels a side."""

    name = "r3gan"
    builds = "images"

    width: int = Field(
        default=16,
        ge=1,
        le=1024,
        description="channels at full resolution, doubled at each halving",
    )
    most: int = Field(default=128, ge=1, le=1024, description="channels at which doubling ends")
    blocks: int = Field(default=1, ge=1, le=16, description="residual blocks at each size")
    expansion: int = Field(
        default=2, ge=1, le=8, description="channels in a block, times those out"
    )
    group: int = Field(
        default=16, ge=1, le=1024, description="channels of a group in the 3 x 3 convolutions"
    )
    conditional: bool = Field(default=False, description="whether both networks read the label")

    def generator(self, z: Space, real: Space, label: Space | None = None) -> nn.Module:
        """``z``, and with ``conditional`` ``label``, to an image, (N, C, H, W)."""
        sizes, counts = self._stages(real)
        stages = self._built([*reversed(sizes)], [*reversed(counts)])
        inputs = z.size * (1 + self.conditional)
        net = Generator(inputs, real, stages, (counts[-1], *sizes[-1]))
        if not self.conditional:
            return net
        return LabelledGenerator(net, classes_of(label, self.name), z.size)

    def discriminator(self, real: Space, label: Space | None = None) -> nn.Module:
        """An image, and with ``conditional`` its label, to its score, (N,)."""
        sizes, counts = self._stages(real)
        net = Discriminator(real, self._built(sizes, counts), (counts[-1], *sizes[-1]))
        if not self.conditional:
            return net
        return LabelledDiscriminator(net, classes_of(label, self.name))

    def _stages(self, real: Space) -> tuple[list[tuple[int, int]], list[int]]:
        """The sizes of a pyramid, largest first, and the channels at each."""
        sizes = pyramid(real, self.name)
        return sizes, [
            min(self.width * 2**i, max(self.width, self.most)) for i in range(len(sizes))
        ]

    def _built(self, sizes: list[tuple[int, int]], counts: list[int]) -> Stages:
        return Stages(sizes, counts, blocks=self.blocks, expansion=self.expansion, group=self.group)


@ganzoo.hookimpl
def ganzoo_architectures() -> list[type[Architecture]]:
    """The paper's pair of networks."""
    return [R3gan]


@ganzoo.hookimpl
def ganzoo_losses() -> list[type[Loss]]:
    """The relativistic pairing loss."""
    return [Relativistic]


@ganzoo.hookimpl
def ganzoo_variants() -> list[Variant]:
    """The paper's loss with both penalties, its networks, and its schedules over the budget."""
    adam = Adam(lr=cosine(1e-3, 2.5e-4), betas=(0.0, cosine(0.9, 0.99)))
    gamma = cosine(0.05, 0.005)
    return [
        Variant(
            name="r3gan",
            source="Huang et al. 2024, arXiv:2501.05441",
            architecture=R3gan(),
            loss=Relativistic(),
            regularizers=(R1(weight=gamma), R2(weight=gamma)),
            sampler=Gaussian(dim=64),
            optimizers={"discriminator": adam, "generator": adam},
            batch=64,
            ema_half_life=44_000,
        )
    ]
