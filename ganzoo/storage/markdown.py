"""Text in Markdown files: names and messages from elsewhere appear as they are, and do nothing."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

MARKUP = re.compile(
    r"[\\`*<$~]"  # code, emphasis, HTML, formulas
    r"|(?<![^\W_])_|_(?![^\W_])"  # emphasis, but not within a word
    r"|(?<=\])[(\[]"  # links
    r"|&(?=#?\w+;)"  # entities
    r"|^[#>]|^[-+](?=\s)"  # headings, quotations and lists
    r"|(?<=^\d)[.)](?=\s)"
)


def plain(text: str) -> str:
    """A text on one line, escaped so that Markdown shows it as it is."""
    return MARKUP.sub(r"\\\g<0>", " ".join(text.split()))


def code(text: str) -> str:
    """A text on one line as code."""
    text = " ".join(text.split())
    fence = "`" * (longest_run(text) + 1)
    space = " " if "`" in text else ""
    return f"{fence}{space}{text}{space}{fence}"


def block(text: str, language: str = "") -> str:
    """Lines as a block of code."""
    fence = "`" * max(3, longest_run(text) + 1)
    return f"{fence}{language}\n{text}\n{fence}"


def table(header: Sequence[str], rows: Iterable[Iterable[str]]) -> str:
    """A table, of cells that are Markdown already, but for the bars in them."""
    lines = ([cell.replace("|", "\\|") for cell in line] for line in (header, *rows))
    first, *others = (f"| {' | '.join(line)} |" for line in lines)
    return "\n".join([first, "|---" * len(header) + "|", *others])


def longest_run(text: str) -> int:
    """The most backticks that stand side by side."""
    return max(map(len, re.findall("`+", text)), default=0)
