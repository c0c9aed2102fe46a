"""The networks of a run as weight files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from ganzoo._version import __version__
from ganzoo.parts.part import GENERATOR
from ganzoo.storage.weight_file import Config, written

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ganzoo.engine.game import Game
    from ganzoo.parts.part import Player
    from ganzoo.parts.space import Space


def weight_file(game: Game, player: Player, data: Mapping[str, Any]) -> bytes:
    """The weight file of one player's network; ``data`` is the dataset's JSON.

    The generator's is the one that is sampled from: averaged and with recalibrated batch norm.
    """
    net = game.frozen().net if player == GENERATOR else game.nets[player]
    config = configured(
        player,
        variant=game.variant.spec(),
        data=data,
        spaces=game.data.spaces,
        rounds=game.rounds,
        seed=game.seed,
        progress=game.progress,
    )
    return written(net.state_dict(), config)


def configured(
    player: Player,
    *,
    variant: Mapping[str, Any],
    data: Mapping[str, Any],
    spaces: Mapping[str, Space],
    rounds: int,
    seed: int,
    progress: float,
) -> Config:
    """What a weight file written by this version says about itself."""
    return Config(
        player=player,
        variant=dict(variant),
        data=dict(data),
        spaces=dict(spaces),
        rounds=rounds,
        seed=seed,
        progress=progress,
        # Without "+cpu" and the like: the same file must come from every build of a version.
        versions={"ganzoo": __version__, "torch": torch.__version__.partition("+")[0]},
    )
