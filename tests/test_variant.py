"""Variants go to JSON and back whole, and options are set by path or refused with a sentence."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from ganzoo.errors import OptionError, UnknownNameError
from ganzoo.parts.part import Part

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
        ("turns.discriminator=0", "option 'turns.0.1' of 'wgan-gp' cannot be 0"),
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
