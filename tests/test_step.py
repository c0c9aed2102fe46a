"""The values of a step: who computes them, from what, and with whose gradients."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import torch
from ganzoo_vanilla import Mlp
from ganzoo_wgan_gp import GradientPenalty, Wasserstein
from small import Guess, LabelledPair, images, play, points, variant_of
from torch import Tensor, nn

from ganzoo.builtin.losses import NonSaturating
from ganzoo.builtin.regularizers import R1
from ganzoo.engine.game import Game
from ganzoo.engine.step import makers
from ganzoo.errors import ComposeError
from ganzoo.parts.part import Architecture, Regularizer
from ganzoo.parts.space import Space

if TYPE_CHECKING:
    from ganzoo.engine.step import Step

SMALL = Mlp(width=16, depth=1)


def test_networks_heads_and_penalties_are_conditioned_by_name_alone() -> None:
    """Conditional GANs, auxiliary heads and gradient penalties need no word in the engine."""
    variant = variant_of(
        LabelledPair(), loss=Wasserstein(), regularizers=(GradientPenalty(), Guess())
    )
    game = play(Game(variant, points()))
    label = torch.full((6,), 2)
    made = game.sample(6, given={"label": label})
    assert made["fake"].shape == (6, 2)
    assert torch.equal(made["label"], label)
    assert set(game.sample(50)["label"].tolist()) == {0, 1, 2}


class WidenedPair(Architecture):
    """Its generator takes a label where there is one; its discriminator has a head for a code."""

    def generator(self, z: Space, real: Space) -> nn.Module:
        net = Mlp(width=8, depth=1).generator(z, real)

        class Generator(nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.net = net

            def forward(self, z: Tensor, label: Tensor | None = None) -> Tensor:
                self.labelled = label is not None
                out: Tensor = self.net(z)
                return out

        return Generator()

    def discriminator(self, real: Space, label: Space | None = None) -> nn.Module:
        net = Mlp(width=8, depth=1).discriminator(real)
        net.built_for = label  # type: ignore[assignment]
        return net


def test_what_has_a_default_is_passed_where_it_is_offered() -> None:
    game = play(Game(variant_of(WidenedPair()), points()))
    assert game.nets["generator"].labelled
    assert game.nets["discriminator"].built_for == Space(classes=3)
    plain = play(Game(variant_of(WidenedPair()), images()))
    assert not plain.nets["generator"].labelled
    assert plain.nets["discriminator"].built_for is None


class TwoHeads(Architecture):
    discriminator = Mlp.discriminator
    width: int = 8
    depth: int = 1

    def generator(self, z: Space, real: Space) -> nn.Module:
        return _TwoHeads(z.size, real.size)


class _TwoHeads(nn.Module):
    def __init__(self, z: int, size: int) -> None:
        super().__init__()
        self.style, self.out = nn.Linear(z, 3), nn.Linear(3, size)

    def forward(self, z: Tensor) -> dict[str, Tensor]:
        w = self.style(z)
        return {"fake": self.out(w), "w": w}


class PathLength(Regularizer):
    def generator(self, w: Tensor, generate: Any, z: Tensor, progress: float) -> Tensor:
        moved = generate(z=z + progress)
        return moved.square().sum(1) + w.sum(1)


def test_a_generators_further_heads_and_its_function_are_read_by_name() -> None:
    game = Game(variant_of(TwoHeads(), regularizers=(PathLength(),)), points())
    game.progress = 0.25
    net, z = game.nets["generator"], torch.randn(8, 4)
    with torch.no_grad():
        expected = net(z + 0.25)["fake"].square().sum(1) + net(z)["w"].sum(1)
    game.play(game.step("generator", rows=torch.arange(8), z=z))
    torch.testing.assert_close(game.log["generator"]["path-length"], expected.mean())


def step_of(game: Game, player: str = "discriminator", **dealt: Tensor) -> Step:
    return game.step(player, rows=torch.arange(8), **{"z": torch.randn(8, 4), **dealt})


def test_what_the_sampler_deals_stays_when_a_network_returns_a_value_of_that_name() -> None:
    game = Game(variant_of(TwoHeads()), points())
    step = step_of(game, w=(dealt := torch.zeros(8, 3)))
    assert step["fake"].shape == (8, 2)
    assert step["w"] is dealt
    assert (step.source("w"), step.source("fake")) == ("sampler", "generator")


def test_graphs_are_recorded_towards_the_player_whose_turn_it_is_and_no_other() -> None:
    game = Game(variant_of(SMALL), points())
    recorded = {
        player: {name: step[name].requires_grad for name in ("fake", "fake_score", "real_score")}
        for player in game.nets
        for step in [step_of(game, player)]
    }
    assert recorded == {
        "discriminator": {"fake": False, "fake_score": True, "real_score": True},
        "generator": {"fake": True, "fake_score": True, "real_score": False},
    }
    with torch.no_grad():  # whoever reads it next may need its gradient
        assert step_of(game, "generator")["fake"].requires_grad
        assert not step_of(game, "generator").generate().requires_grad
    moved = torch.randn(8, 2, requires_grad=True)
    assert step_of(game, "generator").score(moved).requires_grad


def test_a_value_is_computed_once() -> None:
    game = Game(variant_of(SMALL), points())
    step = step_of(game)
    assert step["fake"] is step["fake"]
    calls: list[int] = []
    game.nets["discriminator"].register_forward_hook(lambda *_: calls.append(1))
    _ = step["fake_score"], step["fake_score"]
    assert calls == [1]


def test_what_nothing_offers_is_missing_and_whatever_is_there_says_who_gives_it() -> None:
    game = Game(variant_of(LabelledPair(), regularizers=(Guess(),)), points())
    step = step_of(game)
    for name in ("real_logits", "nothing", "fake_", "advantage"):
        assert not step.offers(name)
        with pytest.raises(KeyError) as error:
            step[name]
        assert error.value.name == name
        assert error.value.args == (name,)
    sources = {
        "z": "sampler",
        "real": "data",
        "label": "data",
        "fake": "generator",
        "real_guess": "discriminator",
        "fake_score": "discriminator",
        **dict.fromkeys(("score", "generate", "progress", "spaces", "generator"), "engine"),
    }
    for name, source in sources.items():
        assert step.offers(name)
        assert step.source(name) == source
    assert step.dealt == ("z",)
    assert step["progress"] == game.progress
    assert step["spaces"] is game.spaces


def test_without_rows_the_datas_columns_are_missing_and_who_reads_them_is_named() -> None:
    game = Game(variant_of(LabelledPair(), regularizers=(Guess(),)), points())
    step = game.step("generator", z=torch.randn(8, 4))
    assert not step.offers("real")
    with pytest.raises(KeyError) as error:
        step["fake"]
    assert (error.value.name, error.value.network) == ("label", "generator")
    label = torch.zeros(8, dtype=torch.int64)
    assert game.step("generator", z=torch.randn(8, 4), label=label).offers("fake_score")


class Lenient(TwoHeads):
    """A discriminator that takes a label where there is one, and a shift that nothing offers."""

    def discriminator(self, real: Space) -> nn.Module:
        return LenientScorer()


class LenientScorer(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(()))

    def forward(self, sample: Tensor, label: Any = 10.0, shift: Any = 0.0) -> Tensor:
        return self.scale * sample.sum(1) + label + shift


def test_what_a_network_takes_is_its_steps_own_unless_it_is_given_or_nowhere() -> None:
    game = Game(variant_of(Lenient()), points())
    step = step_of(game)
    real, label = step["real"], step["label"]
    expected = real.sum(1)
    torch.testing.assert_close(step.score(real), expected + label)
    torch.testing.assert_close(step.score(real, label=2.0, shift=0.5), expected + 2.5)
    torch.testing.assert_close(step["real_score"], expected + label)
    some = step["discriminator"](real[:3], rows=slice(3))["score"]
    torch.testing.assert_close(some, (expected + label)[:3])
    bare = game.step("discriminator", z=torch.randn(8, 4))
    torch.testing.assert_close(bare.score(real), expected + 10)
    moved = torch.randn(8, 4)
    with torch.no_grad():
        made = game.nets["generator"](moved)
    assert torch.equal(step.generate(z=moved), made["fake"])
    assert torch.equal(step["generator"](z=moved)["w"], made["w"])


def test_bf16_touches_forwards_but_not_the_score_that_penalties_differentiate() -> None:
    game = Game(variant_of(SMALL, precision="bf16", regularizers=(R1(),)), points())
    step = game.step("discriminator", rows=torch.arange(8), z=torch.randn(8, 4))
    full, reduced = step.score(step["real"]), step["real_score"]
    assert reduced.dtype == full.dtype == torch.float32
    assert not torch.equal(full, reduced)
    assert torch.equal(step["discriminator"](step["real"])["score"], full)
    torch.testing.assert_close(full, reduced, atol=0.05, rtol=0.05)
    play(game)


def test_a_network_known_to_return_a_value_is_asked_first_and_the_generator_before_others() -> None:
    game = Game(variant_of(SMALL), points())
    game.nets["encoder"] = nn.Identity()
    game.inputs["encoder"], game.options["encoder"] = ("real",), ("label",)
    game.heads = {"encoder": ("encoded",)}
    assert makers(game, "encoded") == ["encoder", "generator"]
    assert makers(game, "other") == ["generator"]
    game.heads = {}
    assert makers(game, "encoded") == ["generator", "encoder"]
    assert makers(game, "real") == makers(game, "label") == ["generator"]
    game.heads = {"generator": ("fake",)}
    assert makers(game, "encoded") == ["encoder"]


class Circle(TwoHeads):
    """Two networks, each of which waits for what the other returns."""

    def generator(self, z: Space, real: Space) -> nn.Module:
        return Waiting(z.size, real.size)

    def encoder(self, real: Space) -> nn.Module:
        return Answering()


class Waiting(nn.Linear):
    def forward(self, z: Tensor, hint: Tensor) -> Tensor:  # type: ignore[override]
        return super().forward(z) + hint


class Answering(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(()))

    def forward(self, fake: Tensor) -> dict[str, Tensor]:
        return {"hint": fake * self.scale}


class WithEncoder(NonSaturating):
    def encoder(self, hint: Tensor) -> Tensor:
        return hint.sum(1)


def test_networks_that_wait_for_each_other_are_refused_by_name() -> None:
    turns = (("generator", 1), ("discriminator", 1), ("encoder", 1))
    with pytest.raises(ComposeError) as error:
        Game(variant_of(Circle(), loss=WithEncoder(), turns=turns), points())
    assert "architecture 'circle' reads '" in str(error.value)
    assert error.value.missing is not None
