"""The layers of StyleGAN2 and the progressive GAN, each against its formula."""

from __future__ import annotations

from math import sqrt
from typing import Any

import pytest
import torch
from ganzoo_stylegan2 import Progressive, Stylegan2, ganzoo_variants
from ganzoo_stylegan2.discriminator import Block
from ganzoo_stylegan2.generator import Layer, Mapping, Modulated, ToPixels
from ganzoo_stylegan2.growing import Downwards, Upwards
from ganzoo_stylegan2.layers import (
    Conv,
    Verdict,
    cropped,
    doubled,
    halved,
    leaky,
    margins,
    pixel_norm,
    widths,
    with_deviation,
)
from ganzoo_stylegan2.terms import path_lengths
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, conv2d

from ganzoo.engine.game import Game
from ganzoo.parts.space import Space
from ganzoo.testing import tiny

torch.set_num_threads(1)

Z, LABEL = Space(shape=(6,)), Space(classes=3)
SMALL = Stylegan2(width=4, most=8, dim=8)
VARIANTS = {variant.name: variant for variant in ganzoo_variants()}


@pytest.fixture(autouse=True)
def _seeded() -> None:
    torch.manual_seed(0)


def image(side: int) -> Space:
    return Space(shape=(3, side, side), bounded=True)


def returned(module: nn.Module) -> list[Tensor]:
    """What a module returns from now on."""
    found: list[Tensor] = []
    module.register_forward_hook(lambda *seen: found.append(seen[2]))
    return found


def given(module: nn.Module) -> list[Tensor]:
    """What a module is given first, from now on."""
    found: list[Tensor] = []
    module.register_forward_pre_hook(lambda _, seen: found.append(seen[0]))
    return found


def zeroed(*modules: Any) -> None:
    for param in (param for module in modules for param in module.parameters()):
        nn.init.zeros_(param)


# -------------------------------------------------------------------------------------- generator


def test_w_is_of_the_latents_and_the_labels_directions_alone() -> None:
    mapping = Mapping(6, 8, 2, classes=3)
    z, label = torch.randn(4, 6), torch.tensor([0, 1, 2, 0])
    assert mapping.embed is not None
    before = mapping(z, label)
    torch.testing.assert_close(mapping(3 * z, label), before)
    with torch.no_grad():
        mapping.embed.weight.mul_(5)
    torch.testing.assert_close(mapping(z, label), before)
    assert [layer.rate for layer in mapping.layers] == [0.01, 0.01]  # type: ignore[union-attr]


def test_styles_begin_at_one_and_noise_without_an_effect() -> None:
    net = SMALL.generator(Z, image(16)).eval()
    styled = [module for module in net.modules() if isinstance(module, Modulated)]
    for module in styled:
        assert module.style(torch.zeros(1, 8)).unique().tolist() == [1]
    torch.testing.assert_close(*net(torch.ones(2, 6))["fake"])


def test_noise_is_one_number_a_pixel_before_the_activation() -> None:
    layer, x, w = Layer(3, 5, 4, 8, fixed_noise=False), torch.randn(2, 3, 4, 4), torch.randn(2, 8)
    nn.init.zeros_(layer.weight)
    nn.init.constant_(layer.strength, 2)
    nn.init.constant_(layer.bias, 0.5)
    torch.manual_seed(1)
    found = layer(x, w)
    torch.manual_seed(1)
    expected = leaky(2 * torch.randn(2, 1, 4, 4) + 0.5)
    torch.testing.assert_close(found, expected.expand_as(found))


def test_constant_noise_is_of_samples_alone() -> None:
    layer, x = Layer(3, 5, 4, 8, fixed_noise=True), torch.ones(2, 3, 4, 4)
    nn.init.ones_(layer.strength)
    one, other = layer(x, torch.ones(2, 8))
    assert not torch.equal(one, other)
    one, other = layer.eval()(x, torch.ones(2, 8))
    assert torch.equal(one, other)


def test_a_layer_to_pixels_is_scaled_by_its_style() -> None:
    layer, x = ToPixels(9, 3, 8), torch.randn(2, 9, 4, 4)
    nn.init.zeros_(layer.style.weight)
    nn.init.constant_(layer.style.bias, 6)
    torch.testing.assert_close(layer(x, torch.randn(2, 8)), 6 / 3 * conv2d(x, layer.weight))


def test_every_layer_has_its_place_in_w() -> None:
    """A layer to pixels shares that of the next convolution."""
    net = SMALL.generator(Z, image(16)).synthesis
    read: list[int] = []
    for module in net.modules():
        if isinstance(module, Modulated):
            module.style.register_forward_pre_hook(lambda _, w: read.append(int(w[0][0, 0])))
    net(torch.arange(net.layers)[None, :, None].expand(1, -1, 8).float())
    assert read == [0, 1, *(1, 2, 3), *(3, 4, 5)]


def test_an_image_is_the_sum_of_what_each_size_adds() -> None:
    net = SMALL.generator(Z, image(16)).synthesis
    for block in net.blocks:
        zeroed(block.pixels)
    smallest = returned(net.pixels)
    made = net(torch.randn(2, net.layers, 8))
    torch.testing.assert_close(made, doubled(doubled(smallest[0])))


