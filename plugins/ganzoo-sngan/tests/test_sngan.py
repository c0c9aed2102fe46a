"""The networks of SNGAN and BigGAN against closed forms, and what the variants promise."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import torch
from ganzoo_sngan import (
    Biggan,
    Orthogonal,
    Sngan,
    SnganProjection,
    SnganResnet,
    SpectralNorm,
    ganzoo_variants,
)
from ganzoo_sngan.blocks import DownBlock, UpBlock
from torch import nn

from ganzoo.builtin.labelled import Labelled
from ganzoo.builtin.networks import ConditionalBatchNorm
from ganzoo.engine.build import build
from ganzoo.engine.game import Game
from ganzoo.errors import ComposeError
from ganzoo.parts.space import Space
from ganzoo.parts.variant import Variant
from ganzoo.testing import check_plugin, tiny

if TYPE_CHECKING:
    from ganzoo.parts.part import Architecture

torch.set_num_threads(1)

VARIANTS = {variant.name: variant for variant in ganzoo_variants()}
SMALL: dict[str, Architecture] = {
    "sngan": Sngan(width=4),
    "sngan-resnet": SnganResnet(generator_width=4, discriminator_width=4),
    "sngan-projection": SnganProjection(generator_width=4, discriminator_width=4),
    "biggan": Biggan(generator_width=4, discriminator_width=4, shared=3),
}
CONDITIONAL = ("sngan-projection", "biggan")
CLASSES = 3


@pytest.fixture(autouse=True)
def _seeded() -> None:
    torch.manual_seed(0)


def small(name: str, **fields: Any) -> Variant:
    """A variant of the plugin, narrow enough to train in milliseconds."""
    chosen = {**dict(VARIANTS[name]), "architecture": SMALL[name], "batch": 8, **fields}
    return Variant.model_validate(chosen)


def spaces(*shape: int, dim: int = 10) -> dict[str, Space]:
    real = Space(shape=shape, bounded=True)
    return {"real": real, "z": Space(shape=(dim,)), "label": Space(classes=CLASSES)}


def test_the_plugin_conforms() -> None:
    check_plugin("ganzoo_sngan")


# --------------------------------------------------------------------------------------- networks


@pytest.mark.parametrize("name", SMALL)
@pytest.mark.parametrize("shape", [(1, 28, 28), (3, 32, 32), (4, 8, 8), (2, 9, 13), (3, 64, 17)])
def test_images_of_every_size_are_generated_and_scored(name: str, shape: tuple[int, ...]) -> None:
    made = spaces(*shape)
    generator, discriminator = (
        build(SMALL[name], player, made) for player in ("generator", "discriminator")
    )
    given = {"label": torch.tensor([0, 2])} if name in CONDITIONAL else {}
    fake = generator(torch.randn(2, 10), **given)
    assert fake.shape == (2, *shape)
    assert float(fake.detach().abs().max()) <= 1
    out = discriminator(fake, **given)
    assert (out["score"] if isinstance(out, dict) else out).shape == (2,)


def kinds(net: nn.Module) -> list[tuple[int, ...]]:
    """Input and output channels, kernel and stride of a network's convolutions, in their order."""
    found = [m for m in net.modules() if isinstance(m, (nn.Conv2d, nn.ConvTranspose2d))]
    return [(m.in_channels, m.out_channels, m.kernel_size[0], m.stride[0]) for m in found]


def test_at_32_pixels_and_width_64_the_convolutions_are_those_of_table_3() -> None:
    paper, made = Sngan(width=64), spaces(3, 32, 32, dim=128)
    assert kinds(build(paper, "discriminator", made)) == [
        *((3, 64, 3, 1), (64, 64, 4, 2), (64, 128, 3, 1), (128, 128, 4, 2)),
        *((128, 256, 3, 1), (256, 256, 4, 2), (256, 512, 3, 1)),
    ]
    assert kinds(build(paper, "generator", made)) == [
        *((512, 256, 4, 2), (256, 128, 4, 2), (128, 64, 4, 2), (64, 3, 3, 1)),
    ]


def test_at_32_pixels_the_residual_networks_are_those_of_table_4() -> None:
    made = spaces(3, 32, 32)
    generator = build(SMALL["sngan-resnet"], "generator", made)
    sizes = [block.size for block in generator.modules() if isinstance(block, UpBlock)]
    assert sizes == [(8, 8), (16, 16), (32, 32)]
    discriminator = build(SMALL["sngan-resnet"], "discriminator", made)
    halved = [block.halves for block in discriminator.modules() if isinstance(block, DownBlock)]
    assert halved == [True, True, False, False]


