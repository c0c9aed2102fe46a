"""In what two plans differ, in the words of a command line."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, TypeGuard

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


def differences(mine: Mapping[str, Any], its: Mapping[str, Any], group: str = "") -> Iterator[str]:
    """Each option in which two records' JSON differ, by its path: ``loss hinge, not minimax``."""
    for name in [*mine, *(name for name in its if name not in mine)]:
        one, other = mine.get(name), its.get(name)
        if one == other:
            continue
        if isinstance(one, dict) and isinstance(other, dict) and is_same_part(one, other):
            yield from differences(one, other, f"{group}{name}.")
        elif is_parts(one) and is_parts(other) and worded(one) == worded(other):
            for part, its_part in zip(one, other, strict=True):
                yield from differences(part, its_part, f"{part['part']}.")
        else:
            yield f"{group}{name} {worded(one)}, not {worded(other)}"


def is_same_part(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether two records' JSON are of one part, or group the same things."""
    return one.get("part") == other.get("part") and bool(one.keys() & other.keys())


def is_parts(value: object) -> TypeGuard[list[dict[str, Any]]]:
    """Whether a value of a variant's JSON is its regularizers."""
    return isinstance(value, list) and all(isinstance(v, dict) and "part" in v for v in value)


def worded(value: object) -> str:
    """A value of an option as it is written on a command line."""
    if isinstance(value, dict) and "part" in value:
        return str(value["part"])
    if value is None:
        return "none"
    if is_parts(value):
        return ", ".join(map(worded, value)) or "none"
    return value if isinstance(value, str) else json.dumps(value)
