"""Losses and penalties equal their papers' formulas, and stay finite where scores are extreme."""

from __future__ import annotations

from math import log
from typing import TYPE_CHECKING

import pytest
import torch
from small import points, variant_of
from torch.nn.functional import binary_cross_entropy_with_logits, mse_loss

from ganzoo.builtin.losses import Hinge, LeastSquares, Minimax, NonSaturating
from ganzoo.builtin.regularizers import R1, R2
from ganzoo.engine.game import Game
from ganzoo.testing import Plain

if TYPE_CHECKING:
    from torch import Tensor

    from ganzoo.parts.part import Loss

LOSSES = (Minimax(), NonSaturating(), LeastSquares(), Hinge())
EXTREMES = torch.tensor([-100.0, -1.0, 0.0, 1.0, 100.0], dtype=torch.float64)


@pytest.fixture(autouse=True)
def _seeded() -> None:
    torch.manual_seed(0)


def scores(seed: int) -> Tensor:
    stream = torch.Generator().manual_seed(seed)
    return 3 * torch.randn(64, generator=stream, dtype=torch.float64)


def cross_entropy(score: Tensor, target: float) -> Tensor:
    return binary_cross_entropy_with_logits(score, torch.full_like(score, target), reduction="none")


def half_square(score: Tensor, target: float) -> Tensor:
    return 0.5 * mse_loss(score, torch.full_like(score, target), reduction="none")


@pytest.mark.parametrize("loss", [Minimax(), NonSaturating()])
def test_the_discriminator_of_the_original_game_is_a_binary_classifier(loss: Loss) -> None:
    real, fake = scores(0), scores(1)
    expected = cross_entropy(real, 1) + cross_entropy(fake, 0)
    torch.testing.assert_close(loss.discriminator(real, fake), expected)


def test_the_minimax_generator_ascends_the_classifiers_error_and_the_other_swaps_labels() -> None:
    fake = scores(1)
    torch.testing.assert_close(Minimax().generator(fake), -cross_entropy(fake, 0))
    torch.testing.assert_close(NonSaturating().generator(fake), cross_entropy(fake, 1))


def test_minimax_sums_to_zero_over_the_players() -> None:
    """What depends on the fake sample is one player's loss and the other's gain."""
    real, fake = scores(0), scores(1)
    of_fake = Minimax().discriminator(real, fake) - cross_entropy(real, 1)
    torch.testing.assert_close(of_fake, -Minimax().generator(fake))


def test_least_squares_is_half_the_squared_distance_to_the_targets() -> None:
    real, fake = scores(0), scores(1)
    torch.testing.assert_close(
        LeastSquares().discriminator(real, fake), half_square(real, 1) + half_square(fake, 0)
    )
    torch.testing.assert_close(LeastSquares().generator(fake), half_square(fake, 1))


def test_hinge_asks_for_a_margin_of_one_and_no_more() -> None:
    real, fake = scores(0), scores(1)
    expected = (1 - real).clamp(min=0) + (1 + fake).clamp(min=0)
    torch.testing.assert_close(Hinge().discriminator(real, fake), expected)
    torch.testing.assert_close(Hinge().generator(fake), -fake)
    assert float(Hinge().discriminator(torch.tensor(1.0), torch.tensor(-1.0))) == 0


@pytest.mark.parametrize(
    ("loss", "discriminator", "generator"),
    [
        (Minimax(), 2 * log(2), -log(2)),
        (NonSaturating(), 2 * log(2), log(2)),
        (LeastSquares(), 0.5, 0.5),
        (Hinge(), 2.0, 0.0),
    ],
)
def test_at_scores_of_zero_the_values_are_known(
    loss: Loss, discriminator: float, generator: float
) -> None:
    zero = torch.zeros(3)
    torch.testing.assert_close(loss.discriminator(zero, zero), torch.full((3,), discriminator))
    torch.testing.assert_close(loss.generator(zero), torch.full((3,), generator))


