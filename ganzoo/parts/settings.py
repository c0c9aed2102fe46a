"""Settings: one option of a composition, set by its path."""

from __future__ import annotations

import copy
import json
import re
from dataclasses import dataclass
from typing import Any

from ganzoo.errors import OptionError, closest, quoted
from ganzoo.parts.plain_json import require_shallow
from ganzoo.parts.variant import PARTS

SEPARATOR = r"""(?x)
    "(?:\\.|[^"\\])*" | \[[^\]]*\] | \{[^}]*\}   # what is quoted or in brackets stays whole
    | (?P<mark>[MARKS]) (?=[\w.-]+=)                # a mark before the next KEY=
"""


LONGEST = 10_000
"""Characters of settings; to look for brackets that never close takes quadratic time."""
SHOWN = 40
"""Of a longer text, so many characters are shown."""
STRUCTURE = {*PARTS, "part", "turns", "optimizers"}
"""What makes up a variant's JSON, beside the options in it."""


@dataclass(frozen=True)
class Typed:
    """A value that was typed, as JSON reads it, and its text, which an option of text keeps."""

    value: Any
    text: str


def separated(text: str, marks: str = ",") -> list[str]:
    """``KEY=VALUE,KEY=VALUE`` as its settings; each mark of ``marks`` can part them.

    A mark parts them where another ``KEY=`` follows, but not in quotes or brackets: so
    ``path=a,b`` is one setting, and ``path="a,b=c"`` another. Raises OptionError for a text of more
    than LONGEST characters.
    """
    require_short(text)
    ends = [
        match.start("mark")
        for match in re.finditer(SEPARATOR.replace("MARKS", re.escape(marks)), text)
        if match["mark"]
    ]
    starts = [0, *(end + 1 for end in ends)]
    return [text[start:end] for start, end in zip(starts, [*ends, len(text)], strict=True)]


def require_short(text: str) -> None:
    """Raise OptionError for a text of more than LONGEST characters."""
    if len(text) > LONGEST:
        message = f"'{text[:SHOWN]}...' is longer than {LONGEST:,} characters, and is not read."
        raise OptionError(message)


def override(spec: dict[str, Any], setting: str) -> dict[str, Any]:
    """A variant's JSON with one option set: ``PART.OPTION=VALUE`` or ``OPTION=VALUE``.

    PART is a field (``architecture``, ``optimizers.generator``, ``turns``) or the name of a part of
    this variant (``gradient-penalty``). VALUE is JSON, or text where it is not valid JSON; the name
    of a part replaces the part (``optimizers.generator=rmsprop``). Raises OptionError where the
    path does not lead to an option.
    """
    path, value = parse(setting)
    spec = copy.deepcopy(spec)
    node = spec
    if path[0] not in node and len(path) > 1:
        node, path = _part_named(spec, path[0]), path[1:]
    for key in path[:-1]:
        if key == "turns":
            node[key] = dict(pairs(node[key]))  # pairs, so that JSON keeps the players' order
        name = key.replace("-", "_")
        child = node.get(name)
        if isinstance(child, str) and (node is spec.get("optimizers") or name in PARTS):
            child = node[name] = {"part": child}  # replaced by an earlier setting
        if not isinstance(child, dict):
            close = None if name in node else closest(name, node)
            meant = f"; did you mean '{close}'?" if close else "."
            message = (
                f"'{setting}' leads nowhere: '{key}' is not a part or a group of options{meant}"
            )
            raise OptionError(message)
        node = child
    name = path[-1].replace("-", "_")
    is_option = name not in STRUCTURE and (node is spec or "part" in node)
    node[name] = typed(setting)[1] if is_option else value
    if isinstance(spec.get("turns"), dict):
        spec["turns"] = [list(pair) for pair in spec["turns"].items()]
    return spec


def pairs(turns: Any) -> list[tuple[str, int]]:
    """The turns of a variant's JSON; OptionError where something else was set there."""
    try:
        return [(str(player), count) for player, count in turns]
    except (TypeError, ValueError):
        message = f"turns are a list of [player, count], not {quoted(turns)}."
        raise OptionError(message) from None


def parse(setting: str) -> tuple[list[str], Any]:
    """``a.b=VALUE`` as its path and value."""
    path, equals, text = setting.partition("=")
    if not equals or not all(path.split(".")):
        message = (
            f"'{setting}' is no setting; write PART.OPTION=VALUE, as in architecture.width=64."
        )
        raise OptionError(message)
    try:
        require_shallow(text)
    except ValueError as error:
        message = f"'{path}' cannot be set: {error}."
        raise OptionError(message) from None
    try:
        value = json.loads(text)
    except ValueError:  # also for an integer of thousands of digits
        value = text
    except RecursionError:
        message = f"'{path}' is set to a value that is nested too deeply; no option takes it."
        raise OptionError(message) from None
    return path.split("."), value


def typed(setting: str) -> tuple[list[str], Any]:
    """``a.b=VALUE`` as its path and value, which is ``Typed`` where JSON reads another one."""
    path, value = parse(setting)
    text = setting.partition("=")[2]
    return path, value if value == text else Typed(value, text)


def _part_named(spec: dict[str, Any], name: str) -> dict[str, Any]:
    fields = [spec[field] for field in PARTS]
    parts = [p for f in fields for p in (f if isinstance(f, list) else [f]) if isinstance(p, dict)]
    for part in parts:
        if part["part"] == name:
            found: dict[str, Any] = part
            return found
    known = ", ".join([*(p["part"] for p in parts), *(k for k in spec if k != "name")])
    message = f"'{spec['name']}' has no part or option '{name}'; it has: {known}."
    raise OptionError(message)
