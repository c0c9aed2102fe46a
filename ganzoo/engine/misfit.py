"""Whether a saved state fits a game: checked before any of it reaches torch's native code.

Fused optimizers trust the sizes that they are given: a moment of another shape would end the
process.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from ganzoo.engine.build import build_optimizer
from ganzoo.engine.memory_format import under
from ganzoo.errors import listed
from ganzoo.storage.weight_file import difference

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ganzoo.engine.game import Game
    from ganzoo.parts.part import Player


def misfit(game: Game, tensors: Mapping[str, Tensor], facts: Mapping[str, Any]) -> str | None:
    """Say in words why saved tensors and JSON cannot be a game's state; None if they can.

    Names, shapes and dtypes must be the game's, the random states valid, the parameters finite and
    the optimizers' moments no NaN. What the tensors of a part may be, only its ``restore`` knows.
    """
    if facts["steps"].keys() != game.steps.keys():
        return f"it counts steps of {listed(facts['steps'])}, not of {listed(game.steps)}"
    return (
        difference({**fixed(game), **growing(game, tensors)}, tensors)
        or invalid_random(game, tensors)
        or not_a_number(game, tensors)
    )


def fixed(game: Game) -> dict[str, Tensor]:
    """What every state of a game has: random states, and the tensors of networks."""
    nets = {
        f"{owner}.{key}": value
        for owner, net in networks(game).items()
        for key, value in net.state_dict().items()
    }
    return {"random": game.random.state, "latents": game.latents.get_state(), **nets}


def growing(game: Game, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """What a state has once there was a step: tensors as they must be, for each group that it has.

    The groups are the moments of a parameter, the terms of a player, and the state of a part.
    """
    wanted: dict[str, Tensor] = {}
    for player, params in game.params.items():
        if under(tensors, f"{player}-optimizer."):
            for i, kept in enumerate(first_moments(game, player)):
                prefix = f"{player}-optimizer.{i}."
                found = under(tensors, prefix)
                # Moments may come later than the first step, where their option is a schedule.
                late = {
                    name: value
                    for name, value in found.items()
                    if name not in kept and value.shape in {params[i].shape, torch.Size()}
                }
                if found:
                    wanted |= {f"{prefix}{name}": value for name, value in (kept | late).items()}
        if log := under(tensors, f"{player}-log."):
            for name in game.terms[player]:
                term = log.get(name)
                dtype = term.dtype if term is not None and term.is_floating_point() else None
                wanted[f"{player}-log.{name}"] = torch.zeros((), dtype=dtype)
    for name in game.states:
        held = under(tensors, f"part.{name}.")
        wanted |= {f"part.{name}.{key}": value for key, value in held.items()}
    return wanted


def first_moments(game: Game, player: Player) -> list[dict[str, Tensor]]:
    """What a player's optimizer keeps of each parameter after its first step, made on copies."""
    params = [nn.Parameter(param.detach().clone()) for param in game.params[player]]
    part, now = game.variant.optimizers[player], game.now.optimizers[player]
    optimizer = build_optimizer(part, now, player, params)
    for param in params:
        param.grad = torch.zeros_like(param)
    with game.untouched(), game.leased():  # it may draw numbers
        optimizer.step()
    return [
        {name: value for name, value in optimizer.state[param].items() if isinstance(value, Tensor)}
        for param in params
    ]


def invalid_random(game: Game, tensors: Mapping[str, Tensor]) -> str | None:
    """Say which random state torch does not take, though it has the right size."""
    wrong = "is no state of a random generator"
    try:
        torch.Generator(game.device).set_state(tensors["latents"])
    except RuntimeError:
        return f"'latents' {wrong}"
    return None if game.random.takes(tensors["random"]) else f"'random' {wrong}"


def not_a_number(game: Game, tensors: Mapping[str, Tensor]) -> str | None:
    """Say which parameter is not finite, or which moment is NaN; second moments may overflow."""
    for owner, net in networks(game).items():
        for name, _ in net.named_parameters(remove_duplicate=False):
            if not tensors[f"{owner}.{name}"].isfinite().all():
                return f"'{owner}.{name}' is not finite"
    for name, tensor in tensors.items():
        if name.partition(".")[0].endswith("-optimizer") and tensor.isnan().any():
            return f"'{name}' is not a number"
    return None


def networks(game: Game) -> dict[str, nn.Module]:
    """Every network of a game by its owner: the players, and the generator's moving average."""
    nets: dict[str, nn.Module] = {**game.nets}
    if game.average is not None:
        nets["average"] = game.average.net
    return nets
