"""Methods of parts read values by name; terms are weighted and lazy."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from ganzoo_vanilla import Mlp
from small import points, variant_of
from torch import Tensor, nn

from ganzoo.builtin.regularizers import R1
from ganzoo.engine.game import Game
from ganzoo.parts.part import Player, Regularizer

SMALL = Mlp(width=16, depth=1)


def test_a_lazy_regularizer_counts_for_the_steps_it_skips() -> None:
    game = Game(variant_of(SMALL, regularizers=(R1(every=2),)), points())
    step = game.step("discriminator", rows=torch.arange(8), z=torch.randn(8, 4))
    plain = game.terms["discriminator"]["r1"](step).mean().item()
    game.play(step)
    assert float(game.log["discriminator"]["r1"]) == pytest.approx(2 * plain, rel=1e-4)
    game.play(game.step("discriminator", rows=torch.arange(8), z=torch.randn(8, 4)))
    assert game.steps["discriminator"] == 2


def test_terms_are_weighted_and_meaned_and_logged_by_name() -> None:
    game = Game(variant_of(SMALL, regularizers=(R1(weight=0.5),)), points())
    step = game.step("discriminator", rows=torch.arange(8), z=torch.randn(8, 4))
    terms = game.terms["discriminator"]
    expected = {name: terms[name](step).mean().detach() for name in ("non-saturating", "r1")}
    assert (terms["r1"].weight, terms["r1"].every) == (0.5, 1)
    assert (terms["non-saturating"].weight, terms["non-saturating"].every) == (1.0, 1)
    game.play(step)
    log = game.log["discriminator"]
    assert list(log) == ["non-saturating", "r1"]
    torch.testing.assert_close(log["non-saturating"], expected["non-saturating"])
    torch.testing.assert_close(log["r1"], 0.5 * expected["r1"])
    assert not any(term.requires_grad for term in log.values())


def test_a_lazy_term_is_skipped_between_and_its_last_value_stays_in_the_log() -> None:
    game = Game(variant_of(SMALL, regularizers=(Seen(every=3),)), points())
    SEEN.clear()
    logged = []
    for _ in range(7):
        game.play(game.step("generator", rows=torch.arange(8), z=torch.randn(8, 4)))
        logged.append(float(game.log["generator"]["seen"]))
    assert SEEN == [1, 2, 3]
    assert logged == [3, 3, 3, 6, 6, 6, 9]


class Seen(Regularizer):
    def generator(self, fake_score: Tensor) -> Tensor:
        SEEN.append(len(SEEN) + 1)
        return fake_score.new_full((), SEEN[-1])


SEEN: list[int] = []


class Optional(Regularizer):
    """Takes what is there and does without the rest."""

    def start(self, game: Game) -> str:
        return "mine"

    def discriminator(
        self, real: Tensor, *, label: Any = None, nothing: Any = 3, state: Any = None
    ) -> Tensor:
        TAKEN.append((label is not None, nothing, state))
        return real.new_zeros(len(real))


class Stateless(Regularizer):
    def discriminator(self, real: Tensor, state: Any = "none") -> Tensor:
        TAKEN.append(state)
        return real.new_zeros(())


TAKEN: list[Any] = []


def test_what_has_a_default_is_read_where_it_is_offered() -> None:
    game = Game(variant_of(SMALL, regularizers=(Optional(), Stateless())), points())
    TAKEN.clear()
    game.play(game.step("discriminator", rows=torch.arange(8), z=torch.randn(8, 4)))
    assert TAKEN == [(True, 3, "mine"), "none"]


class Twice(Regularizer):
    def augment(self, sample: Tensor) -> Tensor:
        return sample * 2


class PlusOne(Regularizer):
    projects = ("generator",)

    def augment(self, sample: Tensor) -> Tensor:
        return sample + 1

    def project(self, net: nn.Module, player: Player, z: Tensor) -> None:
        assert not torch.is_grad_enabled()
        SEEN.append(len(z))


class Everyone(Regularizer):
    def project(self, net: nn.Module, player: Player) -> None:
        PROJECTED.append((player, net))


PROJECTED: list[tuple[Player, nn.Module]] = []


def test_augmentations_and_projections_are_done_in_order_for_those_they_are_for() -> None:
    game = Game(variant_of(SMALL, regularizers=(Twice(), PlusOne(), Everyone())), points())
    step = game.step("discriminator", rows=torch.arange(8), z=torch.randn(8, 4))
    with torch.no_grad():
        expected = game.nets["discriminator"](step["real"] * 2 + 1)
    torch.testing.assert_close(step["real_score"].detach(), expected)
    SEEN.clear()
    PROJECTED.clear()
    game.round()
    assert SEEN == [8]
    assert [*game.nets.items()] == PROJECTED
