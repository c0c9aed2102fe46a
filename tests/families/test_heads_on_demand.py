"""Every head of a network for any sample: what a loss or a penalty computes for itself.

A semi-supervised GAN reads the discriminator's logits of a labelled batch beside the unlabelled one
(Salimans et al. 2016, arXiv:1606.03498, section 5); a matching-aware discriminator reads scores of
mismatched conditions (Reed et al. 2016, arXiv:1605.05396, algorithm 1); path length regularization
reads the generator's ``w`` on half of the batch (Karras et al. 2020, arXiv:1912.04958).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import pytest
import torch
from lifecycle import lived, zoo_of
from small import points, variant_of
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, one_hot, softplus

import ganzoo
from ganzoo.builtin.losses import NonSaturating
from ganzoo.builtin.networks import MlpGenerator, Scorer, mlp
from ganzoo.builtin.samplers import Gaussian
from ganzoo.engine.game import Game
from ganzoo.errors import ComposeError
from ganzoo.parts import Architecture, Dataset, Loss, Regularizer, Space, Variant

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from ganzoo.parts import Data

CLASSES = 3


class Styled(nn.Module):
    """A mapping network before the synthesis; counts the samples of each call."""

    def __init__(self, z: int, real: Space) -> None:
        super().__init__()
        self.mapping, self.synthesis = nn.Linear(z, 6), MlpGenerator(6, [8], real)
        self.calls: list[int] = []

    def forward(self, z: Tensor, label: Tensor) -> dict[str, Tensor]:
        self.calls.append(len(z))
        w = self.mapping(z) + one_hot(label, 6)
        return {"fake": self.synthesis(w), "w": w}


class Told(nn.Module):
    """A score under a label, and logits of the label."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.body = Scorer(mlp([size + CLASSES, 8]), 8, logits=CLASSES)

    def forward(self, sample: Tensor, label: Tensor) -> dict[str, Tensor]:
        heads: dict[str, Tensor] = self.body(torch.cat([sample, one_hot(label, CLASSES)], 1))
        return heads


class StyledPair(Architecture):
    """A generator with styles, and a discriminator with two heads."""

    heads: ClassVar[tuple[str, ...]] = ("logits",)

    def generator(self, z: Space, real: Space) -> nn.Module:
        return Styled(z.size, real)

    def discriminator(self, real: Space) -> nn.Module:
        return Told(real.size)


class MatchingAware(Loss):
    """Real with its label, real with another's, and generated."""

    def discriminator(
        self, real_score: Tensor, fake_score: Tensor, score: Any, real: Tensor, label: Tensor
    ) -> Tensor:
        mismatched = score(real, label=(label + 1) % CLASSES)
        return softplus(-real_score) + (softplus(fake_score) + softplus(mismatched)) / 2

    generator = NonSaturating.generator


class SemiSupervised(Regularizer):
    """The cross-entropy of the logits on a labelled batch, a part of the real one."""

    def discriminator(
        self, discriminator: Callable[..., dict[str, Tensor]], real: Tensor, label: Tensor
    ) -> Tensor:
        logits = discriminator(real[:4], label=label[:4])["logits"]
        return cross_entropy(logits, label[:4])


class Slope(Regularizer):
    """The slope of samples along w, on half of the batch."""

    def generator(self, generator: Callable[..., dict[str, Tensor]], z: Tensor) -> Tensor:
        made = generator(rows=slice(len(z) // 2))
        noise = torch.randn_like(made["fake"])
        (slope,) = torch.autograd.grad((made["fake"] * noise).sum(), made["w"], create_graph=True)
        return (slope.square().sum(1).sqrt() - 1).square().mean()


class Normal(Dataset):
    """Labelled points."""

    def load(self) -> Data:
        return points()


@ganzoo.hookimpl
def ganzoo_architectures() -> list[type[Architecture]]:
    return [StyledPair]


@ganzoo.hookimpl
def ganzoo_losses() -> list[type[Loss]]:
    return [MatchingAware]


@ganzoo.hookimpl
def ganzoo_regularizers() -> list[type[Regularizer]]:
    return [SemiSupervised, Slope]


@ganzoo.hookimpl
def ganzoo_datasets() -> list[type[Dataset]]:
    return [Normal]


@ganzoo.hookimpl
def ganzoo_variants() -> list[Variant]:
    return [
        Variant(
            name="on-demand",
            architecture=StyledPair(),
            loss=MatchingAware(),
            regularizers=(SemiSupervised(), Slope()),
            sampler=Gaussian(dim=4),
            batch=8,
            data="normal",
        )
    ]


def test_it_lives(tmp_path: Path) -> None:
    run = lived(zoo_of(__name__), "on-demand", tmp_path)
    assert {*run.game.log["discriminator"]} == {"matching-aware", "semi-supervised"}
    assert {*run.game.log["generator"]} == {"matching-aware", "slope"}


def test_all_heads_are_those_of_the_network_for_any_sample_and_condition() -> None:
    game = Game(variant_of(StyledPair(), loss=MatchingAware()), points())
    step = game.step("discriminator", rows=torch.arange(8), z=torch.randn(8, 4))
    net, real = game.nets["discriminator"], step["real"]
    other = (step["label"] + 1) % CLASSES
    own, mismatched = step["discriminator"](real), step["discriminator"](real, label=other)
    for heads, label in ((own, step["label"]), (mismatched, other)):
        for name, value in net(real, label).items():
            assert torch.equal(heads[name], value)
    assert torch.equal(own["score"], step["real_score"])
    assert torch.equal(own["logits"], step["real_logits"])


def test_a_part_of_the_batch_costs_a_part_of_the_forward() -> None:
    game = Game(variant_of(StyledPair(), regularizers=(Slope(),)), points())
    net = game.nets["generator"]
    step = game.step("generator", rows=torch.arange(8), z=torch.randn(8, 4))
    net.calls.clear()
    made = step["generator"](rows=slice(4))
    assert net.calls == [4]
    whole = net(step["z"], step["label"])
    assert torch.equal(made["fake"], whole["fake"][:4])
    assert torch.equal(made["w"], whole["w"][:4])
    assert torch.equal(
        step["generator"](z=step["z"][:2], label=step["label"][:2])["w"], whole["w"][:2]
    )


def test_a_value_that_the_network_does_not_read_cannot_be_given() -> None:
    game = Game(variant_of(StyledPair()), points())
    step = game.step("discriminator", rows=torch.arange(8), z=torch.randn(8, 4))
    with pytest.raises(ComposeError, match="is given 'labl', which it does not read; it reads lab"):
        step.score(step["real"], labl=step["label"])
    with pytest.raises(ComposeError, match="generator of .* given 'text', which it does not read"):
        step.generate(text=step["z"])


def test_what_is_made_on_demand_is_recorded_for_the_player_whose_turn_it_is() -> None:
    game = Game(variant_of(StyledPair()), points())
    for player, records in (("generator", True), ("discriminator", False)):
        step = game.step(player, rows=torch.arange(8), z=torch.randn(8, 4))
        assert step["generator"]()["fake"].requires_grad is records
