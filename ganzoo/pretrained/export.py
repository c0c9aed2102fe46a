"""Export: the networks of a run as weight files."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ganzoo.errors import RunError
from ganzoo.parts.arguments import check_arguments
from ganzoo.plugins.default import chosen_zoo
from ganzoo.pretrained.runs import RunFolder
from ganzoo.storage.files import replacing
from ganzoo.storage.paths import given_path
from ganzoo.storage.weight_file import file_name
from ganzoo.training.run import Run
from ganzoo.training.weights import weight_file

if TYPE_CHECKING:
    from pathlib import Path

    from ganzoo.parts.part import Player
    from ganzoo.plugins.zoo import Zoo


def export(run: str | Path | Run, out: str | Path, *, zoo: Zoo | None = None) -> Path:
    """Write every network of a run's last checkpoint as a weight file; returns the folder OUT.

    ``model.safetensors`` holds the generator that is sampled from; ``PLAYER.safetensors`` holds any
    other player's network as training left it. ``ganzoo.load("dir:OUT")`` reads them.

    Raises RunError if there is no such run, or the files cannot be written.
    """
    check_arguments(out=out)
    files = weight_files(run, chosen_zoo(zoo))
    folder = given_path(out)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        message = f"cannot make the folder {folder}: {error.strerror}."
        raise RunError(message) from error
    for player, blob in files.items():
        with replacing(folder / file_name(player)) as path:
            path.write_bytes(blob)
    return folder


def weight_files(run: str | Path | Run, zoo: Zoo) -> dict[Player, bytes]:
    """The weight file of each player of a run, or of the last checkpoint in its folder."""
    if isinstance(run, Run):
        return {player: weight_file(run.game, player, run.plan.data) for player in run.game.nets}
    check_arguments(run=run)
    found = RunFolder.open(str(run), zoo)
    blobs = {player: found.read(player) for player in found.players}
    return {player: blob for player, blob in blobs.items() if blob is not None}
