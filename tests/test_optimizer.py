"""Optimizers: arguments by name, and gradients scaled down."""

from __future__ import annotations

import pytest
import torch
from ganzoo_vanilla import Mlp
from small import play, points, variant_of

from ganzoo.engine.game import Game
from ganzoo.parts.optimizer import Adam

SMALL = Mlp(width=16, depth=1)


def test_longer_gradients_are_scaled_down_to_the_norm_that_is_asked() -> None:
    def norms(most: float | None) -> float:
        optimizers = {"generator": Adam(max_norm=most)}
        game = play(Game(variant_of(SMALL, optimizers=optimizers), points()), 1)
        return float(torch.stack([p.grad.norm() for p in game.params["generator"]]).norm())

    whole = norms(None)
    assert norms(whole / 2) == pytest.approx(whole / 2, rel=1e-4)
    assert norms(whole * 2) == pytest.approx(whole, rel=1e-4)
