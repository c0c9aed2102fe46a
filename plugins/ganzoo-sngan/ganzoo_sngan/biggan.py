"""BigGAN's networks and its regularizer (Brock et al. 2019, arXiv:1809.11096), at small widths."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from pydantic import Field
from torch import nn

from ganzoo.builtin.networks import Projection, classes_of, pyramid
from ganzoo.errors import ComposeError
from ganzoo.parts.part import GENERATOR, Regularizer
from ganzoo.parts.schedule import Weight
from ganzoo_sngan.convolutions import initialize
from ganzoo_sngan.residual import Residual, ResidualGenerator

if TYPE_CHECKING:
    from torch import Tensor

    from ganzoo.parts.protocols import GameView
    from ganzoo.parts.space import Space

LAYERS = (nn.Linear, nn.Conv2d)


class HierarchicalGenerator(nn.Module):
    """A generator each of whose blocks reads the label's embedding and a part of the latent."""

    def __init__(
        self,
        dim: int,
        classes: int,
        real: Space,
        sizes: list[tuple[int, int]],
        *,
        width: int,
        shared: int,
    ) -> None:
        """Split latents of ``dim`` numbers: the first part is the image's, one is each block's."""
        super().__init__()
        self.parts = len(sizes)
        first, *others = (len(part) for part in torch.arange(dim).tensor_split(self.parts))
        self.embed = nn.Embedding(classes, shared)
        conditions = [shared + part for part in others]
        self.net = ResidualGenerator(first, real.shape[0], sizes, width, conditions)

    def forward(self, z: Tensor, label: Tensor) -> Tensor:
        """(N, dim) and (N,) to (N, C, H, W) in [-1, 1]."""
        first, *others = z.tensor_split(self.parts, 1)
        embedded = self.embed(label)
        out: Tensor = self.net(first, [torch.cat((embedded, part), 1) for part in others])
        return out


class Biggan(Residual):
    """BigGAN's networks for small images: a hierarchical latent, a shared embedding, projection.

    Both players are made for ``spectral-norm``, with ``players=both``.
    """

    shared: int = Field(
        default=32, ge=1, le=1024, description="numbers of a class's embedding; 128 in the paper"
    )

    def generator(self, z: Space, label: Space, real: Space) -> nn.Module:
        """``z`` and ``label`` to an image, (N, C, H, W) in [-1, 1]."""
        classes, sizes = classes_of(label, self.name), pyramid(real, self.name)
        if z.size < len(sizes):
            message = (
                f"'{self.name}' splits z into {len(sizes)} parts for images of this size; it has "
                f"{z.size} numbers."
            )
            raise ComposeError(message)
        net = HierarchicalGenerator(
            z.size, classes, real, sizes, width=self.generator_width, shared=self.shared
        )
        return initialize(net)

    def discriminator(self, real: Space, label: Space) -> nn.Module:
        """An image and its label to the score, (N,)."""
        classes = classes_of(label, self.name)
        return initialize(Projection(self.features(real), self.discriminator_width, classes))


class Orthogonal(Regularizer):
    """Filters of the generator's layers at right angles to each other (arXiv:1809.11096, 3.1).

    The lengths of filters are free. It is of linear layers and convolutions, as their parameters
    are: before a normalization of weights.
    """

    weight: Weight = Field(default=1e-4, description="the paper's beta")

    def start(self, game: GameView) -> list[Tensor]:
        """The weights that it is of; ComposeError where the generator has none."""
        net = game.nets.get(GENERATOR)
        owners = [] if net is None else [m for m in net.modules() if isinstance(m, LAYERS)]
        weights = [parameter_of(module) for module in owners]
        if not weights:
            message = f"'{self.name}' finds no nn.Linear or nn.Conv2d in the generator."
            raise ComposeError(message)
        return weights

    def generator(self, state: list[Tensor]) -> Tensor:
        """The sum of the squares of all inner products between two filters of a layer, ()."""
        return torch.stack([between(weight.flatten(1)) for weight in state]).sum()


def parameter_of(module: nn.Module) -> Tensor:
    """The parameter that a layer's weight is, or is made from."""
    chain = getattr(module, "parametrizations", None)
    found: Tensor = module.weight if chain is None else chain.weight.original  # type: ignore[assignment]
    return found


def between(filters: Tensor) -> Tensor:
    """The sum of squared inner products of different rows of (n, d), ()."""
    products = filters @ filters.T
    return products.square().sum() - products.diagonal().square().sum()
