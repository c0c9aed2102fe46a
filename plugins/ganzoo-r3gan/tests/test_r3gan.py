"""R3GAN against closed forms: its loss, its blocks, its filter, and what the paper rules out."""

from __future__ import annotations

from math import log
from typing import TYPE_CHECKING, Any

import pytest
import torch
from ganzoo_conditional.labels import Labelled
from ganzoo_r3gan import R3gan, Relativistic, ganzoo_variants
from ganzoo_r3gan.networks import Block, Resample
from ganzoo_sngan import Orthogonal
from torch import nn

import ganzoo
from ganzoo.builtin.regularizers import R1, R2
from ganzoo.engine.build import build
from ganzoo.engine.game import Game
from ganzoo.errors import ComposeError
from ganzoo.parts.space import Space
from ganzoo.parts.variant import Variant
from ganzoo.testing import check_plugin, check_replayed, tiny

if TYPE_CHECKING:
    from pathlib import Path

torch.set_num_threads(1)

Z, LABEL = Space(shape=(6,)), Space(classes=3)
(R3GAN,) = ganzoo_variants()
SMALL = R3gan(width=2, most=4)


@pytest.fixture(autouse=True)
def _seeded() -> None:
    torch.manual_seed(0)


def image(channels: int, height: int, width: int | None = None) -> Space:
    return Space(shape=(channels, height, width or height), bounded=True)


def small(**fields: Any) -> Variant:
    """The variant, narrow enough to train in milliseconds."""
    return Variant.model_validate({**dict(R3GAN), "architecture": SMALL, "batch": 8, **fields})


def weights(net: nn.Module) -> int:
    return sum(param.numel() for param in net.parameters())


def test_the_plugin_conforms() -> None:
    check_plugin("ganzoo_r3gan")


# ------------------------------------------------------------------------------------- the loss


def test_the_loss_is_log_2_where_scores_are_equal_and_the_gap_where_they_are_far_apart() -> None:
    real, fake = torch.tensor([1.5, 60.0, -60.0]), torch.tensor([1.5, -60.0, 60.0])
    near = pytest.approx([log(2), 0.0, 120.0])
    assert Relativistic().discriminator(real, fake).tolist() == near
    assert Relativistic().generator(fake, real).tolist() == near


def test_only_the_difference_of_a_pair_counts_and_the_players_mirror_each_other() -> None:
    real, fake, loss = torch.randn(9), torch.randn(9), Relativistic()
    torch.testing.assert_close(
        loss.discriminator(real, fake), loss.discriminator(real + 4, fake + 4)
    )
    # softplus(-t) = softplus(t) - t
    gap = loss.generator(real, fake) - loss.discriminator(real, fake)
    torch.testing.assert_close(gap, real - fake)
    assert not Relativistic.signed


WARNING = (
    "'r2' is applied every 8 steps only: with lazy penalties and this loss, the authors of R3GAN "
    "saw training fail to converge on stacked MNIST and on points (arXiv:2501.05441); set "
    "r2.every=1."
)


def test_a_lazy_penalty_beside_the_loss_is_warned_of(tmp_path: Path) -> None:
    lazy = small(regularizers=(R1(), R2(every=8)))
    assert list(Relativistic().warnings(Game(lazy, tiny(1, 8, 8)))) == [WARNING]
    of_generator = small(regularizers=(Orthogonal(every=8),))
    for variant in (small(), of_generator):
        assert list(Relativistic().warnings(Game(variant, tiny(1, 8, 8)))) == []
    run = ganzoo.train(lazy, data=tiny(1, 8, 8), rounds=1, out=tmp_path / "run")
    assert run.remarks == [WARNING]


# --------------------------------------------------------------------------------------- networks


def fits(architecture: R3gan, real: Space) -> bool:
    generator, discriminator = architecture.generator(Z, real), architecture.discriminator(real)
    fake = generator(torch.randn(2, 6))
    in_range = float(fake.detach().abs().max()) <= 1
    return fake.shape == (2, *real.shape) and in_range and discriminator(fake).shape == (2,)


