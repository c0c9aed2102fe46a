"""A variant: a named composition of parts, to and from JSON, with options set by path."""

from __future__ import annotations

import copy
import json
from typing import Any, Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    InstanceOf,
    NonNegativeFloat,
    PositiveFloat,
    PositiveInt,
    field_validator,
    model_validator,
)

from ganzoo.errors import OptionError
from ganzoo.parts import Architecture, Loss, Part, Player, Regularizer, Sampler

PARTS: dict[str, type[Part]] = {
    "architecture": Architecture,
    "loss": Loss,
    "generator_loss": Loss,
    "regularizers": Regularizer,
    "sampler": Sampler,
}
"""The fields of a variant that hold parts, and their kinds."""


class Adam(BaseModel):
    """Adam (Kingma & Ba 2014, arXiv:1412.6980) with decoupled weight decay where that is set."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    lr: PositiveFloat = 2e-4
    betas: tuple[float, float] = (0.5, 0.999)
    eps: PositiveFloat = 1e-8
    weight_decay: NonNegativeFloat = 0.0
    schedule: Literal["constant", "linear"] = Field(
        default="constant", description="of lr; linear goes to zero over the budget"
    )
    max_norm: PositiveFloat | None = Field(
        default=None, description="longer gradients are scaled down to this norm"
    )

    def arguments(self) -> dict[str, Any]:
        """What torch's optimizer takes of it."""
        return self.model_dump(exclude={"schedule", "max_norm"})

    def lr_at(self, progress: float) -> float:
        """The learning rate once a share of the budget, in [0, 1], is spent."""
        return self.lr if self.schedule == "constant" else self.lr * (1 - progress)

    @field_validator("betas")
    @classmethod
    def _below_one(cls, betas: tuple[float, float]) -> tuple[float, float]:
        if not all(0 <= beta < 1 for beta in betas):
            message = "both must lie in [0, 1)"
            raise ValueError(message)
        return betas


class Optimizers(BaseModel):
    """The optimizer of each player."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    discriminator: Adam = Adam()
    generator: Adam = Adam()


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


def override(spec: dict[str, Any], setting: str) -> dict[str, Any]:
    """A variant's JSON with one option set: ``PART.OPTION=VALUE`` or ``OPTION=VALUE``.

    PART is a field (``architecture``, ``optimizers.generator``, ``turns``) or the name of a part
    of this variant (``gradient-penalty``). VALUE is JSON, or a string where it does not parse.
    Raises OptionError for a path that leads nowhere.
    """
    path, value = parse(setting)
    spec = copy.deepcopy(spec)
    node = spec
    if path[0] not in node and len(path) > 1:
        node, path = _part_named(spec, path[0]), path[1:]
    for key in path[:-1]:
        if key == "turns":
            node[key] = dict(pairs(node[key]))  # pairs, so that JSON keeps the players' order
        child = node.get(key.replace("-", "_"))
        if not isinstance(child, dict):
            message = f"'{setting}' leads nowhere: '{key}' is not a part or group of options."
            raise OptionError(message)
        node = child
    node[path[-1].replace("-", "_")] = value
    if isinstance(spec.get("turns"), dict):
        spec["turns"] = [list(pair) for pair in spec["turns"].items()]
    return spec


def pairs(turns: Any) -> list[tuple[str, int]]:
    """The turns of a variant's JSON; OptionError where something else was set there."""
    try:
        return [(str(player), count) for player, count in turns]
    except (TypeError, ValueError):
        message = f"turns are a list of [player, count], not {turns!r}."
        raise OptionError(message) from None


def parse(setting: str) -> tuple[list[str], Any]:
    """``a.b=VALUE`` as its path and value."""
    path, equals, text = setting.partition("=")
    if not equals or not all(path.split(".")):
        message = (
            f"'{setting}' is no setting; write PART.OPTION=VALUE, as in architecture.width=64."
        )
        raise OptionError(message)
    try:
        value = json.loads(text)
    except ValueError:  # also for an integer of thousands of digits
        value = text
    return path.split("."), value


def _part_named(spec: dict[str, Any], name: str) -> dict[str, Any]:
    fields = [spec[field] for field in PARTS]
    parts = [p for f in fields for p in (f if isinstance(f, list) else [f]) if p is not None]
    for part in parts:
        if part["part"] == name:
            found: dict[str, Any] = part
            return found
    known = ", ".join([*(p["part"] for p in parts), *(k for k in spec if k != "name")])
    message = f"'{spec['name']}' has no part or option '{name}'; it has: {known}."
    raise OptionError(message)
