"""Gradients and moments in the layout of their parameters."""

from __future__ import annotations

import torch
from ganzoo_dcgan import Dcgan
from ganzoo_vanilla import Mlp
from ganzoo_wgan_gp import GradientPenalty, Wasserstein, WganGp
from small import images, play, variant_of, weights
from torch import nn

from ganzoo.engine.game import Game
from ganzoo.engine.memory_format import in_layout_of, like, under

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


def test_no_gradient_stays_none_and_one_in_its_layout_is_not_copied() -> None:
    param = nn.Parameter(torch.randn(4, 3, 5, 5).to(memory_format=torch.channels_last))
    grad = torch.randn(4, 3, 5, 5).to(memory_format=torch.channels_last)
    assert in_layout_of(None, param) is None
    assert in_layout_of(grad, param) is grad


def test_a_saved_moment_is_copied_into_its_parameters_layout_and_a_count_as_it_is() -> None:
    param = nn.Parameter(torch.randn(4, 3, 5, 5).to(memory_format=torch.channels_last))
    moment, count = torch.randn(4, 3, 5, 5), torch.tensor(3.0)
    laid, counted = like(moment, param), like(count, param)
    assert laid.stride() == param.stride()
    assert torch.equal(laid, moment)
    assert torch.equal(counted, count)
    assert counted.data_ptr() != count.data_ptr()


def test_entries_under_a_prefix_lose_it_once() -> None:
    tensors = {"a.a.x": torch.zeros(1), "a.y": torch.ones(1), "b.a.z": torch.zeros(1)}
    assert {*under(tensors, "a.")} == {"a.x", "y"}


def test_networks_of_images_are_laid_out_channels_last() -> None:
    game = Game(variant_of(Dcgan(width=8), batch=4), images(size=32))
    for player, params in game.params.items():
        inner = [p for p in params if p.dim() == 4 and min(p.shape) > 1]
        assert inner, player
        for param in inner:
            assert param.is_contiguous(memory_format=torch.channels_last)
            assert not param.is_contiguous()
