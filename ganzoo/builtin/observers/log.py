"""The log: one JSON object per line."""

from __future__ import annotations

import json
from math import inf
from typing import TYPE_CHECKING

from ganzoo.parts.observer import Observer
from ganzoo.parts.plain_json import json_of
from ganzoo.storage.files import replacing
from ganzoo.storage.reading import GIB, MIB, opened

if TYPE_CHECKING:
    from pathlib import Path

    from ganzoo.parts.protocols import RunView

MOST_BYTES, MOST_LINE = 1024 * GIB, MIB
"""Of a log, which is read line by line, and of a line; longer ones are dropped."""


class LogFile(Observer):
    """Writes ``log.jsonl``: round, seconds trained, and each term's mean since the last line."""

    name = "log-file"

    def __init__(self, run: RunView) -> None:
        """Open the file, and drop the lines of rounds that a resumed run will play again."""
        super().__init__(run)
        path = run.folder / "log.jsonl"
        if path.exists():
            drop_after(run.game.rounds, path)
        self.file = path.open("a", buffering=1, encoding="utf-8")

    def noted(self, first: int, terms: dict[str, list[float]]) -> None:
        """Write one line."""
        count = len(next(iter(terms.values())))
        means = {name: sum(values) / len(values) for name, values in terms.items()}
        line = {"round": first + count - 1, "seconds": round(self.run.seconds, 3), **means}
        self.file.write(json.dumps(line) + "\n")

    def finished(self, error: BaseException | None) -> None:  # noqa: ARG002
        """Close the file."""
        self.file.close()


def drop_after(rounds: int, path: Path) -> None:
    """Drop the lines of later rounds from a log, and whatever is no line of one.

    So a run never fails because of what is in its log. Raises RunError where it cannot be written.
    """
    with (
        replacing(path) as temporary,
        opened(path, MOST_BYTES) as (file, _),
        temporary.open("wb") as kept,
    ):
        while line := file.readline(MOST_LINE):
            if round_of(line) <= rounds:
                kept.write(line)


def round_of(line: bytes) -> float:
    """The round of a line of the log; infinity for what is none, as a line that a crash cut off."""
    try:
        found = json_of(line)["round"]
    except (ValueError, KeyError, TypeError):
        return inf
    return found if isinstance(found, int) and line.endswith(b"\n") else inf
