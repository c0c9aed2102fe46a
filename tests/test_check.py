"""A wrong composition fails before training, with a sentence that names parts, value and remedy."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from ganzoo_dcgan import Dcgan
from ganzoo_vanilla import Mlp
from small import images, points, variant_of
from torch import Tensor, nn

from ganzoo.builtin.losses import Hinge
from ganzoo.builtin.networks import MlpGenerator
from ganzoo.builtin.regularizers import R1
from ganzoo.builtin.samplers import Gaussian
from ganzoo.engine.game import Game
from ganzoo.errors import ComposeError
from ganzoo.parts.part import Architecture, Loss, Player, Regularizer, Sampler
from ganzoo.parts.space import Space

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ganzoo.engine.step import Step

SMALL = Mlp(width=16, depth=1)


class DetachedFakes(Sampler):
    deals = ("z", "fake")

    def spaces(self, data: Any) -> dict[str, Space]:
        return {"z": Space(shape=(4,))}

    latent = Gaussian.latent

    def deal(self, player: Player, game: Game, drawn: Tensor) -> Iterator[Step]:
        z = self.latent(len(drawn), game.spaces, game.latents)["z"]
        fake = game.nets["generator"](z).detach()
        yield game.step(player, rows=drawn, z=z, fake=fake)


def test_a_sampler_that_deals_detached_fakes_is_refused() -> None:
    with pytest.raises(ComposeError, match="generator's objective .* reaches .* detached"):
        Game(variant_of(SMALL, sampler=DetachedFakes()), points())


class ColumnScore(Architecture):
    def generator(self, z: Space, real: Space) -> nn.Module:
        return MlpGenerator(z.size, [8], real)

    def discriminator(self, real: Space) -> nn.Module:
        return nn.Sequential(nn.Flatten(), nn.Linear(real.size, 1))


def test_a_score_of_shape_n_by_1_is_refused() -> None:
    with pytest.raises(ComposeError, match=r"returns 'score' of shape \(8, 1\); it must be \(8,\)"):
        Game(variant_of(ColumnScore()), points())


class Outer(Loss):
    generator = Hinge.generator

    def discriminator(self, real_score: Tensor, fake_score: Tensor) -> Tensor:
        return real_score[:, None] - fake_score


def test_a_term_that_broadcast_is_refused() -> None:
    with pytest.raises(ComposeError, match=r"'outer' returns a term of shape \(8, 8\)"):
        Game(variant_of(SMALL, loss=Outer()), points())


def test_two_terms_of_one_name_are_refused() -> None:
    with pytest.raises(ComposeError, match="two terms of the discriminator's objective .* 'r1'"):
        Game(variant_of(SMALL, regularizers=(R1(weight=1), R1(weight=2))), points())


class PpoClip(Loss):
    discriminator = Hinge.discriminator

    def generator(self, log_prob: Tensor) -> Tensor:
        return log_prob


def test_a_missing_value_is_named_with_who_reads_it_and_what_is_offered() -> None:
    with pytest.raises(ComposeError) as error:
        Game(variant_of(SMALL, loss=PpoClip()), points())
    assert str(error.value) == (
        "'ppo-clip' reads 'log_prob' on the generator's turn; sampler 'gaussian' with architecture "
        "'mlp' offers: fake, fake_score, generate, label, progress, real, real_score, score, "
        "spaces, z."
    )


class ReadsHead(Regularizer):
    def discriminator(self, fake_code: Tensor) -> Tensor:
        return fake_code


def test_a_missing_head_is_named() -> None:
    with pytest.raises(ComposeError, match="'reads-head' reads 'fake_code' on the discriminator's"):
        Game(variant_of(SMALL, regularizers=(ReadsHead(),)), points())


class Labelled(Architecture):
    def generator(self, z: Space, label: Space, real: Space) -> nn.Module:
        raise NotImplementedError

    def discriminator(self, real: Space) -> nn.Module:
        return Mlp(width=8, depth=1).discriminator(real)


def test_a_missing_space_is_named_with_what_the_data_and_sampler_offer() -> None:
    with pytest.raises(ComposeError) as error:
        Game(variant_of(Labelled()), images())
    assert str(error.value).startswith(
        "architecture 'labelled' builds its generator from 'label'; the dataset and the sampler "
        "offer: real, z."
    )


def test_an_architecture_refuses_data_that_it_cannot_build_with_its_reason() -> None:
    with pytest.raises(ComposeError) as error:
        Game(variant_of(Dcgan(width=8)), points())
    assert str(error.value) == (
        "'dcgan' builds images (channels, height, width); the data's samples are of shape 2."
    )
    with pytest.raises(ComposeError, match="8 to 128 pixels a side and 1 to 4 channels"):
        Dcgan().generator(Space(shape=(4,)), Space(shape=(1, 6, 6)))


class Half(Loss):
    def discriminator(self, real_score: Tensor, fake_score: Tensor) -> Tensor:
        return fake_score - real_score


def test_a_loss_without_a_term_for_a_player_with_turns_is_refused() -> None:
    with pytest.raises(ComposeError, match="loss 'half' has no term for the generator, which has"):
        Game(variant_of(SMALL, loss=Half()), points())
    Game(variant_of(SMALL, loss=Half(), generator_loss=Hinge()), points())


class Crooked(Architecture):
    def generator(self, z: Space, real: Space) -> nn.Module:
        return MlpGenerator(z.size, [8], real)

    def discriminator(self, real: Space) -> nn.Module:
        return nn.Sequential(nn.Linear(real.size + 1, 1), nn.Flatten(0))


def test_a_network_that_fails_on_the_data_is_refused_with_torchs_words() -> None:
    with pytest.raises(
        ComposeError, match="discriminator of architecture 'crooked' fails on .*mat1"
    ):
        Game(variant_of(Crooked()), points())


class Unsure(Loss):
    generator = Hinge.generator

    def discriminator(self, real_score: Tensor, fake_score: Tensor) -> Tensor:
        raise ZeroDivisionError


def test_a_term_that_fails_is_refused_by_name() -> None:
    with pytest.raises(ComposeError, match="'unsure' fails on the discriminator's turn"):
        Game(variant_of(SMALL, loss=Unsure()), points())


class WrongSize(Architecture):
    discriminator = Mlp.discriminator
    width: int = 8
    depth: int = 1

    def generator(self, z: Space) -> nn.Module:
        return Mlp(width=8, depth=1).generator(z, Space(shape=(3,)))


def test_samples_of_another_shape_than_the_datas_are_refused() -> None:
    with pytest.raises(
        ComposeError, match=r"returns 'fake' of shape \(8, 3\); it must be \(8, 2\)"
    ):
        Game(variant_of(WrongSize()), points())


def test_a_game_of_one_player_needs_no_discriminator() -> None:
    """A variant such as a VAE has one player; no discriminator is built and no turn dealt to it."""

    class Autoencode(Loss):
        def generator(self, fake: Tensor, real: Tensor) -> Tensor:
            return (fake - real).flatten(1).square().sum(1)

    class Alone(Architecture):
        def generator(self, z: Space, real: Space) -> nn.Module:
            return Mlp(width=8, depth=1).generator(z, real)

    game = Game(variant_of(Alone(), loss=Autoencode(), turns=(("generator", 2),)), points())
    game.round()
    assert list(game.nets) == ["generator"]
    assert game.steps == {"generator": 2}
