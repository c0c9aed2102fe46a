"""Samples that are made from rows of the data, and at the stage that training has come to.

Pix2pix maps a given picture to another (Isola et al. 2016, arXiv:1611.07004) and is measured pair
by pair; an autoencoder's bound is of the very rows that it encodes (Kingma & Welling 2013,
arXiv:1312.6114); progressive growth draws samples at its own stage (Karras et al. 2017,
arXiv:1710.10196).
"""

from __future__ import annotations

from math import log10
from typing import TYPE_CHECKING, ClassVar

import pytest
import torch
from lifecycle import lived, zoo_of
from torch import Tensor, nn

import ganzoo
from ganzoo.builtin.losses import LeastSquares
from ganzoo.builtin.networks import MlpGenerator, mlp_scorer
from ganzoo.builtin.samplers import Gaussian
from ganzoo.engine.chosen import choice
from ganzoo.engine.game import Game
from ganzoo.engine.scoring import measure_game
from ganzoo.parts import (
    Architecture,
    Data,
    Dataset,
    Direction,
    Loss,
    Metric,
    Regularizer,
    ResidentRows,
    Space,
    Variant,
)

if TYPE_CHECKING:
    from pathlib import Path

SIDE, ROWS = 8, 40
PICTURE = Space(shape=(1, SIDE, SIDE), bounded=True)


class Negatives(Dataset):
    """Pictures, each with its negative as what is given."""

    def load(self) -> Data:
        stream = torch.Generator().manual_seed(0)
        real = torch.randint(256, (ROWS, 1, SIDE, SIDE), generator=stream, dtype=torch.uint8)
        rows = ResidentRows({"real": real, "given": 255 - real})
        return Data(self.name, rows, rows, {"real": PICTURE, "given": PICTURE})


class Translator(nn.Module):
    """A scaled copy of what is given, and a little noise."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.full((), 0.5))

    def forward(self, given: Tensor, z: Tensor) -> Tensor:
        return (self.scale * given + 1e-3 * z.view(-1, 1, 1, 1)).clamp(-1, 1)


class Pix2Pix(Architecture):
    """From a picture to a picture."""

    def generator(self, given: Space, z: Space) -> nn.Module:
        return Translator()

    def discriminator(self, real: Space) -> nn.Module:
        return mlp_scorer(real, [8])


class L1(Regularizer):
    """The distance from the row's own picture."""

    def generator(self, fake: Tensor, real: Tensor) -> Tensor:
        return (fake - real).abs().flatten(1).mean(1)


class Psnr(Metric):
    """Peak signal to noise, in dB, of each sample against the row that it was made from."""

    paired: ClassVar[bool] = True
    better: ClassVar[dict[str, Direction]] = {"psnr": "higher", "psnr-given": "higher"}

    def measure(
        self, fake: Tensor, real: Tensor, given: Tensor, fake_given: Tensor
    ) -> dict[str, float]:
        assert torch.equal(given, fake_given)
        return {"psnr": psnr(fake, real), "psnr-given": psnr(given, real)}


def psnr(one: Tensor, other: Tensor) -> float:
    return 10 * log10(4 / float((one - other).square().mean()))


class Autoencoder(nn.Module):
    """One network and one player: it reads rows, and a code for each."""

    def __init__(self, real: Space, z: Space) -> None:
        super().__init__()
        self.encoder = nn.Sequential(nn.Flatten(), nn.Linear(real.size, 2 * z.size))
        self.decoder = MlpGenerator(z.size, [8], real)

    def forward(self, real: Tensor, z: Tensor) -> dict[str, Tensor]:
        mean, log_var = self.encoder(real).chunk(2, 1)
        return {
            "fake": self.decoder(mean + (log_var / 2).exp() * z),
            "mean": mean,
            "log_var": log_var,
        }


class Vae(Architecture):
    """Encoder and decoder."""

    def generator(self, real: Space, z: Space) -> nn.Module:
        return Autoencoder(real, z)


class Bound(Loss):
    """The negative evidence lower bound with a normal decoder, but for a constant."""

    def generator(self, fake: Tensor, real: Tensor, mean: Tensor, log_var: Tensor) -> Tensor:
        divergence = 0.5 * (mean.square() + log_var.exp() - 1 - log_var).sum(1)
        return divergence + 0.5 * (fake - real).square().flatten(1).sum(1)


class HeldOutBound(Metric):
    """The bound of held-out rows, in nats a row."""

    paired: ClassVar[bool] = True
    better: ClassVar[dict[str, Direction]] = {"bound": "lower"}

    def measure(
        self, fake: Tensor, real: Tensor, mean: Tensor, log_var: Tensor
    ) -> dict[str, float]:
        return {"bound": float(Bound().generator(fake, real, mean, log_var).mean())}


class Blending(nn.Module):
    """Blends its two stages by progress."""

    def __init__(self, z: int, real: Space) -> None:
        super().__init__()
        self.low, self.high = MlpGenerator(z, [4], real), MlpGenerator(z, [8], real)

    def forward(self, z: Tensor, progress: float) -> Tensor:
        return torch.lerp(self.low(z), self.high(z), progress)


class Blended(Architecture):
    """A generator that grows over the budget."""

    def generator(self, z: Space, real: Space) -> nn.Module:
        return Blending(z.size, real)

    discriminator = Pix2Pix.discriminator


@ganzoo.hookimpl
def ganzoo_architectures() -> list[type[Architecture]]:
    return [Pix2Pix, Vae, Blended]


