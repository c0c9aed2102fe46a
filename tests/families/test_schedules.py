"""Numbers that change in training are one mechanism: rates, betas, weights, averages."""

from __future__ import annotations

from math import cos, pi
from typing import TYPE_CHECKING

import pytest
import torch
from ganzoo_vanilla import Mlp
from lifecycle import lived, zoo_of
from pydantic import ValidationError
from small import points, variant_of

import ganzoo
from ganzoo.builtin.losses import NonSaturating
from ganzoo.builtin.regularizers import R1
from ganzoo.builtin.samplers import Gaussian
from ganzoo.engine.game import Game
from ganzoo.parts import (
    Adam,
    Architecture,
    Dataset,
    Schedule,
    Variant,
    cosine,
    linear,
    steps,
)

if TYPE_CHECKING:
    from pathlib import Path

    from ganzoo.parts import Data

SMALL = Mlp(width=8, depth=1)


class Normal(Dataset):
    """Labelled points."""

    def load(self) -> Data:
        return points()


@ganzoo.hookimpl
def ganzoo_architectures() -> list[type[Architecture]]:
    return [Mlp]


@ganzoo.hookimpl
def ganzoo_datasets() -> list[type[Dataset]]:
    return [Normal]


@ganzoo.hookimpl
def ganzoo_variants() -> list[Variant]:
    return [
        Variant(
            name="annealed",
            architecture=SMALL,
            loss=NonSaturating(),
            regularizers=(R1(weight=linear(8, 2)),),
            sampler=Gaussian(dim=4),
            optimizers={
                "discriminator": Adam(lr=cosine(1e-2, 1e-3), betas=(linear(0.5, 0.9), 0.999)),
                "generator": Adam(lr=steps(1e-2, (0.5, 1e-3))),
            },
            ema=linear(0.1, 0.9),
            batch=8,
            data="normal",
        )
    ]


def test_it_lives_and_every_number_follows_its_schedule(tmp_path: Path) -> None:
    run = lived(zoo_of(__name__), "annealed", tmp_path)
    game = run.game
    game.progress = 0.5
    game.round()
    groups = {player: o.param_groups[0] for player, o in game.optimizers.items()}
    assert groups["discriminator"]["lr"] == pytest.approx((1e-2 + 1e-3) / 2)
    assert groups["discriminator"]["betas"] == pytest.approx((0.7, 0.999))
    assert groups["generator"]["lr"] == pytest.approx(1e-3)
    assert game.terms["discriminator"]["r1"].weight == pytest.approx(5)
    assert game.now.ema == pytest.approx(0.5)
    assert game.variant.ema == Schedule(start=0.1, end=0.9)  # what is saved is the schedule


def test_a_scheduled_weight_weighs_as_the_constant_does() -> None:
    """The logged term of a falling weight is that of the constant weight it has then."""
    for progress, weight in ((0.0, 8.0), (0.5, 5.0), (1.0, 2.0)):
        logs = []
        for given in (linear(8, 2), weight):
            game = Game(variant_of(SMALL, regularizers=(R1(weight=given),)), points())
            game.progress = progress
            logs.append(game.round()["discriminator"]["r1"])
        assert torch.equal(*logs)


CASES = [
    ("constant:3", [3, 3, 3, 3, 3]),
    ("linear:4:0", [4, 3, 2, 1, 0]),
    ("cosine:4:0", [2 * (1 + cos(pi * p)) for p in (0, 0.25, 0.5, 0.75, 1)]),
    ("steps:4:0.25=2:0.75=1", [4, 2, 2, 1, 1]),
    ("linear:4:0:warmup=0.5", [0, 1.5, 2, 1, 0]),
    ("constant:3:warmup=0.25", [0, 3, 3, 3, 3]),
]


@pytest.mark.parametrize(("text", "values"), CASES, ids=[text for text, _ in CASES])
def test_every_shape_is_its_formula_and_survives_text_and_json(
    text: str, values: list[float]
) -> None:
    schedule = Schedule.parse(text)
    assert [schedule.at(p) for p in (0, 0.25, 0.5, 0.75, 1)] == pytest.approx(values)
    assert Schedule.parse(str(schedule)) == schedule
    assert Schedule.model_validate_json(schedule.model_dump_json()) == schedule
    part = R1(weight=text)  # type: ignore[arg-type]  (as the command line sets it)
    assert part.weight == schedule
    assert R1.model_validate_json(part.model_dump_json()) == part


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("linear:1", "write it as linear:START:END"),
        ("cosine:1:2:3", "write it as linear:START:END"),
        ("linear:a:b", "could not convert string to float"),
        ("linear:1:0:warmup=1", "less than 1"),
        ("linear:1:0:0.5=2", "write it as linear:START:END"),
        ("steps:1:0.5=2:0.5=3", "rising shares"),
        ("steps:1:2=3", r"shares of the budget lie in \(0, 1\]"),
        ("steps:1", "steps, and steps alone"),
        ("linear:1:-2", "-2 of the schedule is not within 0 and inf"),
        ("linear:inf:0", "finite"),
        ("wavy:1:0", "write it as linear:START:END"),
    ],
)
def test_a_wrong_schedule_says_why(text: str, reason: str) -> None:
    with pytest.raises(ValidationError, match=reason):
        R1(weight=text)  # type: ignore[arg-type]


def test_a_rate_may_fall_to_zero_though_it_may_not_be_zero() -> None:
    assert Adam(lr=linear(1e-3, 0)).lr == Schedule(start=1e-3, end=0)
    with pytest.raises(ValidationError):
        Adam(lr=0)


def test_a_resumed_run_of_another_budget_is_where_that_budget_says(tmp_path: Path) -> None:
    zoo = zoo_of(__name__)
    ganzoo.train("annealed", zoo=zoo, rounds=4, out=tmp_path)
    run = ganzoo.train("annealed", zoo=zoo, rounds=8, out=tmp_path, resume=True)
    # The last round was played at 7 of 8.
    assert run.game.now.ema == pytest.approx(0.1 + 0.8 * 7 / 8)
