"""A wrong composition fails before training, with a sentence that names parts, value and remedy."""

from __future__ import annotations

from contextlib import suppress
from itertools import combinations
from typing import TYPE_CHECKING, Any

import pytest
import torch
from ganzoo_dcgan import Dcgan
from ganzoo_vanilla import Mlp
from small import images, points, variant_of
from torch import Tensor, nn

from ganzoo.builtin.losses import Hinge, NonSaturating
from ganzoo.builtin.networks import MlpGenerator
from ganzoo.engine.game import Game
from ganzoo.errors import ComposeError, DataError
from ganzoo.parts.part import Architecture, Loss, Part, Regularizer
from ganzoo.parts.space import Space

if TYPE_CHECKING:
    from ganzoo.parts.dataset import Data
    from ganzoo.parts.variant import Variant
    from ganzoo.plugins.zoo import Zoo

SMALL = Mlp(width=8, depth=1)


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


SIZES = {
    **{"width": 8, "hidden": 8, "units": 8, "dim": 4, "noise": 4},
    **{"envs": 2, "steps": 8, "epochs": 1, "updates": 1, "horizon": "task"},
}
"""Options of parts that cost time, and values that cost little."""


def small(part: Part) -> Any:
    """A part with few units."""
    return part.model_copy(update={n: SIZES[n] for n in SIZES.keys() & type(part).model_fields})


def with_part(variant: Variant, part: Part) -> Variant:
    """A variant with a part in place of its own of that kind."""
    if isinstance(part, Regularizer):
        return variant.model_copy(update={"regularizers": (part,)})
    if isinstance(part, Loss) and variant.generator_loss is not None:
        player = "loss" if hasattr(part, "discriminator") else "generator_loss"
        return variant.model_copy(update={player: part})
    return variant.model_copy(update={part.kind: part})


def homes(zoo: Zoo) -> dict[Part, list[tuple[Variant, list[Data]]]]:
    """Where each part that is installed is put: variants that have it, on small data or their own.

    A part that no variant has is put into a plain one.
    """
    found: dict[Part, list[tuple[Variant, list[Data]]]] = {}
    for variant in zoo.variants.values():
        fewer = variant.model_copy(update={"batch": 4})
        for part in variant.parts():
            fewer = with_part(fewer, small(part)) if part.kind != "regularizer" else fewer
        data = [points(), images()]
        if not any(trains(fewer, rows) for rows in data):
            with suppress(DataError):
                data = [small(zoo.dataset(variant.data)).load()]
        for part in fewer.parts():
            found.setdefault(part, []).append((fewer, data))
    known = {part.name for part in found}
    plain = variant_of(SMALL, loss=NonSaturating(), batch=4)
    for kind in ("architecture", "loss", "regularizer", "sampler"):
        for cls in zoo.parts(kind).values():
            if cls.name not in known:
                part = small(cls())
                found[part] = [(with_part(plain, part), [points(), images()])]
    return found


def trains(variant: Variant, data: Data) -> bool:
    """Whether two rounds are played, all of them finite; else the refusal names a part."""
    try:
        game = Game(variant, data)
    except ComposeError as error:
        named = [said for p in variant.parts() for said in (f"'{p.name}'", f"{p.name}.")]
        assert any(said in str(error) for said in named), error  # noqa: PT017
        return False
    for _ in range(2):
        for terms in game.round().values():
            assert all(bool(torch.isfinite(term)) for term in terms.values()), variant
    assert game.is_finite(), variant
    return True


def test_every_two_parts_that_are_installed_train_together_or_say_why_not(zoo: Zoo) -> None:
    """Each is put where the other is at home; two that have trained together are not tried again.

    A refusal is a ComposeError that names a part; each part trains with some other.
    """
    together: set[frozenset[str]] = set()
    at_home = homes(zoo)
    for (one, its), (other, others) in combinations(at_home.items(), 2):
        if one.kind == other.kind:
            continue
        tried = [(with_part(v, other), data) for v, data in its]
        tried += [(with_part(v, one), data) for v, data in others]
        for variant, rows in [(v, rows) for v, data in tried for rows in data]:
            if frozenset((one.name, other.name)) in together:
                break
            if trains(variant, rows):
                names = [part.name for part in variant.parts()]
                together |= {frozenset(pair) for pair in combinations(names, 2)}
    assert {part.name for part in at_home} == {name for pair in together for name in pair}
