"""A wrong composition fails before training, with a sentence that names parts, value and remedy."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest
import torch
from ganzoo_dcgan import Dcgan
from ganzoo_vanilla import Mlp
from small import images, points, variant_of
from torch import Tensor, nn

from ganzoo.builtin.losses import Hinge
from ganzoo.builtin.networks import MlpGenerator
from ganzoo.builtin.regularizers import R1
from ganzoo.builtin.samplers import Gaussian
from ganzoo.engine.build import build
from ganzoo.engine.check import composition
from ganzoo.engine.game import Game
from ganzoo.errors import ComposeError, DataError, OptionError, ZooError
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
        "architecture 'dcgan' builds images, (channels, height, width); the data's 'real' is a "
        "vector of 2."
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


# ------------------------------------------------------------- methods that nothing would call


class Misspelt(Loss):
    discriminator = Hinge.discriminator
    generator = Hinge.generator

    def discriminater(self, real_score: Tensor) -> Tensor:
        return real_score


class Idle(Regularizer):
    def critic(self, real_score: Tensor) -> Tensor:
        return real_score


class HalfIdle(Regularizer):
    def augmnet(self, sample: Tensor) -> Tensor:
        return sample


class Helped(Regularizer):
    """Methods of its own whose names are like none, or are its own business, are let be."""

    def attach(self, net: nn.Module, player: Player) -> None: ...

    def slope(self) -> None: ...

    def generate_noise(self) -> None: ...

    def _projct(self) -> None: ...


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        (
            {"loss": Misspelt()},
            None,  # it has a discriminator's method, so that this one is not missed
        ),
        (
            {"regularizers": (HalfIdle(),)},
            (
                "regularizer 'half-idle' has a method 'augmnet', which nothing calls; did you mean "
                "'augment'?"
            ),
        ),
        (
            {"regularizers": (Idle(),)},
            (
                "regularizer 'idle' does nothing for discriminator or generator: it defines none "
                "of discriminator, generator, augment, project, attach."
            ),
        ),
        ({"regularizers": (Helped(),)}, None),
        (
            {"turns": (("score", 1), ("generator", 1))},
            "a player cannot be named 'score', which has another meaning.",
        ),
        (
            {"turns": (("latent", 1), ("generator", 1))},
            "a player cannot be named 'latent', which has another meaning.",
        ),
        (
            {"turns": (("critic", 1), ("generator", 1))},
            "loss 'non-saturating' has no term for the critic, which has turns.",
        ),
    ],
)
def test_what_nothing_would_call_is_refused(fields: dict[str, Any], sentence: str | None) -> None:
    variant = variant_of(WithCritic(), **fields)
    if sentence is None:
        Game(variant, points())
        return
    with pytest.raises(ComposeError) as error:
        Game(variant, points())
    assert str(error.value) == sentence


class WithCritic(Mlp):
    name = "mlp"
    critic = Mlp.discriminator


# ------------------------------------------------------------------------------ what samplers deal


class Failing(Gaussian):
    """Goes wrong in one of its methods."""

    fails: str = ""

    def draw(self, player: Player, game: Any) -> Any:
        if self.fails == "draw":
            message = "no rows\nat all"
            raise ValueError(message)
        return super().draw(player, game)

    def deal(self, player: Player, game: Any, drawn: Any) -> Iterator[Any]:
        if self.fails == "deal":
            raise KeyError
        if self.fails == "zoo":
            message = "of its own"
            raise OptionError(message)
        if self.fails == "other":
            yield drawn
        if self.fails != "none":
            yield from super().deal(player, game, drawn)

    def sample(self, frozen: Any, n: int, *, seed: int, given: Any) -> dict[str, Tensor]:
        if self.fails == "sample":
            message = "no luck"
            raise RuntimeError(message)
        if self.fails == "sample-zoo":
            message = "of its own"
            raise OptionError(message)
        return super().sample(frozen, n, seed=seed, given=given)


WITH = "with architecture 'mlp' and dataset 'points'"


@pytest.mark.parametrize(
    ("at", "sentence"),
    [
        ("draw", f"sampler 'failing' fails to draw on the discriminator's turn {WITH}: no rows"),
        ("deal", f"sampler 'failing' fails to deal on the discriminator's turn {WITH}: KeyError"),
        ("zoo", "of its own"),
        (
            "other",
            (
                "sampler 'failing' deals a Tensor, not a step of the game, on the discriminator's "
                "turn."
            ),
        ),
        ("none", "sampler 'failing' deals no step on the discriminator's turn."),
        (
            "sample",
            (
                "drawing samples fails with architecture 'mlp', sampler 'failing' and dataset "
                "'points': no luck"
            ),
        ),
        ("sample-zoo", "of its own"),
    ],
)
def test_a_sampler_that_fails_is_named_with_what_it_was_doing(at: str, sentence: str) -> None:
    with pytest.raises(ZooError) as error:
        Game(variant_of(SMALL, sampler=Failing(dim=4, fails=at)), points())
    assert str(error.value) == sentence


# ------------------------------------------------------------- what terms and networks do


class Returning(Regularizer):
    """A term of some form."""

    what: str

    def discriminator(self, real_score: Tensor) -> Any:
        forms = {
            "scalar": real_score.mean(),
            "each": real_score,
            "float": 0.5,
            "few": real_score[:3],
            "none": None,
        }
        return forms[self.what]


@pytest.mark.parametrize(
    ("what", "got"), [("float", "a float"), ("few", "a term of shape (3,)"), ("none", "None")]
)
def test_a_term_of_another_form_is_refused(what: str, got: str) -> None:
    with pytest.raises(ComposeError) as error:
        Game(variant_of(SMALL, regularizers=(Returning(what=what),)), points())
    assert str(error.value) == (
        f"'returning' returns {got} on the discriminator's turn with architecture 'mlp', sampler "
        "'gaussian' and dataset 'points'; it must be (8,), one number per sample, or a scalar."
    )
    for fine in ("scalar", "each"):
        Game(variant_of(SMALL, regularizers=(Returning(what=fine),)), points())


class Unstarted(Regularizer):
    def generator(self, fake_score: Tensor, state: Any) -> Tensor:
        return fake_score


class Distracted(Loss):
    """Its generator's term depends on the discriminator alone."""

    discriminator = Hinge.discriminator

    def generator(self, real_score: Tensor) -> Tensor:
        return real_score


