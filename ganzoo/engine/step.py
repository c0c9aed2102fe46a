"""A step: the values of one update by name, those not dealt computed on first use."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import torch

from ganzoo.parts.needs import RESERVED, accepts, as_heads, reads
from ganzoo.parts.space import MASK

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from torch import Tensor

    from ganzoo.engine.game import Game
    from ganzoo.parts.part import Part, Player

ENGINE = ("score", "generate", "progress", "spaces")
"""What the engine itself offers on every step."""


class Missing(KeyError):  # noqa: N818  (as StopIteration: a condition, met where it is asked)
    """A value that nothing on a step offers, and the network that reads it, where one does."""

    def __init__(self, name: str, network: Player | None = None) -> None:
        """Name the value."""
        super().__init__(name)
        self.name, self.network = name, network


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
    functions under this step's own conditioning, ``progress`` in [0, 1], and ``spaces`` by name.
    """

    __slots__ = ("dealt", "game", "generated", "player", "rows", "values")

    def __init__(
        self, game: Game, player: Player, rows: Tensor | None = None, **dealt: Tensor
    ) -> None:
        """Hold what was dealt."""
        self.game = game
        self.player: Player = player
        self.rows = rows
        self.dealt = tuple(dealt)
        self.values: dict[str, Any] = dealt
        self.generated = False

    def __getitem__(self, name: str) -> Any:
        """The value of a name; Missing where nothing offers it."""
        if name not in self.values:
            self._compute(name)
            if name not in self.values:
                raise Missing(name)
        return self.values[name]

    def of(self, part: Part, name: str) -> Any:
        """A value as one part reads it: ``state`` is that part's own."""
        return self.game.state_of(part) if name == "state" else self[name]

    def offers(self, name: str) -> bool:
        """Whether the step has, or can compute, a value of this name."""
        try:
            self[name]
        except Missing:
            return False
        return True

    def source(self, name: str) -> str:
        """Who gives a value that is there: data, sampler, engine, generator or discriminator."""
        if name in self.dealt:
            return "sampler"
        if self.rows is not None and name in self.game.train.names:
            return "data"
        if name in ENGINE:
            return "engine"
        return "discriminator" if name.startswith(RESERVED) else "generator"

    def _compute(self, name: str) -> None:
        game, values = self.game, self.values
        if (whose := name.removesuffix(MASK)) != name and whose in self.dealt:
            # What a sampler deals is known, whatever the rows' own value is.
            values[name] = torch.ones(len(values[whose]), dtype=torch.bool, device=game.device)
        elif self.rows is not None and name in game.train.names:
            values[name] = game.train.column(name, self.rows)
        elif name in {"progress", "spaces"}:
            values[name] = getattr(game, name)
        elif name in {"score", "generate"} and game.plays(name):
            values[name] = getattr(self, name)
        elif name.startswith(RESERVED) and game.plays("score"):
            sample = name[:4]
            for head, value in self._judge(self[sample]).items():
                values[f"{sample}_{head}"] = value
        elif not name.startswith(RESERVED) and game.generates(name) and not self.generated:
            for head, value in self._generate({}).items():
                values.setdefault(head, value)
            self.generated = True

    def _judge(self, sample: Tensor) -> dict[str, Tensor]:
        for shown in self.game.shown:
            sample = shown(sample)
        named = self._named("discriminator", {})
        with self.game.autocast():
            heads = self._run("discriminator", sample, **named)
        return as_heads(heads, "score")

    def _generate(self, given: Mapping[str, Tensor]) -> dict[str, Tensor]:
        named = self._named("generator", given)
        # On the discriminator's turn nothing flows back into the generator, so nothing is recorded.
        recorded = self.player == "generator" and torch.is_grad_enabled()
        with torch.set_grad_enabled(recorded), self.game.autocast():
            heads = self._run("generator", **named)
        return as_heads(heads, "fake")

    def _named(self, player: Player, given: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """What a network's forward names, computed before its own precision and recording apply."""
        game = self.game
        named: dict[str, Tensor] = {}
        for name in game.inputs[player]:
            try:
                named[name] = given[name] if name in given else self[name]
            except Missing as missing:
                raise Missing(missing.name, missing.network or player) from None
        for name in game.options[player]:
            if name in given or self.offers(name):
                named[name] = given[name] if name in given else self[name]
        return named

    def _run(self, player: Player, *sample: Tensor, **named: Tensor) -> Tensor | dict[str, Tensor]:
        try:
            out: Tensor | dict[str, Tensor] = self.game.nets[player](*sample, **named)
        except Exception as error:
            name = self.game.variant.architecture.name
            error.add_note(f"the {player} of architecture '{name}'")
            raise
        return out

    def score(self, sample: Tensor, **given: Tensor) -> Tensor:
        """The discriminator's score of any sample, (N,), in full precision.

        ``given`` replaces values that the discriminator reads beside the sample. Penalties
        differentiate this, so it never autocasts.
        """
        for shown in self.game.shown:
            sample = shown(sample)
        heads = self._run("discriminator", sample, **self._named("discriminator", given))
        return as_heads(heads, "score")["score"]

    def generate(self, **given: Tensor) -> Tensor:
        """What the generator makes of this step's values, some of them replaced by ``given``."""
        return self._generate(given)["fake"]
