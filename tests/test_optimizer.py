"""Optimizers: arguments by name, against torch's own, and gradients scaled down."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from ganzoo_vanilla import Mlp
from pydantic import ValidationError
from small import play, points, variant_of
from torch import nn

from ganzoo.builtin.optimizers import Adamax, AdamW, RmsProp, Sgd
from ganzoo.engine.game import Game
from ganzoo.parts.optimizer import Adam, AnnealedAdam, Optimizer
from ganzoo.parts.schedule import linear
from ganzoo.testing import check_replayed

SMALL = Mlp(width=16, depth=1)


def test_longer_gradients_are_scaled_down_to_the_norm_that_is_asked() -> None:
    def norms(most: float | None) -> float:
        optimizers = {"generator": Adam(max_norm=most)}
        game = play(Game(variant_of(SMALL, optimizers=optimizers), points()), 1)
        return float(torch.stack([p.grad.norm() for p in game.params["generator"]]).norm())

    whole = norms(None)
    assert norms(whole / 2) == pytest.approx(whole / 2, rel=1e-4)
    assert norms(whole * 2) == pytest.approx(whole, rel=1e-4)


ALL = [
    (Adam(), torch.optim.Adam, {"lr": 2e-4, "betas": (0.5, 0.999), "eps": 1e-8}),
    (Adam(lr=0.1, betas=(0.9, 0.99), eps=0.1), torch.optim.Adam, {}),
    (AdamW(weight_decay=0.5), torch.optim.AdamW, {"weight_decay": 0.5}),
    (Adamax(lr=0.1), torch.optim.Adamax, {"betas": (0.5, 0.999)}),
    (RmsProp(alpha=0.5, momentum=0.5), torch.optim.RMSprop, {"alpha": 0.5, "momentum": 0.5}),
    (Sgd(momentum=0.5, nesterov=True, weight_decay=0.1), torch.optim.SGD, {"nesterov": True}),
]


@pytest.mark.parametrize(("optimizer", "algorithm", "expected"), ALL)
def test_it_takes_torchs_steps(optimizer: Optimizer, algorithm: Any, expected: Any) -> None:
    arguments = {name: value for name, value in optimizer if name != "max_norm"}
    assert optimizer.arguments() == arguments
    assert expected.items() <= arguments.items()
    params = [nn.Parameter(torch.tensor([3.0, -2.0])) for _ in range(2)]
    mine, its = optimizer.build(params[:1]), algorithm(params[1:], **arguments)
    assert type(mine) is algorithm
    for _ in range(4):
        for param, optimizing in zip(params, (mine, its), strict=True):
            param.grad = 2 * param.detach()
            optimizing.step()
    torch.testing.assert_close(params[0], params[1])


@pytest.mark.parametrize("kind", [Adam, AdamW])
def test_where_betas_change_the_steps_are_torchs(kind: type[Adam]) -> None:
    part = kind(lr=0.1, betas=(0.5, linear(0.9, 0.99)), eps=0.1)
    params = [nn.Parameter(torch.tensor([3.0, -2.0])) for _ in range(2)]
    assert (part.anneals, part.at(0.0).anneals) == (True, False)
    mine = part.at(0.0).build_annealed(params[:1])
    its = kind(lr=0.1, betas=(0.5, 0.9), eps=0.1).build(params[1:])
    assert type(mine) is AnnealedAdam
    for step in range(4):
        betas = part.at(step / 4).betas
        for param, optimizing in zip(params, (mine, its), strict=True):
            param.grad = 2 * param.detach()
            optimizing.param_groups[0]["betas"] = betas
            optimizing.step()
    torch.testing.assert_close(params[0], params[1])


def test_betas_that_change_are_replayed_as_graphs() -> None:
    adam = AdamW(betas=(0.0, linear(0.9, 0.99)), lr=linear(1e-3))
    variant = variant_of(SMALL, optimizers={"discriminator": adam, "generator": adam})
    game = check_replayed(variant, points())
    assert game.graphs is not None
    assert game.graphs.reason is None


def test_the_fastest_implementation_is_taken_where_torch_has_it() -> None:
    param = [nn.Parameter(torch.zeros(1))]
    for optimizer in (Adam(), AdamW(), Sgd()):
        assert optimizer.build(param).defaults["fused"] is True
    for optimizer in (RmsProp(), Adamax()):
        assert optimizer.build(param).defaults["foreach"] is True


@pytest.mark.parametrize(
    "wrong", [{"lr": 0.0}, {"betas": (0.5, 1.0)}, {"eps": 0.0}, {"max_norm": 0.0}, {"rate": 0.1}]
)
def test_an_argument_out_of_range_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Adam(**wrong)


def test_its_json_is_json() -> None:
    assert Adam().spec() == {
        "part": "adam",
        "lr": 2e-4,
        "max_norm": None,
        "betas": [0.5, 0.999],
        "eps": 1e-8,
    }
