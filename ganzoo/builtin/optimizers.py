"""The built-in optimizers, from torch; each field is an argument of torch's own."""

from __future__ import annotations

from typing import ClassVar, Self

import torch
from pydantic import Field, PositiveFloat, field_validator, model_validator

from ganzoo.parts.optimizer import Adam, Optimizer
from ganzoo.parts.schedule import Decay, Weight, is_scheduled, number_at


def kept_from_the_start(momentum: float) -> float:
    """Refuse a schedule that begins at zero: torch keeps steps from the first one on or never."""
    if is_scheduled(momentum) and number_at(momentum, 0.0) == 0:
        message = "a momentum that changes must begin above zero"
        raise ValueError(message)
    return momentum


class AdamW(Adam):
    """Adam with decoupled weight decay (Loshchilov & Hutter 2017, arXiv:1711.05101)."""

    name = "adamw"
    algorithm: ClassVar[type[torch.optim.Optimizer]] = torch.optim.AdamW

    weight_decay: Weight = Field(default=0.01, description="share of each weight lost, times lr")


class Adamax(Adam):
    """Adam with the largest gradient in place of its mean square (arXiv:1412.6980, section 7.1)."""

    algorithm: ClassVar[type[torch.optim.Optimizer]] = torch.optim.Adamax


class RmsProp(Optimizer):
    """Steps over a running root mean square of the gradient (Tieleman & Hinton 2012)."""

    name = "rmsprop"
    algorithm: ClassVar[type[torch.optim.Optimizer]] = torch.optim.RMSprop

    alpha: Decay = Field(default=0.99, description="decay of the mean square")
    eps: PositiveFloat = Field(default=1e-8, description="added to the denominator")
    momentum: Decay = Field(default=0.0, description="share of the last step that is kept")

    _starts = field_validator("momentum")(kept_from_the_start)


class Sgd(Optimizer):
    """Stochastic gradient descent, with momentum where that is set (Polyak 1964)."""

    algorithm: ClassVar[type[torch.optim.Optimizer]] = torch.optim.SGD

    momentum: Decay = Field(default=0.0, description="share of the last step that is kept")
    nesterov: bool = Field(default=False, description="look ahead by the momentum first")
    weight_decay: Weight = Field(default=0.0, description="factor of the weights' L2 penalty")

    _starts = field_validator("momentum")(kept_from_the_start)

    @model_validator(mode="after")
    def _has_momentum_to_look_ahead_by(self) -> Self:
        if self.nesterov and self.momentum == 0:
            message = "nesterov needs a momentum above zero"
            raise ValueError(message)
        return self
