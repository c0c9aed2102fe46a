"""Building blocks: every size comes out exactly, and what does not fit is refused in a sentence."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from ganzoo.builtin.networks import (
    ConditionalBatchNorm,
    MlpGenerator,
    Scorer,
    Upsampler,
    channel_counts,
    downsampler,
    mlp,
    mlp_scorer,
    pyramid,
    squash,
)
from ganzoo.builtin.networks.to_pixels import ToPixels
from ganzoo.errors import ComposeError
from ganzoo.parts.space import Space

SIDES = [(8, 8), (9, 9), (13, 28), (31, 32), (50, 64), (8, 128), (127, 128)]


@pytest.fixture(autouse=True)
def _seeded() -> None:
    torch.manual_seed(0)


def image(channels: int, height: int, width: int) -> Space:
    return Space(shape=(channels, height, width), bounded=True)


def kinds(net: nn.Module) -> list[str]:
    return [type(layer).__name__ for layer in net.children()]


def test_a_norm_by_unit_is_that_of_a_dense_layers_units() -> None:
    by_unit = Upsampler(3, 1, [(8, 8), (4, 4)], width=2, kernel=5, by_unit=True)
    seeds = by_unit.project(torch.randn(50, 3)).unflatten(1, by_unit.seed)
    normed = by_unit.layers[0](seeds)
    torch.testing.assert_close(normed.mean(0), torch.zeros(2, 4, 4), atol=1e-5, rtol=0)
    torch.testing.assert_close(normed.std(0, correction=0), torch.ones(2, 4, 4), atol=1e-2, rtol=0)


# ------------------------------------------------------------------------------------------- MLPs


def test_an_mlp_normalizes_and_activates_all_layers_but_the_last() -> None:
    net = mlp([2, 8, 4, 3], activation=nn.Tanh, norm=nn.BatchNorm1d)
    hidden = ["Linear", "BatchNorm1d", "Tanh"]
    assert kinds(net) == [*hidden, *hidden, "Linear"]
    sizes = [(m.in_features, m.out_features) for m in net if isinstance(m, nn.Linear)]
    assert sizes == [(2, 8), (8, 4), (4, 3)]
    assert kinds(mlp([2, 3])) == ["Linear"]


def test_an_mlp_of_two_sizes_is_linear() -> None:
    net, x = mlp([3, 2]), torch.randn(5, 3)
    torch.testing.assert_close(net(2 * x) - net(x), net(x) - net(0 * x))


def test_a_bounded_space_is_squashed_and_another_is_not() -> None:
    x = torch.linspace(-9, 9, 5)
    assert torch.equal(squash(Space(shape=(5,), bounded=True))(x), x.tanh())
    assert torch.equal(squash(Space(shape=(5,)))(x), x)


@pytest.mark.parametrize("shape", [(2,), (1, 8, 8), (2, 3, 4, 5)])
def test_mlps_make_and_score_samples_of_any_shape(shape: tuple[int, ...]) -> None:
    real = Space(shape=shape, bounded=True)
    fake = MlpGenerator(6, [8], real)(100 * torch.randn(7, 6))
    assert fake.shape == (7, *shape)
    assert float(fake.detach().abs().max()) <= 1
    assert mlp_scorer(real, [8, 4])(fake).shape == (7,)


def test_a_scorer_is_one_linear_map_of_its_bodys_features() -> None:
    net, x = Scorer(nn.Flatten(), 6), torch.randn(4, 2, 3)
    expected = x.flatten(1) @ net.head.weight[0] + net.head.bias
    torch.testing.assert_close(net(x), expected)


def test_the_score_of_one_sample_is_a_batch_of_one() -> None:
    assert mlp_scorer(Space(shape=(2,)), [4])(torch.randn(1, 2)).shape == (1,)


# ----------------------------------------------------------------------------------------- ladders


@pytest.mark.parametrize(
    ("side", "sizes"),
    [
        ((8, 8), [(8, 8), (4, 4)]),
        ((28, 28), [(28, 28), (14, 14), (7, 7), (4, 4)]),
        ((9, 13), [(9, 13), (5, 7), (3, 4)]),
        ((8, 100), [(8, 100), (4, 50)]),
        ((128, 128), [(128, 128), (64, 64), (32, 32), (16, 16), (8, 8), (4, 4)]),
    ],
)
def test_a_pyramid_halves_rounding_up_until_the_shorter_side_is_four_or_less(
    side: tuple[int, int], sizes: list[tuple[int, int]]
) -> None:
    assert pyramid(image(1, *side), "test") == sizes


@pytest.mark.parametrize("shape", [(1, 7, 8), (1, 8, 129), (5, 8, 8), (1, 1, 1)])
def test_a_pyramid_refuses_images_that_the_blocks_are_not_made_for(shape: tuple[int, ...]) -> None:
    with pytest.raises(ComposeError) as error:
        pyramid(Space(shape=shape, bounded=True), "some-net")
    assert str(error.value) == (
        "'some-net' builds images of 8 to 128 pixels a side and 1 to 4 channels; the data's are "
        f"{' x '.join(map(str, shape))} in [-1, 1]."
    )


def test_channel_counts_double_up_to_eight_fold() -> None:
    assert channel_counts(4, 6) == [4, 8, 16, 32, 32, 32]
    assert channel_counts(3, 1) == [3]


# ------------------------------------------------------------------------------------ convolutions


@pytest.mark.parametrize("kernel", [3, 4, 5])
@pytest.mark.parametrize("sides", SIDES)
def test_an_image_goes_down_to_the_promised_length_and_comes_up_exactly(
    sides: tuple[int, int], kernel: int
) -> None:
    sizes = pyramid(image(3, *sides), "test")
    fake = Upsampler(6, 3, sizes, width=2, kernel=kernel)(torch.randn(2, 6))
    assert fake.shape == (2, 3, *sides)
    body, features = downsampler(3, sizes, width=2, kernel=kernel)
    assert body(fake).shape == (2, features)


@pytest.mark.parametrize("sides", SIDES)
def test_every_pixel_is_seen_and_every_pixel_is_made(sides: tuple[int, int]) -> None:
    """No stride leaves out an edge: each pixel has a slope, and each depends on the latent."""
    sizes = pyramid(image(1, *sides), "test")
    body, _ = downsampler(1, sizes, width=4, kernel=3)
    x = torch.randn(1, 1, *sides, requires_grad=True)
    (slope,) = torch.autograd.grad(body(x).square().sum(), x)
    assert bool((slope != 0).all())
    fake = Upsampler(6, 1, sizes, width=4, kernel=5)(torch.randn(2, 6)).detach()
    assert bool((fake[0] != fake[1]).all())


@pytest.mark.parametrize("kernel", [3, 4, 5])
@pytest.mark.parametrize("sides", SIDES)
def test_samples_are_those_of_a_plain_transposed_convolution(
    sides: tuple[int, int], kernel: int
) -> None:
    """In eval mode and without a gradient the last layer computes them in another way."""
    sizes = pyramid(image(3, *sides), "test")
    net = Upsampler(6, 3, sizes, width=2, kernel=kernel).to(memory_format=torch.channels_last)
    z = torch.randn(17, 6)
    plain = net.eval()(z)
    assert plain.requires_grad
    with torch.no_grad():
        torch.testing.assert_close(net(z), plain, atol=1e-6, rtol=0)


def test_the_last_layer_is_a_plain_one_in_training_and_wherever_its_bits_may_differ(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    layer = ToPixels(8, 1, 5, padding=(2, 2), output_padding=(1, 1)).eval()
    own, ways = ToPixels._by_columns, []

    def noted(self: ToPixels, x: torch.Tensor) -> torch.Tensor:
        ways.append(len(x))
        return own(self, x)

    monkeypatch.setattr(ToPixels, "_by_columns", noted)
    few, many = torch.randn(16, 8, 4, 4), torch.randn(17, 8, 4, 4)
    with torch.no_grad():
        layer(many)
        assert ways == [17]
        layer(few)
        layer(many, [7, 7])
        with torch.autocast("cpu"):
            layer(many)
        layer.train()(many)
        layer.eval()
        copy.deepcopy(layer).to("meta")(many.to("meta"))
    layer(many)
    assert ways == [17]


def test_sampling_costs_the_floating_point_operations_of_the_plain_layer() -> None:
    layer = ToPixels(8, 1, 5, padding=(2, 2), output_padding=(1, 1)).eval()
    x = torch.randn(17, 8, 4, 4)
    with FlopCounterMode(display=False) as plain:
        layer(x)
    with FlopCounterMode(display=False) as sampled, torch.no_grad():
        layer(x)
    assert plain.get_total_flops() == sampled.get_total_flops() > 0


def test_norm_follows_every_convolution_down_but_the_first() -> None:
    sizes = pyramid(image(1, 32, 32), "test")
    plain, _ = downsampler(1, sizes, width=2, kernel=3)
    normed, _ = downsampler(1, sizes, width=2, kernel=3, norm=nn.BatchNorm2d)
    step = ["Conv2d", "BatchNorm2d", "LeakyReLU"]
    assert kinds(plain) == ["Conv2d", "LeakyReLU"] * 3 + ["Flatten"]
    assert kinds(normed) == ["Conv2d", "LeakyReLU", *step, *step, "Flatten"]


def test_an_upsampler_has_a_bias_only_where_no_norm_takes_it_away() -> None:
    net = Upsampler(6, 3, pyramid(image(3, 32, 32), "test"), width=2, kernel=5)
    biases = [m.bias is not None for m in net.layers if isinstance(m, nn.ConvTranspose2d)]
    assert biases == [False, False, True]
    assert net.project.bias is None
    assert kinds(net.layers)[-2:] == ["ToPixels", "Tanh"]


def test_conditional_batch_norm_is_batch_norm_with_a_gain_and_bias_linear_in_its_condition() -> (
    None
):
    net, plain = ConditionalBatchNorm(3, 4), nn.BatchNorm2d(3)
    x, condition = torch.randn(5, 3, 4, 6), torch.randn(5, 4)
    torch.testing.assert_close(net(x, condition), plain(x))
    nn.init.normal_(net.gain.weight)
    nn.init.normal_(net.bias.weight)
    gain, bias = (condition @ layer.weight.T for layer in (net.gain, net.bias))
    expected = plain(x) * (1 + gain[:, :, None, None]) + bias[:, :, None, None]
    torch.testing.assert_close(net(x, condition), expected)
