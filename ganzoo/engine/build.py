"""What a player is built of: a network from spaces, and an optimizer of its parameters."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import nn

from ganzoo.errors import ComposeError, closest, first_line, listed
from ganzoo.parts.needs import accepts, reads
from ganzoo.parts.part import DISCRIMINATOR, GENERATOR

if TYPE_CHECKING:
    from collections.abc import Mapping

    import torch

    from ganzoo.parts.optimizer import Optimizer
    from ganzoo.parts.part import Architecture, Player
    from ganzoo.parts.space import Space


def build(architecture: Architecture, player: Player, spaces: Mapping[str, Space]) -> nn.Module:
    """The network of ``player``, from the spaces that the architecture's method names.

    Raises ComposeError where it builds none for this player, or not from these spaces.
    """
    function = getattr(architecture, player, None)
    who = f"architecture '{architecture.name}'"
    if function is None:
        close = closest(player, (DISCRIMINATOR, GENERATOR), cutoff=0.8)
        meant = f"; did you mean '{close}'?" if close else "."
        message = f"{who} builds no {player}{meant}"
        raise ComposeError(message)
    for name in reads(function):
        if name not in spaces:
            message = (
                f"{who} builds its {player} from '{name}'; "
                f"the dataset and the sampler offer: {listed(spaces)}."
            )
            raise ComposeError(message, missing=("dataset", name))
    named = [*reads(function), *(name for name in accepts(function) if name in spaces)]
    try:
        net: object = function(**{name: spaces[name] for name in named})
    except ComposeError:
        raise
    except Exception as error:
        message = f"{who} cannot build its {player}: {first_line(error)}"
        raise ComposeError(message) from error
    if not isinstance(net, nn.Module):
        message = f"{who} builds a {type(net).__name__} as its {player}; it must be an nn.Module."
        raise ComposeError(message)
    return net


def trainable(net: nn.Module) -> list[nn.Parameter]:
    """The parameters that training changes; a part may have frozen the others."""
    return [param for param in net.parameters() if param.requires_grad]


def build_optimizer(
    part: Optimizer, player: Player, params: list[nn.Parameter]
) -> torch.optim.Optimizer:
    """The optimizer of a player's parameters. Raises ComposeError where it cannot be built."""
    if not params:
        message = f"the network of the {player} has no parameters to train; take away its turns."
        raise ComposeError(message)
    try:
        return part.build(params)
    except Exception as error:
        message = f"optimizer '{part.name}' of the {player} cannot be built: {first_line(error)}"
        raise ComposeError(message) from error
