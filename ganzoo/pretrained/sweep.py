"""Sweeps: samples of the same latents while one value goes from low to high."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import numpy as np
import torch

from ganzoo.errors import OptionError
from ganzoo.parts.space import Space

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor

    from ganzoo.engine.fixed import Given
    from ganzoo.engine.sampling import FrozenGenerator

STEPS = 11
"""How many values a number takes; a category takes each of its classes."""


@dataclass(frozen=True)
class Sweep:
    """One value by its name, and what it becomes from left to right."""

    frozen: FrozenGenerator
    name: str
    values: list[int] | list[float]

    @classmethod
    def parse(cls, text: str, frozen: FrozenGenerator, variant: str) -> Self:
        """``NAME=LOW:HIGH``, of classes also by their names.

        Raises OptionError, which names the variant, if it has no such value.
        """
        name, _, ends = text.partition("=")
        known = sweepable(frozen)
        if name not in known:
            listed = ", ".join(known) or "none"
            close = next((value for value in known if value.endswith(f".{name}")), None)
            meant = f"did you mean '{close}'? " if close else ""
            message = f"there is no '{name}' to sweep; {meant}'{variant}' has: {listed}."
            raise OptionError(message)
        space = known[name]
        if (found := between(ends, space)) is None:
            message = f"'{text}' is not a sweep; write NAME=LOW:HIGH, such as {name}=0:1."
            raise OptionError(message)
        (low, high), classes = found, space.classes
        if classes is None:
            return cls(frozen, name, np.linspace(low, high, STEPS).tolist())
        if not 0 <= low <= high < classes or {low % 1, high % 1} != {0}:
            message = (
                f"'{name}' is one of {classes} classes, 0 to {classes - 1}; {ends} is no range of "
                "them."
            )
            raise OptionError(message)
        return cls(frozen, name, list(range(int(low), int(high) + 1)))

    def samples(self, rows: int, seed: int, given: Mapping[str, Given]) -> Tensor:
        """Samples of ``rows`` latents under each value, (rows, steps, *shape), on the CPU.

        Values in ``given`` are the same in all of them.
        """
        made = []
        for value in self.values:
            swept = {self.name: torch.full((rows,), value, device=self.frozen.device)}
            # The same seed at every step, so that only the swept value differs along a row.
            made.append(self.frozen.sample(rows, seed=seed, given={**given, **swept})["fake"])
        return torch.stack(made, 1)


def between(ends: str, space: Space) -> tuple[float, float] | None:
    """The two ends of ``LOW:HIGH`` as numbers; None for another spelling.

    Names of classes may hold colons, too. Raises OptionError for names of no class.
    """
    parts = ends.split(":")
    splits = [(":".join(parts[:i]), ":".join(parts[i:])) for i in range(1, len(parts))]
    for low, high in splits:
        try:
            return number(low, space), number(high, space)
        except ValueError:
            continue
    if space.names and len(splits) == 1:
        low, high = space.encode(splits[0]).tolist()
        return low, high
    return None


def number(text: str, space: Space) -> float:
    """A class by its name, or a number in digits; ValueError for anything else."""
    return space.names.index(text) if text in space.names else float(text)


def sweepable(frozen: FrozenGenerator) -> dict[str, Space]:
    """The categories and single numbers that samples are made from, by name or ``NAME.PART``.

    What the generator only accepts, without a space, is a number, too.
    """
    spaces = frozen.made_from()
    optional = {name: Space() for name in frozen.accepts if name not in spaces}
    return {
        name: space
        for name, space in {**spaces, **optional}.items()
        if space.classes or (space.size == 1 and not space.parts)
    }
