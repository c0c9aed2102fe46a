"""What a benchmark compares, on what data, within what budget."""

from __future__ import annotations

import re
from itertools import product
from typing import TYPE_CHECKING, Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    field_validator,
    model_validator,
)

from ganzoo.errors import OptionError
from ganzoo.training.plan import CHECKPOINTS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from ganzoo.parts.variant import Variant
    from ganzoo.plugins.zoo import Zoo

REPLACED = ("architecture", "loss", "sampler", "regularizer")
BUDGETS = ("rounds", "images", "seconds", "flops")
DEFAULT_ROUNDS = 1000
SEPARATOR = re.compile(r"[,+](?![^\[]*\])(?=[\w.-]+=)")
"""A comma or plus before the next KEY=, and in no [list]."""


class Budget(BaseModel):
    """How long each run may train: exactly one of these.

    ``images`` are real samples dealt to the discriminator, ``flops`` the floating-point operations
    of whole rounds; both become rounds, by what one round of the contender takes. ``seconds`` are
    of training: scores and checkpoints do not count.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    rounds: PositiveInt | None = None
    images: PositiveInt | None = None
    seconds: PositiveFloat | None = None
    flops: PositiveFloat | None = None

    @model_validator(mode="after")
    def _one(self) -> Self:
        given = [name for name in BUDGETS if getattr(self, name) is not None]
        if len(given) != 1:
            message = (
                f"give one budget of {', '.join(BUDGETS)}, not {' and '.join(given) or 'none'}"
            )
            raise ValueError(message)
        return self

    @property
    def name(self) -> str:
        """Which of them it is."""
        return next(name for name in BUDGETS if getattr(self, name) is not None)

    @property
    def amount(self) -> str:
        """How much of it, in as few digits as mean the same."""
        value = getattr(self, self.name)
        short = f"{value:g}"
        return str(value) if isinstance(value, int) or float(short) != value else short

    def __str__(self) -> str:
        """Say it as a report would."""
        return f"{self.amount} {self.name}"


class Contest(BaseModel):
    """The terms that every contender trains and is scored under."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: Literal[2] = 2
    contenders: dict[str, str]
    """Each label, and the contender as ``contender`` reads it."""
    data: str
    title: str = ""
    """What the suite is called that it is of."""
    settings: tuple[str, ...] = ()
    budget: Budget = Budget(rounds=DEFAULT_ROUNDS)
    seeds: tuple[NonNegativeInt, ...] = (0,)
    evaluations: PositiveInt = CHECKPOINTS
    device: str = "cpu"
    threads: PositiveInt = 1

    @field_validator("seeds", mode="before")
    @classmethod
    def _counted(cls, seeds: object) -> object:
        """Take a number as that many seeds, from zero."""
        return tuple(range(seeds)) if isinstance(seeds, int) else seeds

    @field_validator("seeds", "contenders")
    @classmethod
    def _some(cls, value: tuple[int, ...] | dict[str, str]) -> tuple[int, ...] | dict[str, str]:
        if not value or len(set(value)) < len(value):
            message = "there must be at least one, and none of them twice"
            raise ValueError(message)
        return value

    @field_validator("contenders")
    @classmethod
    def _labelled(cls, value: dict[str, str]) -> dict[str, str]:
        for label, text in value.items():
            if label != text and (not label or set(label) & set("@/")):
                message = f"'{label}' is no label: it has letters, and neither @ nor / among them"
                raise ValueError(message)
        return value

    def differs(self, other: Contest) -> str | None:
        """The first term in which results of the two cannot be compared, in words."""
        names = ["data", "budget", "evaluations", "device"]
        if self.budget.seconds is not None:
            names.append("threads")
        for name in names:
            mine, its = getattr(self, name), getattr(other, name)
            if mine != its:
                return f"{name} {mine}, not {its}"
        return None


def labelled(texts: Iterable[str]) -> dict[str, str]:
    """Contenders by label: what stands before an ``@``, or the whole text."""
    found: dict[str, str] = {}
    for text in dict.fromkeys(texts):
        label, at, rest = text.partition("@")
        if at and "/" in label:  # a model's version
            label, rest = text, text
        if label in found:
            message = f"two contenders have the label '{label}'; write another one before the @."
            raise OptionError(message)
        found[label] = rest if at else text
    return found


def contender(text: str, zoo: Zoo, settings: Sequence[str] = ()) -> Variant:
    """A variant from ``NAME``, ``NAME:KEY=VALUE,...`` or ``NAME+KEY=VALUE+...``.

    A KEY is a kind of part (``loss=hinge``, ``regularizer=r1``, repeated to have several) or an
    option's path (``r1.weight=0.1``). ``settings`` are set on it too.
    """
    name, *pairs = SEPARATOR.split(re.sub(r"^([\w-]+):", r"\1,", text))
    parts: dict[str, list[str]] = {kind: [] for kind in REPLACED}
    options = []
    if not re.fullmatch(r"[\w-]+", name):
        message = f"'{text}' is no contender; write it as NAME:loss=hinge,r1.weight=0.1."
        raise OptionError(message)
    for pair in pairs:
        key, _, value = pair.partition("=")
        if key in parts:
            parts[key].append(value)
        else:
            options.append(pair)
    single = {kind: parts[kind][-1] if parts[kind] else None for kind in REPLACED[:3]}
    return zoo.compose(
        name,
        architecture=single["architecture"],
        loss=single["loss"],
        sampler=single["sampler"],
        regularizers=parts["regularizer"] or None,
        settings=[*options, *settings],
    )


def crossed(names: Iterable[str], grid: Mapping[str, Sequence[str]]) -> list[str]:
    """Every contender under every choice of the grid, as ``{"loss": ["hinge", "wasserstein"]}``.

    A grid study: architecture x loss x regularizer x any option. A label is made longer too.
    """
    choices = [[f"{key}={value}" for value in values] for key, values in grid.items()]
    return [
        "@".join("+".join([part, *chosen]) for part in name.split("@"))
        for name in names
        for chosen in product(*choices)
    ]
