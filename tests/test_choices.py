"""Choices from Python: parts, classes, dicts and data instead of text, and what is none of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from small import points, variant_of
from torch import Tensor, nn
from torch.nn.functional import relu

import ganzoo
from ganzoo.builtin.datasets.points import Grid, Ring
from ganzoo.builtin.losses import Hinge
from ganzoo.builtin.optimizers import RmsProp, Sgd
from ganzoo.builtin.regularizers import R1, R2
from ganzoo.builtin.samplers import Uniform
from ganzoo.engine.composition import compose
from ganzoo.errors import OptionError, RunError, UnknownNameError, ZooError
from ganzoo.parts import Adam, Data, Dataset, Loss, Observer, Variant, linear
from ganzoo.testing import Plain
from ganzoo.training.plan import plan_run
from ganzoo.training.run import Run

if TYPE_CHECKING:
    from ganzoo.plugins.zoo import Zoo


class Margin(Loss):
    """A loss that no plugin offers."""

    margin: float = 1.0

    def discriminator(self, real_score: Tensor, fake_score: Tensor) -> Tensor:
        return relu(self.margin - real_score) + relu(self.margin + fake_score)

    def generator(self, fake_score: Tensor) -> Tensor:
        return -fake_score


class Thin(Plain):
    """An architecture that no plugin offers."""


class Few(Dataset):
    """A dataset that no plugin offers."""

    n: int = 32

    def load(self) -> Data:
        return points(self.n)


def refusal(zoo: Zoo, **choices: Any) -> str:
    with pytest.raises(ZooError) as error:
        compose("vanilla", zoo=zoo, **choices)
    assert "\n" not in str(error.value)
    return str(error.value)


# ------------------------------------------------------------------------------------------- parts


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"loss": Hinge()}, {"loss": "hinge"}),
        ({"loss": Hinge}, {"loss": "hinge"}),
        ({"regularizers": "r1"}, {"regularizers": ["r1"]}),
        ({"regularizers": R1}, {"regularizers": ["r1"]}),
        ({"regularizers": R1(weight=2)}, {"regularizers": ["r1"], "settings": ["r1.weight=2"]}),
        ({"regularizers": (R1(), R2)}, {"regularizers": ["r1", "r2"]}),
        ({"regularizers": "none"}, {"regularizers": []}),
        ({"regularizers": "+r1"}, {"regularizers": ["r1"]}),
        ({"regularizers": ["+r1", "+r2", "+r1"]}, {"regularizers": ["r1", "r2"]}),
        ({"sampler": Uniform(dim=3)}, {"sampler": "uniform", "settings": ["sampler.dim=3"]}),
        ({"optimizer": Sgd()}, {"optimizer": "sgd"}),
        ({"data": Ring(modes=3)}, {"data": "ring", "settings": ["data.modes=3"]}),
        ({"data": Grid}, {"data": "grid"}),
        (
            {"data": Ring(modes=3), "settings": {"data.std": 0.5}},
            {"data": "ring", "settings": ["data.modes=3", "data.std=0.5"]},
        ),
    ],
    ids=str,
)
def test_a_part_stands_for_its_name_and_options(
    zoo: Zoo, given: dict[str, Any], named: dict[str, Any]
) -> None:
    one, other = compose("vanilla", zoo=zoo, **given), compose("vanilla", zoo=zoo, **named)
    assert (one.variant, one.dataset) == (other.variant, other.dataset)
    assert one.zoo is zoo


def test_regularizers_with_a_plus_stand_beside_a_variants_own_which_keep_their_options(
    zoo: Zoo,
) -> None:
    own = zoo.compose("wgan-gp", settings=["gradient-penalty.weight=3"])
    more = zoo.compose(own, regularizers=["+r1", "+gradient-penalty"], settings=["r1.weight=2"])
    assert more.regularizers == (*own.regularizers, R1(weight=2))
    assert zoo.compose(own, regularizers="+gradient-penalty") == own
    for text in ("+none", "+", "++r1"):
        with pytest.raises(UnknownNameError) as error:
            zoo.compose(own, regularizers=text)
        assert str(error.value).startswith(f"no regularizer '{text[1:]}'")


@pytest.mark.parametrize(
    ("choices", "sentence"),
    [
        ({"loss": R1()}, "'r1' is a part of the kind regularizer, not loss."),
        (
            {"regularizers": ["r2", "+r1"]},
            (
                "'+r1' is added to the variant's own regularizers, and one without '+' replaces "
                "them; write every one with '+', or none."
            ),
        ),
        ({"regularizers": [Hinge]}, "'hinge' is a part of the kind loss, not regularizer."),
        (
            {"loss": nn.BCELoss()},
            "the loss cannot be of the type BCELoss; give the name of one, or a ganzoo.Loss.",
        ),
        (
            {"architecture": nn.Linear},
            (
                "the architecture cannot be the class Linear; give the name of one, or a "
                "ganzoo.Architecture."
            ),
        ),
        (
            {"sampler": 3},
            "the sampler cannot be of the type int; give the name of one, or a ganzoo.Sampler.",
        ),
        (
            {"data": torch.zeros(9, 2), "settings": {"data.std": 1}},
            "'data.std=1' is an option of a dataset by name; the data given have none.",
        ),
    ],
    ids=str,
)
def test_what_is_no_such_part_is_refused(zoo: Zoo, choices: dict[str, Any], sentence: str) -> None:
    assert refusal(zoo, **choices) == sentence


def test_what_is_no_variant_is_refused(zoo: Zoo) -> None:
    with pytest.raises(OptionError) as error:
        compose(3, zoo=zoo)  # type: ignore[arg-type]
    assert str(error.value) == "3 is no variant; give the name of one, or a ganzoo.Variant."


# ---------------------------------------------------------------------------------------- settings


@pytest.mark.parametrize(
    ("given", "texts"),
    [
        ("batch=16", ["batch=16"]),
        ({"batch": 16}, ["batch=16"]),
        ({"batch": np.int64(16), "ema": torch.tensor(0.5)}, ["batch=16", "ema=0.5"]),
        ({"architecture": {"width": 8, "depth": 1}}, ["mlp.width=8", "mlp.depth=1"]),
        ({"turns": {"discriminator": 3}}, ["turns.discriminator=3"]),
        (
            {"optimizers": {"generator": {"lr": 1e-3, "betas": (0, 0.9)}}},
            ["optimizers.generator.lr=1e-3", "optimizers.generator.betas=[0,0.9]"],
        ),
        (
            {"optimizers.generator": RmsProp, "optimizers.generator.lr": linear(1e-3)},
            ["optimizers.generator=rmsprop", "optimizers.generator.lr=linear:1e-3:0"],
        ),
        (
            {"optimizers": {"generator": {"part": "sgd", "lr": 0.1}}},
            ["optimizers.generator=sgd", "optimizers.generator.lr=0.1"],
        ),
        ({"optimizers.generator": Adam(lr=0.1)}, ["optimizers.generator.lr=0.1"]),
        ({"regularizers": [R1(weight=2)]}, ['regularizers=[{"part":"r1","weight":2}]']),
    ],
    ids=str,
)
def test_a_dict_sets_what_texts_set(zoo: Zoo, given: Any, texts: list[str]) -> None:
    plain = zoo.variant("vanilla").model_copy(update={"optimizers": {}})
    variant = Variant.model_validate(dict(plain))  # with Adam's own defaults
    one = compose(variant, zoo=zoo, settings=given).variant
    assert one == compose(variant, zoo=zoo, settings=texts).variant
    assert one != variant


def test_text_in_a_dict_stays_text(zoo: Zoo) -> None:
    """And a path is text; as a setting of the command line, 2024 could be a number."""
    for path in ("2024", "null", "a,b", '"quoted"', Path("2024")):
        dataset = compose("vanilla", zoo=zoo, data="folder", settings={"data.path": path}).dataset
        assert dataset.model_dump()["path"] == str(Path(path).absolute())


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({3: 4}, "3 is no setting; write 'architecture.width=64', or {'architecture.width': 64}."),
        (
            {"batch=1": 2},
            (
                "'batch=1' is no setting; write 'architecture.width=64', or "
                "{'architecture.width': 64}."
            ),
        ),
        (5, "5 is no setting; write 'architecture.width=64', or {'architecture.width': 64}."),
        (
            [{"batch": 1}],
            (
                "{'batch': 1} is no setting; write 'architecture.width=64', or "
                "{'architecture.width': 64}."
            ),
        ),
        (
            {"architecture": {"width": {8}}},
            (
                "'architecture.width' cannot be of the type set: give a number, a text, a list, a "
                "schedule or a part."
            ),
        ),
        (
            {"batch": "many"},
            (
                "option 'batch' of 'vanilla' cannot be 'many': Input should be a valid integer, "
                "unable to parse string as an integer."
            ),
        ),
        (
            {"lr": 1e-3},
            (
                "'vanilla' has no option 'lr'; did you mean 'optimizers.discriminator.lr' or "
                "'optimizers.generator.lr'?"
            ),
        ),
        ("width=8", "'vanilla' has no option 'width'; did you mean 'architecture.width'?"),
    ],
    ids=str,
)
def test_what_sets_nothing_is_refused(zoo: Zoo, settings: Any, sentence: str) -> None:
    assert refusal(zoo, settings=settings) == sentence


def test_turns_may_be_a_dict_in_a_variant() -> None:
    turns = {"discriminator": 5, "generator": 1}
    assert variant_of(Plain(), turns=turns).turns == (("discriminator", 5), ("generator", 1))


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda zoo, _: compose("vanilla", zoo=zoo, regularizers="r3"), "no regularizer 'r3'"),
        (lambda zoo, run: ganzoo.evaluate(run, metrics="mode", zoo=zoo), "no metric 'mode'"),
        (lambda zoo, _: ganzoo.bench("vanila", zoo=zoo, out="b"), "no variant 'vanila'"),
        (lambda *_: ganzoo.install("vanila"), "the registry knows no plugin 'vanila'"),
    ],
)
def test_a_single_name_is_not_a_series_of_letters(
    zoo: Zoo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: Any, sentence: str
) -> None:
    monkeypatch.chdir(tmp_path)
    run = trained(zoo, tmp_path / "run", rounds=1)
    with pytest.raises(UnknownNameError, match=sentence):
        call(zoo, run)


def test_a_benchmark_takes_settings_as_a_dict(zoo: Zoo, tmp_path: Path) -> None:
    (bench,) = ganzoo.bench(
        "vanilla",
        data="ring",
        settings={"batch": 8, "data": {"modes": 3}},
        rounds=1,
        evaluations=1,
        zoo=zoo,
        out=tmp_path / "bench",
        device="cpu",
    )
    assert bench.contest.settings == ("batch=8", "data.modes=3")


# --------------------------------------------------------------------------------------- arguments


@pytest.mark.parametrize("function", [ganzoo.compose, ganzoo.train, ganzoo.explain])
@pytest.mark.parametrize(
    ("argument", "sentence"),
    [
        (
            {"lr": 1e-3},
            (
                "'lr' is no argument; as an option it is set by "
                "settings={'optimizers.discriminator.lr': 0.001, 'optimizers.generator.lr': 0.001}."
            ),
        ),
        (
            {"width": 8},
            (
                "'width' is no argument; as an option it is set by "
                "settings={'architecture.width': 8}."
            ),
        ),
        (
            {"batch": 8},
            "'batch' is no argument; as an option it is set by settings={'batch': 8}.",
        ),
        ({"regularizer": "r1"}, "'regularizer' is no argument; did you mean 'regularizers'?"),
    ],
    ids=str,
)
def test_an_argument_that_is_none_says_what_was_meant(
    zoo: Zoo, function: Any, argument: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(OptionError) as error:
        function("vanilla", zoo=zoo, **argument)
    assert str(error.value) == sentence


def test_each_function_knows_its_own_arguments(zoo: Zoo) -> None:
    with pytest.raises(OptionError, match="'round' is no argument; did you mean 'rounds'?"):
        ganzoo.train("vanilla", zoo=zoo, round=3)  # type: ignore[call-arg]
    with pytest.raises(OptionError, match="'rounds' is no argument; there are: data, archi"):
        compose("vanilla", zoo=zoo, rounds=3)  # type: ignore[call-arg]


# ---------------------------------------------------------------------------------- one's own parts


def trained(zoo: Zoo, folder: Path, **more: Any) -> Run:
    choices: dict[str, Any] = {"architecture": Thin(), "loss": Margin, "data": Few(n=40)}
    settings = {"loss.margin": 2, "batch": 8}
    return ganzoo.train(
        "vanilla", zoo=zoo, out=folder, device="cpu", settings=settings, **{**choices, **more}
    )


def test_parts_of_ones_own_train_resume_and_say_how_to_be_opened_again(
    zoo: Zoo, tmp_path: Path
) -> None:
    run = trained(zoo, tmp_path / "run", rounds=2)
    assert run.game.variant.loss == Margin(margin=2)
    assert run.game.variant.architecture == Thin()
    assert len(run.game.data.train) == 40
    assert trained(zoo, tmp_path / "run", rounds=3, resume=True).game.rounds == 3
    with pytest.raises(RunError) as error:
        ganzoo.sample(tmp_path / "run", 2, zoo=zoo)
    assert str(error.value) == (
        "this run has parts that Python gave and no plugin offers: architecture thin "
        f"({__name__}.Thin), loss margin ({__name__}.Margin), dataset few ({__name__}.Few); pass "
        "zoo=ganzoo.default_zoo().with_parts(Thin, Margin, Few), or put them into a plugin."
    )
    known = zoo.with_parts(Thin, Margin, Few)
    assert ganzoo.sample(tmp_path / "run", 2, zoo=known).shape == (2, 2)
    assert zoo.parts("loss").keys().isdisjoint({"margin"})


def test_a_variant_of_ones_own_parts_trains_and_a_plugins_part_needs_no_word(
    zoo: Zoo, core: Zoo, tmp_path: Path
) -> None:
    variant = variant_of(Thin(), loss=Margin(), optimizers={"generator": Sgd()})
    for folder, rounds in (("run", 2), ("run", 3)):
        ganzoo.train(
            variant,
            data="ring",
            zoo=core,
            rounds=rounds,
            resume=rounds > 2,
            out=tmp_path / folder,
            device="cpu",
        )
    plan = json.loads((tmp_path / "run" / "run.json").read_bytes())
    assert plan["own"].keys() == {"architecture thin", "loss margin"}
    ganzoo.train("vanilla", data="ring", zoo=zoo, rounds=1, out=tmp_path / "other", device="cpu")
    assert json.loads((tmp_path / "other" / "run.json").read_bytes())["own"] == {}


def test_a_part_with_anothers_name_is_refused(zoo: Zoo) -> None:
    class Mine(Margin):
        name = "hinge"

    class Again(Margin):
        name = "margin"

    where = f"{__name__}.test_a_part_with_anothers_name_is_refused.<locals>"
    assert refusal(zoo, loss=Mine) == (
        f"{where}.Mine has the name of another loss, 'hinge' of ganzoo-core 0.2.0; give the class "
        "a name of its own, as in name = 'my-hinge'."
    )
    assert refusal(zoo, loss=Again, settings={"generator_loss": Margin()}) == (
        f"{__name__}.Margin has the name of another loss, 'margin' of this program; give the class "
        "a name of its own, as in name = 'my-margin'."
    )

    class Odd(Margin):
        name = "My Loss"

    assert refusal(zoo, loss=Odd) == (
        f"{where}.Odd has the name 'My Loss'; write it in kebab-case, as 'my-loss'."
    )
    newer = zoo.with_parts(Margin).with_parts(Again)  # as when a notebook's cell runs again
    assert newer.find("loss", "margin") is Again
    with pytest.raises(OptionError) as error:
        zoo.with_parts(Margin())  # type: ignore[arg-type]
    assert str(error.value) == (
        "Margin(margin=1.0) is no class of a part; give classes, as in with_parts(MyLoss)."
    )


def test_an_option_that_json_cannot_hold_is_refused(zoo: Zoo) -> None:
    class Holding(Margin):
        net: Any = None

    assert refusal(zoo, loss=Holding(net=nn.ReLU())) == (
        "'holding' has an option that cannot be written to a run's JSON (Unable to serialize "
        "unknown type: <class 'torch.nn.modules.activation.ReLU'>); let options be numbers, texts "
        "and lists of them."
    )


# --------------------------------------------------------------------------------------- observers


class Counting(Observer):
    name = "counting"

    def __init__(self, run: Any, label: str = "") -> None:
        super().__init__(run)
        SEEN.append(label)


SEEN: list[str] = []


def test_observers_are_classes_or_functions_beside_those_of_plugins(
    zoo: Zoo, tmp_path: Path
) -> None:
    SEEN.clear()
    watching = [Counting, lambda run: Counting(run, "mine")]
    run = trained(zoo, tmp_path / "run", rounds=1, observers=watching)
    assert SEEN == ["", "mine"]
    assert [observer.name for observer in run.observers][-2:] == ["counting", "counting"]
    assert (tmp_path / "run" / "log.jsonl").exists()
    trained(zoo, tmp_path / "one", rounds=1, observers=Counting)
    assert SEEN == ["", "mine", ""]
    for wrong in (3, Counting(run), "log-file"):
        with pytest.raises(OptionError) as error:
            trained(zoo, tmp_path / "none", observers=[wrong])
        assert str(error.value) == (
            f"{wrong!r} cannot watch a run: observers are subclasses of ganzoo.Observer, or "
            "functions that make one of a run."
        )
    assert not (tmp_path / "none").exists()
    with pytest.raises(OptionError, match=r"makes no ganzoo\.Observer of a run, but None\."):
        trained(zoo, tmp_path / "none", observers=lambda _: None)


# ------------------------------------------------------------------------------------- notebooks


def test_a_run_shows_its_plan_terms_scores_and_newest_samples(zoo: Zoo, tmp_path: Path) -> None:
    run = trained(zoo, tmp_path / "<run>", rounds=2, data=Ring(n=100, held_out=100))
    ganzoo.evaluate(run, n=16, zoo=zoo)
    shown = run._repr_html_()
    for words in (
        "<b>vanilla · ring · seed 0</b>",
        "thin, margin, gaussian",
        "2 rounds, batches of 8, seed 0, cpu",
        "2 rounds in ",
        "&lt;run&gt;",
        *(f"margin {float(terms['margin']):.4g}" for terms in run.game.log.values()),
        *(f"{score.metric}</th>" for score in run.scores),
        "alt='00000002.png'",
        "src='data:image/png;base64,iVBOR",
    ):
        assert words in shown
    assert repr(run) == f"<run {tmp_path / '<run>'}: vanilla · ring · seed 0, 2 rounds>"
    assert run.wall >= run.seconds > 0
    assert Run.open(tmp_path / "<run>", run.zoo).wall > 0


def test_a_run_without_pictures_or_rounds_shows_what_it_has(zoo: Zoo, tmp_path: Path) -> None:
    composed = compose("vanilla", zoo=zoo, data=Few)
    run = Run.create(tmp_path / "run", plan_run(composed, seconds=2, device="cpu"), composed)
    assert "<img" not in run._repr_html_()
    assert "2 s, batches of 256" in run._repr_html_()
