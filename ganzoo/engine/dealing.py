"""What a sampler deals on a player's turn: new steps of that player, whose values fit."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from ganzoo.engine import shared_fakes
from ganzoo.engine.returned import check_batch, check_space, kind_of, worded
from ganzoo.engine.step import ENGINE, Step
from ganzoo.errors import ComposeError, in_words
from ganzoo.parts.needs import RESERVED

if TYPE_CHECKING:
    from ganzoo.engine.game import Game
    from ganzoo.parts.part import Player

ROW_NUMBERS = (torch.int64, torch.int32)
"""The types that row numbers may have."""


def first_step(game: Game, player: Player) -> Step:
    """The first step of a player's turn, as the sampler deals it."""
    sampler = game.now.sampler
    where = (
        f"on the {player}'s turn with architecture '{game.variant.architecture.name}' and dataset "
        f"'{game.data.name}'"
    )
    with worded(f"sampler '{sampler.name}' fails to draw {where}"):
        drawn = shared_fakes.draw(game, player)
    with worded(f"sampler '{sampler.name}' fails to deal {where}"):
        dealt: object = shared_fakes.deal(game, player, drawn)
        if not isinstance(dealt, Iterable):
            raise undealt(game, player, dealt)
        step: Any = next(iter(dealt), None)
    check_dealt(game, player, step)
    found: Step = step
    found.played = True
    return found


def check_dealt(game: Game, player: Player, step: object) -> None:
    """What a sampler deals on a player's turn is a step of that player, and a new one."""
    if not isinstance(step, Step):
        raise undealt(game, player, step)
    if step.player != player or step.played:
        what = "the same step twice" if step.played else f"a step of the {step.player}"
        message = f"sampler '{game.variant.sampler.name}' deals {what} on the {player}'s turn."
        raise ComposeError(message)


def check_values(game: Game, step: Step) -> None:
    """What a step was dealt is rows of the data, and values by name, one for each sample."""
    who = f"sampler '{game.variant.sampler.name}' deals"
    rows, values = step.rows, {name: step.values[name] for name in step.dealt}
    if rows is not None:
        if not isinstance(rows, Tensor) or rows.dtype not in ROW_NUMBERS or rows.dim() != 1:
            kind = f" of the type {rows.dtype}" if isinstance(rows, Tensor) else ""
            message = f"{who} {kind_of(rows)}{kind} as rows; they must be numbers, int64, (N,)."
            raise ComposeError(message)
        if not len(rows) or int(rows.min()) < 0 or int(rows.max()) >= len(game.train):
            what = "no rows" if not len(rows) else f"rows {int(rows.min())} to {int(rows.max())}"
            message = f"{who} {what}; the data have rows 0 to {len(game.train) - 1}."
            raise ComposeError(message)
    for name in values:
        if name in {*ENGINE, *game.nets, "state"} or name.startswith(RESERVED):
            message = f"{who} '{name}', a name that has another meaning; give it another."
            raise ComposeError(message)
    if values:
        sizes = [len(v) for v in values.values() if isinstance(v, Tensor) and v.dim()]
        n = len(rows) if rows is not None else next(iter(sizes), game.batch)
        check_batch(values, n, who, f"values of the {step.player}'s turn", game.device)
    for name, value in values.items():
        check_space(name, value, game.spaces.get(name), who)


def undealt(game: Game, player: Player, dealt: object) -> ComposeError:
    """The error of a turn on which a sampler deals something else than steps."""
    what = "no step" if dealt is None else f"{in_words(dealt)}, not a step of the game,"
    if isinstance(dealt, Step):
        what = "a step by itself, which deal must yield,"
    return ComposeError(
        f"sampler '{game.variant.sampler.name}' deals {what} on the {player}'s turn."
    )
