"""Adam's steps by its kernel alone: bit for bit torch's own, and torch's own where they must be."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from ganzoo_vanilla import Mlp
from small import equal, play, points, variant_of, weights
from torch import Tensor, nn
from torch.optim.optimizer import register_optimizer_step_pre_hook

from ganzoo.builtin.optimizers import AdamW, Sgd
from ganzoo.engine.game import Game
from ganzoo.engine.stepping import Stepper, is_plain, is_usual
from ganzoo.parts.optimizer import Adam
from ganzoo.parts.schedule import linear


def net_of() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 5), nn.Linear(5, 2))


def give_gradients(net: nn.Module, number: int) -> None:
    stream = torch.Generator().manual_seed(number)
    for param in net.parameters():
        param.grad = torch.randn(param.shape, generator=stream)


@pytest.fixture
def prepared(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """A list that grows by each step that torch prepares itself."""
    found: list[int] = []
    own: Any = torch.optim.Adam._init_group

    def init(self: Any, *args: Any) -> Any:
        found.append(1)
        return own(self, *args)

    monkeypatch.setattr(torch.optim.Adam, "_init_group", init)
    return found


def take(stepper: Stepper) -> None:
    """A step, as a game takes it."""
    if not stepper.step():
        stepper.optimizer.step()


@pytest.mark.parametrize("part", [Adam(lr=0.1), AdamW(lr=0.1, weight_decay=0.3, eps=1e-3)])
def test_steps_are_those_of_torch_bit_for_bit(part: Any, prepared: list[int]) -> None:
    ours, theirs = net_of(), net_of()
    one, other = part.build(list(ours.parameters())), part.build(list(theirs.parameters()))
    stepper = Stepper(one)
    for number in range(6):
        for optimizer in (one, other):
            optimizer.param_groups[0].update(lr=0.1 / (1 + number), betas=(0.1 * number, 0.9))
        give_gradients(ours, number)
        give_gradients(theirs, number)
        take(stepper)
        other.step()
        if number == 2:  # as a checkpoint is taken up: other tensors, in other dicts
            one.load_state_dict(copy.deepcopy(one.state_dict()))
    assert len(prepared) == 6 + 1  # the first alone
    for mine, its in zip(ours.parameters(), theirs.parameters(), strict=True):
        assert torch.equal(mine, its)
        assert one.state[mine].keys() == other.state[its].keys()
        for name, moment in one.state[mine].items():
            assert torch.equal(moment, other.state[its][name]), name


def test_where_a_gradient_is_missing_or_more_is_asked_for_torch_takes_the_step(
    prepared: list[int],
) -> None:
    net = net_of()
    params = list(net.parameters())
    optimizer = Adam(lr=0.1).build(params)
    stepper = Stepper(optimizer)
    give_gradients(net, 0)
    params[0].grad = None
    take(stepper)
    take(stepper)
    assert len(prepared) == 2
    give_gradients(net, 1)
    take(stepper)
    take(stepper)
    assert len(prepared) == 3
    params[0].grad = None
    before = params[0].detach().clone()
    take(stepper)
    assert torch.equal(params[0], before)
    give_gradients(net, 2)
    optimizer.param_groups[0]["lr"] = torch.tensor(0.1)
    take(stepper)
    assert len(prepared) == 5
    optimizer.param_groups[0]["lr"] = 0.1
    hook = register_optimizer_step_pre_hook(lambda *_: None)
    take(stepper)
    hook.remove()
    assert len(prepared) == 6
    take(stepper)
    assert len(prepared) == 6


def other(**options: Any) -> torch.optim.Optimizer:
    return torch.optim.Adam(net_of().parameters(), **{"fused": True, **options})


def with_a_hook() -> torch.optim.Optimizer:
    optimizer = other()
    optimizer.register_step_post_hook(lambda *_: None)
    return optimizer


def of_two_groups() -> torch.optim.Optimizer:
    first, second = net_of().children()
    groups = [{"params": first.parameters()}, {"params": second.parameters(), "lr": 1.0}]
    return torch.optim.Adam(groups, fused=True)


class Custom(torch.optim.Adam):
    """Its step may be anything."""


def test_what_is_more_than_a_fused_adam_is_left_alone() -> None:
    assert is_plain(other())
    assert not is_plain(other(fused=False))
    assert not is_plain(other(amsgrad=True))
    assert not is_plain(other(maximize=True))
    assert not is_plain(with_a_hook())
    assert not is_plain(of_two_groups())
    assert not is_plain(Custom(net_of().parameters(), fused=True))
    assert not is_plain(Sgd().build(list(net_of().parameters())))
    there = torch.optim.Adam(nn.Linear(2, 2, device="meta").parameters())
    there.param_groups[0]["fused"] = True
    assert not is_plain(there)
    mixed = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2).double())
    assert not is_plain(torch.optim.Adam(mixed.parameters(), fused=True))
    usual = {"lr": 0.1, "betas": (0.5, 0.9)}
    assert is_usual(usual)
    assert not is_usual({**usual, "lr": torch.tensor(0.1)})
    assert not is_usual({**usual, "betas": (torch.tensor(0.5), 0.9)})


def test_a_game_restored_half_way_steps_as_one_that_went_on(prepared: list[int]) -> None:
    variant = variant_of(Mlp(width=8, depth=1), optimizers={"generator": Adam(lr=linear(1e-2))})
    game, again = Game(variant, points()), Game(variant, points())
    play(game, 3)
    tensors, facts = game.state()
    kept: dict[str, Tensor] = {name: tensor.clone() for name, tensor in tensors.items()}
    play(again, 1)
    again.restore(kept, copy.deepcopy(facts))
    prepared.clear()
    assert equal(weights(play(game, 3)), weights(play(again, 3)))
    assert prepared == []