@ganzoo.hookimpl
def ganzoo_losses() -> list[type[Loss]]:
    return [Bound]


@ganzoo.hookimpl
def ganzoo_regularizers() -> list[type[Regularizer]]:
    return [L1]


@ganzoo.hookimpl
def ganzoo_metrics() -> list[type[Metric]]:
    return [Psnr, HeldOutBound]


@ganzoo.hookimpl
def ganzoo_datasets() -> list[type[Dataset]]:
    return [Negatives]


@ganzoo.hookimpl
def ganzoo_variants() -> list[Variant]:
    def of(name: str, architecture: Architecture, **fields: object) -> Variant:
        shared = {"sampler": Gaussian(dim=1), "batch": 8, "data": "negatives"}
        return Variant(name=name, architecture=architecture, **{**shared, **fields})

    return [
        of("pix2pix", Pix2Pix(), loss=LeastSquares(), regularizers=(L1(weight=100),)),
        of("vae", Vae(), loss=Bound(), turns=(("generator", 1),)),
        of("blended", Blended(), loss=LeastSquares()),
    ]


@pytest.mark.parametrize("variant", ["pix2pix", "vae", "blended"])
def test_it_lives(variant: str, tmp_path: Path) -> None:
    run = lived(zoo_of(__name__), variant, tmp_path)
    assert (
        run.game.frozen().conditions()
        == {"pix2pix": ("given",), "vae": ("real",), "blended": ()}[variant]
    )


def test_a_paired_metric_sees_each_sample_beside_the_row_that_it_was_made_from() -> None:
    """Of a generator that copies, the error is the copy's; a wrong pairing would be far off."""
    zoo = zoo_of(__name__)
    game = ganzoo.compose("pix2pix", zoo=zoo).game()
    with torch.no_grad():
        game.nets["generator"].scale.fill_(-1)  # the negative's negative
    scores = {s.metric: s for s in measure_game(game, zoo.metrics(), n=64, seed=0)}
    assert scores["psnr"].value > 50
    assert scores["psnr-given"].value < 10
    assert (scores["psnr"].n_real, scores["psnr"].n_fake) == (ROWS, ROWS)  # each row once


def test_the_bound_of_held_out_rows_is_that_of_their_own_codes() -> None:
    zoo = zoo_of(__name__)
    game = ganzoo.compose("vae", zoo=zoo).game()
    (score,) = measure_game(game, [HeldOutBound()], n=ROWS, seed=0)
    rows = choice(ROWS, ROWS, seed=0)
    made = game.frozen().conditioned_on(rows).sample(ROWS, seed=0)
    real = game.data.held_out.column("real", rows)
    assert torch.equal(made["real"], real)
    expected = Bound().generator(made["fake"], real, made["mean"], made["log_var"]).mean()
    assert score.value == pytest.approx(float(expected), rel=1e-5)


def test_a_paired_metric_does_not_apply_where_samples_are_made_from_no_rows() -> None:
    zoo = zoo_of(__name__)
    game = ganzoo.compose("blended", zoo=zoo).game()
    assert not {"psnr", "bound"} & {
        s.metric for s in measure_game(game, zoo.metrics(), n=8, seed=0)
    }


def test_samples_in_mid_training_are_of_their_own_stage(tmp_path: Path) -> None:
    zoo = zoo_of(__name__)
    game = ganzoo.compose("blended", zoo=zoo).game()
    net = game.nets["generator"]
    for progress in (0.0, 0.25, 1.0):
        game.progress = progress
        made = game.sample(5, seed=1)
        assert torch.equal(made["fake"], net(made["z"], progress))
    run = ganzoo.train("blended", zoo=zoo, rounds=2, out=tmp_path / "run")
    ganzoo.export(run, tmp_path / "weights", zoo=zoo)
    model = ganzoo.load(f"dir:{tmp_path / 'weights'}", zoo=zoo)
    made = model.values(3, seed=1)
    assert torch.equal(made["fake"], model.generator(made["z"], 1.0))
    run.game.progress = 0.25  # as a run that was interrupted would be exported
    ganzoo.export(run, tmp_path / "early", zoo=zoo)
    early = ganzoo.load(f"dir:{tmp_path / 'early'}", zoo=zoo)
    made = early.values(3, seed=1)
    assert torch.equal(made["fake"], early.generator(made["z"], 0.25))


def test_a_loaded_model_is_given_pictures_or_takes_rows_of_its_data(tmp_path: Path) -> None:
    zoo = zoo_of(__name__)
    run = ganzoo.train("pix2pix", zoo=zoo, rounds=2, out=tmp_path / "run")
    ganzoo.export(run, tmp_path / "weights", zoo=zoo)
    model = ganzoo.load(f"dir:{tmp_path / 'weights'}", zoo=zoo)
    given = torch.rand(4, 1, SIDE, SIDE) * 2 - 1
    made = model.values(4, seed=1, given={"given": given})
    assert torch.equal(made["fake"], model.generator(given, made["z"]))
    assert torch.equal(model.sample(4, seed=1, given={"given": given}), made["fake"])
    own = model.values(4, seed=1)
    columns = Negatives().load().held_out.column("given")
    assert all(any(torch.equal(row, column) for column in columns) for row in own["given"])


def test_a_game_of_rows_alone_samples_by_seed() -> None:
    game: Game = ganzoo.compose("pix2pix", zoo=zoo_of(__name__)).game()
    one, other, again = (game.sample(6, seed=s)["given"] for s in (0, 1, 0))
    assert torch.equal(one, again)
    assert not torch.equal(one, other)
