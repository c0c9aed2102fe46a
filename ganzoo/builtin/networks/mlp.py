"""Multilayer perceptrons (MLPs) for both players, and the linear head that scores features."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from torch import nn

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

    from ganzoo.parts.space import Space


def mlp(
    sizes: list[int],
    *,
    activation: Callable[[], nn.Module] = nn.ReLU,
    norm: Callable[[int], nn.Module] | None = None,
) -> nn.Sequential:
    """Linear layers from sizes[0] to sizes[-1]; all but the last are normalized and activated."""
    layers: list[nn.Module] = []
    for into, out in pairwise(sizes[:-1]):
        layers += [nn.Linear(into, out)]
        layers += [norm(out)] if norm else []
        layers += [activation()]
    return nn.Sequential(*layers, nn.Linear(sizes[-2], sizes[-1]))


def leaky() -> nn.Module:
    """The activation of discriminators: leaky ReLU with slope 0.2 (arXiv:1511.06434)."""
    return nn.LeakyReLU(0.2)


def squash(space: Space) -> nn.Module:
    """The output activation for samples of a space: tanh if it is bounded, else none."""
    return nn.Tanh() if space.bounded else nn.Identity()


class MlpGenerator(nn.Module):
    """An MLP from a vector to a sample of any shape."""

    def __init__(
        self,
        inputs: int,
        hidden: list[int],
        real: Space,
        norm: Callable[[int], nn.Module] | None = None,
    ) -> None:
        """Map vectors of ``inputs`` numbers to ``real.shape``; ``norm`` follows hidden layers."""
        super().__init__()
        layers = mlp([inputs, *hidden, real.size], norm=norm)
        self.layers = nn.Sequential(layers, squash(real), nn.Unflatten(1, real.shape))

    def forward(self, z: Tensor) -> Tensor:
        """(N, inputs) to (N, *real.shape)."""
        out: Tensor = self.layers(z)
        return out


def mlp_features(inputs: int, hidden: list[int]) -> tuple[nn.Sequential, int]:
    """An MLP with leaky ReLUs from samples of ``inputs`` numbers, in any shape, to a vector.

    Returns the network and the length of its vector.
    """
    layers = mlp([inputs, *hidden], activation=leaky)
    return nn.Sequential(nn.Flatten(), layers, leaky()), hidden[-1]


def mlp_scorer(real: Space, hidden: list[int]) -> Scorer:
    """A discriminator for samples of any shape: an MLP with leaky ReLUs and a linear score."""
    return Scorer(*mlp_features(real.size, hidden))


class Scorer(nn.Module):
    """A discriminator: features of a sample, one linear score, and further linear heads."""

    def __init__(self, body: nn.Module, features: int, **heads: int) -> None:
        """Score the ``features`` numbers that ``body`` returns; ``code=12`` adds a head of 12."""
        super().__init__()
        self.body, self.head = body, nn.Linear(features, 1)
        self.others = nn.ModuleDict({name: nn.Linear(features, n) for name, n in heads.items()})

    def forward(self, sample: Tensor) -> Tensor | dict[str, Tensor]:
        """Scores, (N,); with further heads a dict of ``score``, (N,), and of each head, (N, n)."""
        features = self.body(sample)
        score: Tensor = self.head(features).squeeze(1)
        if not self.others:
            return score
        return {"score": score, **{name: head(features) for name, head in self.others.items()}}
