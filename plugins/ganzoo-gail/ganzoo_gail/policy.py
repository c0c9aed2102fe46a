"""The networks: a policy with its value function, and a discriminator of pairs."""

from __future__ import annotations

from math import log, pi, sqrt
from typing import TYPE_CHECKING

import torch
from pydantic import Field, PositiveInt
from torch import Tensor, nn

from ganzoo.builtin.networks import Scorer, mlp
from ganzoo.parts.part import Architecture
from ganzoo.parts.space import Space
from ganzoo_gail.pairs import FAR

if TYPE_CHECKING:
    from collections.abc import Iterator


class RunningNorm(nn.Module):
    """Normalization by the mean and standard deviation of everything observed so far.

    Statistics change only in ``observe``, so a network stays the same function within a round. If
    not ``running``, only the first call of ``observe`` counts.
    """

    count: Tensor
    mean: Tensor
    var: Tensor

    def __init__(self, size: int, *, running: bool = True) -> None:
        """Start as the identity, for vectors of ``size`` numbers."""
        super().__init__()
        self.running = running
        self.register_buffer("count", torch.zeros((), dtype=torch.float64))
        self.register_buffer("mean", torch.zeros(size))
        self.register_buffer("var", torch.ones(size))

    @torch.no_grad()
    def observe(self, x: Tensor) -> None:
        """Update the mean and variance with (N, size) numbers (Chan et al. 1979)."""
        if self.count and not self.running:
            return
        n, total = len(x), self.count + len(x)
        difference = x.mean(0) - self.mean
        share = (n / total).to(x.dtype)
        spread = difference.square() * share * (1 - share)
        self.var.copy_(self.var * (1 - share) + x.var(0, correction=0) * share + spread)
        self.mean.add_(difference * share)
        self.count.copy_(total)

    @property
    def deviation(self) -> Tensor:
        """The standard deviation, never zero."""
        return (self.var + 1e-8).sqrt()

    def forward(self, x: Tensor) -> Tensor:
        """(N, size) to (N, size)."""
        return normalized(x, self.mean, self.deviation)


def normalized(x: Tensor, mean: Tensor, deviation: Tensor) -> Tensor:
    """Vectors, (N, size), shifted and scaled by those of their numbers, and clipped."""
    return ((x - mean) / deviation).clamp(-FAR, FAR)


def observe(net: nn.Module, x: Tensor) -> None:
    """Update the normalization of a network's input, if it has one."""
    norm: RunningNorm | None = next(norms(net), None)
    if norm is not None:
        norm.observe(x)


def norms(net: nn.Module) -> Iterator[RunningNorm]:
    """A network's running norms."""
    return (module for module in net.modules() if isinstance(module, RunningNorm))


def orthogonal(layers: nn.Sequential, last: float) -> nn.Sequential:
    """Initialize with orthogonal weights, gain sqrt(2), of the last layer ``last``; zero biases."""
    linear = [layer for layer in layers if isinstance(layer, nn.Linear)]
    for layer in linear:
        nn.init.orthogonal_(layer.weight, last if layer is linear[-1] else sqrt(2))
        nn.init.zeros_(layer.bias)
    return layers