def test_a_block_is_its_shortcut_where_its_last_convolution_is_zero() -> None:
    x = torch.randn(2, 3, 8, 8)
    up, down, plain = UpBlock(3, 3, (16, 16)), DownBlock(3, 3), DownBlock(3, 3, halves=False)
    for block in (up, down, plain):
        last = block.convolutions[-1]
        nn.init.zeros_(last.weight)
        nn.init.zeros_(last.bias)
    for block in (up, down):
        nn.init.dirac_(block.shortcut.weight)
    torch.testing.assert_close(up(x), x.repeat_interleave(2, 2).repeat_interleave(2, 3))
    torch.testing.assert_close(down(x), x.unflatten(3, (4, 2)).unflatten(2, (4, 2)).mean((3, 5)))
    assert torch.equal(plain(x), x)


def test_the_features_of_residual_networks_are_sums_over_pixels() -> None:
    net = SnganResnet(discriminator_width=4).features(Space(shape=(1, 8, 8), bounded=True))
    x = torch.randn(2, 1, 8, 8)
    torch.testing.assert_close(net(x), net.blocks(x).relu().flatten(2).sum(2))


def minus_identity(convolution: nn.Module) -> None:
    nn.init.dirac_(convolution.weight)
    with torch.no_grad():
        convolution.weight.neg_()


@pytest.mark.parametrize(
    "block", [UpBlock(3, 3, (16, 16)), DownBlock(3, 3), DownBlock(3, 3, halves=False)]
)
def test_both_convolutions_of_a_block_are_of_what_a_relu_returns(block: nn.Module) -> None:
    """Where the first is minus the identity, nothing is left for the second."""
    x = torch.randn(2, 3, 8, 8)
    minus_identity(block.convolutions[0])
    found = block.eval()(x)
    nn.init.zeros_(block.convolutions[1].weight)
    assert torch.equal(found, block(x))


def test_the_first_block_of_a_discriminator_reads_pixels_as_they_are() -> None:
    block, x = DownBlock(3, 3, first=True), torch.randn(2, 3, 8, 8)
    minus_identity(block.convolutions[0])
    nn.init.dirac_(block.convolutions[1].weight)
    nn.init.zeros_(block.shortcut.weight)
    expected = (-x).relu().unflatten(3, (4, 2)).unflatten(2, (4, 2)).mean((3, 5))
    torch.testing.assert_close(block(x), expected)
    net = SMALL["sngan-resnet"].features(Space(shape=(3, 32, 32), bounded=True))  # type: ignore[attr-defined]
    assert [block.first for block in net.blocks] == [True, False, False, False]


def test_pixels_are_of_what_a_relu_returns() -> None:
    net = build(SMALL["sngan-resnet"], "generator", spaces(3, 16, 16)).net
    nn.init.zeros_(net.norm.weight)
    nn.init.constant_(net.norm.bias, -1)
    assert not net(torch.randn(2, 10)).any()


def test_weights_begin_as_the_papers_do() -> None:
    """From N(0, 0.02) in SNGAN and BigGAN; uniform as by Glorot in residual networks."""
    made = spaces(3, 32, 32)
    for name in ("sngan", "biggan"):
        for player in ("generator", "discriminator"):
            net = build(VARIANTS[name].architecture, player, made)
            for layer in net.modules():
                if isinstance(layer, (nn.Conv2d, nn.ConvTranspose2d)):
                    assert float(layer.weight.detach().std()) == pytest.approx(0.02, rel=0.1)
    net = build(VARIANTS["sngan-resnet"].architecture, "discriminator", made)
    for layer in net.modules():
        if isinstance(layer, nn.Conv2d):
            inputs, outputs = layer.weight[0].numel(), layer.weight[:, 0].numel()
            most = (6 / (inputs + outputs)) ** 0.5
            assert float(layer.weight.detach().abs().max()) == pytest.approx(most, rel=0.05)
    leaky = build(SMALL["sngan"], "discriminator", made).modules()
    assert {m.negative_slope for m in leaky if isinstance(m, nn.LeakyReLU)} == {0.1}


# ------------------------------------------------------------------------------------------ labels


def test_a_class_has_its_own_gain_and_bias_in_every_norm_of_a_block() -> None:
    net = build(SMALL["sngan-projection"], "generator", spaces(1, 16, 16))
    norms = [m for m in net.modules() if isinstance(m, ConditionalBatchNorm)]
    assert [norm.gain.in_features for norm in norms] == [CLASSES] * 4
    z = torch.randn(1, 10).expand(2, -1)
    label = torch.tensor([0, 1])
    one, other = net.eval()(z, label)
    torch.testing.assert_close(one, other)
    with torch.no_grad():
        norms[0].bias.weight[:, 1] = 1
    one, other = net(z, label)
    assert float((one - other).detach().abs().max()) > 0.01