def test_every_side_from_8_to_128_comes_out_exactly() -> None:
    assert [
        side for side in range(8, 129) if not fits(R3gan(width=1, most=1), image(1, side))
    ] == []


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("sides", [(8, 8), (9, 13), (28, 31), (8, 128), (127, 128)])
def test_every_channel_count_and_rectangles_come_out_exactly(
    sides: tuple[int, int], channels: int
) -> None:
    assert fits(SMALL, image(channels, *sides))


@pytest.mark.parametrize("shape", [(1, 7, 7), (1, 129, 129), (5, 32, 32)])
def test_images_of_other_sizes_are_refused_with_the_limits(shape: tuple[int, ...]) -> None:
    said = " x ".join(map(str, shape))
    for player in ("generator", "discriminator"):
        with pytest.raises(ComposeError) as error:
            build(SMALL, player, {"z": Z, "real": Space(shape=shape, bounded=True)})
        assert str(error.value) == (
            "'r3gan' builds images of 8 to 128 pixels a side and 1 to 4 channels; the data's are "
            f"{said} in [-1, 1]."
        )


def test_a_block_starts_as_the_identity_and_has_the_papers_layers() -> None:
    block = Block(32, expansion=2, group=16, blocks=4)
    x = torch.randn(2, 32, 5, 5)
    assert block(x).equal(x)
    one, wide, last = (m for m in block.layers if isinstance(m, nn.Conv2d))
    assert [tuple(m.weight.shape) for m in (one, wide, last)] == [
        (64, 32, 1, 1),
        (64, 16, 3, 3),
        (32, 64, 1, 1),
    ]
    assert wide.groups == 4
    assert last.bias is None
    # N(0, gain^2 / inputs), scaled down by the fourth root of the number of blocks.
    for layer, inputs in ((one, 32), (wide, 16 * 9)):
        expected = (2 / 1.04 / inputs) ** 0.5 * 4**-0.25
        assert float(layer.weight.detach().std()) == pytest.approx(expected, rel=0.05)
        assert layer.bias is not None
        assert not bool(layer.bias.any())


@pytest.mark.parametrize(("large", "small"), [((8, 8), (4, 4)), ((7, 14), (4, 7))])
def test_sizes_change_by_the_filter_1_2_1(large: tuple[int, int], small: tuple[int, int]) -> None:
    up, down = Resample(2, 2, (small, large)), Resample(2, 2, (large, small))
    ones = torch.ones(1, 2, *small)
    assert bool((up(ones)[..., :-1, :-1] == 1).all())  # interpolated, but for the last, if even
    line = torch.zeros(1, 2, *large)
    line[..., 2] = 4.0
    assert down(line)[0, 0, 1, :3].tolist() == [0.0, 2.0, 0.0]
    # One is the other's adjoint, four times.
    x, y = torch.randn(3, 2, *large), torch.randn(3, 2, *small)
    torch.testing.assert_close(4 * (down(x) * y).sum(), (x * up(y)).sum())


def test_channels_double_at_each_halving_up_to_the_most() -> None:
    net = R3gan(width=4, most=8).discriminator(image(3, 32))
    changes = [m for m in net.modules() if isinstance(m, Resample)]
    assert [m.channels is not None for m in changes] == [True, False, False]
    assert [m.layers[0].in_channels for m in net.modules() if isinstance(m, Block)] == [4, 8, 8, 8]
    constant = R3gan(width=8, most=1, blocks=2).generator(Z, image(3, 32))
    assert [m.layers[0].in_channels for m in constant.modules() if isinstance(m, Block)] == [8] * 8


def test_a_score_depends_on_no_other_sample() -> None:
    net = SMALL.discriminator(image(3, 16))
    assert not any("Norm" in type(m).__name__ for m in net.modules())
    batch = torch.randn(4, 3, 16, 16)
    changed = torch.cat((batch[:1], torch.randn(3, 3, 16, 16)))
    torch.testing.assert_close(net(batch)[0], net(changed)[0])


def test_scores_and_pixels_start_with_a_variance_of_about_one() -> None:
    real = Space(shape=(3, 32, 32))  # without bounds, so without the tanh
    generator, discriminator = R3gan().generator(Z, real), R3gan().discriminator(real)
    with torch.no_grad():
        pixels = generator(torch.randn(256, 6))
        scores = discriminator(
            torch.randn(256, 3, 4, 4).repeat_interleave(8, 2).repeat_interleave(8, 3)
        )
    assert 0.3 < float(pixels.std()) < 2
    assert 0.1 < float(scores.std()) < 3


