"""A part in training: finite terms, the other player left alone, and bits that repeat."""

from __future__ import annotations

import json
from math import isfinite
from typing import TYPE_CHECKING, Any

import torch

from ganzoo.engine.game import Game
from ganzoo.engine.step import ENGINE
from ganzoo.errors import ZooError, listed
from ganzoo.parts.needs import RESERVED
from ganzoo.testing.composing import BATCH, fitting, variants_of
from ganzoo.testing.form import worded
from ganzoo.testing.replaying import check_replayed
from ganzoo.testing.same import same

if TYPE_CHECKING:
    from torch import Tensor

    from ganzoo.engine.step import Step
    from ganzoo.parts.dataset import Data
    from ganzoo.parts.part import Part, Player
    from ganzoo.parts.variant import Variant

ROUNDS = 2


def check_played(part: Part, own: dict[str, list[Any]]) -> None:
    """Train a part for two rounds where it fits, and check that every bit repeats."""
    who = f"{part.kind} '{part.name}'"
    fits = fitting(who, variants_of(part, own), own["data"])
    first = next(fits)
    if part.kind == "architecture":
        list(fits)  # on data that it does not fit, it must raise ComposeError and nothing else
    game = check_training(who, *first)
    if part.kind == "sampler":
        declared = set(getattr(part, "deals", ())) - set(game.train.names)
        assert declared == game.dealt, (
            f"{who} declares that it deals {listed(declared)}, but it deals {listed(game.dealt)}."
        )


def check_variant(variant: Variant, own: dict[str, list[Any]]) -> None:
    """Train a variant for two rounds, in small batches, and check that every bit repeats."""
    who = f"variant '{variant.name}'"
    small = variant.model_copy(update={"batch": BATCH})
    check_training(who, *next(fitting(who, [small], own["data"])))


def check_training(who: str, variant: Variant, data: Data) -> WatchedGame:
    """A game of two rounds, whose twin ends with the same bits, which resumes, and is replayed."""
    with worded(f"{who} breaks in training on {data.name}"):
        game, twin = trained(who, variant, data), trained(who, variant, data)
        assert same(game, twin), (
            f"{who} ends with different weights when the same seed is run twice; state that "
            "changes belongs to the game: return it from start(self, game)."
        )
        check_resumed(who, game)
        check_replayed(variant, data, who=who)
    return game


class BrokenRule(ZooError, AssertionError):  # noqa: N818  (pytest shows it as an assertion)
    """What a part does in a round and must not; as a ZooError, the game lets it through."""


class WatchedGame(Game):
    """A game that checks every step it plays."""

    def __init__(self, who: str, variant: Variant, data: Data) -> None:
        super().__init__(variant, data)
        self.who, self.dealt = who, set[str]()
        self.settled = {player: self._copies(player) for player in self.nets}

    def _copies(self, player: Player) -> list[Tensor]:
        return [param.detach().clone() for param in self.params[player]]

    def play(self, step: Step) -> None:
        """Play a step; check that its terms are finite and the other player is unchanged."""
        computed = {*self.train.names, *ENGINE}
        self.dealt |= {n for n in step.values if not n.startswith(RESERVED)} - computed
        super().play(step)
        for name, term in self.log[step.player].items():
            if not isfinite(term):
                message = (
                    f"{self.who}: '{name}' is {term.item()} on the {step.player}'s turn of round "
                    f"{self.rounds + 1} on {self.data.name}; it must be finite."
                )
                raise BrokenRule(message)
        for player, before in self.settled.items():
            if player != step.player and not all(map(torch.equal, before, self.params[player])):
                message = (
                    f"{self.who} changes the {player}'s parameters on the {step.player}'s turn."
                )
                raise BrokenRule(message)
        self.settled[step.player] = self._copies(step.player)


def trained(who: str, variant: Variant, data: Data) -> WatchedGame:
    """A game of two rounds with seed 0."""
    game = WatchedGame(who, variant, data)
    for _ in range(ROUNDS):
        game.round()
    return game


def check_resumed(who: str, game: Game) -> None:
    """Check that a game restored from another's state plays the same next round."""
    tensors, facts = game.state()
    saved = {name: value.detach().clone() for name, value in tensors.items()}
    with worded(f"{who} keeps a state that is neither tensors nor JSON"):
        facts = json.loads(json.dumps(facts))
    other = Game(game.variant, game.data)
    other.restore(saved, facts)
    game.round()
    other.round()
    assert same(game, other), (
        f"{who} plays a different round after a resume; state() and restore() must carry all that "
        "changes."
    )
