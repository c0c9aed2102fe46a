"""What a player is built of: a network from spaces, and an optimizer of its parameters."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import nn

from ganzoo.engine.memory_format import unexpanded
from ganzoo.errors import ComposeError, closest, first_line, listed
from ganzoo.parts.needs import accepts, reads
from ganzoo.parts.part import DISCRIMINATOR, GENERATOR

if TYPE_CHECKING:
    from collections.abc import Mapping

    import torch

    from ganzoo.parts.optimizer import Optimizer
    from ganzoo.parts.part import Architecture, Player
    from ganzoo.parts.space import Space


SAMPLES = {
    "images": "(channels, height, width)",
    "vectors": "(d,)",
    "texts": "token ids, (length,)",
}
"""The shapes of each kind of samples."""


def build(architecture: Architecture, player: Player, spaces: Mapping[str, Space]) -> nn.Module:
    """The network of ``player``, from the spaces that the architecture's method names.

    Raises ComposeError where it builds none for this player, or not from these spaces, or not
    samples of the data's kind.
    """
    function = getattr(architecture, player, None)
    who = f"architecture '{architecture.name}'"
    check_samples(architecture, spaces)
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
        if isinstance(error, (ValueError, IndexError)) and is_unsaid(architecture, spaces):
            message += (
                f"; the data's 'real' is {spaces['real'].in_words}, and an architecture of images "
                "alone says so by builds = 'images'."
            )
        raise ComposeError(message) from error
    if not isinstance(net, nn.Module):
        message = f"{who} builds a {type(net).__name__} as its {player}; it must be an nn.Module."
        raise ComposeError(message)
    return unexpanded(net)


def check_samples(architecture: Architecture, spaces: Mapping[str, Space]) -> None:
    """Raise ComposeError where samples are not of the only kind that an architecture builds."""
    builds, real = architecture.builds, spaces.get("real")
    if builds is None or real is None or builds == f"{real.kind}s":
        return
    who = f"architecture '{architecture.name}'"
    if builds not in SAMPLES:
        message = f"{who} says builds = {builds!r}; it can be one of {', '.join(SAMPLES)}."
    else:
        message = f"{who} builds {builds}, {SAMPLES[builds]}; the data's 'real' is {real.in_words}."
    raise ComposeError(message)


def is_unsaid(architecture: Architecture, spaces: Mapping[str, Space]) -> bool:
    """Whether samples are no images and the architecture does not say which it builds."""
    return architecture.builds is None and "real" in spaces and not spaces["real"].is_image


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
