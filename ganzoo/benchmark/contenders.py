"""Contenders as they are written on a command line: variants, mixes, labels and grids."""

from __future__ import annotations

import re
from itertools import product
from typing import TYPE_CHECKING

from ganzoo.errors import OptionError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from ganzoo.parts.variant import Variant
    from ganzoo.plugins.zoo import Zoo

KINDS = ("architecture", "loss", "sampler", "optimizer", "regularizer")
"""The kinds of part that a contender may replace."""
SEPARATOR = re.compile(r"[,+](?![^\[]*\])(?=[\w.-]+=)")
"""A comma or plus before the next KEY=, but not inside a [list]."""


def contender(text: str, zoo: Zoo, settings: Sequence[str] = ()) -> Variant:
    """Compose a variant from ``NAME``, ``NAME:KEY=VALUE,...`` or ``NAME+KEY=VALUE+...``.

    A KEY is a kind of part (``loss=hinge``; repeat ``regularizer=`` for several) or the path of an
    option (``r1.weight=0.1``). ``settings`` are applied after them. Raises OptionError for another
    spelling, and what ``Zoo.compose`` raises.
    """
    name, *pairs = SEPARATOR.split(re.sub(r"^([\w-]+):", r"\1,", text))
    if not re.fullmatch(r"[\w-]+", name):
        message = f"'{text}' is not a contender; write it as NAME:loss=hinge,r1.weight=0.1."
        raise OptionError(message)
    parts: dict[str, list[str]] = {kind: [] for kind in KINDS}
    options = []
    for pair in pairs:
        key, _, value = pair.partition("=")
        if key in parts:
            parts[key].append(value)
        else:
            options.append(pair)
    regularizers = parts.pop("regularizer") or None
    single = {kind: chosen[-1] for kind, chosen in parts.items() if chosen}
    return zoo.compose(name, **single, regularizers=regularizers, settings=[*options, *settings])


def labelled(texts: Iterable[str]) -> dict[str, str]:
    """Contenders by label: the part before ``@``, or else the whole text.

    Raises OptionError if two different contenders have one label.
    """
    found: dict[str, str] = {}
    for text in dict.fromkeys(texts):
        label, at, rest = text.partition("@")
        if at and "/" in label:  # not a label but a pretrained model's version, as in NAME/DATA@1
            label, rest = text, text
        if label in found:
            message = f"two contenders have the label '{label}'; change one of them before the @."
            raise OptionError(message)
        found[label] = rest if at else text
    return found


def crossed(names: Iterable[str], grid: Mapping[str, Sequence[str]]) -> list[str]:
    """Every contender with every choice of a grid such as ``{"loss": ["hinge", "wasserstein"]}``.

    The choices are appended to a contender's label too, so that labels stay distinct.
    """
    choices = [[f"{key}={value}" for value in values] for key, values in grid.items()]
    return [
        "@".join("+".join([part, *chosen]) for part in name.split("@"))
        for name in names
        for chosen in product(*choices)
    ]
