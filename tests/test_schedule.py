"""Numbers that change in training, in closed form, and what a game does with them."""

from __future__ import annotations

import torch
from ganzoo_vanilla import Mlp
from small import points, variant_of, weights

from ganzoo.engine.game import Game
from ganzoo.parts.optimizer import Adam
from ganzoo.parts.schedule import linear

SMALL = Mlp(width=16, depth=1)


def test_a_linear_schedule_ends_at_zero_and_a_constant_one_stays() -> None:
    falling = Adam(lr=linear(0.1))
    optimizers = {"discriminator": falling, "generator": Adam(lr=0.1)}
    game = Game(variant_of(SMALL, optimizers=optimizers), points())
    rates = []
    for progress in (0.0, 0.5, 1.0):
        game.progress = progress
        before = weights(game)
        game.round()
        rates.append([game.optimizers[p].param_groups[0]["lr"] for p in game.nets])
    assert rates == [[0.1, 0.1], [0.05, 0.1], [0.0, 0.1]]
    after = weights(game)
    assert all(torch.equal(before[n], after[n]) for n in before if n.startswith("discriminator"))
