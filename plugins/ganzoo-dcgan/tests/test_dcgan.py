"""DCGAN follows the paper's guidelines at every size it takes, and says which it does not."""

from __future__ import annotations

from itertools import pairwise
from math import sqrt

import pytest
import torch
from ganzoo_dcgan import Dcgan, ganzoo_variants
from torch import nn

from ganzoo.builtin.networks import Scorer, Upsampler
from ganzoo.engine.build import build
from ganzoo.engine.game import Game
from ganzoo.errors import ComposeError
from ganzoo.parts.space import Space
from ganzoo.testing import check_plugin, tiny

torch.set_num_threads(1)

Z = Space(shape=(6,))
CONVOLUTIONS = (nn.Conv2d, nn.ConvTranspose2d)


@pytest.fixture(autouse=True)
def _seeded() -> None:
    torch.manual_seed(0)


def image(channels: int, height: int, width: int | None = None) -> Space:
    return Space(shape=(channels, height, width or height), bounded=True)


def pair(architecture: Dcgan, real: Space) -> tuple[Upsampler, Scorer]:
    generator, discriminator = architecture.generator(Z, real), architecture.discriminator(real)
    assert isinstance(generator, Upsampler)
    assert isinstance(discriminator, Scorer)
    return generator, discriminator


def test_the_plugin_conforms() -> None:
    check_plugin("ganzoo_dcgan")


# ----------------------------------------------------------------------------------------- sizes


def makes_and_scores(architecture: Dcgan, real: Space) -> bool:
    generator, discriminator = pair(architecture, real)
    fake = generator(torch.randn(2, 6))
    in_range = float(fake.detach().abs().max()) <= 1
    return fake.shape == (2, *real.shape) and in_range and discriminator(fake).shape == (2,)


@pytest.mark.parametrize("kernel", [3, 5])
def test_every_side_from_8_to_128_comes_out_exactly(kernel: int) -> None:
    architecture = Dcgan(width=1, kernel=kernel)
    sides = range(8, 129)
    assert [s for s in sides if not makes_and_scores(architecture, image(1, s))] == []


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize(
    "sides",
    [(8, 8), (9, 13), (13, 9), (28, 31), (32, 50), (8, 128), (127, 8), (64, 100), (128, 127)],
)
def test_every_channel_count_and_rectangles_come_out_exactly(
    sides: tuple[int, int], channels: int
) -> None:
    assert makes_and_scores(Dcgan(width=2), image(channels, *sides))


@pytest.mark.parametrize("shape", [(1, 7, 7), (1, 8, 7), (1, 129, 129), (3, 64, 129), (5, 32, 32)])
def test_images_of_other_sizes_are_refused_with_the_limits(shape: tuple[int, ...]) -> None:
    said = " x ".join(map(str, shape))
    sentence = (
        "'dcgan' builds images of 8 to 128 pixels a side and 1 to 4 channels; the data's are "
        f"{said} in [-1, 1]."
    )
    real = Space(shape=shape, bounded=True)
    for player in ("generator", "discriminator"):
        with pytest.raises(ComposeError) as error:
            build(Dcgan(), player, {"z": Z, "real": real})
        assert str(error.value) == sentence


@pytest.mark.parametrize("shape", [(), (2,), (28, 28)])
@pytest.mark.parametrize("player", ["generator", "discriminator"])
def test_what_is_no_image_is_refused(shape: tuple[int, ...], player: str) -> None:
    with pytest.raises(
        ComposeError,
        match=r"^architecture 'dcgan' builds images, \(channels, height, width\); the data's 'r",
    ):
        build(Dcgan(), player, {"z": Z, "real": Space(shape=shape)})


def test_images_stay_in_range_where_the_last_layer_saturates() -> None:
    generator, _ = pair(Dcgan(width=4), image(3, 16))
    last = [m for m in generator.modules() if isinstance(m, nn.ConvTranspose2d)][-1]
    last.weight.data.mul_(1e3)
    fake = generator(torch.randn(16, 6)).detach()
    assert (float(fake.min()), float(fake.max())) == (-1.0, 1.0)


# ------------------------------------------------------------------------- the paper's guidelines


def kinds(layers: nn.Module) -> list[str]:
    return [type(module).__name__ for module in layers.children()]


def test_batch_norm_is_everywhere_but_the_generators_output_and_the_discriminators_input() -> None:
    generator, discriminator = pair(Dcgan(width=4), image(1, 32))
    up = ["BatchNorm2d", "ReLU", "ConvTranspose2d"]
    assert kinds(generator.layers) == [*up * 2, *up[:2], "ToPixels", "Tanh"]
    down = ["Conv2d", "BatchNorm2d", "LeakyReLU"]
    assert kinds(discriminator.body) == ["Conv2d", "LeakyReLU", *down * 2, "Flatten"]
    assert type(discriminator.head) is nn.Linear


@pytest.mark.parametrize("side", [8, 13, 64])
def test_strides_replace_pooling_and_no_hidden_layer_is_fully_connected(side: int) -> None:
    for net in pair(Dcgan(width=2), image(1, side)):
        assert not any("Pool" in type(m).__name__ for m in net.modules())
        assert all(m.stride == (2, 2) for m in net.modules() if isinstance(m, CONVOLUTIONS))
        assert sum(isinstance(m, nn.Linear) for m in net.modules()) == 1
        assert all(m.negative_slope == 0.2 for m in net.modules() if isinstance(m, nn.LeakyReLU))


def test_channels_double_as_the_image_halves() -> None:
    generator, discriminator = pair(Dcgan(width=4), image(3, 64))
    down = [m.out_channels for m in discriminator.modules() if isinstance(m, nn.Conv2d)]
    up = [m.in_channels for m in generator.modules() if isinstance(m, nn.ConvTranspose2d)]
    assert down == up[::-1] == [4, 8, 16, 32]
    assert all(b == 2 * a for a, b in pairwise(down))


def test_weights_start_from_a_normal_of_std_002_and_scales_around_one() -> None:
    torch.manual_seed(0)
    for net in pair(Dcgan(width=32), image(3, 32)):
        for module in net.modules():
            if isinstance(module, (nn.Linear, *CONVOLUTIONS)):
                is_normal(module.weight, 0.0)
            elif isinstance(module, nn.BatchNorm2d):
                is_normal(module.weight, 1.0)
                assert not bool(module.bias.any())


def is_normal(weight: torch.Tensor, mean: float) -> None:
    """Mean and deviation of N(mean, 0.02), each within five of its standard errors."""
    values = weight.detach().double().flatten()
    assert float(values.mean()) == pytest.approx(mean, abs=5 * 0.02 / sqrt(len(values)))
    assert float(values.std()) == pytest.approx(0.02, abs=5 * 0.02 / sqrt(2 * len(values)))


def test_the_variant_has_the_papers_optimizer_and_trains_both_players() -> None:
    (variant,) = ganzoo_variants()
    for adam in (variant.optimizers["discriminator"], variant.optimizers["generator"]):
        assert (adam.lr, adam.betas[0]) == (2e-4, 0.5)
    small = type(variant).model_validate(
        {**dict(variant), "architecture": Dcgan(width=2), "batch": 8}
    )
    game = Game(small, tiny(3, 16, 16))
    weights = [p for params in game.params.values() for p in params if p.dim() > 1]
    before = [weight.detach().clone() for weight in weights]
    game.round()
    assert not any(torch.equal(*both) for both in zip(before, weights, strict=True))