def test_the_style_that_is_mixed_in_has_the_samples_own_label() -> None:
    told = SMALL.model_copy(update={"conditional": True, "mixing": 1.0})
    net, z, label = told.generator(Z, image(16), LABEL), torch.randn(9, 6), torch.arange(9) % 3
    w = net(z, label)["w"]
    torch.testing.assert_close(w[:, -1], net.mapping(z.roll(1, 0), label))


# ---------------------------------------------------------------------------------- discriminator


def test_a_block_is_two_activated_layers_beside_a_filtered_shortcut() -> None:
    block, x = Block(3, 5, residual=True), torch.randn(2, 3, 8, 8)
    first, second = returned(block.first), returned(block.second)
    fed = given(block.second)
    assert block.shorter is not None
    expected = block.shorter(halved(x))
    found = block(x)
    assert torch.equal(fed[0], leaky(first[0]))
    torch.testing.assert_close(found, (leaky(second[0]) + expected) / sqrt(2))


def test_the_first_features_and_the_verdicts_are_activated() -> None:
    net = SMALL.discriminator(image(8))
    pixels, fed = returned(net.pixels), given(net.blocks[0])
    conv, dense = returned(net.verdict.conv), returned(net.verdict.dense)
    flat, judged = given(net.verdict.dense), given(net.verdict.score)
    net(torch.randn(4, 3, 8, 8))
    assert torch.equal(fed[0], leaky(pixels[0]))
    assert torch.equal(flat[0], leaky(conv[0]).flatten(1))
    assert torch.equal(judged[0], leaky(dense[0]))


def test_a_label_adds_the_mean_of_its_products_with_the_features() -> None:
    """Of sqrt(C) terms of variance one: a sum over C, divided by sqrt(C)."""
    verdict, x = Verdict(7, group=4, classes=3), torch.randn(4, 7, 4, 4)
    features, label = given(verdict.score), torch.tensor([0, 1, 2, 0])
    added = verdict(x, label) - verdict(x)
    assert verdict.embed is not None
    expected = (features[0] * verdict.embed(label)).sum(1) / sqrt(7)
    torch.testing.assert_close(added, expected)


# ------------------------------------------------------------------------------- progressive GAN


def test_a_growing_generator_normalizes_its_latent_and_every_layer() -> None:
    net, z = Progressive(width=4, most=8).generator(Z, image(8)), torch.randn(2, 6)
    nn.init.normal_(net.dense.bias)
    torch.testing.assert_close(net(3 * z, 1, 1.0), net(z, 1, 1.0))
    up, x = Upwards(3, 5), torch.randn(2, 3, 4, 4)
    fed, second = given(up.second), returned(up.second)
    made = up(x)
    torch.testing.assert_close(fed[0].square().mean(1), torch.ones(2, 8, 8))
    torch.testing.assert_close(made, pixel_norm(leaky(second[0])))


def test_a_growing_discriminator_halves_what_is_activated() -> None:
    down, x = Downwards(3, 5), torch.randn(2, 3, 8, 8)
    first, second, fed = returned(down.first), returned(down.second), given(down.second)
    made = down(x)
    assert torch.equal(fed[0], leaky(first[0]))
    assert torch.equal(made, avg_pool2d(leaky(second[0]), 2))


# ------------------------------------------------------------------------------------------ layers


def test_an_equalized_convolution_keeps_the_variance() -> None:
    out = Conv(40, 30, 3)(torch.randn(4, 40, 20, 20))[..., 1:-1, 1:-1].detach()
    assert float(out.var()) == pytest.approx(1, rel=0.05)


def test_channels_double_at_each_halving_up_to_the_most() -> None:
    assert widths(32, 32, 128) == [128, 128, 64, 32]


def test_an_image_lies_in_the_middle_of_its_square() -> None:
    square = torch.zeros(1, 1, 16, 16)
    square[..., 7:9, 7:9] = 1
    found = cropped(square, margins(16, Space(shape=(1, 10, 4))))
    assert found.shape == (1, 1, 10, 4)
    assert torch.equal(found, found.flip(2, 3))
    assert found.sum() == 4


def test_what_is_constant_has_a_slope_everywhere() -> None:
    """Roots of zero, whose slope is infinite, are kept from zero."""
    x = torch.ones(4, 2, 3, 3, requires_grad=True)
    deviation = with_deviation(x, 4)[:, 2]
    torch.testing.assert_close(deviation, torch.full((4, 3, 3), 1e-4))
    (slope,) = torch.autograd.grad(deviation.sum(), x)
    assert bool(slope.isfinite().all())
    assert not pixel_norm(torch.zeros(2, 5)).any()
    w = torch.zeros(2, 3, 4, requires_grad=True)
    fake = w.square().sum((1, 2))[:, None, None, None].expand(2, 1, 4, 4)
    (slope,) = torch.autograd.grad(path_lengths(fake, w, torch.ones_like(fake)).sum(), w)
    assert bool(slope.isfinite().all())


def test_both_optimizers_correct_for_the_variants_own_lazy_terms() -> None:
    variant = VARIANTS["stylegan2"].model_copy(update={"architecture": SMALL, "batch": 8})
    game = Game(variant, tiny(3, 8, 8))
    assert not [text for o in variant.optimizers.values() for text in o.remarks(game)]
