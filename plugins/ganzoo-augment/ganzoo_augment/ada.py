"""ADA: augmentation whose probability follows how much the discriminator overfits.

Karras et al. 2020, Training Generative Adversarial Networks with Limited Data, arXiv:2006.06676.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

import torch
from pydantic import BeforeValidator, Field, PositiveFloat, PositiveInt

from ganzoo.errors import ComposeError
from ganzoo.parts.part import DISCRIMINATOR, Player, Regularizer, Samples
from ganzoo_augment.diffaugment import named
from ganzoo_augment.pipeline import moved, recoloured

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor, nn

    from ganzoo.parts.protocols import GameView


class Pressure:
    """The probability, and the signs of scores since it was last adjusted; all on the device."""

    def __init__(self, batch: int, device: torch.device) -> None:
        self.batch = batch
        self.values = {
            "p": torch.zeros((), device=device),
            "r": torch.zeros((), device=device),
            "signs": torch.zeros((), device=device),
            "steps": torch.zeros((), dtype=torch.int64, device=device),
        }

    @property
    def p(self) -> Tensor:
        """The probability of each transformation, in [0, 1]."""
        return self.values["p"]

    def see(self, sign: Tensor, part: Ada) -> None:
        """Take in the mean sign of a step, and adjust the probability after every few steps."""
        signs, steps = self.values["signs"], self.values["steps"]
        signs.add_(sign)
        steps.add_(1)
        due = steps == part.interval
        self.values["r"].copy_(torch.where(due, signs / part.interval, self.values["r"]))
        change = (self.values["r"] - part.target).sign() * (
            self.batch * part.interval / part.images
        )
        self.p.copy_(torch.where(due, (self.p + change).clamp(0, part.limit), self.p))
        signs.mul_(~due)
        steps.mul_(~due)

    def signals(self) -> dict[str, Tensor]:
        """The probability, and the last mean of signs."""
        return {"p": self.p, "r": self.values["r"]}

    def state(self) -> dict[str, Tensor]:
        """All of it."""
        return self.values

    def restore(self, state: Mapping[str, Tensor]) -> None:
        """Take up what ``state`` returned."""
        for name, value in self.values.items():
            value.copy_(state[name])


class Ada(Regularizer):
    """Adaptive augmentation: as much as keeps D from overfitting (arXiv:2006.06676, section 3).

    Every image that the discriminator sees goes through the same random transformations, each of
    them with probability p. While its scores of real samples have the same sign too often, p rises.
    """

    augments: ClassVar[Samples | None] = "images"
    projects: ClassVar[tuple[Player, ...] | None] = (DISCRIMINATOR,)

    policy: Annotated[tuple[Literal["blit", "geometry", "colour"], ...], BeforeValidator(named)] = (
        Field(
            default=("blit", "geometry", "colour"),
            min_length=1,
            description="groups of transformations, the paper's b, g and c",
        )
    )
    target: float = Field(
        default=0.6, ge=-1, le=1, description="mean sign of real scores that is aimed at"
    )
    interval: PositiveInt = Field(
        default=4, le=1_000_000, description="steps between two adjustments of p"
    )
    images: PositiveFloat = Field(
        default=500_000.0, description="real samples after which p has gone from 0 to 1, at most"
    )
    limit: float = Field(
        default=0.8, ge=0, le=1, description="largest p; above, augmentation may leak into samples"
    )

    def start(self, game: GameView) -> Pressure:
        """A probability of zero. Raises ComposeError for a loss whose scores have no sign."""
        loss = game.variant.loss_of(DISCRIMINATOR)
        if not loss.signed:
            message = (
                f"regularizer '{self.name}' reads the sign of scores, which means nothing to loss "
                f"'{loss.name}'; use 'diffaugment', whose p is fixed."
            )
            raise ComposeError(message)
        return Pressure(game.batch, game.device)

    def augment(self, sample: Tensor, state: Pressure) -> Tensor:
        """Images, (N, C, H, W) in about [-1, 1], transformed at random."""
        blit, geometry = "blit" in self.policy, "geometry" in self.policy
        if blit or geometry:
            sample = moved(sample, state.p, blit=blit, geometry=geometry)
        return recoloured(sample, state.p) if "colour" in self.policy else sample

    def project(
        self,
        net: nn.Module,  # noqa: ARG002
        player: Player,  # noqa: ARG002
        real_score: Tensor,
        state: Pressure,
    ) -> None:
        """Follow the signs of the discriminator's scores of real samples."""
        state.see(real_score.sign().mean(), self)
