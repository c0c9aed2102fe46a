"""A step: the values of one update by name, those not dealt computed on first use."""

from __future__ import annotations

from contextlib import nullcontext
from functools import partial
from typing import TYPE_CHECKING, Any

import torch

from ganzoo.engine.outputs import augmented, heads_of, network
from ganzoo.errors import ComposeError, listed
from ganzoo.parts.needs import RESERVED
from ganzoo.parts.part import DISCRIMINATOR, GENERATOR
from ganzoo.parts.space import MASK

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor

    from ganzoo.engine.game import Game
    from ganzoo.parts.part import Part, Player

ENGINE = ("score", "generate", "progress", "spaces")
"""What the engine itself offers on every step, beside each network as a function by its player."""


class Missing(KeyError):  # noqa: N818  (as StopIteration: a condition, met where it is asked)
    """A value that nothing on a step offers, and the network that reads it, where one does."""

    def __init__(self, name: str, network: Player | None = None) -> None:
        """Name the value."""
        super().__init__(name)
        self.name, self.network = name, network

    def __str__(self) -> str:
        return f"nothing offers '{self.name}'"


class Step:
    """The values of one update, by name.

    Dealt by the sampler: ``z``, ``label``, ``code``, ... and ``rows``, which stand for the columns
    of the data (``real``, ``label``).

    Computed on first use and cached: ``fake`` and the other heads of the generator; ``real_score``,
    ``fake_score`` and every other head of the discriminator as ``real_<head>``, ``fake_<head>``;
    the heads of any other player's network by their names.

    Always there: ``score`` and ``generate``, one head of a network as a function under this step's
    own values; each player's name, all heads of its network as such a function (see ``heads``);
    ``progress`` in [0, 1], and ``spaces`` by name.
    """

    __slots__ = ("dealt", "following", "game", "played", "player", "ran", "rows", "values")

    def __init__(
        self, game: Game, player: Player, rows: Tensor | None = None, **dealt: Tensor
    ) -> None:
        """Hold what was dealt."""
        self.game = game
        self.player: Player = player
        self.rows = rows
        self.dealt = tuple(dealt)
        self.values: dict[str, Any] = dealt
        self.ran: tuple[Player, ...] = ()
        self.following: Step | None = None
        """The generator's step of the same values, where one pass of it serves both steps."""
        self.played = False

    def __getitem__(self, name: str) -> Any:
        """The value of a name; Missing where nothing offers it."""
        if name not in self.values:
            if torch.is_grad_enabled():
                self._compute(name)
            else:  # whoever reads it next may need its gradient
                with torch.enable_grad():
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
        """Who gives a value that is there: data, sampler, engine or the player of a network."""
        game = self.game
        if name in self.dealt:
            return "sampler"
        if self.rows is not None and name in game.train.names:
            return "data"
        if name in ENGINE or name in game.nets:
            return "engine"
        if name.startswith(RESERVED):
            return DISCRIMINATOR
        return next(player for player in self.ran if name in game.heads[player])

    # --------------------------------------------------------------------------------- computing

    def _compute(self, name: str) -> None:
        game, values = self.game, self.values
        if (whose := name.removesuffix(MASK)) != name and whose in self.dealt:
            # What a sampler deals is known, whatever the rows' own value is.
            values[name] = torch.ones(len(values[whose]), dtype=torch.bool, device=game.device)
        elif self.rows is not None and name in game.train.names:
            values[name] = game.column(name, self.rows)
        elif name in {"progress", "spaces"}:
            values[name] = game.spaces if name == "spaces" else game.offered_progress
        elif name in {"score", "generate"}:
            if game.plays(name):
                values[name] = getattr(self, name)
        elif name in game.nets:
            values[name] = partial(self.heads, name)
        elif name.startswith(RESERVED):
            sample, head = name[:4], name[5:]
            if game.may_return(DISCRIMINATOR, head):
                for found, value in self._run(DISCRIMINATOR, self[sample]).items():
                    values[f"{sample}_{found}"] = value
        else:
            self._compute_head(name)

    def _compute_head(self, name: str) -> None:
        missing: Missing | None = None
        for player in makers(self.game, name):
            if player in self.ran:
                continue
            self.ran = (*self.ran, player)  # before it runs, so that two networks cannot wait for
            try:  # each other
                heads = self._pass(player)
            except Missing as error:
                missing = missing or error
                continue
            for head, value in heads.items():
                self.values.setdefault(head, value)  # what the sampler dealt stays
            if name in heads:
                return
        if missing is not None:
            raise missing

    def _pass(self, player: Player) -> dict[str, Tensor]:
        """The heads of a network that judges no sample; no graph leads from them to another's."""
        following = self.following
        if following is None or player != GENERATOR:
            return self._run(player)
        following.ran = (player,)
        heads = following._run(player)  # noqa: SLF001  (a step too)
        following.values = {**heads, **following.values}  # what the sampler dealt stays
        return {name: head.detach() for name, head in heads.items()}

    def _run(
        self,
        player: Player,
        *sample: Tensor,
        given: Mapping[str, Any] | None = None,
        rows: Any = None,
        full_precision: bool = False,
    ) -> dict[str, Tensor]:
        game = self.game
        seen = self if given is None and rows is None else Seen(self, given or {}, rows)
        if sample:
            for augment in game.augmenting:
                sample = (augmented(augment, seen, sample[0]),)
        named = self._named(player, seen)
        if given:
            refuse_unread(game, player, given)
        # A graph is recorded where it can lead to this player's parameters: through its own
        # network, or through an input of another's that has one.
        enabled = torch.is_grad_enabled()
        recorded = enabled and (
            player == self.player or any(map(requires_grad, (*sample, *named.values())))
        )
        # Entering a context takes microseconds, which a small network has few of.
        recording = nullcontext() if recorded is enabled else torch.no_grad()
        precision = nullcontext() if full_precision else game.autocast()
        try:
            with recording, precision:
                out = game.nets[player](*sample, **named)
        except Exception as error:
            error.add_note(network(game, player))
            raise
        whole = given is None and rows is None
        return heads_of(game, player, out, judged=next(iter(sample), None), whole=whole)

    def _named(self, player: Player, seen: Step | Seen) -> dict[str, Any]:
        """What a network's forward names, computed before its own precision and recording apply."""
        named: dict[str, Any] = {}
        for name in self.game.inputs[player]:
            try:
                named[name] = seen[name]
            except Missing as missing:
                raise Missing(missing.name, missing.network or player) from None
        for name in self.game.options[player]:
            if seen.offers(name):
                named[name] = seen[name]
        return named | self.game.stage(player)

    # ------------------------------------------------------------------------ networks as functions

    def score(self, sample: Tensor, **given: Tensor) -> Tensor:
        """The discriminator's score of any sample, (N, ...), in full precision.

        ``given`` replaces values that the discriminator reads beside the sample. Penalties
        differentiate this, so it never autocasts.
        """
        return self._run(DISCRIMINATOR, sample, given=given, full_precision=True)["score"]

    def generate(self, **given: Tensor) -> Tensor:
        """A sample of the generator from this step's values, some of them replaced by ``given``."""
        return self._run(GENERATOR, given=given)["fake"]

    def heads(
        self, player: Player, *sample: Tensor, rows: Any = None, **given: Any
    ) -> dict[str, Tensor]:
        """Every head of a network by name, in full precision.

        ``sample`` is for the discriminator alone. The network reads this step's values, of ``rows``
        alone where they are given (a slice or row numbers), or those in ``given`` in their place,
        as they are.
        """
        return self._run(player, *sample, given=given, rows=rows, full_precision=True)


