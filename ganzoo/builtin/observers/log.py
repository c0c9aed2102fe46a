"""The log: one JSON object per line."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from ganzoo.errors import DivergedError
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
    """Writes ``log.jsonl``: round, seconds trained, and each term's mean since the last line.

    Beside them stand the signals of parts, as they are now.
    Where training diverged, a line says so.
    """

    name = "log-file"

    def __init__(self, run: RunView) -> None:
        """Open the file, and drop the lines of rounds that a resumed run will play again."""
        super().__init__(run)
        self._open()

    def _open(self) -> None:
        path = self.run.folder / "log.jsonl"
        if path.exists():
            drop_after(self.run.game.rounds, path)
        self.file = path.open("a", buffering=1, encoding="utf-8")

    def noted(self, first: int, terms: dict[str, list[float]]) -> None:
        """Write one line."""
        count = len(next(iter(terms.values())))
        means = {name: sum(values) / len(values) for name, values in terms.items()}
        line = {"round": first + count - 1, "seconds": round(self.run.seconds, 3), **means}
        line |= self.run.signals
        self.file.write(json.dumps(line) + "\n")

    def saved(self, checkpoint: Path) -> None:  # noqa: ARG002
        """Write a line with what is wrong with the training, if anything is."""
        if self.run.warnings:
            self._write(warnings=list(self.run.warnings.values()))

    def rolled_back(self, error: DivergedError) -> None:
        """Drop the lines of lost rounds, and write one that says so."""
        self.file.close()
        self._open()
        self._write(diverged=error.what)

    def _write(self, **facts: Any) -> None:
        run = self.run
        line = {"round": run.game.rounds, "seconds": round(run.seconds, 3), **facts}
        self.file.write(json.dumps(line) + "\n")

    def finished(self, error: BaseException | None) -> None:
        """Close the file, with a last line if training diverged for good."""
        if isinstance(error, DivergedError):
            self._write(diverged=error.what)
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
            if stays(line, rounds):
                kept.write(line)


def stays(line: bytes, rounds: int) -> bool:
    """Whether a line of the log stays when a run is back at ``rounds``.

    Those of later rounds go, but not what says that they diverged; so does what is no line of a
    log, as one that a crash cut off.
    """
    try:
        row = json_of(line)
        known = isinstance(row["round"], int) and line.endswith(b"\n")
    except (ValueError, KeyError, TypeError):
        return False
    return known and (row["round"] <= rounds or "diverged" in row)
