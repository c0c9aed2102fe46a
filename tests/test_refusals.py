"""A composition is checked to its end: what would fail later, or in silence, is a sentence now."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
import torch
from ganzoo_vanilla import Mlp
from small import points, variant_of
from torch import Tensor, nn

import ganzoo
from ganzoo.builtin.losses import Hinge, NonSaturating
from ganzoo.builtin.regularizers import R1
from ganzoo.builtin.samplers import Gaussian
from ganzoo.engine.game import Game
from ganzoo.errors import ComposeError, OptionError
from ganzoo.parts import Architecture, GameView, Loss, Regularizer, Sampler, Space

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ganzoo.parts import Player
    from ganzoo.plugins.zoo import Zoo

SMALL = Mlp(width=8, depth=1)


def refusal(**fields: Any) -> str:
    with pytest.raises(ComposeError) as error:
        Game(variant_of(fields.pop("architecture", SMALL), **fields), points())
    assert "\n" not in str(error.value)
    return str(error.value)


# --------------------------------------------------------------------- methods that nothing calls


class Misspelt(Loss):
    discriminator = Hinge.discriminator

    def generater(self, fake_score: Tensor) -> Tensor:
        return -fake_score


class Attached(Regularizer):
    def discriminator(self, real_score: Tensor) -> Tensor:
        return real_score

    def atach(self, net: nn.Module, player: Player) -> None: ...


class Projected(Regularizer):
    def projct(self, net: nn.Module, player: Player) -> None: ...


class Augmented(Regularizer):
    def augmentt(self, sample: Tensor) -> Tensor:
        return sample


class Dealt(Gaussian):
    def deel(self, player: Player, game: GameView, drawn: Any) -> Iterator[Any]:
        raise NotImplementedError


class Encoded(Mlp):
    def encodr(self, real: Space) -> nn.Module:
        raise NotImplementedError


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        (
            {"loss": Misspelt()},
            (
                "loss 'misspelt' has a method 'generater', which nothing calls; did you mean "
                "'generator'?"
            ),
        ),
        (
            {"regularizers": (Attached(),)},
            (
                "regularizer 'attached' has a method 'atach', which nothing calls; did you mean "
                "'attach'?"
            ),
        ),
        (
            {"regularizers": (Projected(),)},
            (
                "regularizer 'projected' has a method 'projct', which nothing calls; did you mean "
                "'project'?"
            ),
        ),
        (
            {"regularizers": (Augmented(),)},
            (
                "regularizer 'augmented' has a method 'augmentt', which nothing calls; did you "
                "mean 'augment'?"
            ),
        ),
        (
            {"architecture": Encoded(width=8), "turns": (("generator", 1), ("encoder", 1))},
            (
                "architecture 'encoded' has a method 'encodr', which nothing calls; did you mean "
                "'encoder'?"
            ),
        ),
    ],
)
def test_a_misspelt_method_is_refused_with_what_was_meant(
    fields: dict[str, Any], sentence: str
) -> None:
    assert refusal(**fields) == sentence


class OfImages(Regularizer):
    augments = "images"

    def augment(self, sample: Tensor) -> Tensor:
        raise AssertionError


class OfPictures(OfImages):
    augments = "pictures"  # type: ignore[assignment]


@pytest.mark.parametrize(
    ("regularizer", "sentence"),
    [
        (
            OfImages(),
            (
                "regularizer 'of-images' augments images, (channels, height, width); the data's "
                "'real' is a vector of 2."
            ),
        ),
        (
            OfPictures(),
            (
                "regularizer 'of-pictures' says augments = 'pictures'; it can be one of images, "
                "vectors, texts."
            ),
        ),
    ],
)
def test_an_augmentation_is_asked_for_the_samples_that_it_takes_and_no_others(
    regularizer: Regularizer, sentence: str
) -> None:
    assert refusal(regularizers=(regularizer,)) == sentence


class Telling(Regularizer):
    """Its state says something of itself."""

    told: Any = None

    def start(self, game: GameView) -> Any:
        return SimpleNamespace(signals=lambda: self.told)

    def discriminator(self, real_score: Tensor) -> Tensor:
        return real_score


@pytest.mark.parametrize(
    ("told", "what"),
    [
        (3, "an int"),
        ({2: 1.0}, "a dict"),
        ({"p": torch.ones(2)}, "a dict"),
        ({"p": "much"}, "a dict"),
    ],
)
def test_signals_that_are_no_numbers_by_name_are_refused(told: Any, what: str) -> None:
    assert refusal(regularizers=(Telling(told=told),)) == (
        f"signals() of the regularizer telling returns {what}; it must be a dict of numbers or "
        "scalar tensors by name."
    )


def test_signals_are_numbers_by_the_names_of_their_parts() -> None:
    part = Telling(told={"p": torch.tensor([0.25]), "steps": 3})
    game = Game(variant_of(SMALL, regularizers=(part,)), points())
    assert game.signals() == {"telling/p": 0.25, "telling/steps": 3}


class Halved(Hinge):
    def generators(self) -> str:
        """Near a method's name, but that method is there."""
        return "two"

    def scale(self, x: float) -> float:
        return x


def test_methods_of_a_parts_own_are_its_own_affair() -> None:
    Game(variant_of(SMALL, loss=Halved()), points()).round()


# ------------------------------------------------------------------------- parts that do nothing


class Idle(Regularizer):
    """Only for an encoder, of which there is none."""

    def encoder(self, encoded: Tensor) -> Tensor:
        return encoded


class Attaching(Regularizer):
    def attach(self, net: nn.Module, player: Player) -> None:
        net.register_buffer("seen", torch.zeros(()))


