"""The same networks played by ganzoo's engine and by a plain loop: what peers are held against."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from ganzoo_wgan_gp import GradientPenalty, Wasserstein
from noise import pixels, space_of
from timing import Round, compare, has_fast_bf16
from torch import Tensor, nn
from torch.nn.functional import softplus

from ganzoo.builtin.losses import NonSaturating
from ganzoo.builtin.samplers import Gaussian
from ganzoo.engine.game import Game
from ganzoo.parts.dataset import Data
from ganzoo.parts.optimizer import Adam
from ganzoo.parts.part import Architecture, Loss, Regularizer
from ganzoo.parts.rows import ResidentRows, as_read
from ganzoo.parts.space import Space
from ganzoo.parts.variant import Variant

SAME = 0.01
"""By how much the operations of two contenders may differ that do the same work."""


@dataclass(frozen=True)
class Pair:
    """Two networks of a peer's; every contender plays copies of them, from the same weights."""

    generator: nn.Module
    discriminator: nn.Module
    latent: int

    def copies(self) -> tuple[nn.Module, nn.Module]:
        """Both, to be trained."""
        return copy.deepcopy(self.generator), copy.deepcopy(self.discriminator)


@dataclass(frozen=True)
class Rule:
    """A way to play: the loss and regularizers as ganzoo's parts, and Adam's settings."""

    loss: Loss
    regularizers: tuple[Regularizer, ...]
    lr: float
    betas: tuple[float, float]


RULES = {
    "dcgan": Rule(NonSaturating(), (), 2e-4, (0.5, 0.999)),
    "wgan-gp 1:1": Rule(Wasserstein(), (GradientPenalty(),), 1e-4, (0.0, 0.9)),
}


def floats(rows: int, channels: int, side: int = 32) -> Data:
    """Noise in [-1, 1], resident as float32, so that no contender spends time on pixels."""
    real = as_read(pixels(rows, channels, side))
    split = ResidentRows({"real": real})
    return Data("noise", split, split, {"real": space_of(channels, side)})


# --------------------------------------------------------------------------------------- ganzoo's


class Generated(nn.Module):
    """A generator whose forward names what it reads, as ganzoo asks."""

    def __init__(self, net: nn.Module) -> None:
        """Wrap one whose forward takes a latent."""
        super().__init__()
        self.net = net

    def forward(self, z: Tensor) -> Tensor:
        """A sample of each latent."""
        return self.net(z)


class Judged(nn.Module):
    """A discriminator that reads its sample alone."""

    def __init__(self, net: nn.Module) -> None:
        """Wrap one whose forward takes a sample."""
        super().__init__()
        self.net = net

    def forward(self, sample: Tensor) -> Tensor:
        """A score of each sample, (N,)."""
        return self.net(sample).flatten()


def ours(pair: Pair, rule: Rule, data: Data, batch: int, **fields: Any) -> Round:
    """A round of ganzoo's engine; ``fields`` are further ones of the variant."""

    class Peers(Architecture):
        """The networks of a pair."""

        def generator(self, z: Space) -> nn.Module:  # noqa: ARG002  (of the latent's size already)
            return Generated(copy.deepcopy(pair.generator))

        def discriminator(self) -> nn.Module:
            return Judged(copy.deepcopy(pair.discriminator))

    adam = Adam(lr=rule.lr, betas=rule.betas)
    variant = Variant(
        name="peers",
        architecture=Peers(),
        loss=rule.loss,
        regularizers=rule.regularizers,
        sampler=Gaussian(dim=pair.latent),
        optimizers={"discriminator": adam, "generator": adam},
        batch=batch,
        **fields,
    )
    return Game(variant, data).round


# --------------------------------------------------------------------------------------- by hand


def plain(pair: Pair, rule: Rule, data: Data, batch: int) -> Round:
    """The loop of a tutorial, with the same work: each backward is limited to its player."""
    generator, discriminator = pair.copies()
    nets: Sequence[nn.Module] = (discriminator, generator)
    players = [list(net.parameters()) for net in nets]
    adams = [torch.optim.Adam(params, lr=rule.lr, betas=rule.betas) for params in players]
    real_images = data.train.column("real")
    terms = penalized if rule.regularizers else logistic

    def round_() -> None:
        real = real_images[torch.randint(len(real_images), (batch,))]
        for params, adam, turn in zip(players, adams, ("discriminator", "generator"), strict=True):
            adam.zero_grad()
            with torch.set_grad_enabled(turn == "generator"):
                fake = generator(torch.randn(batch, pair.latent))
            judged = lambda sample: discriminator(sample).flatten()  # noqa: E731
            terms(turn, judged, real, fake).mean().backward(inputs=params)
            adam.step()

    return round_


def logistic(turn: str, judged: Callable[[Tensor], Tensor], real: Tensor, fake: Tensor) -> Tensor:
    """The non-saturating losses."""
    if turn == "generator":
        return softplus(-judged(fake))
    return softplus(-judged(real)) + softplus(judged(fake))


def penalized(turn: str, judged: Callable[[Tensor], Tensor], real: Tensor, fake: Tensor) -> Tensor:
    """Wasserstein's, with the penalty of ten times the squared excess of a gradient's norm."""
    if turn == "generator":
        return -judged(fake)
    share = torch.rand(len(real), 1, 1, 1)
    between = (share * real + (1 - share) * fake).requires_grad_()
    (gradient,) = torch.autograd.grad(judged(between).sum(), between, create_graph=True)
    return judged(fake) - judged(real) + 10 * (gradient.flatten(1).norm(dim=1) - 1) ** 2


# --------------------------------------------------------------------------------------- together


def contest(
    peer: Mapping[str, Round],
    pair: Pair,
    rule: Rule,
    data: Data,
    *,
    batch: int,
    seconds: float,
    side: int = 2048,
) -> list[dict[str, Any]]:
    """A row for a peer's round, the plain loop, and ganzoo in each way that is possible here.

    ``side`` is that of the matrices whose product is timed too. Seconds are the processor's on one
    thread, and wall-clock ones on more.
    """
    contenders = {
        **peer,
        "plain loop": plain(pair, rule, data, batch),
        "ganzoo": ours(pair, rule, data, batch),
    }
    contenders["ganzoo, one generator pass"] = ours(pair, rule, data, batch, fakes="shared")
    if has_fast_bf16():
        contenders["ganzoo, bf16"] = ours(pair, rule, data, batch, precision="bf16")
    rows = compare(
        contenders,
        against=next(iter(peer)),
        samples=batch,
        seconds=seconds,
        clock=time.process_time if torch.get_num_threads() == 1 else time.perf_counter,
        side=side,
    )
    work = {row["contender"]: row["MFLOP a sample"] for row in rows}
    if abs(work["ganzoo"] / work["plain loop"] - 1) > SAME:
        message = f"ganzoo and the plain loop do different work, in MFLOP a sample: {work}"
        raise AssertionError(message)
    return rows
