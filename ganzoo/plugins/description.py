"""Parts described: what each is, and what its options may be."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

from ganzoo.errors import OptionError, closest
from ganzoo.parts.part import Part
from ganzoo.plugins.isolation import contained
from ganzoo.plugins.offers import INSTANCES
from ganzoo.plugins.registry import PLURALS

if TYPE_CHECKING:
    from ganzoo.plugins.zoo import Zoo

KINDS = [kind for kind in PLURALS if kind not in INSTANCES]
"""The kinds that are chosen by name and may have options."""
BOUNDS = {"minimum": ">=", "exclusiveMinimum": ">", "maximum": "<=", "exclusiveMaximum": "<"}
TYPES = {"integer": "integer", "number": "number", "string": "text", "null": "none"}


def described(zoo: Zoo, kind: str | None = None) -> list[dict[str, Any]]:
    """Every part of a kind, or of all: its name, plugin, description and ``options``.

    ``kind`` may be in the plural. Each option has a name, a type, a range, a default (None where
    it is required), and a description. Raises OptionError for a kind that is none.
    """
    singular = {plural: one for one, plural in PLURALS.items()}.get(kind or "", kind)
    if singular is not None and singular not in KINDS:
        close = closest(singular, KINDS)
        meant = f"; did you mean '{close}'?" if close else "."
        message = f"'{kind}' is no kind of part{meant} The kinds: {', '.join(KINDS)}."
        raise OptionError(message)
    return [
        {
            "kind": one,
            "part": name,
            "description": first_line_of_docstring(cls),
            "options": options_of(cls),
            "plugin": str(zoo.origin(cls)),
        }
        for one in ([singular] if singular else KINDS)
        for name, cls in zoo.named(one).items()
    ]


def first_line_of_docstring(cls: type) -> str:
    """What a class is, in a line."""
    text = contained(inspect.cleandoc, vars(cls).get("__doc__") or "").value or ""
    return next(iter(text.splitlines()), "")


def options_of(cls: type) -> list[dict[str, Any]]:
    """The options of a part, in their order."""
    if not issubclass(cls, Part):
        return []
    # A plugin's own type may have no schema; its option has a name and a description all the same.
    schema = contained(cls.model_json_schema).value or {}
    options = schema.get("properties", {})
    return [
        {
            "option": name,
            "type": type_of(options.get(name, {})),
            "range": range_of(options.get(name, {})),
            "required": field.is_required(),
            "default": options.get(name, {}).get("default"),
            "description": field.description or "",
        }
        for name, field in cls.model_fields.items()
    ]


def type_of(schema: dict[str, Any]) -> str:
    """The type of a value as ``--set`` takes it."""
    if "enum" in schema or "const" in schema:
        return " | ".join(map(str, schema.get("enum", [schema.get("const")])))
    if "anyOf" in schema:
        return " | ".join(map(type_of, schema["anyOf"]))
    if "prefixItems" in schema:
        return f"[{', '.join(map(type_of, schema['prefixItems']))}]"
    if schema.get("type") == "array":
        return f"[{type_of(schema.get('items', {}))}, ...]"
    if schema.get("type") == "boolean":
        return "true | false"
    plain = schema.get("format", TYPES.get(schema.get("type", ""), ""))
    return f"{plain} | schedule" if schema.get("schedule") else plain


def range_of(schema: dict[str, Any]) -> str:
    """The bounds of a value, or of those in it."""
    own = [f"{sign} {schema[bound]:g}" for bound, sign in BOUNDS.items() if bound in schema]
    inner = [*schema.get("anyOf", []), *schema.get("prefixItems", [])]
    inner += [schema["items"]] if "items" in schema else []
    return ", ".join(dict.fromkeys([*own, *filter(None, map(range_of, inner))]))