def test_weights_begin_at_the_papers_scales() -> None:
    told, real = R3gan(blocks=2, conditional=True), image(3, 32)
    generator, discriminator = told.generator(Z, real, LABEL), told.discriminator(real, LABEL)
    for net in (generator, discriminator):
        blocks = [m for m in net.modules() if isinstance(m, Block)]
        assert len(blocks) == 8
        for block in blocks:  # N(0, 2 / (1 + slope^2) / inputs / the root of the 8 blocks)
            layer = block.layers[2]
            expected = (2 / 1.04 / layer.weight[0].numel()) ** 0.5 * 8**-0.25
            assert float(layer.weight.detach().std()) == pytest.approx(expected, rel=0.04)
        slopes = {m.negative_slope for m in net.modules() if isinstance(m, nn.LeakyReLU)}
        assert slopes == {0.2}
    for weight, scale in (
        (generator.net.project.weight, 12**-0.5),  # of a latent and an embedding
        (generator.net.basis, 1),
        (discriminator.net.basis, 1 / 4),  # of sums over 4 x 4 pixels
        (discriminator.embed.weight, 128**-0.5),
    ):
        assert float(weight.detach().std()) == pytest.approx(scale, rel=0.1)


def test_features_are_sums_of_pixels_that_a_basis_weights() -> None:
    net, x = SMALL.discriminator(image(1, 8)), torch.randn(3, 1, 8, 8)
    pixels = net.stages(net.pixels(x))
    torch.testing.assert_close(net.features(x), torch.einsum("nchw,chw->nc", pixels, net.basis))


def test_both_networks_of_colour_images_are_published_in_4_mb() -> None:
    for net in (
        R3gan().generator(Space(shape=(64,)), image(3, 32)),
        R3gan().discriminator(image(3, 32)),
    ):
        assert 4 * weights(net) < 4_000_000


# ------------------------------------------------------------------------------------ with labels


def test_with_labels_both_networks_read_them() -> None:
    told = SMALL.model_copy(update={"conditional": True})
    generator, discriminator = (
        told.generator(Z, image(1, 8), LABEL),
        told.discriminator(image(1, 8), LABEL),
    )
    z, x, label = torch.randn(5, 6), torch.randn(5, 1, 8, 8), torch.tensor([0, 1, 2, 0, 1])
    other = (label + 1) % 3
    assert not generator(z, label).allclose(generator(z, other))
    moved = discriminator(x, label) - discriminator.net(x)
    expected = (discriminator.embed(label) * discriminator.net.features(x)).sum(1)
    torch.testing.assert_close(moved, expected)
    game = Game(small(architecture=told, sampler=Labelled()), tiny(1, 8, 8, classes=3))
    game.round()
    assert game.sample(4)["fake"].shape == (4, 1, 8, 8)


def test_labels_that_are_not_there_are_refused() -> None:
    told = SMALL.model_copy(update={"conditional": True})
    for label, have in (
        (None, "data have none"),
        (Space(shape=(2,)), "data's 'label' is a vector of 2"),
    ):
        with pytest.raises(ComposeError) as error:
            told.discriminator(image(1, 8), label)
        assert str(error.value) == f"'r3gan' needs a label that is a class; the {have}."


# ------------------------------------------------------------------------------------ the variant


def test_rates_penalties_and_averages_follow_the_papers_schedules() -> None:
    (first, last) = (R3GAN.at(progress) for progress in (0.0, 1.0))
    for player in ("discriminator", "generator"):
        adam, later = first.optimizers[player], last.optimizers[player]
        assert adam.lr == pytest.approx(4 * later.lr)
        assert (adam.betas, later.betas) == ((0.0, 0.9), (0.0, 0.99))
    assert [(part.name, part.weight, part.every) for part in first.regularizers] == [
        ("r1", 0.05, 1),
        ("r2", 0.05, 1),
    ]
    assert [part.weight for part in last.regularizers] == [0.005, 0.005]
    assert R3GAN.ema_half_life == 44_000


def test_its_rounds_are_replayed_as_graphs_to_the_same_bits() -> None:
    game = check_replayed(small(), tiny(3, 8, 8))
    assert game.graphs is not None
    assert game.graphs.reason is None
