"""The original GAN is the paper's: its units, its game, its equilibrium."""

from __future__ import annotations

from math import log, prod

import ganzoo_vanilla
import pytest
import torch
from ganzoo_vanilla import Maxout, MaxoutMlp, Mlp
from torch import nn
from torch.nn.functional import softplus

from ganzoo.builtin.losses import NonSaturating
from ganzoo.builtin.samplers import Uniform
from ganzoo.engine.game import Game
from ganzoo.parts.part import Architecture
from ganzoo.parts.space import Space
from ganzoo.parts.variant import Variant
from ganzoo.testing import check_plugin, tiny

torch.set_num_threads(1)

Z = Space(shape=(6,))
SHAPES = [(2,), (1, 8, 8), (3, 5, 7)]
VARIANTS = {variant.name: variant for variant in ganzoo_vanilla.ganzoo_variants()}


@pytest.fixture(autouse=True)
def _seeded() -> None:
    torch.manual_seed(0)


def test_the_plugin_conforms() -> None:
    check_plugin("ganzoo_vanilla")


# ---------------------------------------------------------------------------------------- maxout


def test_a_maxout_unit_is_the_largest_of_its_linear_maps() -> None:
    layer, x = Maxout(into=5, out=3, pieces=4), torch.randn(7, 5)
    weight, bias = layer.linear.weight.view(3, 4, 5), layer.linear.bias.view(3, 4)
    for row, out in zip(x, layer(x), strict=True):
        for unit in range(3):
            maps = [float((weight[unit, k] @ row + bias[unit, k]).detach()) for k in range(4)]
            assert float(out[unit].detach()) == pytest.approx(max(maps), abs=1e-5)


def test_a_maxout_unit_of_two_maps_can_be_the_absolute_value() -> None:
    layer = Maxout(into=1, out=1, pieces=2)
    with torch.no_grad():
        layer.linear.weight.copy_(torch.tensor([[1.0], [-1.0]]))
        layer.linear.bias.zero_()
    x = torch.linspace(-2, 2, 9)[:, None]
    assert torch.equal(layer(x), x.abs())


def test_a_maxout_unit_is_convex_and_one_piece_is_linear() -> None:
    layer, one, other = Maxout(5, 3, pieces=4), torch.randn(50, 5), torch.randn(50, 5)
    assert bool((layer((one + other) / 2) <= (layer(one) + layer(other)) / 2 + 1e-5).all())
    linear = Maxout(5, 3, pieces=1)
    torch.testing.assert_close(linear(one), linear.linear(one))


# -------------------------------------------------------------------------------------- networks


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("architecture", [Mlp(width=8), MaxoutMlp(width=8, units=4)])
def test_samples_of_any_shape_are_made_and_scored(
    architecture: Architecture, shape: tuple[int, ...]
) -> None:
    real = Space(shape=shape, bounded=True)
    fake = architecture.generator(Z, real)(9 * torch.randn(5, 6))
    assert fake.shape == (5, *shape)
    assert float(fake.detach().abs().max()) <= 1
    assert architecture.discriminator(real)(fake).shape == (5,)


def test_unbounded_samples_are_not_squashed() -> None:
    fake = Mlp(width=8).generator(Z, Space(shape=(2,)))(1000 * torch.randn(50, 6))
    assert float(fake.detach().abs().max()) > 1


@pytest.mark.parametrize("depth", [1, 4])
def test_an_mlp_has_as_many_hidden_layers_as_asked_and_no_norm(depth: int) -> None:
    architecture, real = Mlp(width=8, depth=depth), Space(shape=(2,))
    for net in (architecture.generator(Z, real), architecture.discriminator(real)):
        linear = [m for m in net.modules() if isinstance(m, nn.Linear)]
        assert [m.out_features for m in linear[:-1]] == [8] * depth
        assert not any("Norm" in type(m).__name__ for m in net.modules())


def test_the_papers_discriminator_drops_out_in_training_alone() -> None:
    net = MaxoutMlp(units=8).discriminator(Space(shape=(1, 8, 8)))
    x = torch.randn(4, 1, 8, 8)
    assert [m.p for m in net.modules() if isinstance(m, nn.Dropout)] == [0.2, 0.5, 0.5]
    assert not torch.equal(net(x), net(x))
    net.eval()
    assert torch.equal(net(x), net(x))


def test_the_papers_networks_have_the_papers_sizes() -> None:
    """MNIST in the authors' code: 1200 ReLUs twice, 240 maxout units of 5 pieces twice."""
    real = Space(shape=(1, 28, 28), bounded=True)
    architecture = VARIANTS["vanilla-maxout"].architecture
    assert isinstance(architecture, MaxoutMlp)
    sizes = [
        [tuple(m.weight.shape) for m in net.modules() if isinstance(m, nn.Linear)]
        for net in (
            architecture.generator(Space(shape=(100,)), real),
            architecture.discriminator(real),
        )
    ]
    assert sizes[0] == [(1200, 100), (1200, 1200), (784, 1200)]
    assert sizes[1] == [(1200, 784), (1200, 240), (1, 240)]
    assert VARIANTS["vanilla-maxout"].sampler == Uniform(dim=100)


# -------------------------------------------------------------------------------------- the game


@pytest.mark.parametrize("name", VARIANTS)
def test_a_discriminator_that_knows_nothing_loses_twice_the_log_of_two(name: str) -> None:
    """The paper's value of the game where D is 1/2 everywhere: -log 4 (its theorem 1)."""
    game = Game(VARIANTS[name], tiny(1, 8, 8))
    for param in game.nets["discriminator"].parameters():
        param.data.zero_()
    game.play(next(iter(game.variant.sampler.deal("discriminator", game, torch.arange(8)))))
    assert float(game.log["discriminator"]["non-saturating"]) == pytest.approx(2 * log(2))


def test_the_best_discriminator_is_the_log_ratio_of_the_densities() -> None:
    """Proposition 1: the score that minimizes the loss is log p(x)/q(x), so D is p / (p + q)."""
    p, q = torch.tensor([0.1, 0.5, 0.9, 1.0]), torch.tensor([0.9, 0.5, 0.3, 0.01])
    score = (p / q).log().requires_grad_()
    loss = NonSaturating()
    zero = torch.zeros(4)
    of_real = loss.discriminator(score, zero) - softplus(zero)
    of_fake = loss.discriminator(zero, score) - softplus(zero)
    (slope,) = torch.autograd.grad((p * of_real + q * of_fake).sum(), score)
    torch.testing.assert_close(slope, zero, atol=1e-6, rtol=0)
    torch.testing.assert_close(score.sigmoid(), p / (p + q))


@pytest.mark.parametrize("name", VARIANTS)
def test_a_variants_samples_have_the_datas_shape(name: str) -> None:
    variant = Variant.model_validate({**dict(VARIANTS[name]), "batch": 8})
    data = tiny(1, 8, 8)
    game = Game(variant, data)
    game.round()
    fake = game.sample(3)["fake"]
    assert fake.shape == (3, 1, 8, 8)
    assert prod(fake.shape) == fake.isfinite().sum()
