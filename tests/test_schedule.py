"""Numbers that change in training, in closed form, and what a game does with them."""

from __future__ import annotations

import json
from math import pi, sin
from typing import TYPE_CHECKING, Annotated, Any

import pytest
import torch
from ganzoo_vanilla import Mlp
from pydantic import TypeAdapter, ValidationError
from small import play, points, variant_of, weights

from ganzoo.builtin.losses import NonSaturating
from ganzoo.builtin.regularizers import R1
from ganzoo.builtin.samplers import Gaussian
from ganzoo.engine.game import Game
from ganzoo.parts.optimizer import Adam
from ganzoo.parts.part import Part, Regularizer
from ganzoo.parts.schedule import (
    Anneals,
    Decay,
    Rate,
    Schedule,
    Weight,
    cosine,
    is_scheduled,
    linear,
    number_at,
    steps,
)

if TYPE_CHECKING:
    from torch import Tensor

    from ganzoo.plugins.zoo import Zoo

SMALL = Mlp(width=16, depth=1)
SHARES = (0.0, 0.125, 0.25, 0.5, 0.75, 1.0)


def at(schedule: Any) -> list[float]:
    return [schedule.at(share) for share in SHARES]


def test_a_line_goes_from_its_start_to_its_end() -> None:
    assert at(linear(3.0, 1.0)) == [3.0, 2.75, 2.5, 2.0, 1.5, 1.0]
    assert linear(3.0) == Schedule(shape="linear", start=3.0, end=0.0)
    assert Schedule(start=2.0).at(0.25) == 1.5


def test_a_cosine_goes_half_a_period() -> None:
    """1 - sin^2 in place of the cosine: equal by the formula of the half angle."""
    expected = [1.0 + 2.0 * (1 - sin(pi * share / 2) ** 2) for share in SHARES]
    assert at(cosine(3.0, 1.0)) == pytest.approx(expected)
    assert cosine(3.0).at(1.0) == pytest.approx(0.0)


def test_steps_jump_at_their_shares() -> None:
    assert at(steps(8.0, (0.25, 4.0), (0.75, 1.0))) == [8, 8, 4, 4, 1, 1]


def test_a_warmup_rises_from_zero_in_proportion_and_then_has_no_effect() -> None:
    assert at(Schedule(shape="constant", start=2.0)) == [2.0] * 6
    assert at(Schedule(shape="constant", start=2.0, warmup=0.5)) == [0, 0.5, 1, 2, 2, 2]
    for one in (linear, cosine):
        plain, warmed = at(one(3.0, 1.0)), at(one(3.0, 1.0, warmup=0.5))
        assert warmed == [plain[0] * 0, plain[1] / 4, plain[2] / 2, *plain[3:]]
    assert at(steps(8.0, (0.75, 1.0), warmup=0.25)) == [0, 4, 8, 8, 1, 1]


@pytest.mark.parametrize(
    ("text", "schedule"),
    [
        ("linear:0.0002:0", linear(2e-4)),
        ("cosine:0.0002:1e-05:warmup=0.05", cosine(2e-4, 1e-5, warmup=0.05)),
        ("steps:0.001:0.5=0.0001:0.8=1e-05", steps(1e-3, (0.5, 1e-4), (0.8, 1e-5))),
        ("steps:1:1=2:warmup=0.5", steps(1.0, (1.0, 2.0), warmup=0.5)),
        ("constant:3:warmup=0.1", Schedule(shape="constant", start=3.0, warmup=0.1)),
        ("constant:3", Schedule(shape="constant", start=3.0)),
    ],
)
def test_text_and_json_are_read_back(text: str, schedule: Schedule) -> None:
    assert Schedule.parse(text) == schedule
    assert str(schedule) == text
    assert Schedule(**json.loads(schedule.model_dump_json())) == schedule


@pytest.mark.parametrize(
    "text",
    [
        *("linear:1", "linear:1:2:3", "constant", "constant:1:2", "cosine:1", "steps:1:2"),
        *("sawtooth:1:2", "linear:1:2:0.5=3", "constant:1:0.5=3", "linear:1:x", "", "1"),
        *("steps:1", "steps:1:0=2", "steps:1:1.5=2", "steps:1:0.5=2:0.5=3", "steps:1:0.5=2:0.2=3"),
        *("linear:1:2:warmup=1", "linear:1:2:warmup=-0.1", "linear:inf:0", "linear:1:2:end=3"),
    ],
)
def test_what_is_no_schedule_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        Schedule.parse(text)


