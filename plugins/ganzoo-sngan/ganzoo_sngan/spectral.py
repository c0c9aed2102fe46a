"""Spectral normalization (Miyato et al. 2018, arXiv:1802.05957) of any network's layers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn.utils import parametrize

from ganzoo.errors import ComposeError
from ganzoo.parts.part import DISCRIMINATOR, GENERATOR, Player, Regularizer

if TYPE_CHECKING:
    from collections.abc import Iterator

TRANSPOSED = (nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)
LAYERS = (nn.Linear, nn.Embedding, nn.Conv1d, nn.Conv2d, nn.Conv3d, *TRANSPOSED)
"""The layers whose weights are normalized."""
SCALES = (nn.LayerNorm, nn.RMSNorm)
"""Those whose weights are factors of single numbers, though they may have several dimensions."""
SETTLED = 10
"""Doublings of one iteration of the power method after which it has converged: 1,024 of them."""
SMALLEST = 1e-4
"""A layer of a smaller singular value, such as one that starts at zero, is divided by this."""


class Spectral(nn.Module):
    """A layer's weight divided by its largest singular value, which ``u`` and ``v`` find.

    Both change in ``follow`` alone. So any number of passes between two steps see
    the same network: of real and of generated samples, of penalties, and of the other players.
    """

    u: Tensor
    v: Tensor

    def __init__(self, layer: nn.Module) -> None:
        """Normalize the weight of ``layer``, from its singular vectors as they are now."""
        super().__init__()
        # In a tuple, so that it is not a module of its own parameter.
        self.layer: tuple[Any] = (layer,)
        weight: Tensor = layer.weight  # type: ignore[assignment]
        matrix = self.matrix(weight.detach())
        self.register_buffer("u", matrix.new_empty(matrix.shape[0], 1).normal_())
        self.register_buffer("v", matrix.new_zeros(matrix.shape[1], 1))

    def matrix(self, weight: Tensor) -> Tensor:
        """A weight as a matrix, (outputs, everything else); of images it is a view."""
        columns = weight.movedim(1, -1)  # as a convolution's weight lies in channels-last memory
        transposed = isinstance(self.layer[0], TRANSPOSED)
        return columns.flatten(0, -2).T if transposed else columns.flatten(1)

    def forward(self, weight: Tensor) -> Tensor:
        """W / (u'Wv), of W's shape; the gradient is also that of u'Wv (eq. 11 of the paper)."""
        with torch.autocast(weight.device.type, enabled=False):
            value = (self.u * (self.matrix(weight) @ self.v)).sum()
        return weight / value.clamp_min(SMALLEST)

    def settle(self) -> None:
        """Find the singular vectors of the weight as it is now."""
        self.follow(SETTLED)

    @torch.no_grad()
    def follow(self, doublings: int) -> None:
        """Iterate by the power method (algorithm 1 of the paper), 2 to ``doublings`` times.

        A vector that converged stays where it is when another singular value overtakes its own, but
        for many iterations. So many are made at once, by the squares of WW' or, if smaller, W'W.
        """
        matrix = self.matrix(self._weight())
        if doublings:
            is_wide = matrix.shape[0] < matrix.shape[1]
            power = matrix @ matrix.T if is_wide else matrix.T @ matrix
            for i in range(doublings):
                if i % 2 == 0:  # often enough that squares neither overflow nor vanish
                    power = power / power.norm()
                power = power @ power
            u = power @ self.u if is_wide else matrix @ (power @ (matrix.T @ self.u))
            self.u.copy_(normalized(u, self.u))
        self.v.copy_(normalized(matrix.T @ self.u, self.v))
        self.u.copy_(normalized(matrix @ self.v, self.u))

    def _weight(self) -> Tensor:
        """The weight that is normalized: the layer's own, or what precedes makes of it."""
        chain = self.layer[0].parametrizations.weight
        weight: Tensor = chain.original
        for step in chain:
            if step is self:
                break
            weight = step(weight)
        return weight


def normalized(vector: Tensor, otherwise: Tensor) -> Tensor:
    """A vector divided by its norm; where that is zero or no number, another vector."""
    norm = vector.norm()
    return torch.where(norm > 0, vector / norm, otherwise)


def is_other_layer(module: nn.Module) -> bool:
    """Whether a module has a matrix or filters as its ``weight`` and is no layer of torch's."""
    weight = module._parameters.get("weight")  # noqa: SLF001  (not what is computed from others)
    return weight is not None and weight.dim() > 1 and not isinstance(module, (*LAYERS, *SCALES))


def spectral(net: nn.Module) -> Iterator[Spectral]:
    """Every normalization of a network."""
    return (module for module in net.modules() if isinstance(module, Spectral))


class SpectralNorm(Regularizer):
    """Divides every layer's weight by its largest singular value (arXiv:1802.05957, eq. 8).

    It normalizes linear layers, convolutions and embeddings, and adds no term to an objective.
    """

    players: Literal["discriminator", "generator", "both"] = Field(
        default="discriminator", description="whose network: one player's, or both"
    )

    doublings: int = Field(
        default=8,
        ge=0,
        le=20,
        description="a step is followed by 2 to this many iterations; 0 is the paper's one",
    )

    @property
    def projects(self) -> tuple[Player, ...]:  # type: ignore[override]  # depends on an option
        """The players whose networks are normalized."""
        return (DISCRIMINATOR, GENERATOR) if self.players == "both" else (self.players,)

    def attach(self, net: nn.Module, player: Player) -> None:
        """Normalize every layer, and find its singular value.

        Raises ComposeError where there is none, and where a layer is not one of torch's.
        """
        if player not in self.projects:
            return
        layers = [module for module in net.modules() if isinstance(module, LAYERS)]
        other = next((module for module in net.modules() if is_other_layer(module)), None)
        if other is not None:
            message = (
                f"'{self.name}' cannot normalize {type(other).__name__} of the {player}: it knows "
                "the linear layers, convolutions and embeddings of torch."
            )
            raise ComposeError(message)
        if not layers:
            message = (
                f"'{self.name}' finds nothing to normalize in the {player}: no linear layer, "
                "convolution or embedding."
            )
            raise ComposeError(message)
        for layer in layers:
            made = Spectral(layer)
            parametrize.register_parametrization(layer, "weight", made, unsafe=True)
            if not made.u.is_meta:  # as a network is built whose tensors a file has
                made.settle()

    def project(self, net: nn.Module, player: Player) -> None:  # noqa: ARG002
        """Follow the weights after each step of their player."""
        for each in spectral(net):
            each.follow(self.doublings)
