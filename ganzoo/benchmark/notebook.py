"""How a benchmark shows itself in a notebook."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


def as_html(title: str, lines: Iterable[str], rows: Sequence[dict[str, Any]]) -> str:
    """A title, lines of text and a table as HTML; all text is escaped."""
    told = "".join(f"<p>{escape(line)}</p>" for line in lines)
    header = "".join(f"<th>{escape(column)}</th>" for column in rows[0]) if rows else ""
    cells = ["".join(f"<td>{escape(str(cell))}</td>" for cell in row.values()) for row in rows]
    table = "".join(f"<tr>{row}</tr>" for row in (header, *cells))
    return f"<div><b>{escape(title)}</b>{told}<table>{table}</table></div>"
