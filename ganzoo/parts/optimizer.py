"""Optimizers: the fifth kind of part, which says how a player's parameters follow a gradient."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any, ClassVar

import torch
from pydantic import Field, PositiveFloat

from ganzoo.parts.part import Part
from ganzoo.parts.schedule import Decay, Rate, is_scheduled

if TYPE_CHECKING:
    from collections.abc import Iterable

    from torch import Tensor, nn


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

    def build_annealed(self, params: Iterable[nn.Parameter]) -> torch.optim.Optimizer:
        """The same where more of its numbers than the rate are schedules."""
        return self.build(params)

    @property
    def anneals(self) -> bool:
        """Whether more of its numbers than the rate are schedules."""
        return any(is_scheduled(value) for name, value in self if name != "lr")


class Adam(Optimizer):
    """Adam (Kingma & Ba 2014, arXiv:1412.6980); what a player has where a variant names none."""

    algorithm: ClassVar[type[torch.optim.Optimizer]] = torch.optim.Adam

    betas: tuple[Decay, Decay] = Field(
        default=(0.5, 0.999), description="decay of the gradient's and its square's averages"
    )
    eps: PositiveFloat = Field(default=1e-8, description="added to the denominator")

    def build_annealed(self, params: Iterable[nn.Parameter]) -> torch.optim.Optimizer:
        """The same steps by operations that read betas, where torch's own algorithm is taken."""
        if self.algorithm not in DECOUPLED:
            return self.build(params)
        return AnnealedAdam(params, decoupled=DECOUPLED[self.algorithm], **self.arguments())


DECOUPLED: dict[type[torch.optim.Optimizer], bool] = {
    torch.optim.Adam: False,
    torch.optim.AdamW: True,
}
"""The algorithms whose fused kernels take betas as numbers of Python's alone."""


class AnnealedAdam(torch.optim.Adam):
    """Adam or AdamW whose numbers may all be scalars on the device, so that a graph reads them."""

    def __init__(self, params: Iterable[nn.Parameter], *, decoupled: bool, **numbers: Any) -> None:
        """Take ``numbers`` as torch does, but betas of any kind."""
        super().__init__(params)
        for group in self.param_groups:
            group.update(numbers, decoupled_weight_decay=decoupled)

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        """Algorithm 1 of arXiv:1412.6980."""
        del closure
        for group in self.param_groups:
            for param in group["params"]:
                if param.grad is not None:
                    self._follow(param, param.grad, **group)

    def _follow(
        self,
        param: nn.Parameter,
        grad: Tensor,
        *,
        lr: Any,
        betas: tuple[Any, Any],
        eps: float,
        weight_decay: Any,
        decoupled_weight_decay: bool,
        **_: Any,
    ) -> None:
        moments = self.state[param]
        if not moments:
            moments["step"] = torch.zeros((), device=param.device)
            moments["exp_avg"] = torch.zeros_like(param, memory_format=torch.preserve_format)
            moments["exp_avg_sq"] = torch.zeros_like(param, memory_format=torch.preserve_format)
        if decoupled_weight_decay:
            param.mul_(1 - lr * weight_decay)
        (first, second), steps = betas, moments["step"].add_(1).double()
        mean = moments["exp_avg"].mul_(first).add_(grad * (1 - first))
        square = moments["exp_avg_sq"].mul_(second).add_(grad.square() * (1 - second))
        size = (square.sqrt() / (1 - second**steps).sqrt()).add_(eps)
        param.sub_(mean * (lr / (1 - first**steps)) / size)