def test_what_is_written_wrongly_is_answered_with_how_to_write_it() -> None:
    with pytest.raises(ValueError, match="^write it as linear:START:END, cosine:START:END, steps:"):
        Schedule.parse("linear:1")
    with pytest.raises(
        ValueError, match="error, steps, and steps alone, name their values at rising"
    ):
        Schedule(shape="linear", start=1.0, steps=((0.5, 2.0),))
    with pytest.raises(ValueError, match=r"error, shares of the budget lie in \(0, 1\]"):
        steps(1.0, (0.0, 2.0))
    for wrong in ({"start": 1.0, "warmpu": 0.5}, {"start": float("nan")}, {"end": 1.0}):
        with pytest.raises(ValidationError):
            Schedule(**wrong)  # type: ignore[arg-type]
    with pytest.raises(ValidationError, match="frozen"):
        linear(1.0).start = 2.0


class Bounded(Part):
    kind = "part"
    open: Annotated[float, Anneals(gt=0, lt=2)] = 1.0
    closed: Annotated[float, Anneals(ge=0, le=2)] = 1.0
    free: Annotated[float, Anneals()] = 1.0


@pytest.mark.parametrize(
    ("option", "value", "within"),
    [
        *[("open", 0.0, False), ("open", 2.0, False), ("open", 1.9, True)],
        *[("closed", 0.0, True), ("closed", 2.0, True), ("closed", 2.1, False)],
        *[("closed", -0.1, False), ("free", -1e9, True), ("free", float("nan"), False)],
        # An open bound may be the end of a schedule: a rate falls to zero.
        *[("open", linear(1.0, 0.0), True), ("open", linear(1.0, -0.1), False)],
        *[("open", linear(2.1, 1.0), False), ("closed", "steps:1:0.5=2:0.8=3", False)],
        *[("closed", "cosine:0:2", True), ("closed", "cosine:0:2.1", False)],
        *[("closed", "constant:3", False), ("free", "linear:-9:9", True)],
        *[("open", {"shape": "linear", "start": 1.0, "end": 0.5}, True), ("open", "linear", False)],
        *[("open", {"start": 3.0}, False), ("open", "1.5", True), ("open", None, False)],
    ],
)
def test_constants_and_every_value_of_a_schedule_are_within_bounds(
    option: str, value: Any, *, within: bool
) -> None:
    if within:
        part = Bounded.model_validate({option: value})
        again = Bounded.model_validate(json.loads(json.dumps(part.model_dump())))
        assert getattr(part, option) == getattr(again, option)
    else:
        with pytest.raises(ValidationError):
            Bounded.model_validate({option: value})


def test_bounds_of_the_usual_kinds_of_number() -> None:
    class Usual(Part):
        kind = "part"
        weight: Weight = 1.0
        rate: Rate = 1.0
        decay: Decay = 0.5

    Usual(weight=0.0, rate=1e-9, decay=0.0)
    Usual(weight=linear(1.0), rate=linear(1.0), decay=linear(0.9))
    for wrong in ({"weight": -1e-9}, {"rate": 0.0}, {"decay": 1.0}, {"decay": -1e-9}):
        with pytest.raises(ValidationError):
            Usual(**wrong)
    with pytest.raises(ValidationError, match="finite"):
        TypeAdapter(Weight).validate_python(float("inf"))
    with pytest.raises(ValidationError, match="-1 of the schedule is not within 0 and inf"):
        Usual(weight=linear(1.0, -1.0))


def test_numbers_are_taken_at_a_share_also_in_tuples() -> None:
    betas = (linear(0.8, 0.0), 0.9)
    assert is_scheduled(betas)
    assert is_scheduled(betas[0])
    assert not is_scheduled((0.8, 0.9))
    assert not is_scheduled("linear:1:0")
    assert number_at(betas, 0.5) == (0.4, 0.9)
    part = Bounded(open=linear(1.0), closed=cosine(2.0))
    assert part.at(0.5) == Bounded(open=0.5, closed=1.0)
    constant = Bounded()
    assert constant.at(0.5) is constant


# -------------------------------------------------------------------------------------- in a game


