"""The states of parts: started with the game, and held against what can be saved."""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ganzoo.engine import state
from ganzoo.engine.returned import is_plain, worded
from ganzoo.engine.streams import seed_for
from ganzoo.errors import ComposeError, in_words, quoted

if TYPE_CHECKING:
    from ganzoo.engine.game import Game


def start_parts(game: Game) -> None:
    """Give each part that has state its own. Raises ComposeError where that fails."""
    for part in game.now.parts():
        if not hasattr(part, "start"):
            continue
        if state.key(part) in game.started:
            message = f"two parts with state are both the {state.key(part)}; have one."
            raise ComposeError(message)
        game.random.seed(seed_for(game.seed, state.key(part)))
        with game.leased(), worded(f"{part.kind} '{part.name}' fails to start"):
            game.started[state.key(part)] = part.start(game)
    for name, value in game.states.items():
        check_state(name, value)
    for name, value in game.started.items():
        if hasattr(value, "signals"):
            check_signals(name, value)


def check_state(name: str, value: Any) -> None:
    """Refuse a state of a part that could not be saved and taken up again."""
    with worded(f"the state of the {name} cannot be saved"):
        saved: object = value.state()
        if not isinstance(saved, Mapping):
            message = f"state() of the {name} returns {in_words(saved)}; it must be a dict by name."
            raise ComposeError(message)
        for entry, held in saved.items():
            is_named = isinstance(entry, str)
            if not is_named or not ((is_plain(held) and not held.is_meta) or is_json(held)):
                what = in_words(held) if is_named else f"the name {quoted(entry)}"
                message = (
                    f"state() of the {name} returns {what} in its dict; it must hold dense tensors "
                    "and what JSON has, by texts."
                )
                raise ComposeError(message)
    with worded(f"the state of the {name} cannot be restored"):
        value.restore(copy.deepcopy(saved))


def check_signals(name: str, value: Any) -> None:
    """Refuse signals of a part's state that are no numbers by name."""
    with worded(f"the signals of the {name} cannot be read"):
        told: object = value.signals()
        for entry, signal in told.items() if isinstance(told, Mapping) else [(None, told)]:
            is_scalar = is_plain(signal) and not signal.is_meta and signal.numel() == 1
            if not (isinstance(entry, str) and (is_scalar or isinstance(signal, (int, float)))):
                message = (
                    f"signals() of the {name} returns {in_words(told)}; it must be a dict of "
                    "numbers or scalar tensors by name."
                )
                raise ComposeError(message)


def is_json(value: object) -> bool:
    """Whether a value can be written to JSON."""
    try:
        json.dumps(value)
    except (TypeError, ValueError, RecursionError):
        return False
    return True
