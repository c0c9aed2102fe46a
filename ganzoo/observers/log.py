"""The log: one JSON object a line."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from ganzoo.observers import Observer

if TYPE_CHECKING:
    from ganzoo.run import Run


class LogFile(Observer):
    """``log.jsonl``: the round, the seconds trained, and each term's mean since the last line."""

    name = "log-file"

    def __init__(self, run: Run) -> None:
        """Continue the file, less what a resumed run is about to play again."""
        super().__init__(run)
        path = run.folder / "log.jsonl"
        kept = path.read_text().splitlines(keepends=True) if path.exists() else []
        kept = [line for line in kept if json.loads(line)["round"] <= run.game.rounds]
        self.file = path.open("w", buffering=1)
        self.file.writelines(kept)

    def noted(self, first: int, terms: dict[str, list[float]]) -> None:
        """Write one line."""
        count = len(next(iter(terms.values())))
        means = {name: sum(values) / len(values) for name, values in terms.items()}
        line = {"round": first + count - 1, "seconds": round(self.run.seconds, 3), **means}
        self.file.write(json.dumps(line) + "\n")

    def finished(self, error: BaseException | None) -> None:  # noqa: ARG002
        """Close the file."""
        self.file.close()
