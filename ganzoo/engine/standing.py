"""Standing statistics: what a frozen network keeps beside its weights, measured anew."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from ganzoo.engine.returned import worded
from ganzoo.errors import OptionError, listed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

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


def by_setting(
    controls: Mapping[str, Tensor], draw: Callable[[dict[str, float]], dict[str, Tensor]]
) -> dict[str, Tensor]:
    """Samples by name, each as ``draw`` makes it under its own setting of controls, each (n,).

    Raises OptionError for more than ``MOST_SETTINGS`` different settings.
    """
    each = torch.stack([*controls.values()], 1)
    settings, numbers = torch.unique(each, dim=0, return_inverse=True)
    if len(settings) > MOST_SETTINGS:
        message = (
            f"{listed(controls)} has {len(settings)} different values; give at most "
            f"{MOST_SETTINGS}, since batch norm's statistics are measured for each."
        )
        raise OptionError(message)
    made = [draw(dict(zip(controls, setting, strict=True))) for setting in settings.tolist()]
    rows = [*enumerate(numbers.tolist())]
    return {name: torch.stack([made[i][name][row] for row, i in rows]) for name in made[0]}
