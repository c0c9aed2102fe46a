"""Readers: methods of parts, called with the values of a step that their parameters name."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from torch import Tensor

from ganzoo.errors import ComposeError
from ganzoo.parts.needs import accepts, reads
from ganzoo.parts.part import Regularizer

if TYPE_CHECKING:
    from collections.abc import Callable

    from ganzoo.engine.step import Seen, Step
    from ganzoo.parts.part import Part, Player
    from ganzoo.parts.variant import Variant


@dataclass(frozen=True)
class Reader:
    """A method of a part, and the names of the values that it reads.

    Its first ``skip`` parameters are not values of the step; they are given in the call.
    """

    part: Part
    function: Callable[..., Any]
    skip: int = 0

    @cached_property
    def reads(self) -> tuple[str, ...]:
        """The values that it needs."""
        return reads(self.function, skip=self.skip)

    @cached_property
    def accepts(self) -> tuple[str, ...]:
        """The values that it takes where they are offered."""
        return accepts(self.function, skip=self.skip)

    def values(self, step: Step | Seen) -> dict[str, Any]:
        """The values that the method reads of a step, or of what a network sees of it."""
        values = {name: step.of(self.part, name) for name in self.reads}
        for name in self.accepts:
            if step.game.has_state(self.part) if name == "state" else step.offers(name):
                values[name] = step.of(self.part, name)
        return values

    def __call__(self, step: Step | Seen, *first: Any) -> Any:
        """What the method returns; what it raises is noted to be the part's."""
        try:
            return self.function(*first, **self.values(step))
        except Exception as error:
            error.add_note(f"'{self.part.name}'")
            raise


@dataclass(frozen=True)
class Projection(Reader):
    """What a regularizer does after a step; it reads values without their graphs.

    Kept in a state, a graph would hold all of its step in memory.
    """

    skip: int = 2

    def values(self, step: Step | Seen) -> dict[str, Any]:
        """The values that the method reads, without their graphs."""
        return {name: detached(value) for name, value in super().values(step).items()}


def detached(value: Any) -> Any:
    """A tensor without its graph; anything else as it is."""
    return value.detach() if isinstance(value, Tensor) else value


@dataclass(frozen=True)
class Term(Reader):
    """One summand of a player's objective; called, it returns (N, ...) or (), unweighted."""

    weight: float = 1.0
    every: int = 1

    def scaled(self, value: Tensor) -> Tensor:
        """A value of the term, (), as it counts in the objective."""
        factor: float | Tensor = self.weight * self.every
        if isinstance(factor, Tensor):  # of Python's precision, as a graph reads it
            return factor.to(value.dtype) * value
        return value if factor == 1 else factor * value


def terms(variant: Variant, player: Player) -> dict[str, Term]:
    """The terms of a player's objective, by the name of their part."""
    found: dict[str, Term] = {}
    loss = variant.loss_of(player)
    for part in (loss, *variant.regularizers):
        function = getattr(part, player, None)
        if function is None:
            continue
        if part.name in found:
            message = (
                f"two terms of the {player}'s objective are named '{part.name}'; name each once."
            )
            raise ComposeError(message)
        if isinstance(part, Regularizer):
            found[part.name] = Term(part, function, weight=part.weight, every=part.every)
        else:
            found[part.name] = Term(part, function)
    if loss.name not in found:
        message = f"loss '{loss.name}' has no term for the {player}, which has turns."
        raise ComposeError(message)
    return found


def augmentations(variant: Variant) -> list[Reader]:
    """What is done, in order, to every sample that the discriminator sees."""
    found = [(part, getattr(part, "augment", None)) for part in variant.regularizers]
    return [Reader(part, function, skip=1) for part, function in found if function is not None]


def projections(variant: Variant, player: Player) -> list[Projection]:
    """What is done, in order, after each step of a player."""
    return [
        Projection(part, function)
        for part in variant.regularizers
        if (function := getattr(part, "project", None)) is not None
        and (part.projects is None or player in part.projects)
    ]
