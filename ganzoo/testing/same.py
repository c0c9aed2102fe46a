"""Whether two games are the same bit for bit."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import torch

if TYPE_CHECKING:
    from ganzoo.engine.game import Game


def same(one: Game, other: Game) -> bool:
    """Whether two games' states, on which their next rounds depend, are equal bit for bit."""
    (tensors, facts), (others, other_facts) = one.state(), other.state()
    equal = all(name in others and torch.equal(t, others[name]) for name, t in tensors.items())
    return equal and len(tensors) == len(others) and written(facts) == written(other_facts)


def written(facts: dict[str, Any]) -> str:
    """The part of a state that is not tensors, as JSON; ``check_resumed`` reports what is not."""
    return json.dumps(facts, default=repr)
