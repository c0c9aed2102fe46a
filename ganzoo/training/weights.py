"""The networks of a run as weight files."""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING, Any

import torch

from ganzoo._version import __version__
from ganzoo.errors import WeightsError
from ganzoo.parts.part import GENERATOR
from ganzoo.storage.files import replacing, write_text
from ganzoo.storage.reading import KIB, read_bytes
from ganzoo.storage.weight_file import GENERATOR_FILE, MOST_BYTES, Config, opened, written

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from ganzoo.engine.game import Game
    from ganzoo.parts.part import Player
    from ganzoo.parts.space import Space

DIGEST_FILE = "model.sha256"
"""The sha256 of a run's generator, as ``sha256sum -c`` reads it."""


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
        recorded=game.data.recorded,
        rounds=game.rounds,
        seed=game.seed,
        progress=game.progress,
    )
    return written(net.state_dict(), config)


def write_generator(folder: Path, game: Game, data: Mapping[str, Any]) -> None:
    """Keep a finished generator, with batch norm's statistics, to be sampled from."""
    if GENERATOR in game.nets:
        keep_generator(folder, weight_file(game, GENERATOR, data))


def keep_generator(folder: Path, blob: bytes) -> None:
    """Keep a generator's weight file in a run's folder, and its sha256 beside it."""
    # After a crash in between, the old file does not fit, and is made again.
    write_text(folder / DIGEST_FILE, f"{sha256(blob).hexdigest()}  {GENERATOR_FILE}\n")
    with replacing(folder / GENERATOR_FILE) as path:
        path.write_bytes(blob)


def kept_generator(folder: Path) -> bytes:
    """The generator's weight file that a run's folder keeps.

    Raises WeightsError where it is not what was written, and OSError where there is none. Before
    0.2 no sha256 was written.
    """
    path, digest = folder / GENERATOR_FILE, folder / DIGEST_FILE
    blob = read_bytes(path, MOST_BYTES)
    if digest.exists() and read_bytes(digest, KIB).split()[:1] != [
        sha256(blob).hexdigest().encode()
    ]:
        message = f"{path} is not what was written"
        raise WeightsError(message)
    opened(blob, str(path))
    return blob


def described(spaces: Mapping[str, Space]) -> dict[str, Any]:
    """The spaces of data as JSON, from which a checkpoint's networks are built without them."""
    return {name: space.model_dump(mode="json") for name, space in spaces.items()}


def configured(
    player: Player,
    *,
    variant: Mapping[str, Any],
    data: Mapping[str, Any],
    spaces: Mapping[str, Space],
    recorded: Mapping[str, Any],
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
        recorded=dict(recorded),
        rounds=rounds,
        seed=seed,
        progress=progress,
        # Without "+cpu" and the like: the same file must come from every build of a version.
        versions={"ganzoo": __version__, "torch": torch.__version__.partition("+")[0]},
    )
