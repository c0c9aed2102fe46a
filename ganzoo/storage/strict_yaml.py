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

    Raises yaml.YAMLError for what is not YAML, and ValueError for what is not read: aliases, which
    can multiply a few lines to fill memory, tags, and more than ``DEEPEST`` levels.
    """
    # PyYAML composes by recursion, which overflows; the events before that are a flat sequence.
    depth = 0
    event: Any
    for event in yaml.parse(text, Loader):
        depth += isinstance(event, yaml.CollectionStartEvent)
        depth -= isinstance(event, yaml.CollectionEndEvent)
        wrong = why_not(event, depth)
        if wrong:
            message = f"line {event.start_mark.line + 1}: {wrong}"
            raise ValueError(message)
    try:
        return yaml.load(text, _NoDuplicates)  # noqa: S506
    except OverflowError as error:
        raise ValueError(str(error)) from error


def why_not(event: Any, depth: int) -> str | None:
    """Why one of PyYAML's events is not read; None where it is."""
    if depth > DEEPEST:
        return f"it is nested more than {DEEPEST} levels deep"
    if isinstance(event, yaml.AliasEvent):
        return f"'*{event.anchor}' is an alias; write out what it stands for"
    if getattr(event, "tag", None) is not None:
        return f"'{event.tag}' is a tag; leave it out"
    if isinstance(event, yaml.ScalarEvent) and len(event.value) > LONGEST:
        return f"a value has more than {LONGEST:,} characters"
    return None
