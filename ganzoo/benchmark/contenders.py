"""Contenders as they are written on a command line: variants, mixes, labels and grids."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import product
from math import log10, prod
from typing import TYPE_CHECKING

from ganzoo.errors import OptionError, quoted
from ganzoo.parts.settings import require_short, separated

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from ganzoo.parts.variant import Variant
    from ganzoo.plugins.zoo import Zoo

KINDS = ("architecture", "loss", "sampler", "optimizer", "regularizer")
"""The kinds of part that a contender may replace."""
MOST_CONTENDERS = 10_000
"""Of one contest; a grid is counted before it is built."""
LONGEST = 2000
"""Characters of a contender, which a grid repeats."""
NAMED = re.compile(r"(?P<name>[\w-]+)(?:[:,+](?P<settings>.+))?", re.DOTALL)
"""The name of a variant, and what is changed of it."""
CHOICE = re.compile(r"""(?:"(?:\\.|[^"\\])*"|\[[^\]]*\]|\{[^}]*\}|[^,])+""")
"""One of several values between commas, which are part of a value in quotes or brackets."""


def contender(text: str, zoo: Zoo, settings: Sequence[str] = ()) -> Variant:
    """Compose a variant from ``NAME``, ``NAME:KEY=VALUE,...`` or ``NAME+KEY=VALUE+...``.

    A KEY is a kind of part (``loss=hinge``; repeat ``regularizer=`` for several, and write
    ``regularizer=+r1`` to keep the variant's own) or the path of an option (``r1.weight=0.1``). A
    VALUE in quotes or brackets may contain commas. ``settings`` are applied after them. Raises
    OptionError for another spelling, and what ``Zoo.compose`` raises.
    """
    found = NAMED.fullmatch(text)
    pairs = separated(found["settings"], ",+") if found and found["settings"] else []
    if found is None or not all("=" in pair for pair in pairs):
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
    options += settings
    return zoo.compose(found["name"], **single, regularizers=regularizers, settings=options)


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


def choices_of(texts: Iterable[str]) -> dict[str, list[str]]:
    """A grid from texts such as ``loss=hinge,wasserstein``; OptionError for other spellings."""
    found: dict[str, list[str]] = {}
    for text in texts:
        require_short(text)
        key, _, values = text.partition("=")
        choices = CHOICE.findall(values)
        if not choices or key in found:
            wrong = f"'{key}' is given twice" if key in found else f"'{text}' is not a grid"
            message = f"{wrong}; write KEY=A,B, as in loss=non-saturating,hinge."
            raise OptionError(message)
        found[key] = choices
    return found


def crossed(names: Iterable[str], grid: Mapping[str, Sequence[str]]) -> list[str]:
    """Every contender with every choice of a grid such as ``{"loss": ["hinge", "wasserstein"]}``.

    The choices are appended to a contender's label too, so that labels stay distinct. Raises
    OptionError for a contender that is no text, for more than MOST_CONTENDERS of them, and for one
    that is longer than LONGEST.
    """
    names = [*names]
    for name in names:
        if not isinstance(name, str):  # other processes compose it anew
            message = (
                f"a contender is a text, such as 'NAME:loss=hinge', and not a "
                f"{type(name).__name__}; offer a variant of your own in a plugin."
            )
            raise OptionError(message)
    for key, values in grid.items():
        if isinstance(values, str) or not isinstance(values, Sequence):
            message = f"the grid's '{key}' cannot be {quoted(values)}; it must be a list of values."
            raise OptionError(message)
    count = prod(len(values) for values in grid.values()) * len(names)
    if count > MOST_CONTENDERS:
        message = (
            f"a grid of {rounded(count)} contenders is too large: at most {MOST_CONTENDERS:,} can "
            "compete."
        )
        raise OptionError(message)
    choices = [[f"{key}={value}" for value in values] for key, values in grid.items()]
    if sum(max(map(len, texts)) for texts in [names, *choices] if texts) > LONGEST:
        message = f"a contender of more than {LONGEST:,} characters cannot be written."
        raise OptionError(message)
    return [
        "@".join("+".join([part, *chosen]) for part in name.split("@", 1))
        for name in names
        for chosen in product(*choices)
    ]


def rounded(count: int) -> str:
    """A whole number as text, with commas, or as about a power of ten where it is longer."""
    return f"{count:,}" if count < 10**9 else f"about 10^{log10(count):.0f}"
