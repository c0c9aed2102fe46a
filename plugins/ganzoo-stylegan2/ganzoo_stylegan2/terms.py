"""Path length, drift, and an Adam for terms that are not due in every step."""

from __future__ import annotations

from math import prod, sqrt
from typing import TYPE_CHECKING, Any

import torch
from pydantic import Field, PositiveInt

from ganzoo.parts.optimizer import Adam
from ganzoo.parts.part import Regularizer
from ganzoo.parts.schedule import Weight

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from torch import Tensor

    from ganzoo.parts.protocols import GameView


class MeanLength:
    """The moving mean of path lengths, a scalar on the game's device."""

    def __init__(self, device: torch.device) -> None:
        """Start at zero."""
        self.mean = torch.zeros((), device=device)

    def state(self) -> dict[str, Tensor]:
        """The mean, for a checkpoint."""
        return {"mean": self.mean}

    def restore(self, state: Mapping[str, Tensor]) -> None:
        """Take up a mean that was saved."""
        self.mean.copy_(state["mean"])


def path_lengths(fake: Tensor, w: Tensor, direction: Tensor) -> Tensor:
    """How far images move along ``direction`` for a step of w, (N,); itself differentiable.

    The root of the squared gradient's sum over the numbers of w and its mean over layers;
    ``fake`` and ``direction`` are (N, ...), ``w`` is (N, layers, dim).
    """
    (gradient,) = torch.autograd.grad((fake * direction).sum(), w, create_graph=True)
    # The derivative of sqrt at zero is infinite, and a zero gradient would make it NaN.
    return (gradient.square().sum(2).mean(1) + 1e-12).sqrt()


class PathLength(Regularizer):
    """Keeps steps of w, of one length, of one effect on the image (arXiv:1912.04958, eq. 4).

    It reads ``w``, (N, layers, dim), a head of the generator, and has a pass of its own, of half of
    the batch.
    """

    weight: Weight = Field(default=2.0, description="factor of the term")
    every: PositiveInt = Field(
        default=4, le=1_000_000, description="apply on each k-th step, times k; 8 in the paper"
    )
    rate: float = Field(default=0.01, gt=0, le=1, description="of the moving mean, for each pass")

    def start(self, game: GameView) -> MeanLength:
        """The mean of the lengths so far."""
        return MeanLength(game.device)

    def generator(
        self, generator: Callable[..., Mapping[str, Tensor]], w: Tensor, state: MeanLength
    ) -> Tensor:
        """The mean squared difference between a length and the lengths' moving mean, ()."""
        made = generator(rows=slice(0, max(1, len(w) // 2)))
        fake = made["fake"]
        direction = torch.randn_like(fake) / sqrt(prod(fake.shape[2:]))
        length = path_lengths(fake, made["w"], direction)
        state.mean.lerp_(length.detach().mean(), self.rate)
        return (length - state.mean.clone()).square().mean()


class Drift(Regularizer):
    """Squared scores of real samples, which keep them near zero (arXiv:1710.10196, appendix A)."""

    weight: Weight = Field(default=0.001, description="factor of the term")

    def discriminator(self, real_score: Tensor) -> Tensor:
        """The square of each score, as many as there are."""
        return real_score.square()


class LazyAdam(Adam):
    """Adam for a player with a term that is due in each k-th step (arXiv:1912.04958, appendix B).

    Of k + 1 updates, with the term as one of its own, k are made. So the learning rate is times
    c = k / (k + 1), and each beta is to the power of c.
    """

    every: PositiveInt = Field(default=16, le=1_000_000, description="the term's own every")

    def arguments(self) -> dict[str, Any]:
        """Adam's arguments by name, corrected."""
        share = self.every / (self.every + 1)
        given = {name: value for name, value in super().arguments().items() if name != "every"}
        return {**given, "lr": self.lr * share, "betas": tuple(b**share for b in self.betas)}

    def remarks(self, game: GameView) -> Iterator[str]:
        """Says which lazy terms it does not fit."""
        for player, optimizer in game.variant.optimizers.items():
            lazy = [
                part
                for part in game.variant.regularizers
                if part.every > 1 and hasattr(part, player)
            ]
            wrong = [part for part in lazy if part.every != self.every]
            if optimizer == self and (wrong or not lazy):
                terms = ", ".join(f"{part.name} each {part.every}" for part in lazy) or "none"
                yield (
                    f"lazy-adam of the {player} corrects for a term that is due each {self.every} "
                    f"steps; its lazy terms are: {terms}."
                )
