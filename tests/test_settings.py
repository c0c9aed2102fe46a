"""One option set by its path, in a variant's JSON."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import pytest

from ganzoo.engine.composition import compose
from ganzoo.errors import OptionError, ZooError
from ganzoo.parts.settings import Typed, override, pairs, parse, separated, typed

NINE = Typed(9, "9")

if TYPE_CHECKING:
    from ganzoo.plugins.zoo import Zoo


def spec() -> dict[str, Any]:
    return {
        "name": "small",
        "architecture": {"part": "mlp", "width": 8},
        "loss": {"part": "hinge"},
        "generator_loss": None,
        "regularizers": [{"part": "r1", "weight": 1.0}, {"part": "gradient-penalty"}],
        "sampler": "gaussian",
        "turns": [["discriminator", 1], ["generator", 1]],
        "optimizers": {"generator": {"part": "adam"}, "discriminator": "sgd"},
        "batch": 8,
    }


@pytest.mark.parametrize(
    ("setting", "changed"),
    [
        ("batch=9", {"batch": NINE}),
        ("architecture.width=9", {"architecture": {"part": "mlp", "width": NINE}}),
        ("mlp.width=9", {"architecture": {"part": "mlp", "width": NINE}}),
        ("mlp.new-option=9", {"architecture": {"part": "mlp", "width": 8, "new_option": NINE}}),
        ("generator-loss=x", {"generator_loss": "x"}),
        ("sampler.dim=9", {"sampler": {"part": "gaussian", "dim": NINE}}),
        (
            "gradient-penalty.weight=9",
            {
                "regularizers": [
                    {"part": "r1", "weight": 1.0},
                    {"part": "gradient-penalty", "weight": NINE},
                ]
            },
        ),
        (
            "optimizers.discriminator.lr=9",
            {
                "optimizers": {
                    "generator": {"part": "adam"},
                    "discriminator": {"part": "sgd", "lr": NINE},
                }
            },
        ),
        (
            "optimizers.generator=sgd",
            {"optimizers": {"generator": "sgd", "discriminator": "sgd"}},
        ),
        ("turns.discriminator=5", {"turns": [["discriminator", 5], ["generator", 1]]}),
        ("turns.encoder=2", {"turns": [["discriminator", 1], ["generator", 1], ["encoder", 2]]}),
        ("architecture=dcgan", {"architecture": "dcgan"}),
    ],
)
def test_one_option_changes_and_nothing_else(setting: str, changed: dict[str, Any]) -> None:
    given = spec()
    found = override(given, setting)
    assert given == spec()  # the one given is left as it is
    assert found == {**spec(), **changed}


@pytest.mark.parametrize(
    ("setting", "sentence"),
    [
        ("batch.x=1", "'batch.x=1' leads nowhere: 'batch' is not a part or a group of options."),
        ("name.x=1", "'name.x=1' leads nowhere: 'name' is not a part or a group of options."),
        (
            "architecture.width.x=1",
            "'architecture.width.x=1' leads nowhere: 'width' is not a part or a group of options.",
        ),
        (
            "optimizers.generatr.lr=1",
            (
                "'optimizers.generatr.lr=1' leads nowhere: 'generatr' is not a part or a group of "
                "options; did you mean 'generator'?"
            ),
        ),
        (
            "r2.weight=1",
            (
                "'small' has no part or option 'r2'; it has: mlp, hinge, r1, gradient-penalty, "
                "architecture, "
                "loss, generator_loss, regularizers, sampler, turns, optimizers, batch."
            ),
        ),
    ],
)
def test_a_path_that_leads_nowhere_is_refused(setting: str, sentence: str) -> None:
    with pytest.raises(OptionError) as error:
        override(spec(), setting)
    assert str(error.value) == sentence


@pytest.mark.parametrize(
    ("setting", "path", "value"),
    [
        ("a=1", ["a"], 1),
        ("a.b=x=y", ["a", "b"], "x=y"),
        ("a.b=[1, 2]", ["a", "b"], [1, 2]),
        ("a=", ["a"], ""),
        ("a=null", ["a"], None),
        ("a=1e-3", ["a"], 0.001),
        ("a=" + "9" * 5000, ["a"], "9" * 5000),
    ],
)
def test_a_setting_is_a_path_and_json_or_text(setting: str, path: list[str], value: object) -> None:
    assert parse(setting) == (path, value)


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("a=2024", Typed(2024, "2024")),
        ("a=1.10", Typed(1.1, "1.10")),
        ('a="2024"', Typed("2024", '"2024"')),
        ("a=photos", "photos"),
    ],
)
def test_a_typed_value_keeps_its_text(setting: str, value: object) -> None:
    assert typed(setting) == (["a"], value)


@pytest.mark.parametrize(
    ("text", "settings"),
    [
        ("a=1,b=2", ["a=1", "b=2"]),
        ("path=a,b", ["path=a,b"]),
        ("path=a,b=c", ["path=a", "b=c"]),
        ('path="a,b=c",d=e', ['path="a,b=c"', "d=e"]),
        (r'path="a\",b=c",d=e', [r'path="a\",b=c"', "d=e"]),
        ("a=[1,b=2],c.d-e={x,y=1}", ["a=[1,b=2]", "c.d-e={x,y=1}"]),
        ('a=5" wide,b=2', ['a=5" wide', "b=2"]),
        ("a=x+b=y,c=z", ["a=x+b=y", "c=z"]),
        ("a", ["a"]),
    ],
)
def test_settings_are_parted_before_a_key_and_not_in_quotes(text: str, settings: list[str]) -> None:
    assert separated(text) == settings
    assert separated("a=x+b=y,c=z", ",+") == ["a=x", "b=y", "c=z"]


@pytest.mark.parametrize("setting", ["a", "=1", "a..b=1", ".a=1", ""])
def test_what_is_no_setting_is_refused(setting: str) -> None:
    with pytest.raises(OptionError) as error:
        parse(setting)
    assert str(error.value) == (
        f"'{setting}' is no setting; write PART.OPTION=VALUE, as in architecture.width=64."
    )


def test_turns_are_pairs() -> None:
    assert pairs([["a", 1], ("b", 2)]) == [("a", 1), ("b", 2)]
    for wrong in ([["a"]], 3, [1]):
        with pytest.raises(OptionError) as error:
            pairs(wrong)
        assert str(error.value) == f"turns are a list of [player, count], not {wrong!r}."
    kept = copy.deepcopy(spec())
    kept["turns"] = 3
    with pytest.raises(OptionError, match="turns are a list of"):
        override(kept, "turns.generator=2")


@pytest.mark.parametrize(
    ("setting", "sentence"),
    [
        (
            "turns.generator=0",
            (
                "option 'turns.generator' of 'vanilla' cannot be 0: Input should be greater than "
                "or equal to 1."
            ),
        ),
        ("turns=3", "option 'turns' of 'vanilla' cannot be 3: Input should be a valid tuple."),
        (
            "optimizers.generatr=rmsprop",
            (
                "option 'optimizers' of 'vanilla' cannot be so: 'generatr' has no turns; did you "
                "mean 'generator'?"
            ),
        ),
        ("optimizers.x=adam", "option 'optimizers' of 'vanilla' cannot be so: 'x' has no turns."),
        ("turns.generatr=2", "architecture 'mlp' builds no generatr; did you mean 'generator'?"),
        ("turns.encoder=2", "architecture 'mlp' builds no encoder."),
    ],
)
def test_a_players_option_that_is_wrong_is_named_as_it_is_set(
    zoo: Zoo, setting: str, sentence: str
) -> None:
    with pytest.raises(ZooError) as error:
        compose("vanilla", zoo=zoo, data="ring:100", settings=[setting]).game()
    assert str(error.value) == sentence