def test_a_linear_schedule_ends_at_zero_and_a_constant_one_stays() -> None:
    falling = Adam(lr=linear(0.1))
    optimizers = {"discriminator": falling, "generator": Adam(lr=0.1)}
    game = Game(variant_of(SMALL, optimizers=optimizers), points())
    rates = []
    for progress in (0.0, 0.5, 1.0):
        game.progress = progress
        before = weights(game)
        game.round()
        rates.append([game.optimizers[p].param_groups[0]["lr"] for p in game.nets])
    assert rates == [[0.1, 0.1], [0.05, 0.1], [0.0, 0.1]]
    after = weights(game)
    assert all(torch.equal(before[n], after[n]) for n in before if n.startswith("discriminator"))


class Constant(Regularizer):
    """A term of a scheduled option of its own."""

    height: Annotated[float, Anneals(ge=0)] = linear(4.0)

    def generator(self, fake_score: Tensor) -> Tensor:
        return torch.full_like(fake_score, self.height)


def test_every_number_of_a_composition_follows_progress() -> None:
    variant = variant_of(
        SMALL,
        regularizers=(R1(weight=steps(1.0, (0.5, 0.0))), Constant(weight=linear(2.0, 0.0))),
        optimizers={"generator": Adam(betas=(linear(0.5), 0.9))},
        ema=linear(0.5, 0.0),
    )
    assert variant.is_scheduled
    assert not variant_of(SMALL).is_scheduled
    game = Game(variant, points())
    assert game.now == variant.at(0.0)
    seen = []
    for progress in (0.0, 0.25, 0.5):
        game.progress = progress
        log = game.round()
        r1, height = float(log["discriminator"]["r1"]), float(log["generator"]["constant"])
        seen.append((r1 > 0, height, game.now.ema))
        assert game.optimizers["generator"].param_groups[0]["betas"] == (0.5 * (1 - progress), 0.9)
    assert seen == [(True, 8.0, 0.5), (True, 4.5, 0.375), (False, 2.0, 0.25)]
    assert game.variant is variant
    assert variant.at(0.5).regularizers[1] == Constant(weight=1.0, height=2.0)


class Softened(NonSaturating):
    """A loss with an option that changes."""

    height: Annotated[float, Anneals(ge=0)] = linear(4.0)

    def generator(self, fake_score: Tensor) -> Tensor:
        return 0 * fake_score + self.height


class Narrowing(Gaussian):
    """A sampler with an option that changes."""

    width: Annotated[float, Anneals(ge=0)] = linear(1.0)

    def latent(self, n: int, spaces: Any, stream: Any) -> dict[str, Tensor]:
        return {"z": super().latent(n, spaces, stream)["z"] * self.width}


def test_options_of_losses_and_samplers_change_too_also_where_samples_are_drawn() -> None:
    variant = variant_of(SMALL, loss=Softened(), sampler=Narrowing(dim=4))
    assert variant.is_scheduled
    game = Game(variant, points())
    widths, heights = [], []
    for progress in (0.0, 0.5, 1.0):
        game.progress = progress
        heights.append(float(game.round()["generator"]["softened"]))
        widths.append(float(game.sample(3, seed=1)["z"][0, 0]))
    assert heights == [4.0, 2.0, 0.0]
    assert widths == [widths[0], widths[0] / 2, 0.0]
    own = variant_of(SMALL, generator_loss=Softened())
    assert own.at(0.25).loss_of("generator") == Softened(height=3.0)


def test_each_place_of_a_schedule_makes_a_variant_scheduled() -> None:
    for fields in (
        {"ema": linear(0.5)},
        {"regularizers": (R1(), R1(weight=linear(1.0)))},
        {"optimizers": {"generator": Adam(lr=linear(1.0))}},
    ):
        assert variant_of(SMALL, **fields).is_scheduled


def test_without_a_schedule_nothing_is_set_anew() -> None:
    game = Game(variant_of(SMALL), points())
    game.optimizers["generator"].param_groups[0]["lr"] = 0.25
    play(game, 2)
    assert game.optimizers["generator"].param_groups[0]["lr"] == 0.25


def test_schedules_are_set_by_text_and_survive_json(zoo: Zoo) -> None:
    variant = zoo.compose(
        "vanilla", settings=["optimizers.generator.lr=linear:2e-4:0", "ema=cosine:0.9:0.5"]
    )
    assert variant.optimizers["generator"].lr == linear(2e-4)
    assert variant.ema == cosine(0.9, 0.5)
    assert zoo.variant(json.loads(json.dumps(variant.spec()))) == variant
