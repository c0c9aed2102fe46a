"""What a game gains on a processor by its size: threads, and numbers of fewer bits."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ganzoo.engine.game import Game

SMALL = 1 << 25
"""Work, in parameters times samples, of a step that takes about a millisecond on one core. For
less, threads gain little, and where the cores are busy they wait long for each other; bf16 gains
little too, since its casts take much of what its products save."""
PRODUCTS = ("avx512_bf16", "amx_bf16", "bf16")
"""Instructions that multiply bf16 numbers, as torch names them; the last is of ARM."""
RECOMMENDED = (
    "This machine's CPU multiplies bf16 numbers ({how}): on it, --set precision=bf16 trains faster."
)
SLOW = (
    "precision=bf16 is slow on this machine's CPU, which has no instructions for it; on it, "
    "--set precision=fp32 trains faster."
)


def is_small(game: Game) -> bool:
    """Whether a step of a game is little work: the number of all parameters times the batch."""
    parameters = sum(param.numel() for params in game.params.values() for param in params)
    return parameters * game.batch < SMALL


def remarks(game: Game) -> list[str]:
    """What is to be said of a game's precision on this machine's CPU."""
    # Older versions of torch cannot tell.
    known: Mapping[str, object] = getattr(torch.cpu, "get_capabilities", dict)()
    how = next((name for name in PRODUCTS if known.get(name)), None)
    if game.variant.precision == "fp32":
        return [] if how is None or is_small(game) else [RECOMMENDED.format(how=how)]
    return [SLOW] if known and how is None else []
