"""What a benchmark compares: contenders as they are spelled, grids, and suites in YAML."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import small_emoji
import small_mnist

from ganzoo.benchmark import tables
from ganzoo.benchmark.contenders import choices_of, contender, crossed, labelled
from ganzoo.benchmark.folder import Bench
from ganzoo.benchmark.suite import known_suites, load_suite, suite_contests
from ganzoo.errors import OptionError, ZooError
from ganzoo.parts.settings import parse
from ganzoo.plugins.zoo import Zoo


@pytest.mark.parametrize("separators", [":,", "++"])
def test_a_contender_is_a_variant_with_parts_and_options_replaced(
    separators: str, zoo: Zoo
) -> None:
    first, other = separators
    pairs = [
        "loss=hinge",
        "regularizer=r1",
        "regularizer=r2",
        "r2.weight=3",
        "optimizers.generator.betas=[0.0,0.9]",
        "optimizers.generator.lr=1e+0",
        "sampler=uniform",
    ]
    made = contender("dcgan" + first + other.join(pairs), zoo)
    assert [part.name for part in made.parts()] == ["dcgan", "hinge", "r1", "r2", "uniform"]
    assert made.optimizers["generator"].betas == (0.0, 0.9)
    assert made.optimizers["generator"].lr == 1


@pytest.mark.parametrize("separators", [":,", "++"])
def test_a_contender_may_add_regularizers_to_those_of_its_variant(
    separators: str, zoo: Zoo
) -> None:
    first, other = separators
    pairs = ["regularizer=+r1", "regularizer=+r2", "r1.weight=3"]
    made = contender("wgan-gp" + first + other.join(pairs), zoo)
    assert [part.name for part in made.regularizers] == ["gradient-penalty", "r1", "r2"]
    grid = crossed(["wgan-gp"], choices_of(["regularizer=none,+r1"]))
    found = [[part.name for part in contender(text, zoo).regularizers] for text in grid]
    assert found == [[], ["gradient-penalty", "r1"]]


@pytest.mark.parametrize("separators", [":,", "++"])
@pytest.mark.parametrize(
    ("text", "name"),
    [
        ('"a,b=c"', "a,b=c"),
        ('"a+b=c"', "a+b=c"),
        ("a,b", "a,b"),
        ("a b@c", "a b@c"),
        (r'"say \"x,y=z\""', 'say "x,y=z"'),
    ],
)
def test_commas_of_a_value_part_no_settings(
    separators: str, text: str, name: str, zoo: Zoo, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: dict[str, Any] = {}
    monkeypatch.setattr(Zoo, "compose", lambda _, __, **choices: given.update(choices))
    first, other = separators
    contender(f"vanilla{first}mlp.path={text}{other}loss=hinge", zoo)
    assert given["loss"] == "hinge"
    assert [parse(setting) for setting in given["settings"]] == [(["mlp", "path"], name)]


def test_a_grid_parts_choices_at_commas_outside_of_quotes_and_brackets() -> None:
    texts = ["loss=hinge,wasserstein", "betas=[0.0,0.9],[0.5,0.9]", 'path="a,b",c']
    assert choices_of(texts) == {
        "loss": ["hinge", "wasserstein"],
        "betas": ["[0.0,0.9]", "[0.5,0.9]"],
        "path": ['"a,b"', "c"],
    }


@pytest.mark.parametrize(
    ("texts", "sentence"),
    [
        (["loss"], "'loss' is not a grid; write KEY=A,B, as in loss=non-saturating,hinge."),
        (["loss=,"], "'loss=,' is not a grid; write KEY=A,B, as in loss=non-saturating,hinge."),
        (
            ["loss=a", "loss=b"],
            "'loss' is given twice; write KEY=A,B, as in loss=non-saturating,hinge.",
        ),
    ],
)
def test_what_is_no_grid_is_refused(texts: list[str], sentence: str) -> None:
    with pytest.raises(OptionError) as error:
        choices_of(texts)
    assert str(error.value) == sentence


@pytest.mark.parametrize("text", ["dcgan:hinge", "dcgan+hinge", "", "a b"])
def test_what_is_no_contender_is_refused(text: str, zoo: Zoo) -> None:
    with pytest.raises(OptionError, match="is not a contender; write it as"):
        contender(text, zoo)


def test_labels_are_what_stands_before_an_at(zoo: Zoo) -> None:
    assert labelled(["x@vanilla:loss=hinge", "dcgan", "dcgan", "vanilla/ring@1"]) == {
        "x": "vanilla:loss=hinge",
        "dcgan": "dcgan",
        "vanilla/ring@1": "vanilla/ring@1",
    }
    with pytest.raises(OptionError, match="a contender is a text, .* and not a Variant; offer"):
        crossed([zoo.variant("vanilla")], {})  # type: ignore[list-item]
    with pytest.raises(OptionError, match="two contenders have the label 'x'"):
        labelled(["x@vanilla", "x@dcgan"])


def test_a_grid_crosses_every_contender_with_every_choice() -> None:
    grid = {"loss": ["hinge", "wasserstein"], "mlp.width": ["8", "16"]}
    assert crossed(["vanilla"], grid) == [
        "vanilla+loss=hinge+mlp.width=8",
        "vanilla+loss=hinge+mlp.width=16",
        "vanilla+loss=wasserstein+mlp.width=8",
        "vanilla+loss=wasserstein+mlp.width=16",
    ]
    at = crossed(["x@vanilla:mlp.path=a@b"], {"loss": ["hinge"]})
    assert labelled(at) == {"x+loss=hinge": "vanilla:mlp.path=a@b+loss=hinge"}
    labelled_too = crossed(["x@vanilla"], {"loss": ["hinge"]})
    assert labelled(labelled_too) == {"x+loss=hinge": "vanilla+loss=hinge"}


def test_every_suite_that_comes_with_ganzoo_composes(
    zoo: Zoo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small_mnist.of_noise(monkeypatch)
    small_emoji.packed(tmp_path / "packages", monkeypatch)
    monkeypatch.setenv("GANZOO_DATA", str(tmp_path / "packages"))
    assert set(known_suites()) == {
        "points",
        "digits",
        "fashion-mnist",
        "imitation",
        "robustness",
        "emoji",
        "small-data",
        "spectral",
        "relativistic",
        "stacked-mnist",
    }
    for name in known_suites():
        for key, contest in suite_contests(name, {}).items():
            Bench(contest, tmp_path / name / key, zoo).prepare()


def test_terms_of_a_suite_are_shared_unless_its_data_has_its_own(tmp_path: Path) -> None:
    (tmp_path / "s.yaml").write_text(
        "title: T\nseeds: 2\nbudget: {rounds: 5}\ncontenders: [vanilla, dcgan]\n"
        "grid: {loss: [hinge]}\nsettings: [batch=8]\n"
        "data:\n  ring: {}\n  grid: {budget: {images: 9}, settings: [sampler.dim=2]}\n"
    )
    made = load_suite(str(tmp_path / "s.yaml"))
    assert list(made["ring"].contenders) == ["vanilla+loss=hinge", "dcgan+loss=hinge"]
    assert (made["ring"].budget.rounds, made["grid"].budget.images) == (5, 9)
    assert made["grid"].settings == ("batch=8", "sampler.dim=2")
    assert made["ring"].seeds == (0, 1)


def test_a_suite_has_several_contests_on_one_dataset_under_names_of_their_own(
    zoo: Zoo, tmp_path: Path
) -> None:
    (tmp_path / "s.yaml").write_text(
        "title: T\nbudget: {rounds: 1}\ncontenders: [vanilla]\n"
        "data:\n  thin: {data: ring}\n  a wide one: {data: ring, settings: [data.std=0.2]}\n"
    )
    thin, wide = load_suite(str(tmp_path / "s.yaml")).values()
    assert (thin.data, thin.called) == ("ring", "thin")
    assert (wide.data, wide.called) == ("ring", "a wide one")
    assert tables.title(Bench(wide, tmp_path / "b", zoo)) == (
        "T: 1 contender on ring (a wide one), 1 rounds a run, 1 seed"
    )


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("title: [", "is not valid YAML: while parsing"),
        ("title: T\ndata: [ring]\ntitle: U\n", "the key 'title' appears twice"),
        ("just words", "it needs a title, data and contenders"),
        ("title: T\ndata: [ring]\n", "contenders: Field required"),
        ("title: T\ndata: [ring]\ncontenders: [vanilla]\nround: 3\n", "round: Extra inputs"),
        (
            "title: T\ndata: [ring]\ncontenders: [a, x@a, x@b]\n",
            "two contenders have the label 'x'",
        ),
        (
            "title: T\ndata: [ring]\ncontenders: [a]\nbudget: {rounds: 3, flops: 2}\n",
            "give one budget of rounds, images, seconds, flops, not rounds and flops",
        ),
        (
            "title: T\ndata: [ring]\ncontenders: {x: a}\ngrid: {loss: [hinge]}\n",
            "a grid needs contenders in a list",
        ),
        ("title: T\ndata: ring\ncontenders: [a]\n", "data.list[str]: Input should be a valid list"),
        ("title: T\ndata: []\ncontenders: [a]\n", "data: Value should have at least 1 item"),
        ("title: T\ndata: {ring: 5}\ncontenders: [a]\n", "data.list[str]: Input should be"),
        ("title: T\ndata: [[ring]]\ncontenders: [a]\n", "should be a valid string"),
        ("title: T\ndata: [ring]\ncontenders: [1]\n", "contenders.list[str].0: Input should be"),
        ("title: T\ndata: [ring]\ncontenders: [{a: b}]\n", "contenders.list[str].0: Input"),
        ("title: T\ndata: [ring]\ncontenders: [a]\ngrid: [loss]\n", "grid: Input should be"),
        ("title: T\ndata: [ring]\ncontenders: [a]\ngrid: {loss: x}\n", "grid.loss: Input should"),
        ("title: T\ndata: [ring]\ncontenders: [a]\nsettings:\n", "settings: Input should be"),
        ("title: T\ndata: [ring]\ncontenders: [a]\nsettings: x=1\n", "settings: Input should be"),
        ("title: T\ndata: [ring]\ncontenders: {a/b: a}\n", "'a/b' is not a label"),
        ("title: T\ndata: [ring]\ncontenders: ['@a']\n", "'' is not a label"),
        (
            "title: T\ndata: [ring]\ncontenders: [a]\nbudget: {flops: .inf}\n",
            "budget.flops: Input should be a finite number",
        ),
    ],
)
def test_a_suite_that_makes_no_sense_is_one_sentence(
    text: str, sentence: str, tmp_path: Path
) -> None:
    (tmp_path / "s.yaml").write_text(text)
    with pytest.raises(ZooError) as error:
        load_suite(str(tmp_path / "s.yaml"))
    assert sentence in str(error.value)
    assert "\n" not in str(error.value)


def test_an_unknown_suite_is_told_with_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(ZooError, match="no suite 'point'; did you mean 'points'"):
        load_suite("point")
    with pytest.raises(ZooError, match="cannot be read: No such file"):
        load_suite(str(tmp_path / "none.yaml"))


def test_what_is_said_beside_a_suite_takes_its_place() -> None:
    terms = {"seeds": 2, "budget": {"rounds": 3}, "settings": ("batch=8",)}
    (only,) = suite_contests("points", terms, data="grid").values()
    assert (only.data, only.seeds, str(only.budget)) == ("grid", (0, 1), "3 rounds")
    assert only.settings == (*load_suite("points")["grid"].settings, "batch=8")
    assert list(suite_contests("points", {})) == ["ring", "grid"]
    (own,) = suite_contests("points", {}, data="ring", defaults={"threads": 7}).values()
    assert (own.threads, len(own.seeds)) == (7, 5)
    with pytest.raises(
        OptionError, match="suite 'points' has no contest on 'digits', only on ring"
    ):
        suite_contests("points", {}, data="digits")
