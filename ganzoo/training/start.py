"""Fine-tuning: a run that starts from the weights of a model or of another run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import file_digest, sha256
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from ganzoo.engine.average import Average
from ganzoo.engine.memory_format import under
from ganzoo.errors import WeightsError, counted
from ganzoo.parts.part import GENERATOR
from ganzoo.plugins.sources import is_model_name, source
from ganzoo.storage.hub import Client
from ganzoo.storage.paths import given_path, home
from ganzoo.storage.weight_file import file_name, opened
from ganzoo.training import checkpoint
from ganzoo.training.plan import Start, plan_in

if TYPE_CHECKING:
    from torch import Tensor

    from ganzoo.engine.game import Game
    from ganzoo.parts.part import Player
    from ganzoo.plugins.zoo import Zoo

LISTED = 3
"""How many tensors that do not fit are named."""


@dataclass(frozen=True)
class Weights:
    """The tensors of each player's network by name, and where they were read."""

    tensors: Mapping[Player, Mapping[str, Tensor]]
    start: Start


def weights_of(what: str | Path, zoo: Zoo) -> Weights:
    """The weights of a model by its name, or of a run's last checkpoint by its folder.

    A run's are those of training, not their average. Raises WeightsError or RunError where they
    cannot be read.
    """
    name = str(what)
    if is_model_name(name, zoo):
        return of_model(name, zoo)
    return of_run(home(given_path(name.removeprefix("run:"))))


def of_model(name: str, zoo: Zoo) -> Weights:
    """The weights of every player that a model has a file of."""
    found, tensors, hashes = source(name, Client(), zoo), {}, {}
    for player in found.players:
        blob, who = found.read(player), f"the {player} of '{name}'"
        if blob is None:
            continue
        config, tensors[player] = opened(blob, who)
        if config.player != player:
            message = f"{who} is the file of a {config.player}."
            raise WeightsError(message)
        hashes[file_name(player)] = sha256(blob).hexdigest()
    if not tensors:
        message = f"'{name}' has no weight files."
        raise WeightsError(message)
    return Weights(tensors, Start(source=name, sha256=hashes))


def of_run(folder: Path) -> Weights:
    """The weights in a run's last checkpoint."""
    plan_in(folder)  # raises where there is no run
    newest = checkpoint.last_whole(folder, players_in)
    with newest.path.open("rb") as file:
        digest = file_digest(file, "sha256").hexdigest()
    start = Start(source=str(folder), sha256={newest.path.name: digest})
    return Weights(newest.read, start)


def players_in(path: Path) -> dict[Player, dict[str, Tensor]]:
    """The tensors of each player's network in a checkpoint."""
    with checkpoint.reading(path) as (tensors, facts):
        return {player: under(tensors, f"{player}.") for player in facts["steps"]}


def start_game(game: Game, weights: Weights) -> list[str]:
    """Give each network of a new game the tensors that fit; returns a sentence for each player.

    The moving average starts from them. Raises WeightsError if no more of the generator than
    vectors fit, such as biases (without a generator, of all players), or if a tensor that fits is
    not finite.
    """
    sentences, fitting = [], dict.fromkeys(game.nets, 0)
    for player, net in game.nets.items():
        held, mine = weights.tensors.get(player, {}), net.state_dict()
        wrong = {name: misfit(tensor, held.get(name)) for name, tensor in mine.items()}
        taken = [name for name in mine if not wrong[name]]
        for name in taken:
            check_finite(held[name], f"{name} of the {player}", weights.start.source)
            mine[name].copy_(held[name])
        sentences.append(sentence(player, weights, len(taken), wrong))
        fitting[player] = sum(mine[name].dim() > 1 for name in taken)
    if not fitting.get(GENERATOR, sum(fitting.values())):
        whose = f" of the {GENERATOR}" if any(fitting.values()) else ""
        message = f"no layer's weights{whose} fit: {' '.join(sentences)}"
        raise WeightsError(message)
    if game.average is not None:
        game.average = Average(game.nets[GENERATOR])
    return sentences


def misfit(mine: Tensor, its: Tensor | None) -> str:
    """Why a tensor cannot take another's values, in words; empty if it can."""
    if its is None:
        return "is not in it"
    if mine.shape != its.shape:
        return f"has another shape, {tuple(its.shape)} not {tuple(mine.shape)}"
    if mine.is_floating_point() != its.is_floating_point():
        return f"has another type, {its.dtype} not {mine.dtype}"
    return ""


def check_finite(tensor: Tensor, name: str, where: str) -> None:
    """Raise WeightsError if a tensor has values that are not finite."""
    if tensor.is_floating_point() and not bool(torch.isfinite(tensor).all()):
        message = f"{name} in '{where}' is not finite; start from an earlier checkpoint, or anew."
        raise WeightsError(message)


def sentence(player: Player, weights: Weights, taken: int, wrong: Mapping[str, str]) -> str:
    """What a player took of the weights, and what did not fit."""
    if player not in weights.tensors:
        return f"{player}: nothing from {weights.start.source}, which has none."
    misfits = [f"{name} {why}" for name, why in wrong.items() if why]
    more = len(misfits) - LISTED
    listed = [
        *misfits[:LISTED],
        *([f"{more} more {'does' if more == 1 else 'do'} not fit"] if more > 0 else []),
    ]
    rest = f"; {', '.join(listed)}" if listed else ""
    return (
        f"{player}: {taken} of {counted(len(wrong), 'tensor')} from {weights.start.source}{rest}."
    )