class Constant(Distracted):
    def generator(self, z: Tensor) -> Tensor:
        return z.sum(1)


class Short(Crooked):
    """Its discriminator forgets a sample."""

    def discriminator(self, real: Space) -> nn.Module:
        return Forgetting(nn.Linear(real.size, 1), nn.Flatten(0))


class Forgetting(nn.Sequential):
    def forward(self, sample: Tensor) -> Tensor:
        out: Tensor = super().forward(sample)[1:]
        return out


class Mute(Crooked):
    """Its discriminator returns no score, its generator no sample."""

    silent: str = "discriminator"

    def generator(self, z: Space, real: Space) -> nn.Module:
        net = super().generator(z, real)
        return Renaming(net) if self.silent == "generator" else net

    def discriminator(self, real: Space) -> nn.Module:
        net = Mlp(width=8, depth=1).discriminator(real)
        return Judging(net) if self.silent == "discriminator" else net


class Renaming(nn.Module):
    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net

    def forward(self, z: Tensor) -> dict[str, Tensor]:
        return {"image": self.net(z)}


class Judging(Renaming):
    def forward(self, sample: Tensor) -> dict[str, Tensor]:  # type: ignore[override]
        return {"verdict": self.net(sample)}


class Tutored(Crooked):
    """Its generator reads what is nowhere."""

    def generator(self, z: Space, real: Space) -> nn.Module:
        return Reading(MlpGenerator(z.size, [8], real))

    def discriminator(self, real: Space) -> nn.Module:
        return Mlp(width=8, depth=1).discriminator(real)


