"""A third player: ALI's and BiGAN's encoder, and Triple-GAN's classifier.

Dumoulin et al. 2016, arXiv:1606.00704; Donahue et al. 2016, arXiv:1605.09782; Li et al. 2017,
arXiv:1703.02291.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import torch
from lifecycle import lived, zoo_of
from small import points, variant_of
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, softplus

import ganzoo
from ganzoo.builtin.losses import NonSaturating
from ganzoo.builtin.networks import MlpGenerator, mlp
from ganzoo.builtin.optimizers import RmsProp
from ganzoo.builtin.samplers import Gaussian
from ganzoo.engine.game import Game
from ganzoo.errors import ComposeError, OptionError
from ganzoo.parts import Adam, Architecture, Dataset, Loss, Regularizer, Space, Variant

if TYPE_CHECKING:
    from pathlib import Path

    from ganzoo.parts import Data

TURNS = (("discriminator", 1), ("generator", 1), ("encoder", 1))


class Encoder(nn.Module):
    def __init__(self, real: Space, z: Space) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Flatten(), mlp([real.size, 8, z.size]))

    def forward(self, real: Tensor) -> dict[str, Tensor]:
        return {"encoded": self.layers(real)}


class JointScorer(nn.Module):
    """A score of a sample and a latent together."""

    def __init__(self, real: Space, z: Space) -> None:
        super().__init__()
        self.layers = mlp([real.size + z.size, 8, 1])

    def forward(self, sample: Tensor, z: Tensor) -> Tensor:
        score: Tensor = self.layers(torch.cat([sample.flatten(1), z], 1))
        return score.squeeze(1)


class Ali(Architecture):
    """A generator, an encoder, and a discriminator of pairs."""

    def generator(self, z: Space, real: Space) -> nn.Module:
        return MlpGenerator(z.size, [8], real)

    def encoder(self, real: Space, z: Space) -> nn.Module:
        return Encoder(real, z)

    def discriminator(self, real: Space, z: Space) -> nn.Module:
        return JointScorer(real, z)


class Inference(Loss):
    """The game on pairs: real with its code, and a sample with its latent (arXiv:1606.00704)."""

    def discriminator(
        self, score: Any, real: Tensor, encoded: Tensor, fake: Tensor, z: Tensor
    ) -> Tensor:
        return softplus(-score(real, z=encoded)) + softplus(score(fake, z=z))

    def generator(self, fake_score: Tensor) -> Tensor:
        return softplus(-fake_score)

    def encoder(self, score: Any, real: Tensor, encoded: Tensor) -> Tensor:
        return softplus(score(real, z=encoded))


class Cycle(Regularizer):
    """The encoder recovers latents, and its codes lead back to the samples they are of."""

    def encoder(
        self, generate: Any, encoder: Any, real: Tensor, encoded: Tensor, z: Tensor
    ) -> Tensor:
        latents = (encoder(real=generate())["encoded"] - z).square().sum(1)
        return latents + (generate(z=encoded) - real).square().sum(1)


class Classifier(nn.Module):
    def __init__(self, size: int, classes: int) -> None:
        super().__init__()
        self.layers = mlp([size, 8, classes])

    def forward(self, real: Tensor) -> dict[str, Tensor]:
        return {"logits": self.layers(real)}


class Triple(Ali):
    """A classifier in the encoder's place."""

    def classifier(self, real: Space, label: Space) -> nn.Module:
        return Classifier(real.size, label.classes or 0)


class Taught(NonSaturating):
    """The usual game, and a classifier that learns from real and generated samples."""

    def classifier(self, logits: Tensor, label: Tensor) -> Tensor:
        return cross_entropy(logits, label, reduction="none")


class Normal(Dataset):
    """Labelled points."""

    def load(self) -> Data:
        return points()


@ganzoo.hookimpl
def ganzoo_architectures() -> list[type[Architecture]]:
    return [Ali, Triple]


@ganzoo.hookimpl
def ganzoo_losses() -> list[type[Loss]]:
    return [Inference, Taught]


@ganzoo.hookimpl
def ganzoo_regularizers() -> list[type[Regularizer]]:
    return [Cycle]


@ganzoo.hookimpl
def ganzoo_datasets() -> list[type[Dataset]]:
    return [Normal]


