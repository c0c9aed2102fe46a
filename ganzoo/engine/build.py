"""What a player is built of: a network from spaces, and an optimizer of its parameters."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from torch import nn

from ganzoo.engine.memory_format import unexpanded
from ganzoo.engine.returned import check_optimizer, worded
from ganzoo.errors import ComposeError, closest, first_line, in_words, listed, quoted
from ganzoo.parts.needs import accepts, reads
from ganzoo.parts.part import DISCRIMINATOR, GENERATOR

if TYPE_CHECKING:
    from collections.abc import Mapping

    import torch

    from ganzoo.parts.optimizer import Optimizer
    from ganzoo.parts.part import Architecture, Part, Player
    from ganzoo.parts.space import Space
    from ganzoo.parts.variant import Variant


SAMPLES = {
    "images": "(channels, height, width)",
    "vectors": "(d,)",
    "texts": "token ids, (length,)",
}
"""The shapes of each kind of samples."""


@dataclass(frozen=True, slots=True)
class Network:
    """A network, and what its forward names beside the sample that a discriminator judges."""

    net: nn.Module
    reads: tuple[str, ...]
    accepts: tuple[str, ...]


def built(variant: Variant, player: Player, spaces: Mapping[str, Space]) -> Network:
    """A player's network as the variant's parts make it. Raises ComposeError, as ``build`` does."""
    for part in variant.regularizers:
        check_samples(part, "augments", part.augments, spaces)
    net = build(variant.architecture, player, spaces)
    skip = int(player == DISCRIMINATOR)
    # Read before anything wraps the network and hides the names of its forward.
    own = staged(net, 0.0)
    known = (*reads(net.forward, skip=skip), *accepts(net.forward, skip=skip))
    if own and "stage" not in known:
        message = f"{type(net).__name__} defines stage(progress), and its forward takes no 'stage'."
        raise ComposeError(message)
    named = [
        tuple(name for name in names(net.forward, skip=skip) if name not in own)
        for names in (reads, accepts)
    ]
    made = Network(net, *named)
    for part in variant.regularizers:
        with worded(f"regularizer '{part.name}' fails to attach to the {player}"):
            part.attach(net, player)
    return made


def staged(net: nn.Module, progress: float) -> dict[str, int]:
    """``stage`` for the forward of a network whose structure changes with progress, by itself."""
    stage = getattr(type(net), "stage", None)  # a module is slow to say that it has none
    if stage is None:
        return {}
    with worded(f"stage(progress) of {type(net).__name__} fails"):
        found: object = stage(net, progress)
    if type(found) is not int:
        message = (
            f"stage(progress) of {type(net).__name__} returns {in_words(found)}; it must be an int."
        )
        raise ComposeError(message)
    return {"stage": found}


def build(architecture: Architecture, player: Player, spaces: Mapping[str, Space]) -> nn.Module:
    """The network of ``player``, from the spaces that the architecture's method names.

    Raises ComposeError where it builds none for this player, or not from these spaces, or not
    samples of the data's kind.
    """
    function = getattr(architecture, player, None)
    who = f"architecture '{architecture.name}'"
    check_samples(architecture, "builds", architecture.builds, spaces)
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
        what = f"the class {net.__name__}" if isinstance(net, type) else in_words(net)
        message = f"{who} builds {what} as its {player}; it must be an nn.Module."
        raise ComposeError(message)
    return unexpanded(net)


def check_samples(part: Part, does: str, only: str | None, spaces: Mapping[str, Space]) -> None:
    """Raise ComposeError where samples are not of the only kind that a part builds or augments."""
    real = spaces.get("real")
    if only is None or real is None or only == f"{real.kind}s":
        return
    who = f"{part.kind} '{part.name}'"
    if only not in SAMPLES:
        message = f"{who} says {does} = {quoted(only)}; it can be one of {', '.join(SAMPLES)}."
    else:
        message = f"{who} {does} {only}, {SAMPLES[only]}; the data's 'real' is {real.in_words}."
    raise ComposeError(message)


def is_unsaid(architecture: Architecture, spaces: Mapping[str, Space]) -> bool:
    """Whether samples are no images and the architecture does not say which it builds."""
    return architecture.builds is None and "real" in spaces and not spaces["real"].is_image


def trainable(net: nn.Module) -> list[nn.Parameter]:
    """The parameters that training changes; a part may have frozen the others."""
    return [param for param in net.parameters() if param.requires_grad]


def build_optimizer(
    part: Optimizer, now: Optimizer, player: Player, params: list[nn.Parameter]
) -> torch.optim.Optimizer:
    """The optimizer of a player's parameters, with the numbers that its schedules have ``now``.

    Raises ComposeError where it cannot be built.
    """
    if not params:
        message = f"the network of the {player} has no parameters to train; take away its turns."
        raise ComposeError(message)
    who = f"optimizer '{part.name}' of the {player}"
    with worded(f"{who} cannot be built"):
        built: object = (now.build_annealed if part.anneals else now.build)(params)
    return check_optimizer(built, params, who)