class Seen:
    """A step's values as one call of a network sees them: of some rows, or replaced by others."""

    __slots__ = ("game", "given", "rows", "step")

    def __init__(self, step: Step, given: Mapping[str, Any], rows: Any) -> None:
        """See a step's values, of ``rows`` if not None; those in ``given`` replace the step's."""
        self.game, self.step, self.given, self.rows = step.game, step, given, rows

    def __getitem__(self, name: str) -> Any:
        """The value of a name; Missing where nothing offers it."""
        if name in self.given:
            return self.given[name]
        if (whose := name.removesuffix(MASK)) != name and whose in self.given:
            known = self.given[whose]
            return torch.ones(len(known), dtype=torch.bool, device=known.device)
        value = self.step[name]
        in_part = self.rows is not None and isinstance(value, torch.Tensor) and value.dim()
        return value[self.rows] if in_part else value

    def of(self, part: Part, name: str) -> Any:
        """A value as one part reads it: ``state`` is that part's own."""
        return self.game.state_of(part) if name == "state" else self[name]

    def offers(self, name: str) -> bool:
        """Whether there is a value of this name."""
        return name in self.given or self.step.offers(name)


def makers(game: Game, name: str) -> list[Player]:
    """The players whose network may return a head of this name, the generator first.

    One that has not run yet may return anything but what it reads.
    """
    found = [
        player
        for player in game.nets
        if player != DISCRIMINATOR
        and game.may_return(player, name)
        and name not in (*game.inputs[player], *game.options[player])
    ]
    return sorted(
        found, key=lambda player: (name not in game.heads.get(player, ()), player != GENERATOR)
    )


def refuse_unread(game: Game, player: Player, given: Mapping[str, Any]) -> None:
    """Raise ComposeError for a given value that neither the network nor an augmentation reads."""
    read = {*game.inputs[player], *game.options[player]}
    if player == DISCRIMINATOR:
        read |= {name for augment in game.augmenting for name in (*augment.reads, *augment.accepts)}
    if wrong := given.keys() - read:
        message = (
            f"{network(game, player)} is given '{min(wrong)}', which it does not read; it reads "
            f"{listed(read)}."
        )
        raise ComposeError(message)


def requires_grad(value: object) -> bool:
    """Whether a value has a graph behind it, or is a leaf that gradients are asked of."""
    return isinstance(value, torch.Tensor) and value.requires_grad
