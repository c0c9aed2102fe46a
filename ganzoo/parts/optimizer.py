"""Optimizers."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    NonNegativeFloat,
    PositiveFloat,
    field_validator,
)


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
