"""ADA against closed forms: its transformations, and the probability that follows the signs."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
import torch
from ganzoo_augment import Ada
from ganzoo_augment.ada import Pressure
from ganzoo_augment.pipeline import blitted, moved, recoloured, resampled, scaling, shifting, warped
from ganzoo_dcgan import ganzoo_variants as of_dcgan
from ganzoo_wgan_gp import GradientPenalty, Wasserstein
from torch import Tensor
from torch.nn.functional import affine_grid, grid_sample

import ganzoo
from ganzoo.builtin.losses import Hinge, LeastSquares, NonSaturating
from ganzoo.builtin.samplers import Gaussian
from ganzoo.engine.game import Game
from ganzoo.errors import ComposeError
from ganzoo.parts.part import Loss, Regularizer
from ganzoo.parts.variant import Variant
from ganzoo.testing import Plain, check_replayed, tiny

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

torch.set_num_threads(1)

NEVER, HALF, ALWAYS = torch.tensor(0.0), torch.tensor(0.5), torch.tensor(1.0)


@pytest.fixture(autouse=True)
def _seeded() -> None:
    torch.manual_seed(0)


def variant_of(*regularizers: Regularizer, **fields: Any) -> Variant:
    chosen = {"architecture": Plain(), "loss": NonSaturating(), "sampler": Gaussian(dim=4)}
    return Variant(name="small", regularizers=regularizers, batch=8, **{**chosen, **fields})


def whole(images: Tensor, p: Tensor) -> Tensor:
    return recoloured(moved(images, p, blit=True, geometry=True), p)


# ------------------------------------------------------------------------------------- the images


@pytest.mark.parametrize(
    ("channels", "height", "width"), [(1, 8, 8), (2, 7, 9), (3, 5, 6), (4, 1, 3)]
)
def test_with_a_probability_of_zero_every_image_keeps_its_bits(
    channels: int, height: int, width: int
) -> None:
    images = torch.rand(9, channels, height, width) * 2 - 1
    assert torch.equal(whole(images, NEVER), images)


def test_images_are_read_as_torch_reads_them() -> None:
    images = torch.rand(6, 3, 7, 10)
    place = warped(images, ALWAYS)
    side = torch.tensor([9 / 2, 6 / 2])  # torch counts from -1 to 1
    across = place[:, :2, :2] * side / side[:, None]
    grid = affine_grid(
        torch.cat([across, place[:, :2, 2:] / side[:, None]], 2), [6, 3, 7, 10], align_corners=True
    )
    expected = grid_sample(images, grid, padding_mode="reflection", align_corners=True)
    torch.testing.assert_close(resampled(images, place), expected, atol=1e-4, rtol=0)


def test_right_angles_mirrors_and_whole_pixels_are_exact() -> None:
    image = torch.rand(1, 3, 6, 6)
    one = torch.ones(1)
    assert torch.equal(resampled(image, scaling(-one, one)), image.flip(3))
    moved_right = resampled(image, shifting(-2 * one, 0 * one))
    assert torch.equal(moved_right[..., 2:], image[..., :-2])
    assert torch.equal(moved_right[..., :2], image[..., 1:3].flip(3))  # mirrored at the border
    square = torch.rand(1, 1, 16, 16).expand(300, -1, -1, -1)
    place = blitted(square, ALWAYS)
    assert torch.equal(place, place.round())
    assert torch.equal(place[:, :2, :2].det().abs(), torch.ones(300))
    assert len(place[:, :2, :2].unique(dim=0)) == 8  # the symmetries of a square
    assert place[:, :2, 2].abs().max() == 2  # an eighth of a side
    turned = place.clone()
    turned[:, :2, 2] = 0
    expected = {tuple(x.flatten().tolist()) for k in range(4) for x in symmetries(square[0], k)}
    assert {tuple(x.flatten().tolist()) for x in resampled(square, turned)} == expected


def symmetries(image: Tensor, quarters: int) -> list[Tensor]:
    turned = image.rot90(quarters, (1, 2))
    return [turned, turned.flip(2)]


def test_shifts_are_shares_of_each_side() -> None:
    images = torch.zeros(4000, 1, 16, 48)
    straight = blitted(images, ALWAYS)
    straight = straight[straight[:, 0, 1] == 0]  # neither coordinate is the other one, turned
    across, down = straight[:, :2, 2].T
    assert (across.min(), across.max()) == (-6, 6)
    assert (down.min(), down.max()) == (-2, 2)
    place = warped(images, ALWAYS)
    shift = (place[:, :2, :2].inverse() @ place[:, :2, 2:]).squeeze(2)
    assert shift.std(0).tolist() == pytest.approx([6, 2], rel=0.05)


def test_rotations_are_of_any_angle_and_stretches_of_no_scale() -> None:
    place = warped(torch.zeros(4000, 1, 16, 16), ALWAYS)[:, :2, :2]
    log = torch.linalg.svdvals(place).log2()
    stretch, scale = log[:, 0] - log[:, 1], log.sum(1)
    assert torch.stack([stretch, scale.abs()]).corrcoef()[0, 1].abs() < 0.05
    turned = place[stretch < 0.05]  # by the sum of two angles, and no more
    angle = torch.atan2(turned[:, 1, 0], turned[:, 0, 0])
    assert angle.cos().mean().abs() < 0.1
    assert angle.sin().mean().abs() < 0.1


def test_whole_pixels_are_moved_before_any_other_amount() -> None:
    images = torch.rand(8, 1, 6, 6)
    torch.manual_seed(1)
    found = moved(images, ALWAYS, blit=True, geometry=True)
    torch.manual_seed(1)
    first, then = blitted(images, ALWAYS), warped(images, ALWAYS)
    # Read where the second map leads, of an image that was read where the first one leads.
    torch.testing.assert_close(found, resampled(images, first @ then))


def test_each_transformation_is_applied_at_the_rate_p() -> None:
    images = torch.zeros(4000, 1, 16, 16)
    place = warped(images, HALF)
    grown = place[:, :2, :2].det()  # a stretch keeps the area, and a scale does not
    assert (grown.sub(1).abs() > 1e-4).float().mean().item() == pytest.approx(0.5, abs=0.03)
    log = grown[grown.sub(1).abs() > 1e-4].log2() / 2
    assert log.std().item() == pytest.approx(0.2, abs=0.01)
    still = (place[:, :2, 2] == 0).all(1)
    assert still.float().mean().item() == pytest.approx(0.5, abs=0.03)
    shift = place[~still, :2, 2] / 16
    assert shift.std().item() == pytest.approx(0.125, rel=0.1)
    # Either rotation, or the stretch between them: one half is turned, half of the rest stretched.
    square = place[:, :2, :2] / grown.sqrt()[:, None, None]
    upright = (square - torch.eye(2)).abs().amax((1, 2)) < 1e-4
    assert upright.float().mean().item() == pytest.approx(0.25, abs=0.03)


def test_colours_change_as_the_papers_matrix_says() -> None:
    """Grey by gain and shift; what differs from grey turned about it, and scaled."""
    colours = torch.cat([torch.zeros(3, 1), torch.eye(3)], 1).view(1, 3, 1, 4)
    seen = recoloured(colours.expand(500, -1, -1, -1), ALWAYS)[:, :, 0]
    shift, matrix = seen[:, :, :1], seen[:, :, 1:] - seen[:, :, :1]
    grey = torch.ones(3, 1) / 3**0.5
    gain = grey.T @ matrix @ grey
    torch.testing.assert_close(matrix @ grey, gain * grey, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(shift, shift[:, :1].expand(-1, 3, -1), atol=1e-4, rtol=1e-4)
    rest = matrix - gain * (grey @ grey.T)
    length = (rest.square().sum((1, 2)) / 2)[:, None, None]
    torch.testing.assert_close(
        rest.mT @ rest, length * (torch.eye(3) - grey @ grey.T), atol=1e-3, rtol=1e-3
    )
    assert (gain < 0).float().mean().item() == pytest.approx(0.5, abs=0.08)  # the luma flip
    assert gain.abs().log2().std().item() == pytest.approx(0.5, abs=0.05)
    assert (shift[:, 0] / gain[:, 0]).std().item() == pytest.approx(0.2, abs=0.02)
    saturation = (length.sqrt() / gain.abs()).log2()
    assert saturation.std().item() == pytest.approx(1, abs=0.1)


def test_a_hue_turns_colours_and_keeps_how_far_from_grey_they_are() -> None:
    red = torch.tensor([1.0, 0, 0]).view(1, 3, 1, 1).expand(4000, 3, 1, 1)
    seen = recoloured(red, HALF).flatten(1)
    far = (seen - seen.mean(1, keepdim=True)).norm(dim=1) / (2 / 3) ** 0.5
    # Neither contrast nor saturation in a quarter of the cases, whatever the hue.
    assert (far.sub(1).abs() < 1e-4).float().mean().item() == pytest.approx(0.25, abs=0.03)


def test_a_hue_is_any_angle() -> None:
    red = torch.tensor([1.0, 0, 0]).view(1, 3, 1, 1).expand(4000, 3, 1, 1)
    seen = recoloured(red, ALWAYS).flatten(1)
    x = seen[:, 0] - seen[:, 1:].mean(1)  # along red, and at a right angle to it and to grey
    y = (seen[:, 1] - seen[:, 2]) * 3**0.5 / 2
    angle = torch.atan2(y, x)
    for k in (1, 2):
        assert (k * angle).cos().mean().abs() < 0.05
        assert (k * angle).sin().mean().abs() < 0.05


@pytest.mark.parametrize("channels", [2, 4])
def test_opacity_moves_and_keeps_its_values(channels: int) -> None:
    images = torch.rand(5, channels, 6, 6)
    assert torch.equal(recoloured(images, ALWAYS)[:, -1], images[:, -1])
    assert not torch.equal(moved(images, ALWAYS, blit=True, geometry=True)[:, -1], images[:, -1])


# ---------------------------------------------------------------------------------- the probability


def pressed(signs: list[float], part: Ada, batch: int = 10) -> list[float]:
    """The probability after each of the steps with these mean signs."""
    pressure = Pressure(batch, torch.device("cpu"))
    found = []
    for sign in signs:
        pressure.see(torch.tensor(sign), part)
        found.append(float(pressure.p))
    return found


def test_p_goes_from_zero_to_one_in_as_many_images_as_it_says() -> None:
    rising = pressed([1.0] * 100, Ada(images=1000, limit=1))
    assert rising[:8] == pytest.approx([0, 0, 0, 0.04, 0.04, 0.04, 0.04, 0.08])
    assert rising[-4] == pytest.approx(0.96)
    assert rising[-1] == pytest.approx(1)
    assert pressed([1.0] * 100, Ada(images=1000))[-1] == pytest.approx(0.8)


def test_p_rises_above_the_target_and_falls_below_it_but_not_under_zero() -> None:
    part = Ada(images=400, interval=2)
    found = pressed([0.9, 0.5, 0.5, 0.9, 0.5, 0.5, -1, -1, 1, 0.1], part)
    assert found == pytest.approx([0, 0.05, 0.05, 0.1, 0.1, 0.05, 0.05, 0, 0, 0])


def test_the_signs_are_those_of_real_samples_on_the_discriminators_steps() -> None:
    part = Ada(images=80, interval=1, target=0)
    game = Game(variant_of(part), tiny(1, 8, 8))
    assert game.signals() == {"ada/p": 0, "ada/r": 0}  # the composition check left no trace
    game.play(game.step("generator", rows=torch.arange(8), z=torch.randn(8, 4)))
    assert game.signals() == {"ada/p": 0, "ada/r": 0}
    step = game.step("discriminator", rows=torch.arange(8), z=torch.randn(8, 4))
    game.play(step)
    sign = float(step["real_score"].detach().sign().mean())
    assert game.signals() == pytest.approx({"ada/p": 0.1 if sign > 0 else 0, "ada/r": sign})


def test_a_state_is_taken_up_with_its_probability() -> None:
    part = Ada(images=60, target=-1, interval=3)
    games = [Game(variant_of(part), tiny(3, 8, 8)) for _ in range(2)]
    for _ in range(5):
        games[0].round()
    games[1].restore(*games[0].state())
    assert games[1].signals() == games[0].signals()
    for game in games:
        game.state_of(part).values["p"].add_(0.25)
        game.round()
    (one, _), (other, _) = (game.state() for game in games)
    assert all(torch.equal(one[name], other[name]) for name in one)
    assert int(one["part.regularizer ada.steps"]) == 0  # of three, the sixth step


def test_p_stands_in_the_log_of_a_run(tmp_path: Path) -> None:
    images = torch.randint(256, (32, 1, 8, 8), dtype=torch.uint8)
    settings = {"ada.images": 400, "ada.target": -1, "ada.interval": 1, "batch": 4}
    options: dict[str, Any] = {"regularizers": "+ada", "settings": settings, "save_every": 3}
    run = ganzoo.train("dcgan", data=images, rounds=6, out=tmp_path / "run", **options)
    rows = [json.loads(line) for line in (tmp_path / "run" / "log.jsonl").read_text().splitlines()]
    rows = [row for row in rows if "warnings" not in row]
    assert [row["round"] for row in rows] == [3, 6]
    assert [row["ada/p"] for row in rows] == pytest.approx([0.03, 0.06])
    assert run.signals["ada/p"] == rows[-1]["ada/p"]


# ------------------------------------------------------------------------------------ composing


@pytest.mark.parametrize("loss", [Wasserstein(), LeastSquares()], ids=lambda part: part.name)
def test_scores_without_a_zero_are_refused(loss: Loss) -> None:
    with pytest.raises(ComposeError) as error:
        Game(variant_of(Ada(), loss=loss), tiny(1, 8, 8))
    assert str(error.value) == (
        "regularizer 'ada' reads the sign of scores, which means nothing to loss "
        f"'{loss.name}'; use 'diffaugment', whose p is fixed."
    )


@pytest.mark.parametrize("loss", [Hinge(), NonSaturating()], ids=lambda part: part.name)
def test_it_is_replayed_while_p_moves(loss: Loss) -> None:
    part = Ada(images=40, target=-1, interval=2)
    game = check_replayed(variant_of(part, GradientPenalty(), loss=loss), tiny(4, 8, 9))
    assert game.graphs is not None
    assert game.graphs.reason is None
    assert game.signals()["ada/p"] == pytest.approx(0.8)


def test_a_round_of_convolutions_with_batch_norm_is_replayed() -> None:
    variant = next(v for v in of_dcgan() if v.name == "dcgan")
    part = Ada(images=100, target=-1, interval=1)
    small = variant.model_copy(update={"batch": 8, "regularizers": (part,)})
    game = check_replayed(small, tiny(3, 16, 16))
    assert game.graphs is not None
    assert game.graphs.reason is None


@pytest.mark.parametrize("choose", [lambda: Ada(policy=()), lambda: Ada(policy=("colours",))])  # type: ignore[arg-type]
def test_a_policy_has_names_that_it_knows(choose: Callable[[], Ada]) -> None:
    with pytest.raises(ValueError, match="policy"):
        choose()
