"""Samplers draw from the priors they are named after, on the stream they are given."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import torch
from pydantic import ValidationError
from small import points, variant_of

from ganzoo.builtin.samplers import Gaussian, Uniform
from ganzoo.engine.game import Game
from ganzoo.testing import Plain

if TYPE_CHECKING:
    from torch import Tensor

    from ganzoo.parts.part import Sampler

BOTH = pytest.mark.parametrize("sampler", [Gaussian(dim=5), Uniform(dim=5)])
N = 40_000


def draw(sampler: Sampler, n: int, seed: int = 0) -> Tensor:
    stream = torch.Generator().manual_seed(seed)
    return sampler.latent(n, sampler.spaces({}), stream)["z"]


def moment(z: Tensor, power: int) -> Tensor:
    return z.double().pow(power).mean(0)


def test_the_gaussian_has_the_moments_of_the_standard_normal() -> None:
    z = draw(Gaussian(dim=5), N)
    for power, expected in ((1, 0.0), (2, 1.0), (3, 0.0), (4, 3.0)):
        torch.testing.assert_close(
            moment(z, power), torch.full((5,), expected, dtype=torch.float64), atol=0.2, rtol=0
        )
    assert float(z.abs().max()) > 3.5


def test_the_uniform_has_the_moments_of_its_box_and_never_leaves_it() -> None:
    z = draw(Uniform(dim=5), N)
    for power, expected in ((1, 0.0), (2, 1 / 3), (4, 1 / 5)):
        torch.testing.assert_close(
            moment(z, power), torch.full((5,), expected, dtype=torch.float64), atol=0.02, rtol=0
        )
    assert -1 <= float(z.min()) < -0.999
    assert 0.999 < float(z.max()) <= 1


@BOTH
def test_the_numbers_of_one_latent_are_independent(sampler: Sampler) -> None:
    z = draw(sampler, N).double()
    between = torch.corrcoef(z.T) - torch.eye(5, dtype=torch.float64)
    assert float(between.abs().max()) < 0.03


@BOTH
def test_a_latent_has_the_shape_of_its_space(sampler: Sampler) -> None:
    (space,) = sampler.spaces({}).values()
    assert draw(sampler, 7).shape == (7, *space.shape)
    assert space.bounded == isinstance(sampler, Uniform)
    assert sampler.deals == ("z",)


@BOTH
def test_a_stream_repeats_by_seed_and_seeds_share_nothing(sampler: Sampler) -> None:
    one, other = draw(sampler, 4000), draw(sampler, 4000, seed=1)
    assert torch.equal(one, draw(sampler, 4000))
    assert not bool((one == other).any(1).all())
    both = torch.stack((one.flatten(), other.flatten())).double()
    assert abs(float(torch.corrcoef(both)[0, 1])) < 0.03


@BOTH
def test_a_stream_goes_on_and_nobody_elses_random_numbers_are_used(sampler: Sampler) -> None:
    stream = torch.Generator().manual_seed(0)
    before = torch.get_rng_state()
    first, second = (sampler.latent(64, sampler.spaces({}), stream)["z"] for _ in range(2))
    assert not torch.equal(first, second)
    assert torch.equal(before, torch.get_rng_state())


@BOTH
def test_a_game_deals_fresh_latents_each_step_the_same_for_the_same_seed(sampler: Sampler) -> None:
    def dealt(seed: int) -> list[Tensor]:
        game = Game(variant_of(Plain(), sampler=sampler), points(), seed=seed)
        drawn = sampler.draw("discriminator", game)
        return [next(iter(sampler.deal("discriminator", game, drawn)))["z"] for _ in range(2)]

    first, second = dealt(0)
    assert first.shape == (8, 5)
    assert not torch.equal(first, second)
    assert torch.equal(first, dealt(0)[0])
    assert not torch.equal(first, dealt(1)[0])


@pytest.mark.parametrize("kind", [Gaussian, Uniform])
@pytest.mark.parametrize("dim", [0, -1, 65537])
def test_a_latent_of_no_or_too_many_numbers_is_refused(kind: type[Sampler], dim: int) -> None:
    with pytest.raises(ValidationError, match="dim"):
        kind.model_validate({"dim": dim})
