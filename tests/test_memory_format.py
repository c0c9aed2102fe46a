"""Gradients and moments in the layout of their parameters."""

from __future__ import annotations

import torch
from ganzoo_vanilla import Mlp
from ganzoo_wgan_gp import GradientPenalty, Wasserstein, WganGp
from small import images, play, variant_of, weights
from torch import nn

from ganzoo.engine.game import Game
from ganzoo.engine.memory_format import in_layout_of

SMALL = Mlp(width=16, depth=1)


def test_a_gradient_takes_its_parameters_layout() -> None:
    param = nn.Parameter(torch.randn(4, 3, 5, 5).to(memory_format=torch.channels_last))
    grad = torch.randn(4, 3, 5, 5)
    laid = in_layout_of(grad, param)
    assert laid is not None
    assert laid.stride() == param.stride()
    assert torch.equal(laid, grad)


def test_fused_adam_agrees_with_foreach_on_a_convolution_with_a_penalty() -> None:
    variant = variant_of(
        WganGp(width=8), loss=Wasserstein(), regularizers=(GradientPenalty(),), batch=4
    )
    fused, foreach = Game(variant, images()), Game(variant, images())
    for player, params in foreach.params.items():
        options = variant.optimizers[player]
        foreach.optimizers[player] = torch.optim.Adam(params, **options.arguments(), foreach=True)
    play(fused, 4)
    play(foreach, 4)
    for (name, one), other in zip(weights(fused).items(), weights(foreach).values(), strict=True):
        torch.testing.assert_close(one, other, atol=2e-5, rtol=1e-3, msg=name)
