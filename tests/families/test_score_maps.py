"""A PatchGAN's discriminator scores every patch (arXiv:1611.07004, section 3.2.2).

Its map of scores works with every loss and penalty that a single score works with.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import torch
from ganzoo_wgan_gp import GradientPenalty, Wasserstein
from lifecycle import lived, zoo_of
from small import images, variant_of
from torch import Tensor, nn

import ganzoo
from ganzoo.builtin.losses import Hinge, LeastSquares, Minimax, NonSaturating
from ganzoo.builtin.networks import MlpGenerator
from ganzoo.builtin.regularizers import R1, R2
from ganzoo.builtin.samplers import Gaussian
from ganzoo.engine.game import Game
from ganzoo.errors import ComposeError
from ganzoo.parts import Architecture, Dataset, Loss, Regularizer, Space, Variant

if TYPE_CHECKING:
    from pathlib import Path

    from ganzoo.parts import Data

LOSSES = [Minimax(), NonSaturating(), LeastSquares(), Hinge(), Wasserstein()]
PENALTIES = [(), (R1(),), (R2(),), (GradientPenalty(),)]


class Patches(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(channels, 4, 3, stride=2, padding=1), nn.Tanh(), nn.Conv2d(4, 1, 3, padding=1)
        )

    def forward(self, sample: Tensor) -> Tensor:
        scores: Tensor = self.layers(sample)
        return scores


class PatchGan(Architecture):
    """A discriminator of patches."""

    def generator(self, z: Space, real: Space) -> nn.Module:
        return MlpGenerator(z.size, [8], real)

    def discriminator(self, real: Space) -> nn.Module:
        return Patches(real.shape[0])


class Noise(Dataset):
    """Grey noise."""

    def load(self) -> Data:
        return images()


@ganzoo.hookimpl
def ganzoo_architectures() -> list[type[Architecture]]:
    return [PatchGan]


@ganzoo.hookimpl
def ganzoo_datasets() -> list[type[Dataset]]:
    return [Noise]


@ganzoo.hookimpl
def ganzoo_variants() -> list[Variant]:
    return [
        Variant(
            name="patches",
            architecture=PatchGan(),
            loss=LeastSquares(),
            regularizers=(R1(),),
            sampler=Gaussian(dim=4),
            batch=8,
            data="noise",
        )
    ]


def test_it_lives(tmp_path: Path) -> None:
    run = lived(zoo_of(__name__), "patches", tmp_path)
    step = run.game.step("discriminator", rows=torch.arange(8), z=torch.randn(8, 4))
    assert step["real_score"].shape == step.score(step["real"]).shape == (8, 1, 4, 4)


@pytest.mark.parametrize("penalties", PENALTIES, ids=lambda p: "+".join(r.name for r in p))
@pytest.mark.parametrize("loss", LOSSES, ids=lambda loss: loss.name)
def test_every_loss_and_penalty_trains_on_a_map(
    loss: Loss, penalties: tuple[Regularizer, ...]
) -> None:
    game = Game(variant_of(PatchGan(), loss=loss, regularizers=penalties), images())
    for terms in game.round().values():
        assert all(term.shape == () and bool(term.isfinite()) for term in terms.values())


def test_the_slope_of_a_map_is_that_of_its_sum() -> None:
    """The penalty on a map of one linear score a patch, in closed form: (d / 2) |w|^2 a pixel."""
    game = Game(variant_of(PatchGan(), regularizers=(R1(),)), images())

    class Mean(nn.Module):
        def forward(self, sample: Tensor) -> Tensor:
            return 3 * sample

    game.nets["discriminator"] = Mean()
    step = game.step("discriminator", rows=torch.arange(8))
    penalty = game.terms["discriminator"]["r1"](step)
    torch.testing.assert_close(penalty, torch.full((8,), 0.5 * 9 * 64))


class Crossed(Loss):
    def discriminator(self, real_score: Tensor, fake_score: Tensor) -> Tensor:
        return real_score - fake_score.squeeze(1)

    def generator(self, fake_score: Tensor) -> Tensor:
        return -fake_score


class Column(PatchGan):
    """(N, 1), which would be broadcast against (N,)."""

    def discriminator(self, real: Space) -> nn.Module:
        return nn.Sequential(nn.Flatten(), nn.Linear(real.size, 1))


def test_columns_against_rows_are_still_refused() -> None:
    with pytest.raises(ComposeError, match=r"'score' of shape \(8, 1\); it must be \(8,\), or"):
        Game(variant_of(Column()), images())
    with pytest.raises(ComposeError, match=r"'crossed' returns a term of shape \(8, 8, 4, 4\)"):
        Game(variant_of(PatchGan(), loss=Crossed()), images())
