"""A game's state holds all that its next round depends on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import torch
from ganzoo_dcgan import Dcgan
from ganzoo_vanilla import MaxoutMlp, Mlp
from small import equal, images, play, points, variant_of, weights

from ganzoo.builtin.optimizers import RmsProp, Sgd
from ganzoo.builtin.regularizers import R1
from ganzoo.engine import state
from ganzoo.engine.game import Game
from ganzoo.parts.optimizer import Adam
from ganzoo.parts.part import Regularizer
from ganzoo.parts.schedule import linear

if TYPE_CHECKING:
    from torch import Tensor

    from ganzoo.parts.dataset import Data
    from ganzoo.parts.part import Architecture


class Memory:
    """A tensor and a number that change, and what does not."""

    def __init__(self) -> None:
        self.seen, self.count = torch.zeros(2), 0

    def state(self) -> dict[str, Any]:
        return {"seen": self.seen, "count": self.count}

    def restore(self, state: dict[str, Any]) -> None:
        self.seen, self.count = state["seen"].clone(), state["count"]


class Remembering(Regularizer):
    """Its term depends on every step before."""

    def start(self, game: Game) -> Memory:
        return Memory()

    def generator(self, fake: Tensor, state: Memory) -> Tensor:
        state.count += 1
        state.seen = 0.5 * state.seen + fake.detach().mean(0).flatten()[:2]
        return (fake.flatten(1)[:, :2] * state.seen).sum(1) * state.count


class Fixed(Regularizer):
    """State that never changes is not saved."""

    def start(self, game: Game) -> float:
        return float(torch.rand(()))

    def generator(self, fake_score: Tensor, state: float) -> Tensor:
        return fake_score * state


class Slow(torch.optim.SGD):
    """Pulls each weight back to where it was at its second step; nothing is kept before."""

    def step(self, closure: Any = None) -> Any:
        loss = super().step(closure)
        for param in (p for group in self.param_groups for p in group["params"]):
            kept = self.state[param]
            kept["count"] = kept.get("count", torch.tensor(0.0)) + 1
            if kept["count"] == 2:
                kept["slow"] = param.detach().clone()
            if "slow" in kept:
                param.data.lerp_(kept["slow"], 0.1)
        return loss


class Lookahead(Sgd):
    algorithm = Slow


class Warming(torch.optim.SGD):
    """Keeps a number of its own in its groups, which changes with each step."""

    def step(self, closure: Any = None) -> Any:
        loss = super().step(closure)
        for group in self.param_groups:
            group["dampening"] += 0.05
        return loss


class Warmed(Sgd):
    algorithm = Warming


OPTIMIZERS = {
    "adam": Adam(lr=linear(1e-3)),
    "rmsprop": RmsProp(momentum=0.5),
    "sgd": Sgd(),
    "momentum": Sgd(momentum=0.5),
    "later": Lookahead(),
    "group": Warmed(momentum=0.5),
}


@pytest.mark.parametrize("optimizer", OPTIMIZERS.values(), ids=OPTIMIZERS)
@pytest.mark.parametrize(
    ("architecture", "data"),
    [(MaxoutMlp(width=16, units=8), points()), (Dcgan(width=8), images())],
    ids=["dropout", "channels-last"],
)
def test_a_restored_game_goes_on_bit_for_bit(
    architecture: Architecture, data: Data, optimizer: Any
) -> None:
    variant = variant_of(
        architecture,
        regularizers=(R1(every=3), Remembering(weight=0.01), Fixed(weight=0.1)),
        optimizers={"discriminator": optimizer, "generator": optimizer},
        turns=(("discriminator", 2), ("generator", 1)),
        ema=0.9,
    )
    whole = Game(variant, data, seed=1)
    whole.progress = 0.25
    play(whole, 2)
    tensors, facts = whole.state()
    saved = {name: tensor.clone() for name, tensor in tensors.items()}
    again = Game(variant, data, seed=1)
    again.restore(saved, facts)
    assert (again.rounds, again.progress, again.steps) == (2, 0.25, whole.steps)
    assert again.order.position == whole.order.position == 2 * 3 * 8
    same(whole, again)
    play(whole, 2)
    play(again, 2)
    same(whole, again)
    assert torch.equal(whole.sample(3)["fake"], again.sample(3)["fake"])


def same(one: Game, other: Game) -> None:
    (mine, facts), (its, other_facts) = one.state(), other.state()
    assert facts == other_facts
    assert mine.keys() == its.keys()
    for name, tensor in mine.items():
        assert torch.equal(tensor, its[name]), name
    assert one.log.keys() == other.log.keys()
    for player, optimizer in one.optimizers.items():
        pairs = zip(one.params[player], other.params[player], strict=True)
        for param, twin in pairs:
            for name, moment in optimizer.state[param].items():
                resumed = other.optimizers[player].state[twin].get(name)
                if moment is not None:
                    assert moment.stride() == resumed.stride(), name


@pytest.mark.parametrize("optimizer", OPTIMIZERS.values(), ids=OPTIMIZERS)
@pytest.mark.parametrize("played", [0, 2])
def test_a_game_that_went_on_goes_back_bit_for_bit(optimizer: Any, played: int) -> None:
    variant = variant_of(
        MaxoutMlp(width=16, units=8),
        regularizers=(Remembering(weight=0.01),),
        optimizers={"discriminator": optimizer, "generator": optimizer},
        ema=0.9,
    )
    game = play(Game(variant, points(), seed=1), played)
    tensors, facts = game.state()
    saved = {name: tensor.clone() for name, tensor in tensors.items()}
    expected = weights(play(game, 3))
    game.restore(saved, facts)
    assert equal(weights(play(game, 3)), expected)


def test_a_restarted_game_has_other_random_numbers_which_its_state_holds() -> None:
    def restarted(number: int) -> Game:
        game = play(Game(variant_of(MaxoutMlp(width=16, units=8)), points(), seed=1), 2)
        if number:
            state.restart(game, number)
        return game

    games = [restarted(number) for number in (0, 1, 2, 2)]
    again = Game(games[0].variant, points(), seed=1)
    again.restore(*games[2].state())
    first, *others, twin, restored = [weights(play(game, 2)) for game in (*games, again)]
    assert equal(others[1], twin)
    assert equal(others[1], restored)
    assert not any(equal(one, other) for one in (first, others[0]) for other in others[1:])
    assert [game.order.take(8).tolist() for game in games[2:]] == [again.order.take(8).tolist()] * 2
    assert games[0].order.take(8).tolist() != games[1].order.take(8).tolist()
    assert [game.state()[1].get("restarts") for game in games] == [None, 1, 2, 2]


def test_its_names_and_facts_are_these() -> None:
    """Checkpoints of earlier versions are read by them."""
    variant = variant_of(
        Mlp(width=4, depth=1), regularizers=(Remembering(), Fixed()), ema=0.9, optimizers={}
    )
    game = play(Game(variant, points()), 1)
    tensors, facts = game.state()
    assert facts == {
        "rounds": 1,
        "progress": 0.0,
        "position": 16,
        "steps": {"discriminator": 1, "generator": 1},
        "parts": {"regularizer remembering": {"count": 1}},
    }
    nets = {p: list(net.state_dict()) for p, net in game.nets.items()}
    nets["average"] = nets["generator"]
    moments = [
        f"{player}-optimizer.{i}.{moment}"
        for player, params in game.params.items()
        for i in range(len(params))
        for moment in ("step", "exp_avg", "exp_avg_sq")
    ]
    assert tensors.keys() == {
        *("random", "latents", "part.regularizer remembering.seen", *moments),
        *(f"{owner}.{key}" for owner, keys in nets.items() for key in keys),
        "discriminator-log.non-saturating",
        "generator-log.non-saturating",
        "generator-log.remembering",
        "generator-log.fixed",
    }
    first = next(iter(game.nets["generator"].state_dict()))
    live = game.nets["generator"].state_dict()[first]
    assert tensors[f"generator.{first}"].data_ptr() == live.data_ptr()  # no copy is made
    assert {*game.states} == {"regularizer remembering"}
    assert game.has_state(Fixed())
    assert not game.has_state(R1())


def test_a_game_is_finite_until_one_parameter_is_not() -> None:
    game = Game(variant_of(Mlp(width=4, depth=1)), points())
    assert game.is_finite()
    for player in game.nets:
        for wrong in (float("nan"), float("inf")):
            with torch.no_grad():
                held = game.params[player][-1].clone()
                game.params[player][-1].view(-1)[-1] = wrong
                assert not game.is_finite()
                game.params[player][-1].copy_(held)
    assert game.is_finite()


def test_parts_start_from_streams_of_their_own() -> None:
    """What one part draws does not depend on the parts beside it, and does on the seed."""
    variant, alone = (
        variant_of(Mlp(width=4, depth=1), regularizers=regularizers)
        for regularizers in ((Remembering(), Fixed()), (Fixed(),))
    )
    drawn = Game(variant, points()).state_of(Fixed())
    assert Game(alone, points()).state_of(Fixed()) == drawn
    assert Game(alone, points(), seed=1).state_of(Fixed()) != drawn