def test_the_first_part_of_a_latent_is_projected_and_each_other_part_is_one_blocks() -> None:
    """Of 10 numbers over a seed and two blocks: 4, 3 and 3."""
    net = build(SMALL["biggan"], "generator", spaces(1, 16, 16))
    assert net.net.project.in_features == 4
    norms = [m for m in net.modules() if isinstance(m, ConditionalBatchNorm)]
    assert [norm.gain.in_features for norm in norms] == [3 + 3] * 4
    seen: list[torch.Tensor] = []
    for norm in norms:
        norm.gain.register_forward_pre_hook(lambda _, given: seen.append(given[0]))
    z, label = torch.arange(10.0)[None].expand(2, -1), torch.tensor([0, 2])
    net(z, label)
    expected = [torch.cat((net.embed(label), z[:, a : a + 3]), 1) for a in (4, 4, 7, 7)]
    assert all(map(torch.equal, seen, expected))


def test_a_latent_with_fewer_numbers_than_parts_is_refused() -> None:
    with pytest.raises(ComposeError) as caught:
        build(SMALL["biggan"], "generator", spaces(1, 16, 16, dim=2))
    assert str(caught.value) == (
        "'biggan' splits z into 3 parts for images of this size; it has 2 numbers."
    )


@pytest.mark.parametrize("name", CONDITIONAL)
def test_data_without_labels_are_refused_in_a_sentence(name: str) -> None:
    with pytest.raises(ComposeError) as caught:
        Game(small(name), tiny(1, 8, 8))
    assert str(caught.value) == (
        "sampler 'labelled' needs data with a class 'label'; "
        "the data have: real (1 x 8 x 8 in [-1, 1])."
    )


def test_points_are_refused_in_a_sentence() -> None:
    for name in ("sngan", "sngan-resnet"):
        with pytest.raises(ComposeError, match=f"^architecture '{name}' builds images, "):
            Game(small(name), tiny(2))


# -------------------------------------------------------------------------------- orthogonal rows


def test_orthogonal_is_the_sum_of_squared_products_of_different_filters() -> None:
    weight = torch.tensor([[1.0, 0.0], [1.0, 2.0], [0.0, 3.0]])
    products = weight @ weight.T
    expected = (products * (1 - torch.eye(3))).square().sum()
    torch.testing.assert_close(Orthogonal().generator([weight]), expected)
    torch.testing.assert_close(Orthogonal().generator([weight, weight]), 2 * expected)
    assert float(Orthogonal().generator([torch.eye(4) * 7])) == 0


def test_descending_it_brings_filters_to_right_angles() -> None:
    weight = torch.randn(3, 5, requires_grad=True)
    descent = torch.optim.SGD([weight], lr=0.01)
    for _ in range(300):
        (descent.zero_grad(), Orthogonal().generator([weight]).backward(), descent.step())
    products = (weight @ weight.T).detach()
    assert float((products - products.diagonal().diag()).abs().max()) < 0.01
    assert float(products.diagonal().min()) > 0.1


@pytest.mark.parametrize("others", [(), (SpectralNorm(players="both"),)])
def test_in_a_game_it_is_of_the_generators_own_parameters(others: tuple[Any, ...]) -> None:
    part = Orthogonal(weight=3)
    turns = {"discriminator": 1, "generator": 1}
    variant = small("biggan", regularizers=(*others, part), turns=turns)
    game = Game(variant, tiny(1, 8, 8, classes=CLASSES))
    weights = game.state_of(part)
    owned = {id(param) for param in game.params["generator"]}
    assert {id(weight) for weight in weights} < owned
    expected = 3 * Orthogonal().generator(weights).detach()
    game.round()
    torch.testing.assert_close(game.log["generator"]["orthogonal"], expected)


# ---------------------------------------------------------------------------------------- variants


def test_the_variants_have_the_papers_constants() -> None:
    for name in ("sngan-resnet", "sngan-projection"):
        variant = VARIANTS[name]
        assert dict(variant.turns) == {"discriminator": 5, "generator": 1}
        for optimizer in variant.optimizers.values():
            assert optimizer.betas == (0.0, 0.9)
            assert (optimizer.lr.at(0), optimizer.lr.at(1)) == (2e-4, 0)
    assert VARIANTS["biggan"].regularizers == (SpectralNorm(players="both"),)
    assert dict(VARIANTS["biggan"].turns) == {"discriminator": 4, "generator": 1}
    assert all(type(VARIANTS[name].sampler) is Labelled for name in CONDITIONAL)


@pytest.mark.parametrize("name", SMALL)
def test_a_network_of_32_colour_pixels_fits_four_megabytes(name: str) -> None:
    for player in ("generator", "discriminator"):
        net = build(VARIANTS[name].architecture, player, spaces(3, 32, 32, dim=64))
        assert sum(t.numel() * t.element_size() for t in net.state_dict().values()) < 3.9e6
