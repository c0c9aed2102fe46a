"""Masks: what reads a value that only some rows know must read which rows those are."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ganzoo.errors import ComposeError
from ganzoo.parts.space import unmasked

if TYPE_CHECKING:
    from ganzoo.engine.game import Game
    from ganzoo.engine.step import Step


def check_masks(game: Game, step: Step) -> None:
    """Refuse a term or network that reads a partly known value and not its mask.

    What the sampler deals is known. Raises ComposeError naming the reader and the value.
    """
    player = step.player
    own = [*game.terms[player].values(), *game.projecting[player], *game.augmenting]
    readers = {f"'{r.part.name}'": (*r.reads, *r.accepts) for r in own}
    architecture = game.variant.architecture.name
    for other in game.nets:
        network = f"the {other} of architecture '{architecture}'"
        readers[network] = (*game.inputs[other], *game.options[other])
    for reader, names in readers.items():
        if (name := unmasked({*names} - {*step.dealt}, game.spaces)) is not None:
            message = (
                f"{reader} reads '{name}', which dataset '{game.data.name}' knows for some rows "
                f"only; it must read '{name}_known' too."
            )
            raise ComposeError(message)
