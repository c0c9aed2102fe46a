"""Augmentation of what the discriminator sees: by a state that it moves, or by progress.

ADA's probability follows the discriminator's confidence on real samples (arXiv:2006.06676, section
3); R3GAN anneals its augmentation over the budget (arXiv:2501.05441, appendix).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar

import pytest
import torch
from lifecycle import lived, zoo_of
from pydantic import Field
from small import points, variant_of
from torch import Tensor, nn

import ganzoo
from ganzoo.builtin.losses import NonSaturating
from ganzoo.builtin.networks import MlpGenerator, mlp_scorer
from ganzoo.builtin.samplers import Gaussian
from ganzoo.engine.game import Game
from ganzoo.errors import ComposeError
from ganzoo.parts import (
    Anneals,
    Architecture,
    Dataset,
    GameView,
    Regularizer,
    Space,
    Variant,
    linear,
)

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from ganzoo.parts import Data, Player


class Plain(Architecture):
    """Perceptrons."""

    def generator(self, z: Space, real: Space) -> nn.Module:
        return MlpGenerator(z.size, [8], real)

    def discriminator(self, real: Space) -> nn.Module:
        return mlp_scorer(real, [8])


class Probability:
    """How often a sample is augmented, a tensor that is moved in place."""

    def __init__(self, device: torch.device) -> None:
        self.p = torch.full((), 0.5, device=device)

    def state(self) -> dict[str, Tensor]:
        return {"p": self.p}

    def restore(self, state: Mapping[str, Tensor]) -> None:
        self.p.copy_(state["p"])


class Adaptive(Regularizer):
    """Mirrors samples with a probability that rises while real ones score high."""

    projects: ClassVar[tuple[Player, ...] | None] = ("discriminator",)
    step: float = Field(default=0.125, gt=0)

    def start(self, game: GameView) -> Probability:
        return Probability(game.device)

    def augment(self, sample: Tensor, state: Probability) -> Tensor:
        mirrored = torch.rand(len(sample), 1, device=sample.device) < state.p
        return torch.where(mirrored, -sample, sample)

    def project(
        self, net: nn.Module, player: Player, real_score: Tensor, state: Probability
    ) -> None:
        state.p.add_(self.step * real_score.sign().mean().sign()).clamp_(0, 1)


class Annealed(Regularizer):
    """Instance noise that falls over the budget."""

    strength: Annotated[float, Anneals(ge=0)] = linear(1.0, 0.0)

    def augment(self, sample: Tensor, progress: float) -> Tensor:
        SEEN.append((progress, self.strength))
        return sample + self.strength * torch.randn_like(sample)


SEEN: list[tuple[float, float]] = []


class Normal(Dataset):
    """Points of a normal."""

    def load(self) -> Data:
        return points()


@ganzoo.hookimpl
def ganzoo_architectures() -> list[type[Architecture]]:
    return [Plain]


@ganzoo.hookimpl
def ganzoo_regularizers() -> list[type[Regularizer]]:
    return [Adaptive, Annealed]


@ganzoo.hookimpl
def ganzoo_datasets() -> list[type[Dataset]]:
    return [Normal]


@ganzoo.hookimpl
def ganzoo_variants() -> list[Variant]:
    return [
        Variant(
            name="augmented",
            architecture=Plain(),
            loss=NonSaturating(),
            regularizers=(Adaptive(), Annealed()),
            sampler=Gaussian(dim=4),
            batch=8,
            data="normal",
        )
    ]


def test_it_lives_and_its_state_is_resumed(tmp_path: Path) -> None:
    SEEN.clear()
    run = lived(zoo_of(__name__), "augmented", tmp_path)
    tensors, _ = run.game.state()
    assert float(tensors["part.regularizer adaptive.p"]) != 0.5
    assert {(0.0, 1.0), (0.25, 0.75), (0.5, 0.5), (0.75, 0.25)} <= set(SEEN)


def test_state_moves_on_the_discriminators_steps_alone() -> None:
    game = Game(variant_of(Plain(), regularizers=(Adaptive(),)), points())
    state = game.state_of(Adaptive())
    game.play(game.step("generator", rows=torch.arange(8), z=torch.randn(8, 4)))
    assert float(state.p) == 0.5  # nor did the composition check move it
    step = game.step("discriminator", rows=torch.arange(8), z=torch.randn(8, 4))
    game.play(step)
    assert float(state.p) == 0.5 + 0.125 * float(step["real_score"].detach().sign().mean().sign())


class Shift(Regularizer):
    def augment(self, sample: Tensor) -> Tensor:
        return sample + 100


def test_all_that_the_discriminator_sees_is_augmented_also_in_score_and_heads() -> None:
    game = Game(variant_of(Plain(), regularizers=(Shift(),)), points())
    step = game.step("discriminator", rows=torch.arange(8), z=torch.randn(8, 4))
    real, net = step["real"], game.nets["discriminator"]
    expected = net(real + 100)
    for seen in (step["real_score"], step.score(real), step["discriminator"](real)["score"]):
        assert torch.equal(seen, expected)
    assert not torch.equal(net(real), expected)


class Circular(Regularizer):
    def augment(self, sample: Tensor, real_score: Tensor) -> Tensor:
        return sample * real_score.mean()


def test_an_augmentation_that_reads_what_it_changes_is_refused() -> None:
    with pytest.raises(ComposeError, match="'circular' reads 'real_score' in augment, which is"):
        Game(variant_of(Plain(), regularizers=(Circular(),)), points())


class Lost(Regularizer):
    def project(self, net: nn.Module, player: Player, advantage: Tensor) -> None: ...


def test_a_projection_that_reads_what_is_not_there_is_refused() -> None:
    with pytest.raises(ComposeError, match="'lost' reads 'advantage' on the discriminator's turn"):
        Game(variant_of(Plain(), regularizers=(Lost(),)), points())
