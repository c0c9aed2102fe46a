"""Batch norm over the whole batch of several ranks, in place of each rank's own slice."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.nn import functional
from torch.overrides import TorchFunctionMode

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


class SyncedNorm(TorchFunctionMode):
    """While it is active, batch norm in training is over the samples of all ranks.

    Networks stay what they are, so that one process samples from them as ever. Torch's own
    ``SyncBatchNorm`` is another module, for GPUs alone, and has no second derivative.
    """

    def __init__(self, rank: int, world: int, summed: Callable[[Tensor], Tensor]) -> None:
        """``summed`` sums a tensor over the ranks in place."""
        super().__init__()
        self.rank, self.world, self.summed = rank, world, summed

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        """Call a function of torch's, batch norm's in another way."""
        if func is functional.batch_norm:
            return self._normalized(*args, **(kwargs or {}))
        return func(*args, **(kwargs or {}))

    def _normalized(  # noqa: PLR0917  (as torch has them)
        self,
        sample: Tensor,
        running_mean: Tensor | None,
        running_var: Tensor | None,
        weight: Tensor | None = None,
        bias: Tensor | None = None,
        training: bool = False,  # noqa: FBT001, FBT002
        momentum: float = 0.1,
        eps: float = 1e-5,
    ) -> Tensor:
        if not training:
            return functional.batch_norm(
                sample, running_mean, running_var, weight, bias, training, momentum, eps
            )
        exact = sample if sample.dtype == torch.float64 else sample.float()
        others = [d for d in range(sample.dim()) if d != 1]
        var, mean = torch.var_mean(exact, others, correction=0)
        # Each rank fills its own row of zeros, so that the sum is all of them.
        own = torch.stack([mean, var])
        nothing = torch.zeros_like(own)
        rows = torch.stack([own if r == self.rank else nothing for r in range(self.world)])
        found: Tensor = Summed.apply(rows, self.summed)  # type: ignore[no-untyped-call]
        means, variances = found.unbind(1)
        mean = means.mean(0)
        var = (variances + (means - mean).square()).mean(0)
        n = sample.numel() // len(mean) * self.world
        if running_mean is not None and running_var is not None:
            with torch.no_grad():
                running_mean.lerp_(mean.to(running_mean.dtype), momentum)
                running_var.lerp_((var * n / (n - 1)).to(running_var.dtype), momentum)
        shape = [1, -1, *[1] * (sample.dim() - 2)]
        scale = (var + eps).rsqrt() if weight is None else (var + eps).rsqrt() * weight
        normal = (exact - mean.view(shape)) * scale.view(shape)
        moved: Tensor = normal if bias is None else normal + bias.view(shape)
        return moved.to(sample.dtype)


class Summed(torch.autograd.Function):
    """The sum over the ranks, whose gradient is the sum of theirs."""

    @staticmethod
    def forward(ctx: Any, tensor: Tensor, summed: Callable[[Tensor], Tensor]) -> Tensor:
        """Sum a copy."""
        ctx.summed = summed
        return summed(tensor.clone(memory_format=torch.contiguous_format))

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:
        """Sum the gradients, by the same function, which has a derivative again."""
        return Summed.apply(grad, ctx.summed), None  # type: ignore[no-untyped-call]
