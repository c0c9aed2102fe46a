"""The heads of networks in eval mode, run over the data's rows."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Protocol

import torch
from torch import Tensor, nn

from ganzoo.engine.build import staged
from ganzoo.engine.streams import DefaultRandom
from ganzoo.parts.needs import as_heads
from ganzoo.parts.part import DISCRIMINATOR

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ganzoo.parts.part import Player
    from ganzoo.parts.rows import Rows
    from ganzoo.parts.space import Space


class Networks(Protocol):
    """The networks of a game, in training or loaded, with what each names."""

    @property
    def nets(self) -> Mapping[Player, nn.Module]:
        """Each player's network."""

    @property
    def inputs(self) -> Mapping[Player, tuple[str, ...]]:
        """What each network's forward names, without the sample that a discriminator judges."""

    @property
    def options(self) -> Mapping[Player, tuple[str, ...]]:
        """What each network's forward takes if it is there."""

    @property
    def spaces(self) -> Mapping[str, Space]:
        """The space of every value."""

    @property
    def device(self) -> torch.device:
        """Where the networks are."""

    @property
    def progress(self) -> float:
        """The share of the budget that they were trained for."""


@torch.no_grad()
def heads_on_rows(
    game: Networks, player: Player, rows: Rows, chunk: int = 1024
) -> dict[str, Tensor]:
    """Every head of a network on rows of the data by name, (N, ...), on the CPU.

    In eval mode. The discriminator's, of real samples, are called ``real_<head>``. Empty where the
    network is not in this game, or reads what the rows do not have.
    """
    offered = {*rows.names, "progress"}
    sample = ("real",) if player == DISCRIMINATOR else ()
    if player not in game.nets or not {*sample, *game.inputs[player]} <= offered:
        return {}
    named = [*game.inputs[player], *(n for n in game.options[player] if n in offered)]
    prefix = "real_" if player == DISCRIMINATOR else ""
    made: dict[str, list[Tensor]] = {}
    net = game.nets[player]
    random = DefaultRandom(game.device)  # a network may draw noise: the same each time
    with random.leased(), evaluating(net):
        for start in range(0, len(rows), chunk):

            def value(name: str, part: slice = slice(start, start + chunk)) -> Any:
                on_rows = name != "progress"
                return rows.column(name, part).to(game.device) if on_rows else game.progress

            values = {name: value(name) for name in named} | staged(net, game.progress)
            out = net(*map(value, sample), **values)
            for head, found in as_heads(out, "score").items():
                made.setdefault(f"{prefix}{head}", []).append(found.cpu())
    return {name: torch.cat(parts) for name, parts in made.items()}


@contextmanager
def evaluating(net: nn.Module) -> Iterator[None]:
    """A network in eval mode, inside; on a lease, where no other thread changes its mode."""
    was_training = net.training
    net.eval()
    try:
        yield
    finally:
        net.train(was_training)


def discriminator_heads(game: Networks, rows: Rows, chunk: int = 1024) -> dict[str, Tensor]:
    """Every head of a game's discriminator on real rows, as ``real_<head>``."""
    return heads_on_rows(game, DISCRIMINATOR, rows, chunk)
