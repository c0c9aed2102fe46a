"""A variant: a named composition of parts, to and from JSON."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    InstanceOf,
    StringConstraints,
    ValidationInfo,
    field_validator,
    model_validator,
)

from ganzoo.errors import closest
from ganzoo.parts.optimizer import Adam, Optimizer
from ganzoo.parts.part import (
    DISCRIMINATOR,
    GENERATOR,
    PLAYER_NAME,
    Architecture,
    Loss,
    Part,
    Player,
    Regularizer,
    Sampler,
)
from ganzoo.parts.schedule import Decay, Number, Rate, is_scheduled, unscheduled

PlayerName = Annotated[Player, StringConstraints(pattern=PLAYER_NAME)]
MOST_TURNS = 1000
"""A run is saved and interrupted between rounds; papers have at most about a hundred turns."""
Turns = Annotated[int, Field(ge=1, le=MOST_TURNS)]
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
    turns: tuple[tuple[PlayerName, Turns], ...] = Field(
        default=((DISCRIMINATOR, 1), (GENERATOR, 1)),
        description=f"each player's steps a round, {MOST_TURNS:,} at most",
    )
    optimizers: Mapping[Player, InstanceOf[Optimizer]] = Field(
        default={}, validate_default=True, description="each player's; Adam where none is named"
    )
    batch: int = Field(default=64, ge=1, le=65536, description="samples a step")
    precision: Literal["fp32", "bf16"] = Field(
        default="fp32", description="of products in the networks; of penalties it is always fp32"
    )
    fakes: Literal["own", "shared"] = Field(
        default="own",
        description="the samples of the generator's turn: its own, or those of the discriminator's "
        "last step, made once for both",
    )
    ema: Decay | None = Field(
        default=None,
        description="decay of the generator's moving average, which samples are drawn from",
    )
    ema_half_life: Rate | None = Field(
        default=None,
        description="in place of ema: the images after which weights count half in the average",
    )
    data: str = Field(default="digits", description="the dataset that it trains on by default")

    @field_validator("turns", mode="before")
    @classmethod
    def _in_order(cls, turns: Any) -> Any:
        return tuple(turns.items()) if isinstance(turns, Mapping) else turns

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

    @field_validator("optimizers")
    @classmethod
    def _one_for_every_player(
        cls, optimizers: Mapping[Player, Optimizer], info: ValidationInfo
    ) -> Mapping[Player, Optimizer]:
        players = [player for player, _ in info.data.get("turns", ())]
        for player in optimizers:
            if player not in players:
                close = closest(player, players)
                meant = f"; did you mean '{close}'?" if close else ""
                message = f"'{player}' has no turns{meant}"
                raise ValueError(message)
        return {player: optimizers.get(player, Adam()) for player in players}

    @model_validator(mode="after")
    def _has_what_it_averages(self) -> Self:
        if self.averages and GENERATOR not in dict(self.turns):
            message = "without turns of the generator there is nothing for ema to average"
            raise ValueError(message)
        if self.ema is not None and self.ema_half_life is not None:
            message = "ema and ema_half_life say the same in two ways; set one to null (ema=null)"
            raise ValueError(message)
        return self

    @property
    def averages(self) -> bool:
        """Whether samples are drawn from a moving average of the generator."""
        return self.ema is not None or self.ema_half_life is not None

    def parts(self) -> list[Part]:
        """Every part, in the order of the fields."""
        found: list[Part] = []
        for field in PARTS:
            value = getattr(self, field)
            found += value if isinstance(value, tuple) else [value] if value is not None else []
        return found

    def loss_of(self, player: Player) -> Loss:
        """The loss that a player minimizes."""
        return self.generator_loss or self.loss if player == GENERATOR else self.loss

    @property
    def is_scheduled(self) -> bool:
        """Whether some number changes in training."""
        records = [self, *self.parts(), *self.optimizers.values()]
        return any(is_scheduled(value) for record in records for _, value in record)

    def unscheduled(self, number: Number) -> Self:
        """The variant with a number in the place of each schedule, which ``number`` makes of it."""
        now: dict[str, Any] = {}
        for field in PARTS:
            value = getattr(self, field)
            if isinstance(value, tuple):
                now[field] = tuple(part.unscheduled(number) for part in value)
            elif value is not None:
                now[field] = value.unscheduled(number)
        now["optimizers"] = {p: o.unscheduled(number) for p, o in self.optimizers.items()}
        return unscheduled(self, number).model_copy(update=now)

    def at(self, progress: float) -> Self:
        """The variant with every scheduled number as it is at a share of the budget, in [0, 1]."""
        return self.unscheduled(lambda schedule: schedule.at(progress))

    def spec(self) -> dict[str, Any]:
        """The variant as JSON; each part is its name and its options, never an import path."""
        spec = self.model_dump(mode="json", exclude={*PARTS, "optimizers"})
        spec["optimizers"] = {player: o.spec() for player, o in self.optimizers.items()}
        for field in PARTS:
            value = getattr(self, field)
            if isinstance(value, tuple):
                spec[field] = [part.spec() for part in value]
            else:
                spec[field] = None if value is None else value.spec()
        return spec
