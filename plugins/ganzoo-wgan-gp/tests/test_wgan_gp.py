"""WGAN-GP against closed forms: linear critics, known slopes, and what the papers rule out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import torch
from ganzoo_wgan_gp import GradientPenalty, Wasserstein, WeightClipping, WganGp, ganzoo_variants
from torch import nn

from ganzoo.builtin.networks import MlpGenerator, Upsampler
from ganzoo.engine.build import build
from ganzoo.engine.game import Game
from ganzoo.errors import ComposeError
from ganzoo.parts.space import Space
from ganzoo.parts.variant import Variant
from ganzoo.testing import check_plugin, tiny

if TYPE_CHECKING:
    from torch import Tensor

torch.set_num_threads(1)

Z = Space(shape=(6,))
POINTS, IMAGES = Space(shape=(2,)), Space(shape=(1, 28, 31), bounded=True)
VARIANTS = {variant.name: variant for variant in ganzoo_variants()}
SMALL = WganGp(width=4, hidden=8, depth=2)
penalty = GradientPenalty().discriminator


@pytest.fixture(autouse=True)
def _seeded() -> None:
    torch.manual_seed(0)


def small(name: str, **fields: Any) -> Variant:
    """A variant of the plugin, narrow enough to train in milliseconds."""
    chosen = {**dict(VARIANTS[name]), "architecture": SMALL, "batch": 8, **fields}
    return Variant.model_validate(chosen)


def test_the_plugin_conforms() -> None:
    check_plugin("ganzoo_wgan_gp")


# ------------------------------------------------------------------------------------- the game


def test_the_wasserstein_loss_is_the_difference_of_the_scores() -> None:
    real, fake = torch.tensor([1.0, -2.0]), torch.tensor([0.5, 3.0])
    assert Wasserstein().discriminator(real, fake).tolist() == [-0.5, 5.0]
    assert Wasserstein().generator(fake).tolist() == [-0.5, -3.0]


def test_adding_a_constant_to_every_score_changes_nothing_for_the_discriminator() -> None:
    real, fake = torch.randn(9), torch.randn(9)
    one, moved = (Wasserstein().discriminator(real + c, fake + c) for c in (0.0, 4.0))
    torch.testing.assert_close(one, moved)


@pytest.mark.parametrize("name", VARIANTS)
def test_the_discriminator_has_five_turns_to_the_generators_one(name: str) -> None:
    game = Game(small(name), tiny(2))
    game.round()
    game.round()
    assert game.steps == {"discriminator": 10, "generator": 2}


def test_the_variants_have_the_papers_constants() -> None:
    (of_penalty,) = VARIANTS["wgan-gp"].regularizers
    (clipping,) = VARIANTS["wgan"].regularizers
    assert of_penalty == GradientPenalty(weight=10)
    assert clipping == WeightClipping(bound=0.01)
    assert VARIANTS["wgan-gp"].optimizers["discriminator"].betas == (0.0, 0.9)
    assert VARIANTS["wgan-gp"].optimizers["generator"].betas == (0.0, 0.9)


# ---------------------------------------------------------------------------------- the penalty


@pytest.mark.parametrize(
    ("weight", "expected"), [([3.0, 4.0], 16.0), ([0.6, 0.8], 0.0), ([0.0, 0.5], 0.25)]
)
def test_the_penalty_of_a_linear_score_is_its_slope_less_one_squared(
    weight: list[float], expected: float
) -> None:
    w = torch.tensor(weight)
    value = penalty(lambda x: x @ w, torch.randn(5, 2), torch.randn(5, 2))
    torch.testing.assert_close(value, torch.full((5,), expected))


def test_the_penalty_of_an_image_takes_the_norm_over_all_its_pixels() -> None:
    value = penalty(lambda x: x.flatten(1).sum(1), torch.randn(3, 1, 4, 4), torch.randn(3, 1, 4, 4))
    torch.testing.assert_close(value, torch.full((3,), 9.0))


def test_the_penalty_pulls_the_slope_towards_one_from_both_sides() -> None:
    """Its derivative by w is 2 (|w| - 1) w / |w|."""
    for length in (0.5, 2.0):
        w = (length * torch.tensor([0.6, 0.8])).requires_grad_()
        term = penalty(lambda x, w=w: x @ w, torch.randn(4, 2), torch.randn(4, 2)).mean()
        (slope,) = torch.autograd.grad(term, w)
        torch.testing.assert_close(slope, 2 * (length - 1) * torch.tensor([0.6, 0.8]))


def test_the_penalty_of_a_quadratic_score_is_taken_between_the_pair() -> None:
    """The slope of |x|^2 / 2 is x: with both ends at x, every point between is x."""
    x = torch.randn(6, 3)
    value = penalty(lambda y: 0.5 * y.square().sum(1), x, x)
    torch.testing.assert_close(value, (x.norm(dim=1) - 1).square())


def between(real: Tensor, fake: Tensor) -> Tensor:
    """Where the penalty looks."""
    seen: list[Tensor] = []

    def score(x: Tensor) -> Tensor:
        seen.append(x.detach().clone())
        return x.flatten(1).sum(1)

    penalty(score, real, fake)
    (points,) = seen
    return points


def test_each_sample_has_one_epsilon_of_its_own_shared_by_its_pixels() -> None:
    real, fake = torch.ones(64, 3, 4, 5), torch.zeros(64, 3, 4, 5)
    epsilon = between(real, fake).flatten(1)
    assert torch.equal(epsilon, epsilon[:, :1].expand_as(epsilon))
    assert len(epsilon[:, 0].unique()) == 64


def test_the_points_between_are_uniform_on_the_segment() -> None:
    n = 20_000
    epsilon = between(torch.ones(n, 2), torch.zeros(n, 2))[:, 0]
    assert 0 <= float(epsilon.min()) < 0.001
    assert 0.999 < float(epsilon.max()) <= 1
    assert float(epsilon.mean()) == pytest.approx(0.5, abs=0.01)
    assert float(epsilon.var()) == pytest.approx(1 / 12, abs=0.003)


def test_gradients_are_finite_where_the_slope_is_zero() -> None:
    w = torch.zeros(2, requires_grad=True)
    term = penalty(lambda x: x @ w, torch.randn(4, 2), torch.randn(4, 2)).mean()
    assert float(term.detach()) == pytest.approx(1, abs=1e-5)
    (slope,) = torch.autograd.grad(term, w)
    assert bool(slope.isfinite().all())


def test_nothing_flows_from_the_penalty_into_the_samples() -> None:
    real, fake = torch.randn(4, 2), torch.randn(4, 2, requires_grad=True)
    w = torch.ones(2, requires_grad=True)
    term = penalty(lambda x: (x @ w).square(), real, fake).mean()
    assert torch.autograd.grad(term, (w, fake), allow_unused=True)[1] is None


def test_in_a_game_the_penalty_counts_ten_fold() -> None:
    game = Game(small("wgan-gp"), tiny(2))
    net = game.nets["discriminator"]
    for param in net.parameters():
        param.data.zero_()  # a slope of zero everywhere: the penalty is one
    game.play(next(iter(game.variant.sampler.deal("discriminator", game, torch.arange(8)))))
    log = game.log["discriminator"]
    assert float(log["gradient-penalty"]) == pytest.approx(10, rel=1e-4)
    assert float(log["wasserstein"]) == 0


# --------------------------------------------------------------------------------------- clipping


def test_after_every_step_the_discriminators_weights_are_within_the_bound() -> None:
    game = Game(small("wgan", regularizers=(WeightClipping(bound=0.02),)), tiny(1, 8, 8))
    game.round()
    discriminator = torch.cat([p.detach().flatten() for p in game.params["discriminator"]])
    generator = torch.cat([p.detach().flatten() for p in game.params["generator"]])
    assert float(discriminator.abs().max()) == pytest.approx(0.02)
    assert float(generator.abs().max()) > 0.02


# --------------------------------------------------------------------------------------- networks


@pytest.mark.parametrize(
    ("body", "real", "convolves"),
    [
        ("auto", IMAGES, True),
        ("auto", POINTS, False),
        ("conv", IMAGES, True),
        ("mlp", IMAGES, False),
        ("mlp", POINTS, False),
    ],
)
def test_the_body_is_convolutions_for_images_unless_told(
    body: str,
    real: Space,
    convolves: bool,  # noqa: FBT001
) -> None:
    architecture = WganGp.model_validate({"body": body, "width": 4, "hidden": 8})
    generator, discriminator = architecture.generator(Z, real), architecture.discriminator(real)
    assert isinstance(generator, Upsampler if convolves else MlpGenerator)
    assert any(isinstance(m, nn.Conv2d) for m in discriminator.modules()) == convolves
    fake = generator(torch.randn(3, 6))
    assert fake.shape == (3, *real.shape)
    assert discriminator(fake).shape == (3,)


def test_convolutions_of_points_are_refused() -> None:
    for player in ("generator", "discriminator"):
        with pytest.raises(ComposeError, match="^architecture 'wgan-gp' builds images, "):
            build(WganGp(body="conv"), player, {"z": Z, "real": POINTS})


@pytest.mark.parametrize("real", [POINTS, IMAGES])
def test_a_samples_score_depends_on_no_other_sample(real: Space) -> None:
    """What batch norm would break, and with it a penalty on each sample's own slope."""
    net = SMALL.discriminator(real)
    assert not any("Norm" in type(m).__name__ for m in net.modules())
    batch = torch.randn(4, *real.shape)
    changed = torch.cat((batch[:1], torch.randn(3, *real.shape)))
    torch.testing.assert_close(net(batch)[0], net(changed)[0])