def test_a_regularizer_with_nothing_to_do_for_any_player_is_refused() -> None:
    assert refusal(regularizers=(Idle(),)) == (
        "regularizer 'idle' does nothing for discriminator or generator: it defines none of "
        "discriminator, generator, augment, project, attach."
    )
    generator_alone = (("generator", 1),)
    assert refusal(regularizers=(R1(),), turns=generator_alone).startswith(
        "regularizer 'r1' does nothing for generator: it defines none of generator, augment, "
    )
    Game(variant_of(SMALL, regularizers=(Attaching(),)), points()).round()


# -------------------------------------------------------------------------- draw, deal and sample


class BadDraw(Gaussian):
    def draw(self, player: Player, game: GameView) -> Any:
        raise KeyError(*("rows",))


class BadDeal(Gaussian):
    def deal(self, player: Player, game: GameView, drawn: Any) -> Iterator[Any]:
        if player == "generator":
            raise ZeroDivisionError
        yield from super().deal(player, game, drawn)


class NoDeal(Gaussian):
    def deal(self, player: Player, game: GameView, drawn: Any) -> Iterator[Any]:
        yield from ()


class OddDeal(Gaussian):
    def deal(self, player: Player, game: GameView, drawn: Any) -> Iterator[Any]:
        yield {"z": drawn}


class BadSample(Gaussian):
    def sample(self, frozen: Any, n: int, *, seed: int, given: Any) -> dict[str, Tensor]:
        raise IndexError(*("too few",))


@pytest.mark.parametrize(
    ("sampler", "sentence"),
    [
        (
            BadDraw(),
            (
                "sampler 'bad-draw' fails to draw on the discriminator's turn with architecture "
                "'mlp' and dataset 'points': 'rows'"
            ),
        ),
        (
            BadDeal(),
            (
                "sampler 'bad-deal' fails to deal on the generator's turn with architecture "
                "'mlp' and dataset 'points': ZeroDivisionError"
            ),
        ),
        (NoDeal(), "sampler 'no-deal' deals no step on the discriminator's turn."),
        (
            OddDeal(),
            "sampler 'odd-deal' deals a dict, not a step of the game, on the discriminator's turn.",
        ),
        (
            BadSample(),
            (
                "drawing samples fails with architecture 'mlp', sampler 'bad-sample' and "
                "dataset 'points': too few"
            ),
        ),
    ],
)
def test_what_fails_in_a_sampler_is_worded(sampler: Sampler, sentence: str) -> None:
    assert refusal(sampler=sampler) == sentence


class Guided(Architecture):
    """A generator of what the sampler deals in training alone."""

    def generator(self, z: Space, real: Space) -> nn.Module:
        return _Guided(z.size, real.size)

    discriminator = Mlp.discriminator
    width: int = 8
    depth: int = 1


class _Guided(nn.Module):
    def __init__(self, z: int, size: int) -> None:
        super().__init__()
        self.layer = nn.Linear(z, size)

    def forward(self, z: Tensor, hint: Tensor) -> Tensor:
        made: Tensor = self.layer(z) + hint
        return made


class Hinting(Gaussian):
    def deal(self, player: Player, game: GameView, drawn: Tensor) -> Iterator[Any]:
        z = self.latent(len(drawn), game.spaces, game.latents)["z"]
        yield game.step(player, rows=drawn, z=z, hint=z[:, :2])


def test_what_could_be_trained_but_not_sampled_is_refused() -> None:
    assert refusal(architecture=Guided(), sampler=Hinting(dim=4)) == (
        "the generator reads 'hint', which sampler 'hinting' does not draw; give it, as in "
        "sample(n, given={'hint': ...})."
    )


def test_the_check_leaves_networks_in_training_mode_and_nothing_behind() -> None:
    game, twin = (Game(variant_of(SMALL), points(), seed=3) for _ in range(2))
    assert all(net.training for net in game.nets.values())
    for _ in range(3):
        game.round()
    torch.manual_seed(9)
    for _ in range(3):
        twin.round()
    for mine, its in zip(game.params["generator"], twin.params["generator"], strict=True):
        assert torch.equal(mine, its)


# ------------------------------------------------------------------------ composing once


def test_a_composition_is_composed_once_and_taken_by_every_call(zoo: Zoo) -> None:
    composed = ganzoo.compose("vanilla", data="ring", loss="hinge", zoo=zoo)
    assert composed.variant.loss.name == "hinge"
    assert ganzoo.compose(composed) is composed
    assert composed.data is composed.data
    assert ganzoo.explain(composed)["objective"]["generator"] == "hinge"
    with pytest.raises(OptionError, match="'vanilla' is composed already; choose its parts in"):
        ganzoo.explain(composed, loss="minimax")


class NeedsHead(Regularizer):
    def discriminator(self, fake_code: Tensor) -> Tensor:
        return fake_code


def test_installed_parts_that_would_help_are_named_by_the_zoo_that_composed(
    zoo: Zoo, core: Zoo
) -> None:
    variant = variant_of(SMALL, regularizers=(NeedsHead(),), loss=NonSaturating())
    told = "Architectures that have the head 'code': infogan (ganzoo-infogan)."
    with pytest.raises(ComposeError) as error:
        ganzoo.compose(variant, data="ring", zoo=zoo).game()
    assert str(error.value).endswith(told)
    with pytest.raises(ComposeError) as error:
        ganzoo.compose(variant, data="ring", zoo=core).game()  # which has none to name
    assert str(error.value).endswith("spaces, z.")