class ActorCritic(nn.Module):
    """A policy and its value function, which share only the normalization of their input.

    The policy is categorical, or Gaussian with a deviation that does not depend on the observation.
    """

    def __init__(self, obs: Space, action: Space, hidden: list[int], norm: RunningNorm) -> None:
        """Build MLPs with tanh from observations, vectors, to actions and values."""
        super().__init__()
        self.norm = norm
        self.actor = orthogonal(mlp([obs.size, *hidden, action.width], activation=nn.Tanh), 0.01)
        self.critic = orthogonal(mlp([obs.size, *hidden, 1], activation=nn.Tanh), 1.0)
        self.log_std = None if action.classes else nn.Parameter(torch.zeros(action.width))
        self.width = action.width

    def forward(self, obs: Tensor, action: Tensor) -> dict[str, Tensor]:
        """``log_prob`` of the actions, ``entropy`` and ``value`` at the observations, (N,) each."""
        seen = self.norm(obs)
        log_prob, entropy = self.judged(self.actor(seen), action)
        return {"log_prob": log_prob, "entropy": entropy, "value": self.critic(seen).squeeze(1)}

    def noise(self, steps: int, n: int, stream: torch.Generator) -> Tensor:
        """What ``Acting`` draws ``n`` actions with in each of some steps, (steps, n, width)."""
        noise = torch.empty(steps, n, self.width, device=stream.device)
        if self.log_std is None:
            uniform = noise.uniform_(generator=stream)
            return -(-uniform.log()).log()  # the Gumbel-max trick
        for step in noise:  # torch draws normal numbers otherwise for another count of them
            step.normal_(generator=stream)
        return noise

    def acting(self) -> Acting:
        """The policy as it acts with its present weights."""
        return Acting(self)

    def judged(self, out: Tensor, action: Tensor) -> tuple[Tensor, Tensor]:
        """``log_prob`` of actions under a distribution made from ``out``, and its ``entropy``."""
        if self.log_std is None:
            log_probs = out.log_softmax(1)
            entropy = -(log_probs.exp() * log_probs).sum(1)
            return log_probs.gather(1, action[:, None]).squeeze(1), entropy
        off = (action - out) * (-self.log_std).exp()
        log_prob = (
            -0.5 * off.square().sum(1) - self.log_std.sum() - 0.5 * log(2 * pi) * out.shape[1]
        )
        entropy = (self.log_std + 0.5 * (1 + log(2 * pi))).sum()
        return log_prob, entropy.expand(len(out))


class Acting:
    """A policy that acts, for as long as its weights stay as they are.

    What torch does around each layer takes longer than a layer of a few observations, so here it is
    left out.
    """

    def __init__(self, net: ActorCritic) -> None:
        """Take the layers of a policy, without their hooks."""
        self.mean, self.deviation = net.norm.mean, net.norm.deviation
        self.actor, self.critic = (
            [layer.forward for layer in layers] for layers in (net.actor, net.critic)
        )
        self.spread = None if net.log_std is None else net.log_std.exp()

    def seen(self, obs: Tensor) -> Tensor:
        """Observations as both networks read them, (N, d)."""
        return normalized(obs, self.mean, self.deviation)

    def out(self, seen: Tensor) -> Tensor:
        """What the distribution of actions is made from, (N, width)."""
        for layer in self.actor:
            seen = layer(seen)
        return seen

    def value(self, seen: Tensor) -> Tensor:
        """The expected discounted return, (N,)."""
        for layer in self.critic:
            seen = layer(seen)
        return seen.squeeze(1)

    def best(self, out: Tensor) -> Tensor:
        """The most likely actions."""
        return out.argmax(1) if self.spread is None else out

    def drawn(self, out: Tensor, noise: Tensor) -> Tensor:
        """Actions drawn with noise of the policy's, (N, width)."""
        return (out + noise).argmax(1) if self.spread is None else out + self.spread * noise


class Imitator(Architecture):
    """A policy, an MLP with tanh, and a discriminator of (observation, action) pairs.

    The policy normalizes its observations; pairs come normalized from the dataset.
    """

    hidden: int = Field(default=64, ge=1, le=65536, description="units of the policy's layers")
    depth: PositiveInt = Field(default=2, le=64, description="hidden layers of the policy")
    running: bool = Field(
        default=False,
        description="normalize by all observations so far, not only by the demonstrations",
    )
    judge: int = Field(
        default=64, ge=1, le=65536, description="units of the discriminator's layers"
    )

    def generator(self, obs: Space, action: Space) -> nn.Module:
        """A policy, with its value function."""
        norm = RunningNorm(obs.size, running=self.running)
        return ActorCritic(obs, action, self.depth * [self.hidden], norm)

    def discriminator(self, real: Space) -> nn.Module:
        """A pair to its score, (N,)."""
        layers = mlp([real.size, self.judge, self.judge], activation=nn.Tanh)
        return Scorer(nn.Sequential(layers, nn.Tanh()), self.judge)
