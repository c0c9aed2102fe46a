"""What a plugin may offer, of each kind, and what is wrong with the rest."""

from __future__ import annotations

import inspect
import json
import re
from typing import Any

from ganzoo.parts.dataset import Dataset
from ganzoo.parts.metric import Metric
from ganzoo.parts.observer import Observer
from ganzoo.parts.optimizer import Optimizer
from ganzoo.parts.part import Architecture, Loss, Part, Regularizer, Sampler
from ganzoo.parts.variant import Variant
from ganzoo.plugins.registry import PLURALS, Model

BASES: dict[str, type] = {
    "architecture": Architecture,
    "loss": Loss,
    "regularizer": Regularizer,
    "sampler": Sampler,
    "optimizer": Optimizer,
    "dataset": Dataset,
    "metric": Metric,
    "observer": Observer,
    "variant": Variant,
    "model": Model,
}
"""The class of each kind: plugins offer subclasses of it, or instances."""
INSTANCES = ("variant", "model")
"""The kinds of which plugins offer instances."""
NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
"""Kebab-case: what is not in it has a meaning in ``NAME:KEY=VALUE,...``."""


def unfit(kind: str, thing: Any) -> str | None:
    """What is wrong with something that a plugin offers, or None; ends "plugin NAME offers".

    Raises whatever the thing raises when it is looked at.
    """
    base, hook = BASES[kind], f"ganzoo_{PLURALS[kind]}"
    if kind in INSTANCES:
        if not isinstance(thing, base):
            return f"{thing!r} in {hook}, which is not a {base.__name__}"
    elif not (isinstance(thing, type) and issubclass(thing, base)):
        return f"{thing!r} in {hook}, which is not a subclass of {base.__name__}"
    name = getattr(thing, "name", None)
    # The names of variants and models have patterns of their own, which pydantic holds.
    if not isinstance(name, str) or (kind not in INSTANCES and NAME.fullmatch(name) is None):
        return f"{thing!r} in {hook}, whose name {name!r} is not kebab-case, as 'least-squares' is"
    if isinstance(thing, Variant):
        json.dumps(thing.spec())  # as its runs will write it
    if isinstance(thing, type) and issubclass(thing, Part):
        thing.model_rebuild()  # raises where an option's type is not known
        if issubclass(thing, Metric):
            method = getattr(thing, "measure", None)
            if not callable(method):
                return f"the metric '{name}', which has no method 'measure'"
            inspect.signature(method)  # it says what is read
            if not needs_options(thing):
                thing()  # as the zoo makes every metric, unasked
    return None


def needs_options(cls: type[Part]) -> bool:
    """Whether some option has no default."""
    return any(field.is_required() for field in cls.model_fields.values())
