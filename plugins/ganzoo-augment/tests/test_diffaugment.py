"""DiffAugment against closed forms: what each step of its policy does to images that are known."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from ganzoo_augment import Diffaugment
from ganzoo_augment.diffaugment import cut, recoloured, translated

from ganzoo.builtin.losses import NonSaturating
from ganzoo.builtin.samplers import Gaussian
from ganzoo.engine.game import Game
from ganzoo.errors import ComposeError
from ganzoo.parts.part import Regularizer
from ganzoo.parts.schedule import linear
from ganzoo.parts.variant import Variant
from ganzoo.testing import Plain, check_plugin, check_replayed, tiny

torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def _seeded() -> None:
    torch.manual_seed(0)


def variant_of(*regularizers: Regularizer, **fields: Any) -> Variant:
    chosen = {"architecture": Plain(), "loss": NonSaturating(), "sampler": Gaussian(dim=4)}
    return Variant(name="small", regularizers=regularizers, batch=8, **{**chosen, **fields})


def test_the_plugin_conforms() -> None:
    check_plugin("ganzoo_augment")


# ------------------------------------------------------------------------------------- the images


def test_brightness_is_shifted_by_up_to_a_half_uniformly() -> None:
    shift = recoloured(torch.zeros(4000, 3, 2, 2))
    assert torch.equal(shift, shift[:, :1, :1, :1].expand_as(shift))  # nothing else to change
    shift = shift[:, 0, 0, 0].sort().values
    uniform = torch.linspace(-0.5, 0.5, 4000)
    assert (shift - uniform).abs().max() < 0.03  # Kolmogorov and Smirnov's distance


def test_contrast_and_saturation_scale_differences_and_keep_the_mean() -> None:
    grey = torch.tensor([-0.5, 0.5]).view(1, 1, 1, 2).expand(4000, 1, 1, 2)
    seen = recoloured(grey)
    contrast = (seen[..., 1] - seen[..., 0]).flatten()
    assert 0.5 <= contrast.min() < 0.51
    assert 1.49 < contrast.max() <= 1.5
    assert contrast.mean().item() == pytest.approx(1, abs=0.02)
    red = torch.tensor([1.0, -0.5, -0.5]).view(1, 3, 1, 1).expand(4000, 3, 1, 1)
    seen = recoloured(red)
    both = (seen[:, 0] - seen[:, 1]).flatten() / 1.5  # saturation times contrast
    assert 0 <= both.min() < 0.02
    assert 2.8 < both.max() <= 3
    assert both.mean().item() == pytest.approx(1, abs=0.04)
    assert seen.mean((1, 2, 3)).abs().max() <= 0.5  # of which brightness alone moves it


def test_what_is_grey_has_no_saturation() -> None:
    grey = torch.tensor([-0.5, 0.5]).view(1, 1, 1, 2).expand(1000, 3, 1, 2)
    contrast = recoloured(grey).diff(dim=3)
    torch.testing.assert_close(contrast, contrast[:, :1].expand_as(contrast))
    assert 0.5 <= contrast.min() < contrast.max() <= 1.5


@pytest.mark.parametrize("channels", [2, 4])
def test_opacity_keeps_its_values(channels: int) -> None:
    images = torch.rand(5, channels, 6, 6)
    seen = recoloured(images)
    assert torch.equal(seen[:, -1], images[:, -1])
    assert not torch.equal(seen[:, 0], images[:, 0])


def test_images_move_by_whole_pixels_up_to_an_eighth_of_each_side() -> None:
    images = torch.zeros(2000, 1, 16, 28)
    images[:, :, 8, 12] = 1
    seen = translated(images, -1)
    _, _, y, x = (seen == 1).nonzero().T
    assert len(y) == 2000
    for found, middle, most in ((y, 8, 2), (x, 12, 4)):
        counts = torch.bincount(found - middle + most)
        assert len(counts) == 2 * most + 1
        assert (counts / 2000 - 1 / len(counts)).abs().max() < 0.04
    rows = (y - 8).abs()[:, None]
    assert torch.equal((seen == -1).all(3).sum(2), rows)  # what was moved in is filled


def test_pixels_that_stay_in_sight_are_the_same() -> None:
    image = torch.rand(1, 3, 7, 9)
    for seen in translated(image.expand(50, -1, -1, -1), 5.0):
        row, column = (seen[0] != 5).nonzero()[0].tolist()
        inside = seen[seen != 5].view(3, -1)
        height = int((seen[0] != 5).any(1).sum())
        top, left = 0 if row else 7 - height, 0 if column else 9 - inside.shape[1] // height
        part = image[0, :, top : top + height, left : left + inside.shape[1] // height]
        assert torch.equal(inside, part.flatten(1))


@pytest.mark.parametrize("side", [6, 7, 8])
def test_a_rectangle_of_half_of_each_side_is_cut_out(side: int) -> None:
    holes = cut(torch.zeros(5000, 2, side, 8), 1.0)
    assert torch.equal(holes[:, 0], holes[:, 1])
    rows, columns = holes[:, 0].any(2), holes[:, 0].any(1)
    size = (side + 1) // 2
    assert rows.sum(1).max() == size
    assert columns.sum(1).max() == 4
    # Its middle lies anywhere on the side, so it reaches over the border as far as its half.
    places = side + 1 - size % 2
    inside = [min(c - size // 2 + size, side) - max(c - size // 2, 0) for c in range(places)]
    assert rows.sum(1).float().mean().item() == pytest.approx(sum(inside) / places, abs=0.05)
    assert torch.equal(holes[:, 0], (rows[:, :, None] & columns[:, None]).float())


def test_each_image_has_its_own_draw_and_a_share_is_augmented() -> None:
    images = torch.rand(1, 3, 8, 8).expand(400, -1, -1, -1) * 2 - 1
    assert len(Diffaugment().augment(images).unique(dim=0)) == 400
    assert torch.equal(Diffaugment(p=0).augment(images), images)
    same = (Diffaugment(p=0.25).augment(images) == images).flatten(1).all(1)
    assert same.float().mean().item() == pytest.approx(0.75, abs=0.07)


def test_a_policy_is_what_it_names() -> None:
    assert Diffaugment(policy="cutout,colour").policy == ("cutout", "colour")  # type: ignore[arg-type]
    images = torch.full((9, 1, 8, 8), 0.25)
    assert set(Diffaugment(policy=("cutout",)).augment(images).unique().tolist()) == {0, 0.25}
    moved = Diffaugment(policy=("translation",), fill=-1).augment(images)
    assert set(moved.unique().tolist()) == {-1, 0.25}
    assert 0 not in Diffaugment(policy=("colour",)).augment(images)


# ------------------------------------------------------------------------------------ composing


def test_real_and_generated_images_have_different_draws() -> None:
    game = Game(variant_of(Diffaugment(policy=("colour",))), tiny(1, 8, 8))
    step = game.step("discriminator", rows=torch.arange(8), z=torch.randn(8, 4))
    assert not torch.equal(step.score(step["real"]), step["real_score"])


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_it_is_replayed_on_images_of_any_channels(channels: int) -> None:
    game = check_replayed(variant_of(Diffaugment(p=linear(0, 0.5))), tiny(channels, 8, 9))
    assert game.graphs is not None
    assert game.graphs.reason is None


def test_other_data_than_images_are_refused() -> None:
    with pytest.raises(ComposeError) as error:
        Game(variant_of(Diffaugment()), tiny(2))
    assert str(error.value) == (
        "regularizer 'diffaugment' augments images, (channels, height, width); the data's 'real' "
        "is a vector of 2."
    )
