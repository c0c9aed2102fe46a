"""Composing: a variant's JSON with parts replaced and options set, by name or from Python.

Whatever form a choice has, it becomes JSON: a part is its name and its options, and a setting is
the text that the command line knows. So both are validated in one place, and a run can be written.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import PurePath
from typing import TYPE_CHECKING, Any, TypeAlias

from pydantic import BaseModel

from ganzoo.errors import OptionError, closest, first_line, quoted
from ganzoo.parts.needs import RESERVED, reads
from ganzoo.parts.part import Part
from ganzoo.parts.settings import override
from ganzoo.parts.variant import PARTS, Variant

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ganzoo.parts.part import Loss

Chosen: TypeAlias = str | Part | type[Part]
"""A part as it is chosen: its name, the part itself, or its class for one with its defaults."""
DEEPEST = 8
"""How deep choices may be nested; no variant needs more."""
Settings: TypeAlias = str | Mapping[str, Any] | Iterable[str]
"""``PART.OPTION=VALUE``, one or more, or values by path, as in ``{"architecture.width": 64}``."""


def edited(
    variant: Variant,
    *,
    architecture: Chosen | None = None,
    loss: Chosen | None = None,
    regularizers: Chosen | Iterable[Chosen] | None = None,
    sampler: Chosen | None = None,
    optimizer: Chosen | None = None,
    settings: Settings = (),
) -> dict[str, Any]:
    """A variant's JSON with these parts in place of its own, and options set; see ``Zoo.compose``.

    Raises OptionError for what is no part or no setting.
    """
    spec = variant.spec()
    if loss is not None:
        spec["loss"] = part_spec("loss", loss)
        if variant.generator_loss is not None and is_adversarial(variant.generator_loss):
            spec["generator_loss"] = None
    if regularizers is not None:
        spec["regularizers"] = regularized(spec["regularizers"], one_or_more(regularizers))
    for group, field, kind, chosen in (
        (spec, "architecture", "architecture", architecture),
        (spec, "sampler", "sampler", sampler),
        *((spec["optimizers"], player, "optimizer", optimizer) for player in spec["optimizers"]),
    ):
        if chosen is not None and not is_name(chosen, group[field]["part"]):
            group[field] = part_spec(kind, chosen)
    for setting in written(settings):
        if not is_of_data(setting):
            check_path(spec, setting.partition("=")[0])
            spec = override(spec, setting)
    return spec


def regularized(own: list[dict[str, Any]], chosen: list[Any]) -> list[dict[str, Any]]:
    """The JSON of the regularizers that were chosen: in place of a variant's own, or beside them.

    Those of the variant's own that are named keep their options. Raises OptionError for a mix.
    """
    kept = {part["part"]: part for part in own}
    added = [name[1:] for name in chosen if isinstance(name, str) and name.startswith("+")]
    if not added:
        return [
            (isinstance(part, str) and kept.get(part)) or part_spec("regularizer", part)
            for part in chosen
            if not is_name(part, "none")
        ]
    if len(added) < len(chosen):
        message = (
            f"'+{added[0]}' is added to the variant's own regularizers, and one without '+' "
            "replaces them; write every one with '+', or none."
        )
        raise OptionError(message)
    new = [name for name in dict.fromkeys(added) if name not in kept]
    return own + [part_spec("regularizer", name) for name in new]


def part_spec(kind: str, chosen: object) -> dict[str, Any]:
    """The JSON of a part that was chosen. Raises OptionError where it is no part of this kind."""
    if isinstance(chosen, str):
        return {"part": chosen}
    cls = chosen if isinstance(chosen, type) else type(chosen)
    if not issubclass(cls, Part):
        what = f"the class {cls.__name__}" if cls is chosen else f"of the type {cls.__name__}"
        message = (
            f"the {kind} cannot be {what}; give the name of one, or a ganzoo.{kind.capitalize()}."
        )
        raise OptionError(message)
    if cls.kind != kind:
        message = f"'{cls.name}' is a part of the kind {cls.kind}, not {kind}."
        raise OptionError(message)
    return chosen.spec() if isinstance(chosen, Part) else {"part": cls.name}


def is_name(chosen: object, name: str) -> bool:
    """Whether a choice is this name; an array would compare itself by element."""
    return isinstance(chosen, str) and chosen == name


def is_adversarial(loss: Loss) -> bool:
    """Whether the generator's loss reads scores, as the other half of an adversarial loss does."""
    term = getattr(loss, "generator", None)
    return term is None or any(name.startswith(RESERVED) for name in reads(term))


