"""Variants go to JSON and back whole, and options are set by path or refused with a sentence."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
import torch
from pydantic import ValidationError
from small import variant_of
from torch import Tensor

from ganzoo.builtin.losses import Hinge, Minimax
from ganzoo.builtin.regularizers import R1
from ganzoo.builtin.samplers import Gaussian
from ganzoo.errors import OptionError, UnknownNameError, ZooError
from ganzoo.parts.optimizer import Adam
from ganzoo.parts.part import Part, Regularizer, Sampler
from ganzoo.parts.variant import Variant
from ganzoo.testing import Plain

if TYPE_CHECKING:
    from ganzoo.plugins.zoo import Zoo


def test_every_variant_survives_json_with_every_option_of_every_part(zoo: Zoo) -> None:
    for variant in zoo.variants.values():
        assert zoo.variant(json.loads(json.dumps(variant.spec()))) == variant


def test_part_options_are_not_lost_in_json(zoo: Zoo) -> None:
    """A field typed as its kind would be dumped with its kind's fields alone."""
    changed = zoo.compose("wgan-gp", settings=["architecture.width=8", "gradient-penalty.weight=3"])
    spec = json.loads(json.dumps(changed.spec()))
    assert spec["architecture"]["width"] == 8
    assert spec["regularizers"] == [{"part": "gradient-penalty", "weight": 3.0, "every": 1}]
    assert zoo.variant(spec) == changed


def test_names_come_from_class_names_in_kebab_case() -> None:
    class WeightNormX(Part):
        pass

    class R1(Part):
        pass

    class Renamed(Part):
        name = "other"

    assert [part.name for part in (WeightNormX, R1, Renamed)] == ["weight-norm-x", "r1", "other"]


@pytest.mark.parametrize(
    ("setting", "path", "value"),
    [
        ("batch=8", ("batch",), 8),
        ("sampler.dim=3", ("sampler", "dim"), 3),
        ("gaussian.dim=3", ("sampler", "dim"), 3),
        ("optimizers.generator.lr=1e-3", ("optimizers", "generator", "lr"), 1e-3),
        ("architecture.body=mlp", ("architecture", "body"), "mlp"),
        ("turns.discriminator=2", ("turns",), [["discriminator", 2], ["generator", 1]]),
    ],
)
def test_options_are_set_by_path(
    zoo: Zoo, setting: str, path: tuple[str, ...], value: object
) -> None:
    node = zoo.compose("wgan-gp", settings=[setting]).spec()
    for key in path:
        node = node[key]
    assert node == value


@pytest.mark.parametrize(
    ("setting", "sentence"),
    [
        ("architecture.wdith=8", "'wgan-gp' has no option 'wdith'; did you mean 'width'?"),
        (
            "architecture.width=-4",
            "option 'width' of 'wgan-gp' cannot be -4: Input should be greater",
        ),
        (
            "batch=many",
            "option 'batch' of 'wgan-gp' cannot be 'many': Input should be a valid integer",
        ),
        (
            "nonsense.x=1",
            "'wgan-gp' has no part or option 'nonsense'; it has: wgan-gp, wasserstein",
        ),
        ("batch", "'batch' is no setting; write PART.OPTION=VALUE"),
        ("batch.x=1", "'batch.x=1' leads nowhere: 'batch' is not a part"),
        (
            "optimizers.generator.lr=Infinity",
            "option 'lr' of 'optimizers.generator' cannot be inf: Input should be a finite",
        ),
        ("sampler.dim=1000000000", "option 'dim' of 'gaussian' cannot be 1000000000"),
        ("turns.discriminator=0", "option 'turns.discriminator' of 'wgan-gp' cannot be 0"),
        (
            "turns.generator=1001",
            "option 'turns.generator' of 'wgan-gp' cannot be 1001: Input should be less than",
        ),
    ],
)
def test_a_wrong_option_is_one_sentence(zoo: Zoo, setting: str, sentence: str) -> None:
    with pytest.raises(OptionError) as error:
        zoo.compose("wgan-gp", settings=[setting])
    assert str(error.value).startswith(sentence)
    assert "\n" not in str(error.value)


def test_parts_are_replaced_by_name_and_what_stays_keeps_its_options(zoo: Zoo) -> None:
    variant = zoo.compose(
        "wgan-gp",
        architecture="dcgan",
        loss="hinge",
        regularizers=["gradient-penalty", "r1"],
        sampler="gaussian",
        settings=["r1.weight=2"],
    )
    assert [part.name for part in variant.parts()] == [
        *("dcgan", "hinge", "gradient-penalty", "r1", "gaussian")
    ]
    assert variant.sampler.spec()["dim"] == zoo.variant("wgan-gp").sampler.spec()["dim"]
    assert zoo.compose("wgan-gp", regularizers=["none"]).regularizers == ()


def test_unknown_names_are_met_with_the_nearest_or_with_how_to_get_them(
    zoo: Zoo, core: Zoo
) -> None:
    with pytest.raises(UnknownNameError, match="no loss 'hinje'; did you mean 'hinge'"):
        zoo.compose("dcgan", loss="hinje")
    with pytest.raises(UnknownNameError) as error:
        core.variant("wgan-gp")
    assert str(error.value) == (
        "no variant 'wgan-gp'. It is in ganzoo-wgan-gp, which is installed but not loaded: "
        "GANZOO_PLUGINS leaves it out."
    )


