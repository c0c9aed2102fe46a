"""What is refused of parts before anything is built: methods that nothing would call."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ganzoo.engine.step import ENGINE
from ganzoo.errors import ComposeError, DataError, OptionError, closest, quoted
from ganzoo.parts.dataset import Data
from ganzoo.parts.needs import RESERVED
from ganzoo.parts.part import (
    DISCRIMINATOR,
    GENERATOR,
    Architecture,
    Loss,
    Part,
    Regularizer,
    Sampler,
)
from ganzoo.parts.variant import Variant

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ganzoo.parts.part import Player

OPTIONAL = ("augment", "project", "start")
"""Methods that a part may define and its kind does not."""
KINDS = (Architecture, Loss, Regularizer, Sampler)
TAKEN = ("average", "part", "real", "fake", "state", *ENGINE, *OPTIONAL)
"""Names that mean something else where a player's name is used."""


def check_given(variant: object, data: object) -> None:
    """Refuse what is no variant or no data. Raises OptionError."""
    for given, kind in ((variant, Variant), (data, Data)):
        if not isinstance(given, kind):
            message = f"a game cannot be made of {quoted(given)}; give a ganzoo.{kind.__name__}."
            raise OptionError(message)


def check_methods(variant: Variant) -> None:
    """Refuse parts whose methods nobody would call. Raises ComposeError."""
    players = [player for player, _ in variant.turns]
    for player in players:
        taken = (hasattr(kind, player) or player in kind.model_fields for kind in KINDS)
        if player in TAKEN or any(taken):
            message = f"a player cannot be named '{player}', which has another meaning."
            raise ComposeError(message)
    for part in variant.parts():
        refuse_misspelt(part, [DISCRIMINATOR, GENERATOR, *players])
    for part in variant.regularizers:
        named: object = part.projects
        if named is not None and not is_names(named):
            message = (
                f"regularizer '{part.name}' has projects = {quoted(named)}; it must be a tuple of "
                "players, such as ('generator',), or None."
            )
            raise ComposeError(message)
        strangers = [player for player in part.projects or () if player not in players]
        if strangers and hasattr(part, "project"):
            message = f"regularizer '{part.name}' projects '{strangers[0]}', who has no turns."
            raise ComposeError(message)
        acts = [*players, "augment", "project"]
        if not (any(hasattr(part, name) for name in acts) or part.defines("attach")):
            message = (
                f"regularizer '{part.name}' does nothing for {' or '.join(players)}: it defines "
                f"none of {', '.join([*acts, 'attach'])}."
            )
            raise ComposeError(message)


def is_names(value: object) -> bool:
    """Whether a value is a tuple or a list of texts."""
    return isinstance(value, (tuple, list)) and all(isinstance(name, str) for name in value)


def check_columns(data: Data, players: Iterable[Player]) -> None:
    """Refuse columns whose names mean something else on a step, or without rows; DataError."""
    taken = {*ENGINE, *players, "fake", "state"}
    for name in data.spaces:
        if name in taken or name.startswith(RESERVED):
            message = (
                f"dataset '{data.name}' has a column '{name}', a name that has another meaning in "
                "training; give it another."
            )
            raise DataError(message)
    if not len(data.train):
        message = f"dataset '{data.name}' has no rows to train on."
        raise DataError(message)


def refuse_misspelt(part: Part, players: Iterable[Player]) -> None:
    """Raise ComposeError where a method's name is nearly one that the engine calls."""
    kind = next(c for c in type(part).__mro__ if c.__module__ == Part.__module__)
    called = {*players, *OPTIONAL, *(n for n in vars(kind) if callable(getattr(kind, n)))}
    own = [c for c in type(part).__mro__ if c.__module__ != Part.__module__ and issubclass(c, Part)]
    for name in [name for cls in own for name, value in vars(cls).items() if callable(value)]:
        meant = closest(name, {n for n in called if not part.defines(n)}, cutoff=0.85)
        if meant is not None and name not in called and not name.startswith("_"):
            message = (
                f"{part.kind} '{part.name}' has a method '{name}', which nothing calls; did you "
                f"mean '{meant}'?"
            )
            raise ComposeError(message)
