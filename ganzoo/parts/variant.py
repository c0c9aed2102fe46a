"""A variant: a named composition of parts, to and from JSON, with options set by path."""

from __future__ import annotations

from typing import Any, Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    InstanceOf,
    PositiveInt,
    field_validator,
    model_validator,
)

from ganzoo.parts.optimizer import Optimizers
from ganzoo.parts.part import Architecture, Loss, Part, Player, Regularizer, Sampler

PARTS: dict[str, type[Part]] = {
    "architecture": Architecture,
    "loss": Loss,
    "generator_loss": Loss,
    "regularizers": Regularizer,
    "sampler": Sampler,
}
"""The fields of a variant that hold parts, and their kinds."""


class Variant(BaseModel):
    """A named composition of parts: everything about a GAN but its data, seed and device."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9._-]*$")
    source: str = Field(default="", description="paper and arXiv id")
    architecture: InstanceOf[Architecture]
    loss: InstanceOf[Loss]
    generator_loss: InstanceOf[Loss] | None = Field(
        default=None, description="the generator's, where it is not the other half of `loss`"
    )
    regularizers: tuple[InstanceOf[Regularizer], ...] = ()
    sampler: InstanceOf[Sampler]
    turns: tuple[tuple[Player, PositiveInt], ...] = (("discriminator", 1), ("generator", 1))
    optimizers: Optimizers = Optimizers()
    batch: int = Field(default=64, ge=1, le=65536, description="samples a step")
    precision: Literal["fp32", "bf16"] = "fp32"
    ema: float | None = Field(
        default=None,
        ge=0,
        lt=1,
        description="decay of the generator's moving average, which is published",
    )
    data: str = Field(
        default="digits", description="the dataset it trains on unless told otherwise"
    )

    @field_validator("turns")
    @classmethod
    def _each_player_once(
        cls, turns: tuple[tuple[Player, int], ...]
    ) -> tuple[tuple[Player, int], ...]:
        players = [player for player, _ in turns]
        if not players or len(set(players)) < len(players):
            message = "each player has its turns once, and there is at least one player"
            raise ValueError(message)
        return turns

    @model_validator(mode="after")
    def _has_what_it_averages(self) -> Self:
        if self.ema is not None and "generator" not in dict(self.turns):
            message = "without turns of the generator there is nothing for ema to average"
            raise ValueError(message)
        return self

    def parts(self) -> list[Part]:
        """Every part, in the order of the fields."""
        found: list[Part] = []
        for field in PARTS:
            value = getattr(self, field)
            found += value if isinstance(value, tuple) else [value] if value is not None else []
        return found

    def loss_of(self, player: Player) -> Loss:
        """The loss that a player minimizes."""
        return self.generator_loss or self.loss if player == "generator" else self.loss

    def spec(self) -> dict[str, Any]:
        """The variant as JSON; each part is its name and its options, never an import path."""
        spec = self.model_dump(mode="json", exclude=set(PARTS))
        for field in PARTS:
            value = getattr(self, field)
            if isinstance(value, tuple):
                spec[field] = [part.spec() for part in value]
            else:
                spec[field] = None if value is None else value.spec()
        return spec
