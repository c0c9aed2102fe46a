"""What an update is made of: terms that have gradients, and an optimizer that follows them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from ganzoo.engine.build import build_optimizer
from ganzoo.engine.outputs import network, parts_of
from ganzoo.engine.returned import check_finite, is_plain, kind_of, worded
from ganzoo.errors import ComposeError, first_line

if TYPE_CHECKING:
    from ganzoo.engine.game import Game
    from ganzoo.engine.step import Step
    from ganzoo.parts.part import Player


def checked_term(game: Game, step: Step, name: str, value: Any) -> Tensor:
    """What a term returned in a round; in full it was checked before training."""
    if not isinstance(value, Tensor) or value.dim() > 1 or not value.numel():
        check_term(game, step, name, value)
    found: Tensor = value
    return found


def check_term(game: Game, step: Step, name: str, value: Any) -> None:
    """A term is a scalar, one number per sample, or of the shape of the scores."""
    n, shape = batch_of(step), tuple(getattr(value, "shape", ()))
    scores = {tuple(v.shape) for k, v in step.values.items() if k.endswith("_score")}
    is_real = is_plain(value) and value.dtype.is_floating_point and bool(value.numel())
    if is_real and value.device.type == game.device.type and shape in {(), (n,), *scores}:
        return
    got = kind_of(value).replace("a tensor", "a term", 1)
    if is_plain(value) and not value.dtype.is_floating_point:
        got += f" of the type {str(value.dtype).removeprefix('torch.')}"
    elif is_plain(value) and value.device.type != game.device.type:
        got += f" on the device '{value.device}'"
    maps = "".join(f", {s} as the scores" for s in scores - {(n,)})
    message = (
        f"'{name}' returns {got} on the {step.player}'s turn with {parts_of(game)}; it must be "
        f"({n},), one number per sample{maps}, or a scalar."
    )
    raise ComposeError(message)


def check_update(game: Game, player: Player, grads: tuple[Tensor | None, ...]) -> None:
    """The first gradients are usable, and an optimizer like the player's moves copies of them."""
    who = network(game, player)
    known = [grad for grad in grads if grad is not None]
    if not all(map(is_plain, known)):
        message = f"{who} has sparse gradients, which are not supported; make its layers dense."
        raise ComposeError(message)
    for grad in known:
        check_finite(grad, f"the gradients of {who}")
    part, now = game.variant.optimizers[player], game.now.optimizers[player]
    params = [nn.Parameter(param.detach().clone()) for param in game.params[player]]
    for param, given in zip(params, grads, strict=True):
        param.grad = None if given is None else torch.ones_like(param)
    optimizer = build_optimizer(part, now, player, params)
    for group in optimizer.param_groups:
        group["lr"] = 1.0  # a schedule may begin with next to nothing
    with worded(f"optimizer '{part.name}' of the {player} fails in its first step"):
        optimizer.step()
    if all(map(torch.equal, params, game.params[player])):
        message = f"optimizer '{part.name}' of the {player} changes no parameter in its first step."
        raise ComposeError(message)


def failure(game: Game, player: Player, error: Exception) -> ComposeError:
    """The error of a turn on which a part raised one that is not ganzoo's."""
    who = [*getattr(error, "__notes__", ()), f"sampler '{game.variant.sampler.name}'"][0]
    message = (
        f"{who} fails on the {player}'s turn in round {game.rounds + 1} with {parts_of(game)}: "
        f"{first_line(error)}"
    )
    return ComposeError(message)


def batch_of(step: Step) -> int:
    """How many samples a step has."""
    for name in ("fake", "real"):
        if name in step.values:
            return len(step[name])
    if step.rows is not None:
        return len(step.rows)
    return len(next(v for v in step.values.values() if isinstance(v, Tensor)))
