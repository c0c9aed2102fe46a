"""JSON from anywhere: no deeper than what walks it can go, and text that can be written again."""

from __future__ import annotations

import json
import re
from itertools import accumulate
from typing import Any

DEEPEST = 64
"""Levels of brackets. What ganzoo writes has fewer than ten; Python stops at about a thousand."""
# A string that does not end is one up to the end, so that the search takes linear time.
BRACKET = re.compile(r'"(?:\\.|[^"\\])*+"?|(?P<open>[\[{])|(?P<close>[\]}])', re.DOTALL)
STEPS = {"open": 1, "close": -1}


def json_of(content: str | bytes) -> Any:
    """What a JSON text holds, as Python's ``json`` reads it.

    Raises ValueError, which says what is wrong, for what is not JSON, not UTF-8, or nested more
    than ``DEEPEST`` levels deep.
    """
    text = content.decode() if isinstance(content, bytes) else content
    require_shallow(text)
    found = json.loads(text)
    if "\\ud" in text.lower():  # half a pair of escapes is read, but no file could hold it
        json.dumps(found, ensure_ascii=False).encode()
    return found


def require_shallow(text: str) -> None:
    """Raise ValueError where brackets are nested more than ``DEEPEST`` levels deep."""
    if text.count("[") + text.count("{") <= DEEPEST:
        return
    steps = (STEPS.get(match.lastgroup or "", 0) for match in BRACKET.finditer(text))
    if any(depth > DEEPEST for depth in accumulate(steps)):
        message = f"it is nested more than {DEEPEST} levels deep"
        raise ValueError(message)
