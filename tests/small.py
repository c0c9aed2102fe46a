"""Small things to test with: data in memory, and variants that train in milliseconds."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from ganzoo.builtin.losses import NonSaturating
from ganzoo.builtin.samplers import Gaussian
from ganzoo.engine.game import Game
from ganzoo.parts.dataset import Data
from ganzoo.parts.part import Architecture, Regularizer
from ganzoo.parts.rows import ResidentRows
from ganzoo.parts.space import Space
from ganzoo.parts.variant import Variant


def points(n: int = 64) -> Data:
    """Labelled points of a standard normal."""
    stream = torch.Generator().manual_seed(0)
    real = torch.randn(n, 2, generator=stream)
    label = torch.arange(n) % 3
    rows = ResidentRows({"real": real, "label": label})
    return Data("points", rows, rows, {"real": Space(shape=(2,)), "label": Space(classes=3)})


def images(n: int = 32, size: int = 8) -> Data:
    """Grey noise."""
    stream = torch.Generator().manual_seed(0)
    real = torch.randint(256, (n, 1, size, size), generator=stream, dtype=torch.uint8)
    rows = ResidentRows({"real": real})
    return Data("images", rows, rows, {"real": Space(shape=(1, size, size), bounded=True)})


def variant_of(architecture: Architecture, **fields: Any) -> Variant:
    """A small variant around an architecture."""
    defaults: dict[str, Any] = {
        "name": "test",
        "loss": NonSaturating(),
        "sampler": Gaussian(dim=4),
        "batch": 8,
    }
    return Variant(architecture=architecture, **{**defaults, **fields})


def play(game: Game, rounds: int = 5) -> Game:
    for _ in range(rounds):
        game.round()
    return game


def weights(game: Game) -> dict[str, Tensor]:
    """A copy of every network's state."""
    return {
        f"{p}.{k}": v.clone() for p, net in game.nets.items() for k, v in net.state_dict().items()
    }


def equal(one: dict[str, Tensor], other: dict[str, Tensor]) -> bool:
    return all(torch.equal(one[name], other[name]) for name in one)


class LabelledPair(Architecture):
    """Both networks read the label; the discriminator has a further head, ``guess``."""

    def generator(self, z: Space, label: Space, real: Space) -> nn.Module:
        return LabelledGenerator(z.size, label.classes or 0, real.size)

    def discriminator(self, real: Space, label: Space) -> nn.Module:
        return LabelledScorer(real.size, label.classes or 0)


class LabelledGenerator(nn.Module):
    def __init__(self, z: int, classes: int, out: int) -> None:
        super().__init__()
        self.embed, self.out = nn.Embedding(classes, z), nn.Linear(z, out)

    def forward(self, z: Tensor, label: Tensor) -> Tensor:
        return self.out(z + self.embed(label))


class LabelledScorer(nn.Module):
    def __init__(self, size: int, classes: int) -> None:
        super().__init__()
        self.net, self.embed = nn.Linear(size, 1), nn.Embedding(classes, size)

    def forward(self, sample: Tensor, label: Tensor) -> dict[str, Tensor]:
        score = self.net(sample).squeeze(1) + (self.embed(label) * sample).sum(1)
        return {"score": score, "guess": self.embed.weight[None, :, 0].expand(len(sample), -1)}


class Guess(Regularizer):
    """Reads a further head of the discriminator."""

    def discriminator(self, real_guess: Tensor, label: Tensor) -> Tensor:
        return cross_entropy(real_guess, label, reduction="none")
