"""A step: the values of one update by name, those not dealt computed on first use."""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import torch

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor, nn

    from ganzoo.game import Game
    from ganzoo.parts import Part, Player

RESERVED = ("real_", "fake_")


def reads(function: Callable[..., Any], *, skip: int = 0) -> tuple[str, ...]:
    """The names a function cannot do without: its parameters, less the first ``skip``."""
    return tuple(
        p.name
        for p in list(inspect.signature(function).parameters.values())[skip:]
        if p.default is p.empty and p.kind in {p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY}
    )


def accepts(function: Callable[..., Any], *, skip: int = 0) -> tuple[str, ...]:
    """The names a function takes when they are offered: those with a default."""
    return tuple(
        p.name
        for p in list(inspect.signature(function).parameters.values())[skip:]
        if p.default is not p.empty
    )


@dataclass(frozen=True)
class Term:
    """One summand of a player's objective, and the names of the values that it reads."""

    part: Part
    function: Callable[..., Tensor]
    weight: float = 1.0
    every: int = 1

    @cached_property
    def reads(self) -> tuple[str, ...]:
        """What it needs."""
        return reads(self.function)

    @cached_property
    def accepts(self) -> tuple[str, ...]:
        """What it takes where it is offered."""
        return accepts(self.function)

    def value(self, step: Step) -> Tensor:
        """The unweighted term on one step, (N,) or ()."""
        values = {name: step.of(self.part, name) for name in self.reads}
        for name in self.accepts:
            if step.offers(name) or (name == "state" and step.game.has_state(self.part)):
                values[name] = step.of(self.part, name)
        return self.function(**values)


class Step:
    """The values of one update, by name.

    Dealt by the sampler: ``z``, ``label``, ``code``, ... and ``rows``, which stand for the columns
    of the data (``real``, ``label``). Computed on first use and cached: ``fake`` and the other
    heads of the generator; ``real_score``, ``fake_score`` and every other head of the discriminator
    as ``real_<head>``, ``fake_<head>``. Always there: ``score`` and ``generate``, the networks as
    functions under this step's own conditioning, and ``progress`` in [0, 1].
    """

    __slots__ = ("game", "player", "rows", "values")

    def __init__(
        self, game: Game, player: Player, rows: Tensor | None = None, **dealt: Tensor
    ) -> None:
        """Hold what was dealt."""
        self.game = game
        self.player: Player = player
        self.rows = rows
        self.values: dict[str, Any] = dealt

    def __getitem__(self, name: str) -> Any:
        """The value of a name; KeyError where nothing offers it."""
        if name not in self.values:
            self._compute(name)
        return self.values[name]

    def of(self, part: Part, name: str) -> Any:
        """A value as one part reads it: ``state`` is that part's own."""
        return self.game.state_of(part) if name == "state" else self[name]

    def offers(self, name: str) -> bool:
        """Whether the step has, or can compute, a value of this name."""
        try:
            self[name]
        except KeyError:
            return False
        return True

    def _compute(self, name: str) -> None:
        game = self.game
        if self.rows is not None and name in game.train.columns:
            self.values[name] = game.train.column(name, self.rows)
        elif name == "progress":
            self.values[name] = game.progress
        elif name in {"score", "generate"} and game.plays(name):
            self.values[name] = getattr(self, name)
        elif name.startswith(RESERVED) and game.plays("score"):
            sample = name[:4]
            for head, value in self._judge(self[sample]).items():
                self.values[f"{sample}_{head}"] = value
        elif not name.startswith(RESERVED) and game.generates(name) and "fake" not in self.values:
            self.values.update(self._generate())

    def _judge(self, sample: Tensor, **given: Tensor) -> dict[str, Tensor]:
        for shown in self.game.shown:
            sample = shown(sample)
        with self.game.autocast():
            heads = self._run("discriminator", sample, **given)
        return as_heads(heads, "score")

    def _generate(self, **given: Tensor) -> dict[str, Tensor]:
        # On the discriminator's turn nothing flows back into the generator, so nothing is recorded.
        with torch.set_grad_enabled(self.player == "generator"), self.game.autocast():
            heads = self._run("generator", **given)
        return as_heads(heads, "fake")

    def _run(self, player: Player, *sample: Tensor, **given: Tensor) -> Tensor | dict[str, Tensor]:
        net: nn.Module = self.game.nets[player]
        named = {n: given[n] if n in given else self[n] for n in self.game.inputs[player]}
        out: Tensor | dict[str, Tensor] = net(*sample, **named)
        return out

    def score(self, sample: Tensor, **given: Tensor) -> Tensor:
        """The discriminator's score of any sample, (N,), in full precision.

        ``given`` replaces values that the discriminator reads beside the sample. Penalties
        differentiate this, so it never autocasts.
        """
        for shown in self.game.shown:
            sample = shown(sample)
        return as_heads(self._run("discriminator", sample, **given), "score")["score"]

    def generate(self, **given: Tensor) -> Tensor:
        """What the generator makes of this step's values, some of them replaced by ``given``."""
        return self._generate(**given)["fake"]


def as_heads(out: Tensor | dict[str, Tensor], name: str) -> dict[str, Tensor]:
    """A network's output as float32 heads by name; a bare tensor is the head ``name``."""
    heads = {name: out} if isinstance(out, torch.Tensor) else out
    return {head: value.float() for head, value in heads.items()}
