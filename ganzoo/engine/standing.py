"""Standing statistics: what a frozen network keeps beside its weights, measured anew."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from ganzoo.engine.returned import worded
from ganzoo.errors import OptionError, listed

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

NORM = nn.modules.batchnorm._BatchNorm  # noqa: SLF001  (torch has no public name for it)
MOST_SETTINGS = 64
"""The most settings of one call that statistics are measured under, each for itself."""


def settle(net: nn.Module) -> None:
    """Call the method ``settle`` of each module that has one; ComposeError where it fails."""
    for module in net.modules():
        method = getattr(type(module), "settle", None)  # a module is slow to say that it has none
        if method is not None:
            with torch.no_grad(), worded(f"settle() of {type(module).__name__} fails"):
                method(module)


def norms(net: nn.Module) -> list[Any]:
    """The modules of a network that normalize by running statistics."""
    return [module for module in net.modules() if isinstance(module, NORM)]


@torch.no_grad()
def measure(net: nn.Module, batches: Iterable[Mapping[str, Any]]) -> None:
    """Replace the running statistics of batch norm by their means over some batches."""
    for norm in norms(net):
        norm.reset_running_stats()
        norm.momentum = None  # the mean over all batches seen
    for batch in batches:
        net(**batch)


def settings(controls: Mapping[str, Tensor]) -> tuple[list[dict[str, float]], Tensor]:
    """The different settings among those of each sample, (n,), and the number of each sample's.

    Raises OptionError for more than ``MOST_SETTINGS``.
    """
    each = torch.stack([*controls.values()], 1)
    values, numbers = torch.unique(each, dim=0, return_inverse=True)
    if len(values) > MOST_SETTINGS:
        message = (
            f"{listed(controls)} has {len(values)} different values; give at most {MOST_SETTINGS}, "
            "since batch norm's statistics are measured for each."
        )
        raise OptionError(message)
    return [dict(zip(controls, row, strict=True)) for row in values.tolist()], numbers.cpu()
