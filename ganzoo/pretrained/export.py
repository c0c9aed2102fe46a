"""Export: the networks of a run as weight files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import torch

from ganzoo._version import __version__
from ganzoo.errors import RunError
from ganzoo.plugins.default import default_zoo
from ganzoo.storage.files import replacing
from ganzoo.storage.weight_file import Config, file_name, written
from ganzoo.training.run import Run

if TYPE_CHECKING:
    from ganzoo.parts.part import Player
    from ganzoo.plugins.zoo import Zoo


def exported(run: Run, player: Player) -> bytes:
    """The weight file of one player's network.

    The generator's is the one that is sampled from: averaged and with recalibrated batch norm.
    """
    game = run.game
    net = game.frozen().net if player == "generator" else game.nets[player]
    config = Config(
        player=player,
        variant=game.variant.spec(),
        data=run.plan.data,
        spaces=dict(game.data.spaces),
        rounds=game.rounds,
        seed=game.seed,
        progress=game.progress,
        # Without "+cpu" and the like: the same file must come from every build of a version.
        versions={"ganzoo": __version__, "torch": torch.__version__.partition("+")[0]},
    )
    return written(net.state_dict(), config)


def export(run: str | Path | Run, out: str | Path, *, zoo: Zoo | None = None) -> Path:
    """Write every network of a run as a weight file, and return the folder OUT.

    ``model.safetensors`` holds the generator that is sampled from; ``PLAYER.safetensors`` holds any
    other player's network as training left it. ``ganzoo.load("dir:OUT")`` reads them.

    Raises RunError if there is no such run, or the files cannot be written.
    """
    opened = run if isinstance(run, Run) else Run.open(run, zoo or default_zoo())
    folder = Path(out)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        message = f"cannot make the folder {folder}: {error.strerror}."
        raise RunError(message) from error
    for player in opened.game.nets:
        with replacing(folder / file_name(player)) as path:
            path.write_bytes(exported(opened, player))
    return folder
