"""Games that a GPU would slow: small networks, played where a sampler acts on the host."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from ganzoo.engine.build import built
from ganzoo.engine.returned import spaces_of
from ganzoo.errors import ZooError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ganzoo.engine.composition import Composition
    from ganzoo.engine.game import Game

MOST = 1 << 18
"""The most parameters of such a game. With 14,000, all was played twice as fast on a CPU as on the
GPU beside it, which is waited for at each action. At this many, by estimate, a core takes for the
updates what the GPU takes for both."""


def suits_cpu(composition: Composition) -> bool:
    """Whether a composition is played at least as fast on the CPU as on a GPU.

    Its networks are built to count their parameters, but nothing is allocated.
    """
    variant = composition.variant
    if not variant.sampler.on_host:
        return False
    try:
        spaces = composition.data.spaces
        spaces = {**spaces, **spaces_of(variant.sampler, spaces)}
        with torch.device("meta"):
            nets = [built(variant, player, spaces).net for player, _ in variant.turns]
    except ZooError:  # which setting up its game will raise
        return False
    return sum(param.numel() for net in nets for param in net.parameters()) <= MOST


def remarks(game: Game) -> Iterable[str]:
    """Which device ``auto`` takes for a game and why, if there is a GPU and it takes the CPU."""
    sampler = game.variant.sampler
    size = sum(param.numel() for params in game.params.values() for param in params)
    if sampler.on_host and size <= MOST and torch.cuda.is_available():
        yield (
            f"Sampler '{sampler.name}' acts step by step on the host, and networks of {size:,} "
            "parameters are too small to gain by a GPU: --device auto takes the CPU."
        )
