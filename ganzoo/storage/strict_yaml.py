"""YAML from anywhere, of which only the plain part is read: what JSON has, and dates.

PyYAML reads, since its C parser takes 5 ms for the registry at every start; ruamel.yaml, which
writes it (``ganzoo.pretrained.registration``), takes 50 ms.
"""

from __future__ import annotations

from typing import Any

import yaml

from ganzoo.parts.plain_json import DEEPEST

LONGEST = 10_000
"""Characters of a value; a number in parts of sixty takes quadratic time."""
MOST = 100_000
"""Values of a text; aliases of aliases would multiply a few lines to fill memory."""
Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _NoDuplicates(Loader):  # type: ignore[misc]
    """A loader that refuses duplicate keys; PyYAML's own silently takes the last one."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:  # noqa: FBT001, FBT002
        seen = set()
        for key_node, _ in node.value:
            if not isinstance(key_node, yaml.ScalarNode):
                message = "a key is a list or a mapping"
                raise ValueError(message)  # noqa: TRY004  (the text is wrong, not an argument)
            key = self.construct_object(key_node, deep=deep)
            if key in seen:
                message = f"the key {key!r} appears twice"
                raise ValueError(message)
            seen.add(key)
        found: dict[Any, Any] = super().construct_mapping(node, deep=deep)
        return found


def strict_yaml(text: str) -> Any:
    """Parse YAML into texts, numbers, dates, lists and mappings, with no key twice.

    Raises yaml.YAMLError for what is not YAML, and ValueError for what is not read: tags, more than
    ``DEEPEST`` levels, and more than ``MOST`` values, where an alias counts as what it stands for.
    """
    # PyYAML composes by recursion, which overflows; the events before that are a flat sequence.
    extent = Extent()
    event: Any
    for event in yaml.parse(text, Loader):
        wrong = why_not(event) or extent.after(event)
        if wrong:
            message = f"line {event.start_mark.line + 1}: {wrong}"
            raise ValueError(message)
    try:
        return yaml.load(text, _NoDuplicates)  # noqa: S506
    except OverflowError as error:
        raise ValueError(str(error)) from error


class Extent:
    """How many values a text has, and how deep, once its aliases are written out."""

    def __init__(self) -> None:
        self.values = 0
        self.depth, self.deepest = 0, 0
        self.open: list[tuple[str | None, int, int]] = []
        """Of each collection that is not at its end: its anchor, the values before, the depth."""
        self.known: dict[str, tuple[int, int]] = {}
        """The values and levels that each anchor stands for."""

    def after(self, event: Any) -> str | None:
        """Count one of PyYAML's events; says why a text is not read that has got too large."""
        if isinstance(event, yaml.CollectionStartEvent):
            self.open.append((event.anchor, self.values, self.deepest))
            self.depth += 1
            self.values, self.deepest = self.values + 1, self.depth
        elif isinstance(event, yaml.CollectionEndEvent):
            anchor, values, deepest = self.open.pop()
            self.depth -= 1
            if anchor is not None:
                self.known[anchor] = self.values - values, self.deepest - self.depth
            self.deepest = max(self.deepest, deepest)
        elif isinstance(event, yaml.ScalarEvent):
            self.values += 1
            if event.anchor is not None:
                self.known[event.anchor] = 1, 0
        elif isinstance(event, yaml.AliasEvent):
            if any(anchor == event.anchor for anchor, _, _ in self.open):
                return f"'*{event.anchor}' stands for what it is in"
            # PyYAML refuses one that is not known.
            values, levels = self.known.get(event.anchor or "", (0, 0))
            self.values += values
            self.deepest = max(self.deepest, self.depth + levels)
        if self.deepest > DEEPEST:
            return f"it is nested more than {DEEPEST} levels deep"
        return f"it has more than {MOST:,} values" if self.values > MOST else None


def why_not(event: Any) -> str | None:
    """Why one of PyYAML's events is not read; None where it is."""
    if getattr(event, "tag", None) is not None:
        return f"'{event.tag}' is a tag; leave it out"
    if isinstance(event, yaml.ScalarEvent) and len(event.value) > LONGEST:
        return f"a value has more than {LONGEST:,} characters"
    return None