@ganzoo.hookimpl
def ganzoo_variants() -> list[Variant]:
    shared: dict[str, Any] = {"sampler": Gaussian(dim=4), "batch": 8, "data": "normal"}
    return [
        Variant(
            name="ali",
            architecture=Ali(),
            loss=Inference(),
            regularizers=(Cycle(),),
            turns=TURNS,
            optimizers={"encoder": RmsProp(lr=1e-3)},
            **shared,
        ),
        Variant(
            name="triple",
            architecture=Triple(),
            loss=Taught(),
            turns=(("discriminator", 1), ("generator", 2), ("classifier", 3)),
            **shared,
        ),
    ]


def test_an_encoder_lives(tmp_path: Path) -> None:
    zoo = zoo_of(__name__)
    run = lived(zoo, "ali", tmp_path)
    game = run.game
    assert list(game.nets) == ["discriminator", "generator", "encoder"]
    assert [type(o).__name__ for o in game.optimizers.values()] == ["Adam", "Adam", "RMSprop"]
    assert {*game.log["encoder"]} == {"inference", "cycle"}
    assert "encoder/inference" in (run.folder / "log.jsonl").read_text()
    assert (tmp_path / "weights" / "encoder.safetensors").exists()


def test_a_classifier_lives(tmp_path: Path) -> None:
    run = lived(zoo_of(__name__), "triple", tmp_path)
    assert run.game.steps == {"discriminator": 4, "generator": 8, "classifier": 12}


def test_only_the_player_whose_turn_it_is_changes() -> None:
    variant = zoo_of(__name__).variant("ali")
    game = Game(variant, points())
    for player, _ in TURNS:
        before = {p: [w.clone() for w in params] for p, params in game.params.items()}
        game.play(game.step(player, rows=torch.arange(8), z=torch.randn(8, 4)))
        for other, params in game.params.items():
            same = all(map(torch.equal, before[other], params))
            assert same is (other != player), (player, other)


def test_what_explain_says_names_every_player() -> None:
    told = ganzoo.explain("ali", zoo=zoo_of(__name__))
    assert told["objective"]["encoder"] == "inference + cycle"
    rows = {row["value"]: row for row in told["wiring"] if row["player"] == "encoder"}
    assert rows["encoded"]["from"] == "encoder network"
    assert rows["encoded"]["read_by"] == ["inference", "cycle"]


def test_a_third_player_composes_with_a_loss_that_knows_it_or_is_refused() -> None:
    with pytest.raises(ComposeError, match="loss 'non-saturating' has no term for the encoder"):
        Game(variant_of(Ali(), turns=TURNS), points())
    with pytest.raises(ComposeError, match="architecture 'ali' builds no critic"):
        Game(variant_of(Ali(), turns=(*TURNS, ("critic", 1))), points())


@pytest.mark.parametrize("name", ["state", "average", "start", "fake", "progress"])
def test_a_player_cannot_have_a_name_with_another_meaning(name: str) -> None:
    with pytest.raises(ComposeError, match=f"a player cannot be named '{name}'"):
        Game(variant_of(Ali(), turns=((name, 1),)), points())


def test_names_of_players_are_checked_where_a_variant_is_made() -> None:
    zoo = zoo_of(__name__)
    with pytest.raises(OptionError, match="'critic' has no turns"):
        zoo.compose("ali", settings=['optimizers.critic={"part":"adam"}'])
    with pytest.raises(OptionError, match=r"'turns._x' of 'ali' cannot be '_x'"):
        zoo.compose("ali", settings=['turns=[["_x",1]]', "optimizers={}"])
    assert Variant(
        name="v", architecture=Ali(), loss=Inference(), sampler=Gaussian(), turns=TURNS
    ).optimizers == {player: Adam() for player, _ in TURNS}


class Bare(Ali):
    def encoder(self, real: Space, z: Space) -> nn.Module:
        return nn.Linear(real.size, z.size)


class Bold(Encoder):
    def forward(self, real: Tensor) -> dict[str, Tensor]:
        return {"encoded": self.layers(real), "real_code": self.layers(real)}


class Reserved(Ali):
    def encoder(self, real: Space, z: Space) -> nn.Module:
        return Bold(real, z)


class BareInput(Bare):
    def encoder(self, real: Space, z: Space) -> nn.Module:
        class Plain(nn.Linear):
            def forward(self, real: Tensor) -> Tensor:
                return super().forward(real)

        return Plain(real.size, z.size)


def test_a_third_network_names_what_it_returns() -> None:
    with pytest.raises(ComposeError, match="the encoder of .* returns a Tensor; it must be a dict"):
        Game(variant_of(BareInput(), loss=Inference(), turns=TURNS), points())
    with pytest.raises(ComposeError, match="returns 'real_code'; names that begin so are of the"):
        Game(variant_of(Reserved(), loss=Inference(), turns=TURNS), points())
