"""What a benchmark compares: contenders, each a variant with some parts or options replaced."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, PositiveFloat, PositiveInt

from ganzoo.errors import OptionError

if TYPE_CHECKING:
    from ganzoo.variant import Variant
    from ganzoo.zoo import Zoo

REPLACED = ("architecture", "loss", "sampler", "regularizer")


SEPARATOR = re.compile(r",(?![^\[]*\])")
"""A comma that stands in no [list]."""


class Contest(BaseModel):
    """The terms that every contender trains and is scored under."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    contenders: tuple[str, ...]
    data: str
    settings: tuple[str, ...] = ()
    rounds: PositiveInt | None = None
    seconds: PositiveFloat | None = None
    seeds: PositiveInt = 1
    device: str = "auto"


def label(text: str) -> str:
    """What a contender is called in results: what stands before an ``@``, or all of it."""
    return text.partition("@")[0]


def contender(text: str, zoo: Zoo, settings: tuple[str, ...] = ()) -> Variant:
    """A variant from ``NAME``, ``NAME:KEY=VALUE,...`` or ``LABEL@NAME:...``.

    A KEY is a kind of part (``loss=hinge``, ``regularizer=r1``, repeated to have several) or an
    option's path (``r1.weight=0.1``). ``settings`` are set on it too.
    """
    name, _, rest = text.rpartition("@")[2].partition(":")
    pairs = [pair.partition("=") for pair in SEPARATOR.split(rest) if pair]
    parts: dict[str, list[str]] = {kind: [] for kind in REPLACED}
    options = []
    for key, equals, value in pairs:
        if not equals:
            message = f"'{text}' is no contender; write it as NAME:loss=hinge,r1.weight=0.1."
            raise OptionError(message)
        if key in parts:
            parts[key].append(value)
        else:
            options.append(f"{key}={value}")
    single = {kind: parts[kind][-1] if parts[kind] else None for kind in REPLACED[:3]}
    return zoo.compose(
        name,
        architecture=single["architecture"],
        loss=single["loss"],
        sampler=single["sampler"],
        regularizers=parts["regularizer"] or None,
        settings=[*options, *settings],
    )