def build(**fields: Any) -> Variant:
    return variant_of(Plain(), **fields)


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": "Upper"},
        {"name": "-x"},
        {"batch": 0},
        {"batch": 65537},
        {"precision": "fp16"},
        {"ema": 1.0},
        {"ema": -0.1},
        {"turns": ()},
        {"turns": (("generator", 0),)},
        {"turns": (("generator", 1), ("generator", 2))},
        {"turns": (("Generator", 1),)},
        {"optimizers": {"critic": Adam()}},
        {"loss": Plain()},
        {"regularizers": (Plain(),)},
        {"extra": 1},
    ],
)
def test_a_variant_out_of_range_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        build(**wrong)


@pytest.mark.parametrize(
    "wrong",
    [
        {"turns": [[["generator"], 1]]},
        {"turns": [[{}, 1]]},
        {"turns": {"name": "vanilla", "batch": 16}},
        {"optimizers": {"generator": {"schedule": "linear", "lr": "fast"}}},
        {"optimizers": {"generator": {"schedule": ["linear"], "part": 1}}},
    ],
)
def test_the_json_of_a_variant_may_hold_anything(zoo: Zoo, wrong: dict[str, Any]) -> None:
    with pytest.raises(ZooError):
        zoo.variant({**zoo.variant("vanilla").spec(), **wrong})


def test_a_variant_within_range_has_these_defaults() -> None:
    plain = build(batch=1, ema=0.0)
    bare = Variant(name="0.x_y-z", architecture=Plain(), loss=Minimax(), sampler=Gaussian())
    assert (plain.batch, build(batch=65536).batch, bare.batch) == (1, 65536, 64)
    assert (plain.ema, bare.ema, bare.precision, bare.data) == (0.0, None, "fp32", "digits")
    assert bare.turns == (("discriminator", 1), ("generator", 1))
    assert bare.optimizers == {"discriminator": Adam(), "generator": Adam()}
    assert (bare.source, bare.generator_loss, bare.regularizers) == ("", None, ())
    for field in ("batch", "name"):
        with pytest.raises(ValidationError, match="frozen"):
            setattr(bare, field, getattr(bare, field))


def test_without_a_generator_there_is_nothing_to_average() -> None:
    with pytest.raises(ValidationError, match="without turns of the generator there is nothing"):
        build(turns=(("discriminator", 1),), ema=0.9)
    with pytest.raises(ValidationError, match="without turns of the generator there is nothing"):
        build(turns=(("discriminator", 1),), ema_half_life=100)
    build(turns=(("discriminator", 1),))
    with pytest.raises(ValidationError, match="each player has its turns once, and there is at le"):
        build(turns=())
    with pytest.raises(ValidationError, match="'critic' has no turns"):
        build(optimizers={"critic": Adam()})


def test_an_average_is_said_in_one_way() -> None:
    with pytest.raises(ValidationError, match="ema and ema_half_life say the same in two ways; se"):
        build(ema=0.9, ema_half_life=100)
    with pytest.raises(ValidationError, match="greater than 0"):
        build(ema_half_life=0)
    assert [build(ema=None, ema_half_life=half).averages for half in (None, 100)] == [False, True]


def test_the_generator_alone_has_a_loss_of_its_own() -> None:
    variant = build(loss=Hinge(), generator_loss=Minimax(), turns=(("encoder", 1),))
    assert variant.loss_of("generator") == Minimax()
    assert variant.loss_of("discriminator") == variant.loss_of("encoder") == Hinge()
    assert build(loss=Hinge()).loss_of("generator") == Hinge()
    assert [part.name for part in variant.parts()] == ["plain", "hinge", "minimax", "gaussian"]
    spec = variant.spec()
    assert spec["generator_loss"] == {"part": "minimax"}
    assert spec["optimizers"] == {"encoder": Adam().spec()}
    assert build().spec()["generator_loss"] is None
    assert variant.at(0.5) == variant


def test_parts_are_frozen_and_take_no_other_option_or_number() -> None:
    part = R1(weight=2)
    with pytest.raises(ValidationError, match="frozen"):
        part.weight = 3
    for wrong in ({"wieght": 2}, {"weight": float("inf")}, {"every": 0}, {"weight": -1}):
        with pytest.raises(ValidationError):
            R1(**wrong)
    assert part.spec() == {"part": "r1", "weight": 2.0, "every": 1}
    assert [*part.remarks(None)] == []  # type: ignore[arg-type]
    assert part.at(0.5) == part


class Own(Regularizer):
    def generator(self, fake_score: Tensor) -> Tensor:
        return fake_score

    def attach(self, net: Any, player: str) -> None: ...


class Inheriting(Own):
    pass


def test_what_a_part_defines_is_what_its_kind_leaves_empty() -> None:
    assert Own().defines("attach")
    assert Inheriting().defines("attach")
    assert not R1().defines("attach")
    assert not Own().defines("project")
    assert Own.projects is None


def test_the_defaults_of_a_sampler_have_no_policy_and_no_film() -> None:
    sampler = Gaussian(dim=3)
    with pytest.raises(OptionError) as error:
        sampler.act(None, torch.zeros(1))  # type: ignore[arg-type]
    assert str(error.value) == (
        "sampler 'gaussian' draws samples; there is no policy here that acts."
    )
    assert sampler.frames(None, seed=0) is None  # type: ignore[arg-type]
    assert Sampler().spaces({}) == {}
    assert Sampler.deals == ()
    with pytest.raises(NotImplementedError):
        Sampler().latent(1, {}, torch.Generator())
