"""Optimizers: the fifth kind of part, which says how a player's parameters follow a gradient."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any, ClassVar

import torch
from pydantic import Field, PositiveFloat

from ganzoo.parts.part import Part
from ganzoo.parts.schedule import Decay, Rate

if TYPE_CHECKING:
    from collections.abc import Iterable

    from torch import nn


class Optimizer(Part):
    """How one player's parameters follow their gradient; each player has one of its own.

    A subclass names torch's ``algorithm``, and its fields, but for ``max_norm``, are that
    algorithm's arguments by name; one that needs more overrides ``build``. All of them may be
    schedules.
    """

    kind = "optimizer"
    algorithm: ClassVar[type[torch.optim.Optimizer]]

    lr: Rate = Field(default=2e-4, description="learning rate")
    max_norm: PositiveFloat | None = Field(
        default=None, description="longer gradients are scaled down to this norm"
    )

    def arguments(self) -> dict[str, Any]:
        """The algorithm's arguments by name, numbers at the present point of training."""
        return {name: value for name, value in self if name != "max_norm"}

    def build(self, params: Iterable[nn.Parameter]) -> torch.optim.Optimizer:
        """The algorithm on some parameters."""
        kind: Any = self.algorithm
        known, params = inspect.signature(kind).parameters, list(params)
        # The fastest implementation on every device, where the algorithm has it.
        fast = next(({how: True} for how in ("fused", "foreach") if how in known), {})
        if "capturable" in known and all(param.is_cuda for param in params):
            fast["capturable"] = True  # all of it on the device, as a graph needs it
        built: torch.optim.Optimizer = kind(params, **self.arguments(), **fast)
        # torch warns of steps outside of a graph, such as those before one is captured.
        vars(built)["_warned_capturable_if_run_uncaptured"] = True
        return built


class Adam(Optimizer):
    """Adam (Kingma & Ba 2014, arXiv:1412.6980); what a player has where a variant names none."""

    algorithm: ClassVar[type[torch.optim.Optimizer]] = torch.optim.Adam

    betas: tuple[Decay, Decay] = Field(
        default=(0.5, 0.999), description="decay of the gradient's and its square's averages"
    )
    eps: PositiveFloat = Field(default=1e-8, description="added to the denominator")
