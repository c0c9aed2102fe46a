"""Which rows are measured: all where there are few enough, else a choice by the seed."""

from __future__ import annotations

from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

import torch

from ganzoo.engine.streams import seed_for
from ganzoo.parts.rows import ResidentRows

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor

    from ganzoo.parts.rows import Rows

# A benchmark scores against the same held-out rows many times.
_chosen: WeakKeyDictionary[Rows, tuple[tuple[int, int], Rows]] = WeakKeyDictionary()


def scored_rows(held_out: Rows, most: int, seed: int) -> Rows:
    """The held-out rows that are scored against: all in memory, or ``most`` of streamed ones."""
    if not held_out.fetched or len(held_out) <= most:
        return held_out
    if (kept := _chosen.get(held_out)) is None or kept[0] != (most, seed):
        read = chosen_rows(held_out, choice(len(held_out), most, seed))
        _chosen[held_out] = kept = (most, seed), read
    return kept[1]


def chosen_rows(rows: Rows, numbers: Tensor) -> ResidentRows:
    """Some rows, as they are read, in memory."""
    return ResidentRows({name: rows.column(name, numbers) for name in rows.names})


def some(columns: Mapping[str, Tensor], most: int, seed: int) -> dict[str, Tensor]:
    """The same rows of every column: all where there are few enough, else a random choice."""
    n = len(next(iter(columns.values()), ()))
    if n <= most:
        return dict(columns)
    rows = choice(n, most, seed)
    return {name: column[rows.to(column.device)] for name, column in columns.items()}


def choice(n: int, most: int, seed: int) -> Tensor:
    """So many of n row numbers at random, by the seed."""
    return torch.randperm(n, generator=torch.Generator().manual_seed(seed_for(seed, "rows")))[:most]
