"""Steps of a fused Adam by its kernel alone, on lists of moments that are made once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch.optim.optimizer import _global_optimizer_post_hooks, _global_optimizer_pre_hooks

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

KERNELS: dict[type[torch.optim.Optimizer], Callable[..., None]] = {
    torch.optim.Adam: torch._fused_adam_,
    torch.optim.AdamW: torch._fused_adamw_,
}
"""What the step of each optimizer ends in, where it is fused."""
FLAGS = ("amsgrad", "maximize", "capturable", "differentiable")
"""Options of an Adam that change its kernel's arguments."""
HOOKS = (_global_optimizer_pre_hooks, _global_optimizer_post_hooks)
"""What torch calls around the steps of every optimizer."""


class Stepper:
    """Takes the steps of an optimizer that is a fused Adam on the CPU.

    Torch collects the moments anew in each step, which for a small network takes longer than the
    kernel. The kernel alone, on the same tensors, gives the same bits.
    """

    def __init__(self, optimizer: torch.optim.Optimizer) -> None:
        """Take the steps of any optimizer, but its first."""
        self.optimizer = optimizer
        self._params: list[Tensor] = []
        self._states: list[dict[str, Tensor]] = []
        self._moments: list[list[Tensor]] = []

    def step(self) -> bool:
        """Take a step along the gradients, or return False where the optimizer must itself."""
        if not self._is_current():
            self._collect()
        group = self.optimizer.param_groups[0]
        grads = [param.grad for param in self._params]
        if not grads or any(grad is None for grad in grads) or not is_usual(group):
            return False
        means, squares, steps = self._moments
        with torch.no_grad():
            torch._foreach_add_(steps, 1)
            KERNELS[type(self.optimizer)](
                *(self._params, grads, means, squares, [], steps),
                lr=group["lr"],
                beta1=group["betas"][0],
                beta2=group["betas"][1],
                weight_decay=group["weight_decay"],
                eps=group["eps"],
                amsgrad=False,
                maximize=False,
            )
        return True

    def _is_current(self) -> bool:
        """Whether the optimizer's state is the one that was collected; restoring replaces it."""
        states = self.optimizer.state
        known = zip(self._params, self._states, strict=True)
        return bool(self._params) and all(states.get(param) is state for param, state in known)

    def _collect(self) -> None:
        """Note the moments of all parameters, where each has some and the kernel suits them."""
        states = self.optimizer.state
        params = self.optimizer.param_groups[0]["params"] if is_plain(self.optimizer) else []
        self._params = [*params] if all(states.get(param) for param in params) else []
        self._states = [states[param] for param in self._params]
        names = ("exp_avg", "exp_avg_sq", "step")
        self._moments = [[state[name] for state in self._states] for name in names]


def is_plain(optimizer: Any) -> bool:
    """Whether an optimizer is a fused Adam of one kind of parameters on the CPU, with no extras."""
    if type(optimizer) not in KERNELS or len(optimizer.param_groups) > 1:
        return False
    (group,) = optimizer.param_groups
    kinds = {(param.device.type, param.dtype) for param in group["params"]}
    hooks = (optimizer._optimizer_step_pre_hooks, optimizer._optimizer_step_post_hooks)  # noqa: SLF001
    extras = any(hooks) or any(group[flag] for flag in FLAGS)
    return bool(group["fused"]) and len(kinds) == 1 and "cpu" in next(iter(kinds)) and not extras


def is_usual(group: dict[str, Any]) -> bool:
    """Whether a group's numbers are Python's, not a device's, and torch is asked for no hooks."""
    return not any(HOOKS) and all(type(n) is float for n in (group["lr"], *group["betas"]))