@pytest.mark.parametrize("loss", LOSSES)
def test_values_and_slopes_are_finite_at_scores_of_a_hundred(loss: Loss) -> None:
    real = EXTREMES.float().requires_grad_()
    fake = EXTREMES.flip(0).float().requires_grad_()
    for value in (loss.discriminator(real, fake), loss.generator(fake)):
        assert value.shape == (5,)
        assert bool(torch.isfinite(value).all())
        slopes = torch.autograd.grad(value.sum(), (real, fake), allow_unused=True)
        assert all(bool(torch.isfinite(slope).all()) for slope in slopes if slope is not None)


@pytest.mark.parametrize("loss", LOSSES)
def test_the_discriminator_learns_to_score_the_real_higher(loss: Loss) -> None:
    real, fake = (torch.zeros(4, requires_grad=True) for _ in range(2))
    up, down = torch.autograd.grad(loss.discriminator(real, fake).sum(), (real, fake))
    assert bool((up < 0).all())
    assert bool((down >= 0).all())
    (slope,) = torch.autograd.grad(loss.generator(fake).sum(), fake)
    assert bool((slope < 0).all()), "the generator gains where its samples score higher"


def test_only_the_minimax_generator_has_no_slope_where_the_discriminator_is_sure() -> None:
    sure = torch.tensor([-30.0], requires_grad=True)
    (flat,) = torch.autograd.grad(Minimax().generator(sure).sum(), sure)
    (steep,) = torch.autograd.grad(NonSaturating().generator(sure).sum(), sure)
    assert abs(float(flat)) < 1e-12
    assert float(steep) == pytest.approx(-1)


# ------------------------------------------------------------------------------------- penalties


MATRIX = torch.tensor([[3.0, 1.0], [1.0, 2.0]], dtype=torch.float64)
OFFSET = torch.tensor([0.5, -1.0], dtype=torch.float64)


def quadratic(sample: Tensor) -> Tensor:
    """x'Ax / 2 + b'x, whose slope is Ax + b."""
    return 0.5 * (sample @ MATRIX * sample).sum(1) + sample @ OFFSET


@pytest.mark.parametrize("penalty", [R1().discriminator, R2().discriminator])
def test_a_zero_centred_penalty_is_half_the_squared_slope_of_a_quadratic(penalty: object) -> None:
    assert callable(penalty)
    sample = torch.randn(16, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    slope = sample @ MATRIX + OFFSET
    torch.testing.assert_close(penalty(quadratic, sample), 0.5 * slope.square().sum(1))


def test_a_penalty_takes_every_pixel_into_account_and_no_other_sample() -> None:
    image = torch.ones(2, 3, 4, 5)

    def score(x: Tensor) -> Tensor:
        return x.flatten(1).sum(1) * torch.tensor([1.0, 2.0])

    assert R1().discriminator(score, image).tolist() == [30.0, 120.0]


def test_a_penalty_is_itself_differentiable_and_leaves_its_sample_alone() -> None:
    weight = torch.tensor([3.0, 4.0], requires_grad=True)
    sample = torch.zeros(5, 2, requires_grad=True)
    term = R1().discriminator(lambda x: x @ weight, sample).mean()
    assert float(term.detach()) == pytest.approx(12.5)
    (slope,) = torch.autograd.grad(term, weight)
    torch.testing.assert_close(slope, weight.detach())
    assert R2().discriminator(lambda x: x @ weight, sample).grad_fn is not None
    assert sample.grad is None


def test_in_a_game_r1_looks_at_real_samples_and_r2_at_generated_ones() -> None:
    game = Game(variant_of(Plain(), regularizers=(R1(), R2())), points())
    step = game.step("discriminator", rows=torch.arange(8), z=torch.randn(8, 4))
    for name, sample in (("r1", step["real"]), ("r2", step["fake"])):
        leaf = sample.detach().requires_grad_()
        (slope,) = torch.autograd.grad(game.nets["discriminator"](leaf).sum(), leaf)
        value = game.terms["discriminator"][name](step)
        torch.testing.assert_close(value, 0.5 * slope.square().sum(1))
