"""The state of a game: everything that its next round depends on, as tensors by name and JSON."""

from __future__ import annotations

import copy
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from ganzoo.engine.memory_format import like, under
from ganzoo.engine.misfit import misfit, networks
from ganzoo.engine.streams import DefaultRandom, seed_for

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ganzoo.engine.game import Game
    from ganzoo.parts.part import Part, Player


def of(game: Game) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """A game's state: a flat map of tensors, the game's own and not copies, and JSON."""
    tensors: dict[str, Tensor] = {"random": game.random.state, "latents": game.latents.get_state()}
    for owner, net in networks(game).items():
        tensors |= {f"{owner}.{key}": value for key, value in net.state_dict().items()}
    for player, optimizer in game.optimizers.items():
        for i, param in enumerate(game.params[player]):
            moments = optimizer.state.get(param, {})
            tensors |= {
                f"{player}-optimizer.{i}.{name}": value
                for name, value in moments.items()
                if isinstance(value, Tensor)  # SGD without momentum keeps a None
            }
    for player, terms in game.log.items():
        tensors |= {f"{player}-log.{name}": term for name, term in terms.items()}
    facts: dict[str, Any] = {
        "rounds": game.rounds,
        "progress": game.progress,
        "position": game.order.position,
        "steps": dict(game.steps),
        "parts": {},
    }
    if game.order.restarts:
        facts["restarts"] = game.order.restarts
    numbers = {p: found for p in game.optimizers if (found := numbers_of(game, p))}
    if numbers:
        facts["optimizers"] = numbers
    for name, part_state in game.states.items():
        for key, value in part_state.state().items():
            if isinstance(value, Tensor):
                tensors[f"part.{name}.{key}"] = value
            else:
                facts["parts"].setdefault(name, {})[key] = value
    return tensors, facts


def restore(game: Game, tensors: Mapping[str, Tensor], facts: Mapping[str, Any]) -> None:
    """Bring a game to a state that ``of`` returned for one of the same variant and data.

    Raises ValueError, before anything is changed, for tensors that are no state of this game.
    """
    if different := misfit(game, tensors, facts):
        raise ValueError(different)
    game.rounds, game.progress = facts["rounds"], facts["progress"]
    game.order.position, game.order.restarts = facts["position"], facts.get("restarts", 0)
    game.steps.update(facts["steps"])
    game.random.state = tensors["random"].clone()
    game.latents.set_state(tensors["latents"])
    for owner, net in networks(game).items():
        net.load_state_dict(under(tensors, f"{owner}."))
    for player, optimizer in game.optimizers.items():
        log = under(tensors, f"{player}-log.")
        game.log[player] = {name: term.to(game.device) for name, term in log.items()}
        for i, param in enumerate(game.params[player]):
            moments = under(tensors, f"{player}-optimizer.{i}.")
            optimizer.state[param] = {k: like(v, param) for k, v in moments.items()}
        restore_numbers(game, player, facts.get("optimizers", {}).get(player, {}))
    for name, part_state in game.states.items():
        mine = {**under(tensors, f"part.{name}."), **facts["parts"].get(name, {})}
        part_state.restore(mine)


def signals(game: Game) -> dict[str, float]:
    """What the states of parts tell of themselves, as ``PART/NAME``, moved off the device."""
    told = {
        f"{owner.partition(' ')[2]}/{name}": value
        for owner, held in game.started.items()
        if hasattr(held, "signals")
        for name, value in held.signals().items()
    }
    return {name: float(value) for name, value in told.items()}


def is_finite(game: Game) -> bool:
    """Whether every parameter of a game is a finite number."""
    params: list[Tensor] = [p for params in game.params.values() for p in params if p.numel()]
    # Norms of all at once, so that a GPU is waited for once and not once a tensor.
    return bool(torch.stack(torch._foreach_norm(params, float("inf"))).isfinite().all())  # noqa: SLF001


def restarted(game: Game, when: int | str) -> dict[str, Tensor]:
    """The states of a game's random streams, seeded anew from its seed and the rounds played.

    They take the place of states that another kind of device left, which have another form.
    """
    random = DefaultRandom(game.device)
    random.seed(seed_for(game.seed, f"layers {when}"))
    latents = torch.Generator(game.device).manual_seed(seed_for(game.seed, f"latents {when}"))
    return {"random": random.state, "latents": latents.get_state()}


def restart(game: Game, number: int) -> None:
    """Go on with other random numbers: latents, layers' own, and the order of rows.

    They are a function of the game's seed, its rounds and the number of this restart, from 1 on.
    """
    states = restarted(game, f"{game.rounds} again {number}")
    game.random.state = states["random"]
    game.latents.set_state(states["latents"])
    game.order.restarts = number


def numbers_of(game: Game, player: Player) -> dict[str, Any]:
    """What an optimizer keeps that is no tensor: numbers of parameters, and of groups of them."""
    optimizer, kept = game.optimizers[player], game.now.optimizers[player].arguments()
    usual = optimizer.defaults
    moments = {
        str(i): numbers
        for i, param in enumerate(game.params[player])
        if (numbers := plain(optimizer.state.get(param, {})))
    }
    groups = [
        {name: n for name, n in plain(group).items() if name not in kept and n != usual.get(name)}
        for group in optimizer.param_groups
    ]
    return {"moments": moments, "groups": groups} if moments or any(groups) else {}


def restore_numbers(game: Game, player: Player, facts: Mapping[str, Any]) -> None:
    """Give an optimizer back what ``numbers_of`` returned, all else as usual; 0.1 kept none."""
    optimizer, kept = game.optimizers[player], game.now.optimizers[player].arguments()
    usual = {name: n for name, n in plain(optimizer.defaults).items() if name not in kept}
    for i, numbers in facts.get("moments", {}).items():
        optimizer.state[game.params[player][int(i)]].update(numbers)
    groups = facts.get("groups", [{}] * len(optimizer.param_groups))
    for group, numbers in zip(optimizer.param_groups, groups, strict=False):
        group.update({**usual, **numbers})


def plain(values: Mapping[str, Any]) -> dict[str, float | bool]:
    """The entries that are numbers of Python."""
    return {name: value for name, value in values.items() if isinstance(value, (int, float))}


@contextmanager
def untouched(game: Game) -> Iterator[None]:
    """Whatever runs inside leaves no trace: buffers, random states and positions come back."""
    buffers = [b for net in game.nets.values() for b in net.buffers()]
    saved = [b.clone() for b in buffers]
    random, latents = game.random.state, game.latents.get_state()
    position = game.order.position
    states = {name: copy.deepcopy(value.state()) for name, value in game.states.items()}
    try:
        yield
    finally:
        for buffer, value in zip(buffers, saved, strict=True):
            buffer.copy_(value)
        game.random.state, game.order.position = random, position
        game.latents.set_state(latents)
        for name, value in states.items():
            game.states[name].restore(value)


def key(part: Part) -> str:
    """What a part's state is kept under."""
    return f"{part.kind} {part.name}"
