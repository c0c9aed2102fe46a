"""A composition: a variant, parts of it replaced, its data, and the game that they make."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import torch
from small import equal, points, variant_of, weights
from torch import Tensor

from ganzoo.builtin.datasets.digits import Digits
from ganzoo.engine.composition import Composition, compose
from ganzoo.errors import ComposeError, OptionError
from ganzoo.parts.dataset import Data, Dataset
from ganzoo.parts.part import Loss
from ganzoo.testing import Plain

if TYPE_CHECKING:
    from ganzoo.parts.part import Part
    from ganzoo.plugins.zoo import Zoo


def test_every_choice_takes_the_place_of_the_variants_own(zoo: Zoo) -> None:
    composed = compose(
        "vanilla",
        zoo=zoo,
        data="ring",
        architecture="maxout-mlp",
        loss="hinge",
        regularizers=["r1"],
        sampler="uniform",
        optimizer="sgd",
        settings=iter(["batch=7", "data.modes=3"]),
    )
    variant = composed.variant
    assert [part.name for part in variant.parts()] == ["maxout-mlp", "hinge", "r1", "uniform"]
    assert {o.name for o in variant.optimizers.values()} == {"sgd"}
    assert variant.batch == 7
    assert (composed.dataset.name, composed.data.info["modes"]) == ("ring", 3)
    assert composed.zoo is zoo


def test_without_choices_it_is_the_variant_on_its_own_data(zoo: Zoo) -> None:
    composed = compose("vanilla", zoo=zoo, data=None, regularizers=None)
    assert composed.variant == zoo.variant("vanilla")
    assert isinstance(composed.dataset, Digits)
    assert compose(composed) is composed
    assert compose(composed, loss=None) is composed
    assert compose(composed, settings=()) is composed
    given: list[dict[str, Any]] = [
        {"loss": "hinge"},
        {"regularizers": []},
        {"settings": {"batch": 8}},
        {"data": torch.zeros(9, 2)},
    ]
    for choices in given:
        with pytest.raises(OptionError) as error:
            compose(composed, **choices)
        assert str(error.value) == "'vanilla' is composed already; choose its parts in compose()."


class Counted(Dataset):
    """Points that count how often they are loaded."""

    def load(self) -> Data:
        LOADED.append(1)
        return points()


LOADED: list[int] = []


def test_data_is_loaded_once_and_a_game_takes_its_seed_and_device(zoo: Zoo) -> None:
    composed = Composition(variant_of(Plain()), Counted(), zoo)
    LOADED.clear()
    one, other = composed.game(seed=3), composed.game()
    assert LOADED == [1]
    assert one.data is other.data is composed.data
    assert (one.seed, other.seed) == (3, 0)
    assert not equal(weights(one), weights(other))
    assert composed.game(device="cpu").device == torch.device("cpu")


class ReadsCode(Loss):
    def discriminator(self, real_score: Tensor, fake_score: Tensor, code: Tensor) -> Tensor:
        return fake_score - real_score

    def generator(self, fake_score: Tensor) -> Tensor:
        return -fake_score


class ReadsHead(ReadsCode):
    def discriminator(self, real_score: Tensor, fake_score: Tensor, fake_code: Tensor) -> Tensor:
        return fake_score - real_score


class ReadsNothing(ReadsCode):
    def discriminator(self, real_score: Tensor, fake_score: Tensor, nowhere: Tensor) -> Tensor:
        return fake_score - real_score


@pytest.mark.parametrize(
    ("loss", "remedy"),
    [
        (ReadsCode(), " Samplers that deal 'code': codes (ganzoo-infogan)."),
        (ReadsHead(), " Architectures that have the head 'code': infogan (ganzoo-infogan)."),
        (ReadsNothing(), "spaces, z."),
    ],
)
def test_what_is_missing_is_answered_with_the_parts_that_have_it(
    zoo: Zoo, loss: Part, remedy: str
) -> None:
    with pytest.raises(ComposeError) as error:
        Composition(variant_of(Plain(), loss=loss), Counted(), zoo).game()
    assert str(error.value).endswith(remedy)
    with pytest.raises(ComposeError, match="a player cannot be named 'real', which has another m"):
        Composition(variant_of(Plain(), turns=(("real", 1),)), Counted(), zoo).game()
