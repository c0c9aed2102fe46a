"""Methods of parts read values by name; terms are weighted and lazy."""

from __future__ import annotations

import pytest
import torch
from ganzoo_vanilla import Mlp
from small import points, variant_of

from ganzoo.builtin.regularizers import R1
from ganzoo.engine.game import Game

SMALL = Mlp(width=16, depth=1)


def test_a_lazy_regularizer_counts_for_the_steps_it_skips() -> None:
    game = Game(variant_of(SMALL, regularizers=(R1(every=2),)), points())
    step = game.step("discriminator", rows=torch.arange(8), z=torch.randn(8, 4))
    plain = game.terms["discriminator"]["r1"](step).mean().item()
    game.play(step)
    assert float(game.log["discriminator"]["r1"]) == pytest.approx(2 * plain, rel=1e-4)
    game.play(game.step("discriminator", rows=torch.arange(8), z=torch.randn(8, 4)))
    assert game.steps["discriminator"] == 2
