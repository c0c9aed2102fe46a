"""A composition explained: every sentence and row of a small one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from ganzoo_vanilla import Mlp
from small import Guess, LabelledPair, points, variant_of
from torch import Tensor

import ganzoo
from ganzoo.builtin.regularizers import R1
from ganzoo.engine.composition import Composition
from ganzoo.engine.explain import explain
from ganzoo.parts.dataset import Data, Dataset
from ganzoo.parts.optimizer import Adam
from ganzoo.parts.part import Regularizer
from ganzoo.parts.schedule import linear

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Any

    from ganzoo.parts.variant import Variant
    from ganzoo.plugins.zoo import Zoo


class Points(Dataset):
    """Labelled points."""

    def load(self) -> Data:
        return points()


class Shaken(Regularizer):
    """What the discriminator sees, moved by what is at hand."""

    def augment(self, sample: Tensor, progress: float, z: Tensor | None = None) -> Tensor:
        return sample + progress


class Clipped(Regularizer):
    """A constraint of one player."""

    projects = ("discriminator",)

    def project(self, net: Any, player: str) -> None: ...


def told(zoo: Zoo, variant: Variant) -> dict[str, Any]:
    return explain(Composition(variant, Points(), zoo))


@pytest.fixture
def conditional(zoo: Zoo) -> dict[str, Any]:
    return told(
        zoo,
        variant_of(
            LabelledPair(),
            source="a paper",
            regularizers=(Guess(weight=0.5), R1(weight=2, every=4), Shaken(), Clipped()),
            turns=(("discriminator", 2), ("generator", 1)),
        ),
    )


def test_the_summary_counts_the_parameters_of_each_player(conditional: dict[str, Any]) -> None:
    assert conditional["summary"] == (
        "test (a paper) on points (2): a discriminator of 9 parameters and a generator of 22 "
        "parameters."
    )
    assert conditional["turns"] == [("discriminator", 2), ("generator", 1)]


def test_an_objective_is_a_sum_with_weights_and_laziness(
    zoo: Zoo, conditional: dict[str, Any]
) -> None:
    assert conditional["objective"] == {
        "discriminator": "non-saturating + 0.5 guess + 2 r1 every 4 steps, times 4; "
        "constrained by clipped; samples are judged augmented by shaken",
        "generator": "non-saturating; samples are judged augmented by shaken",
    }
    falling = variant_of(Mlp(width=8), regularizers=(R1(weight=linear(2.0, 1.0)),))
    assert told(zoo, falling)["objective"]["discriminator"] == ("non-saturating + linear:2:1 r1")


def test_the_wiring_names_who_gives_each_value_and_who_reads_it(
    conditional: dict[str, Any],
) -> None:
    rows = {(r["player"], r["value"]): r for r in conditional["wiring"]}
    assert {player for player, _ in rows} == {"discriminator", "generator"}
    on_d = {name: row for (player, name), row in rows.items() if player == "discriminator"}
    assert {name: (row["from"], row["shape"]) for name, row in on_d.items()} == {
        "z": ("sampler gaussian", "(8, 4)"),
        "real": ("data points", "(8, 2)"),
        "label": ("data points", "(8,)"),
        "fake": ("generator network", "(8, 2)"),
        "real_score": ("discriminator network", "(8,)"),
        "fake_score": ("discriminator network", "(8,)"),
        "real_guess": ("discriminator network", "(8, 3)"),
        "fake_guess": ("discriminator network", "(8, 3)"),
        "score": ("engine", "function"),
        "generate": ("engine", "function"),
        "progress": ("engine", "float"),
        "spaces": ("engine", "dict"),
    }
    assert {row["turns"] for row in on_d.values()} == {2}
    assert on_d["real_score"]["read_by"] == ["non-saturating"]
    assert on_d["real_guess"]["read_by"] == ["guess"]
    assert on_d["label"]["read_by"] == ["guess", "discriminator network", "generator network"]
    assert on_d["z"]["read_by"] == ["shaken's augment", "generator network"]
    assert on_d["progress"]["read_by"] == ["shaken's augment"]
    assert on_d["fake_guess"]["read_by"] == []
    assert rows["generator", "fake_score"]["read_by"] == ["non-saturating"]
    assert rows["generator", "real"]["turns"] == 1


def test_what_adds_no_term_has_no_weight(conditional: dict[str, Any]) -> None:
    named = ("guess", "r1", "shaken", "clipped")
    options = [row["option"] for row in conditional["options"]]
    assert [option for option in options if option.startswith(named)] == [
        "guess.weight",
        "guess.every",
        "r1.weight",
        "r1.every",
    ]


def test_every_option_is_there_with_its_value_and_meaning(zoo: Zoo) -> None:
    variant = variant_of(
        Mlp(width=8),
        regularizers=(R1(),),
        optimizers={"generator": Adam(lr=linear(1e-3), betas=(0.5, linear(0.9, 0.5)))},
    )
    rows = {row["option"]: row for row in told(zoo, variant)["options"]}
    values = {option: row["value"] for option, row in rows.items()}
    assert values == {
        "mlp.width": "8",
        "mlp.depth": "3",
        "mlp.norm": "none",
        "r1.weight": "1.0",
        "r1.every": "1",
        "gaussian.dim": "4",
        "batch": "8",
        "precision": "fp32",
        "fakes": "own",
        "ema": "None",
        "ema_half_life": "None",
        "turns.discriminator": "1",
        "turns.generator": "1",
        "optimizers.discriminator.lr": "0.0002",
        "optimizers.discriminator.betas": "(0.5, 0.999)",
        "optimizers.discriminator.eps": "1e-08",
        "optimizers.discriminator.max_norm": "None",
        "optimizers.generator.lr": "linear:0.001:0",
        "optimizers.generator.betas": "(0.5, linear:0.9:0.5)",
        "optimizers.generator.eps": "1e-08",
        "optimizers.generator.max_norm": "None",
    }
    assert rows["turns.generator"]["means"] == "steps a round, 1,000 at most"
    assert rows["batch"]["means"] == "samples a step"
    assert rows["optimizers.generator.lr"]["means"] == "learning rate"


class Remarking(R1):
    name = "remarking"

    def remarks(self, game: Any) -> list[str]:
        return [f"seen on {game.data.name}"]

    def warnings(self, game: Any) -> list[str]:
        return [f"known to fail on {game.data.name}"]


def test_parts_add_remarks_and_training_is_warned_of_what_fails(zoo: Zoo, tmp_path: Path) -> None:
    variant = variant_of(Mlp(), regularizers=(Remarking(),))
    warned = ["known to fail on points"]
    assert told(zoo, variant)["remarks"] == ["seen on points", *warned]
    with_part = zoo.with_parts(Mlp, Remarking)
    run = ganzoo.train(variant, data=points(), rounds=1, out=tmp_path / "run", zoo=with_part)
    assert run.remarks == warned


class RemarkingAdam(Adam):
    name = "remarking-adam"

    def remarks(self, game: Any) -> list[str]:
        return [f"steps on {game.data.name}"]


def test_an_optimizer_of_several_players_adds_its_remarks_once(zoo: Zoo) -> None:
    both = dict.fromkeys(("discriminator", "generator"), RemarkingAdam())
    assert told(zoo, variant_of(Mlp(), optimizers=both))["remarks"] == ["steps on points"]


def test_without_a_source_none_is_named_and_thousands_are_grouped(zoo: Zoo) -> None:
    assert told(zoo, variant_of(Mlp(width=64, depth=1)))["summary"] == (
        "test on points (2): a discriminator of 257 parameters and a generator of 450 parameters."
    )
    assert " of 1,025 parameters " in told(zoo, variant_of(Mlp(width=256, depth=1)))["summary"]
