"""The log: one JSON object per line."""

from __future__ import annotations

import json
from math import inf
from typing import TYPE_CHECKING, Any

from ganzoo.parts.observer import Observer
from ganzoo.storage.files import write_text

if TYPE_CHECKING:
    from pathlib import Path

    from ganzoo.errors import DivergedError
    from ganzoo.parts.protocols import RunView


class LogFile(Observer):
    """Writes ``log.jsonl``: round, seconds trained, and each term's mean since the last line.

    Where training diverged and was rolled back, a line says so.
    """

    name = "log-file"

    def __init__(self, run: RunView) -> None:
        """Open the file, and drop the lines of rounds that a resumed run will play again."""
        super().__init__(run)
        self._open()

    def _open(self) -> None:
        path = self.run.folder / "log.jsonl"
        if path.exists():
            lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
            kept = (line for line in lines if round_of(line) <= self.run.game.rounds)
            write_text(path, "".join(kept))
        self.file = path.open("a", buffering=1, encoding="utf-8")

    def noted(self, first: int, terms: dict[str, list[float]]) -> None:
        """Write one line."""
        count = len(next(iter(terms.values())))
        means = {name: sum(values) / len(values) for name, values in terms.items()}
        line = {"round": first + count - 1, "seconds": round(self.run.seconds, 3), **means}
        self.file.write(json.dumps(line) + "\n")

    def saved(self, checkpoint: Path) -> None:  # noqa: ARG002
        """Write a line with what is wrong with the training, if anything is."""
        if self.run.warnings:
            self._write(warnings=list(self.run.warnings.values()))

    def rolled_back(self, error: DivergedError) -> None:
        """Drop the lines of lost rounds, and write one that says so."""
        self.file.close()
        self._open()
        self._write(diverged=str(error))

    def _write(self, **facts: Any) -> None:
        run = self.run
        line = {"round": run.game.rounds, "seconds": round(run.seconds, 3), **facts}
        self.file.write(json.dumps(line) + "\n")

    def finished(self, error: BaseException | None) -> None:  # noqa: ARG002
        """Close the file."""
        self.file.close()


def round_of(line: str) -> float:
    """The round of a line of the log; infinity for a line that a crash left incomplete."""
    try:
        return float(json.loads(line)["round"])
    except (ValueError, KeyError, TypeError):
        return inf