class Reading(Renaming):
    def forward(self, z: Tensor, hint: Tensor) -> Tensor:  # type: ignore[override]
        return self.net(z + hint)


PARTS = "architecture '{}', sampler 'gaussian' and dataset 'points'"


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        (
            {"regularizers": (Unstarted(),)},
            "'unstarted' reads 'state' but defines no start(self, game).",
        ),
        (
            {"loss": Distracted()},
            (
                "no term of the generator's objective (distracted) reaches its parameters: with "
                f"{PARTS.format('mlp')} nothing would be trained. Is a sample dealt detached?"
            ),
        ),
        (
            {"loss": Constant()},
            (
                "no term of the generator's objective (constant) reaches its parameters: with "
                f"{PARTS.format('mlp')} nothing would be trained. Is a sample dealt detached?"
            ),
        ),
        (
            {"architecture": Short()},
            (
                "the discriminator of architecture 'short' returns 'score' of shape (7,); it must "
                "be (8,), or (8, ...) for a map of scores."
            ),
        ),
        (
            {"architecture": Mute()},
            "the discriminator of architecture 'mute' returns no 'score'.",
        ),
        (
            {"architecture": Mute(silent="generator")},
            "the generator of architecture 'mute' returns no 'fake'.",
        ),
        (
            {"architecture": Tutored()},
            (
                "the generator of architecture 'tutored' reads 'hint' on the discriminator's turn; "
                "sampler 'gaussian' with architecture 'tutored' offers: label, progress, real, "
                "real_score, score, spaces, z."
            ),
        ),
    ],
)
def test_networks_and_terms_that_do_not_do_their_part_are_named(
    fields: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(ComposeError) as error:
        Game(variant_of(**{"architecture": SMALL, **fields}), points())
    assert str(error.value).replace("generate, ", "") == sentence


def test_what_is_missing_is_told_with_the_kind_of_part_that_could_have_it() -> None:
    found = []
    for fields in ({"loss": PpoClip()}, {"regularizers": (ReadsHead(),)}):
        with pytest.raises(ComposeError) as error:
            Game(variant_of(SMALL, **fields), points())
        found.append(error.value.missing)
    with pytest.raises(ComposeError) as error:
        Game(variant_of(Labelled()), images())
    found.append(error.value.missing)
    assert found == [("sampler", "log_prob"), ("architecture", "fake_code"), ("dataset", "label")]


class Counting(Regularizer):
    """Draws, counts and keeps buffers: the check leaves no trace of any."""

    def start(self, game: Any) -> Any:
        return Tally()

    def attach(self, net: nn.Module, player: Player) -> None:
        net.register_buffer("calls", torch.zeros(()))
        net.register_forward_hook(lambda net, *_: net.calls.add_(1) and None)

    def generator(self, fake_score: Tensor, state: Any) -> Tensor:
        state.count += 1
        return fake_score + torch.rand(())


class Tally:
    count = 0

    def state(self) -> dict[str, Any]:
        return {"count": self.count}

    def restore(self, state: dict[str, Any]) -> None:
        self.count = state["count"]


def test_the_check_leaves_no_trace() -> None:
    game = Game(variant_of(SMALL, regularizers=(Counting(),)), points())
    assert game.state_of(Counting()).count == 0
    assert [float(net.calls) for net in game.nets.values()] == [0, 0]
    assert all(net.training for net in game.nets.values())
    random, latents, position = game.random.state, game.latents.get_state(), game.order.position
    composition(game)
    assert torch.equal(game.random.state, random)
    assert torch.equal(game.latents.get_state(), latents)
    assert game.order.position == position == 0
    assert game.state_of(Counting()).count == 0
    game.round()
    game.state_of(Counting()).count = 5
    with suppress(ZeroDivisionError), game.untouched():
        game.state_of(Counting()).count = 7
        raise ZeroDivisionError(game.order.take(3))
    assert (game.state_of(Counting()).count, game.order.position) == (5, 16)


# ----------------------------------------------------------------------------- what is built of it


class Building(Crooked):
    """Builds a wrong thing, or fails to."""

    what: str = "none"

    def discriminator(self, real: Space) -> nn.Module:
        if self.what == "raise":
            message = "too\nsmall"
            raise ValueError(message)
        if self.what == "refuse":
            message = "not these data."
            raise ComposeError(message)
        return None if self.what == "none" else lambda x: x  # type: ignore[return-value]


@pytest.mark.parametrize(
    ("what", "sentence"),
    [
        ("none", "builds None as its discriminator; it must be an nn.Module."),
        ("lambda", "builds a function as its discriminator; it must be an nn.Module."),
        (
            "raise",
            (
                "cannot build its discriminator: too; the data's 'real' is a vector of 2, and an "
                "architecture of images alone says so by builds = 'images'."
            ),
        ),
    ],
)
def test_an_architecture_that_builds_no_network_is_refused(what: str, sentence: str) -> None:
    with pytest.raises(ComposeError) as error:
        Game(variant_of(Building(what=what)), points())
    assert str(error.value) == f"architecture 'building' {sentence}"
    with pytest.raises(ComposeError, match=r"^not these data\.$"):
        Game(variant_of(Building(what="refuse")), points())


class Pictures(Architecture):
    builds = "images"

    def generator(self, z: Space, real: Space) -> nn.Module:
        channels, height, width = real.shape
        return nn.Linear(z.size, channels * height * width)

    discriminator = generator


class Unsaid(Pictures):
    builds = None


class Flat(Pictures):
    builds = "vectors"


class Misnamed(Pictures):
    builds = "image"  # type: ignore[assignment]


@pytest.mark.parametrize(
    ("architecture", "real", "sentence"),
    [
        (
            Pictures(),
            Space(shape=(2,)),
            "builds images, (channels, height, width); the data's 'real' is a vector of 2.",
        ),
        (
            Pictures(),
            Space(shape=(8, 8)),
            "builds images, (channels, height, width); the data's 'real' is an array of 8 x 8.",
        ),
        (
            Pictures(),
            Space(shape=(4,), vocabulary=("", "a")),
            (
                "builds images, (channels, height, width); the data's 'real' is a text of up to 4 "
                "of 1 words."
            ),
        ),
        (
            Flat(),
            Space(shape=(1, 8, 8)),
            "builds vectors, (d,); the data's 'real' is an image of 1 x 8 x 8.",
        ),
        (
            Unsaid(),
            Space(shape=(2,)),
            (
                "cannot build its discriminator: not enough values to unpack (expected 3, got 1); "
                "the data's 'real' is a vector of 2, and an architecture of images alone says so "
                "by builds = 'images'."
            ),
        ),
        (
            Misnamed(),
            Space(shape=(1, 8, 8)),
            "says builds = 'image'; it can be one of images, vectors, texts.",
        ),
    ],
)
def test_an_architecture_is_asked_for_the_samples_that_it_builds_and_no_others(
    architecture: Architecture, real: Space, sentence: str
) -> None:
    with pytest.raises(ComposeError) as error:
        build(architecture, "discriminator", {"z": Space(shape=(4,)), "real": real})
    assert str(error.value) == f"architecture '{architecture.name}' {sentence}"


def test_samples_of_the_right_kind_are_built() -> None:
    spaces = {"z": Space(shape=(4,)), "real": Space(shape=(1, 8, 8))}
    for architecture in (Pictures(), Unsaid()):
        assert isinstance(build(architecture, "generator", spaces), nn.Linear)


def test_data_without_rows_are_refused() -> None:
    with pytest.raises(DataError) as error:
        Game(variant_of(SMALL), points(0))
    assert str(error.value) == "dataset 'points' has no rows to train on."
