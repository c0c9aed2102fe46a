"""Behaviour cloning: a policy fitted to the expert's actions, alone or before GAIL."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from ganzoo_gail.episodes import Episodes, policy_of, task_of
from ganzoo_gail.policy import observe

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torch import Tensor, nn

    from ganzoo.engine.step import Step
    from ganzoo.parts.part import Player
    from ganzoo.parts.protocols import GameView

RATE = 1e-3
"""Adam's learning rate in ``clone``, that of the variant ``behaviour-cloning``."""


class Demonstrated(Episodes):
    """Batches of the expert's observations and actions."""

    deals = ("obs", "action")

    def start(self, game: GameView) -> None:
        """Normalize the policy's inputs by the demonstrations' statistics."""
        task_of(game.data.info)
        observe(policy_of(game.nets["generator"]), game.train.column("obs"))

    def deal(self, player: Player, game: GameView, drawn: Tensor) -> Iterator[Step]:
        """One batch of pairs."""
        yield game.step(player, rows=drawn)


def clone(net: nn.Module, game: GameView, *, steps: int) -> None:
    """Fit a policy to the demonstrations by maximum likelihood, in place."""
    optimizer = torch.optim.Adam(net.parameters(), lr=RATE)
    stream = torch.Generator(game.device).manual_seed(game.seed)
    for _ in range(steps):
        size = (game.batch,)
        rows = torch.randint(len(game.train), size, generator=stream, device=game.device)
        obs, action = (game.train.column(name, rows) for name in ("obs", "action"))
        optimizer.zero_grad()
        (-net(obs, action)["log_prob"].mean()).backward()
        optimizer.step()
    for param in net.parameters():
        param.grad = None