def one_or_more(chosen: Any) -> list[Any]:
    """What was chosen as a list: text, a record and a class are one choice, not a series."""
    if isinstance(chosen, (str, BaseModel, type)) or not isinstance(chosen, Iterable):
        return [chosen]
    try:
        return list(chosen)
    except Exception as error:
        message = f"{quoted(chosen)} cannot be read as a series: {first_line(error)}."
        raise OptionError(message) from error


def classes_in(chosen: object, depth: int = DEEPEST) -> Iterator[type[Part]]:
    """The class of every part in choices of any form, as deep as choices are nested."""
    if isinstance(chosen, Variant):
        yield from map(type, [*chosen.parts(), *chosen.optimizers.values()])
    elif isinstance(chosen, Part):
        yield type(chosen)
    elif isinstance(chosen, type) and issubclass(chosen, Part):
        yield chosen
    elif isinstance(chosen, (Mapping, list, tuple)) and depth:
        for item in chosen.values() if isinstance(chosen, Mapping) else chosen:
            yield from classes_in(item, depth - 1)


# ---------------------------------------------------------------------------------------- settings


def written(settings: Settings | None) -> list[str]:
    """Settings as the command line has them; values of a dict are JSON, which keeps their types."""
    if isinstance(settings, Mapping):
        return [f"{path}={as_json(path, value)}" for path, value in flat(settings)]
    found = [] if settings is None else one_or_more(settings)
    for setting in found:
        if not isinstance(setting, str):
            raise OptionError(no_path(setting))
    return found


def is_of_data(setting: str) -> bool:
    """Whether a setting is of the data, not of the variant."""
    return setting.startswith("data.")


def flat(settings: Mapping[Any, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    """Every one of nested settings by its whole path; a part's JSON is one value."""
    for key, value in settings.items():
        if not isinstance(key, str) or "=" in key or above.count(".") > DEEPEST:
            raise OptionError(no_path(key))
        if isinstance(value, Mapping) and "part" not in value:
            yield from flat(value, f"{above}{key}.")
        else:
            yield above + key, value


def no_path(given: object) -> str:
    """The sentence about what stands where a setting should."""
    form = "{'architecture.width': 64}"
    return f"{quoted(given)} is no setting; write 'architecture.width=64', or {form}."


def as_json(path: str, value: object) -> str:
    """A value of Python as JSON. Raises OptionError where it has none."""
    try:
        return json.dumps(value, default=plain, ensure_ascii=False)
    except (TypeError, ValueError, RuntimeError, RecursionError):
        message = (
            f"'{path}' cannot be of the type {type(value).__name__}: give a number, a text, a list,"
            " a schedule or a part."
        )
        raise OptionError(message) from None


def plain(value: Any) -> Any:
    """The JSON of what is not JSON itself: parts, schedules, paths, tensors and arrays."""
    if isinstance(value, type) and issubclass(value, Part):
        return {"part": value.name}
    if isinstance(value, Part):
        return value.spec()
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    if isinstance(value, PurePath):
        return str(value)
    if hasattr(value, "tolist"):
        return value.tolist()
    raise TypeError


# -------------------------------------------------------------------------------- what was meant


def check_path(spec: dict[str, Any], path: str) -> None:
    """Raise OptionError for an option that only parts have and that names none of them."""
    name = path.replace("-", "_")
    meant = paths_to(spec, name) if "." not in name and name not in spec else []
    if meant:
        listed = " or ".join(f"'{path}'" for path in meant)
        message = f"'{spec['name']}' has no option '{path}'; did you mean {listed}?"
        raise OptionError(message)


def paths_to(spec: dict[str, Any], name: str) -> list[str]:
    """The paths of every option of this name that a variant or a part of it has."""
    parts = {field: spec[field] for field in PARTS if isinstance(spec[field], dict)}
    parts |= {part["part"]: part for part in spec["regularizers"] if isinstance(part, dict)}
    parts |= {f"optimizers.{player}": part for player, part in spec["optimizers"].items()}
    own = [name] if name in spec and name != "name" else []
    return own + [
        f"{path}.{name}" for path, part in parts.items() if name in part and name != "part"
    ]


def no_argument(name: str, value: object, known: list[str], variant: Variant | None) -> OptionError:
    """The error of a keyword that a function does not have, with what was meant by it."""
    close = closest(name, known)
    paths = [] if variant is None else paths_to(variant.spec(), name)
    if paths:
        settings = ", ".join(f"'{path}': {quoted(value)}" for path in paths)
        message = f"'{name}' is no argument; as an option it is set by settings={{{settings}}}."
    elif close is not None:
        message = f"'{name}' is no argument; did you mean '{close}'?"
    else:
        message = f"'{name}' is no argument; there are: {', '.join(known)}."
    return OptionError(message)
