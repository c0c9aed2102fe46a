"""What samples are made from, in chunks: joined, filled up, and taken apart by name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ganzoo.parts.space import Space

CHUNK = 256
"""Samples drawn and made at a time; whole chunks are drawn, so that the first of them are the same
however many are asked for."""


def joined(chunks: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The values of several chunks as those of one."""
    first, *others = chunks
    if not others:
        return first
    return {
        name: torch.cat([chunk[name] for chunk in chunks]) if isinstance(value, Tensor) else value
        for name, value in first.items()
    }


def filled(value: Any) -> Any:
    """A value of the first samples of a chunk, its last row repeated for the others."""
    if not isinstance(value, Tensor):
        return value
    return torch.cat([value, value[-1:].expand(CHUNK - len(value), *value.shape[1:])])


def parts_of(spaces: Mapping[str, Space]) -> dict[str, Space]:
    """The parts of joined spaces, by names as ``code.c1``."""
    return {f"{n}.{k}": part for n, space in spaces.items() for k, part in space.parts.items()}


def unparted(given: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The values given whole; a part of one, as ``code.c1``, is for the sampler to put in place."""
    return {name: value for name, value in given.items() if "." not in name}
