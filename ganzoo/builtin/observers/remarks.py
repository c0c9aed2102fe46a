"""What there is to know of a run before it trains."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from ganzoo.errors import SENTENCE, shortened
from ganzoo.parts.observer import Observer

if TYPE_CHECKING:
    from ganzoo.parts.protocols import RunView


class Remarks(Observer):
    """Writes to standard error how a run was set up, where that was not the usual way."""

    name = "remarks"

    def __init__(self, run: RunView) -> None:
        """Write each remark on a line."""
        super().__init__(run)
        self._told = 0
        self._tell()

    def noted(self, first: int, terms: dict[str, list[float]]) -> None:  # noqa: ARG002
        """Write what has been found since."""
        self._tell()

    def _tell(self) -> None:
        new = [*self.run.remarks][self._told :]
        self._told += len(new)
        for remark in new:
            sys.stderr.write(f"{shortened(remark, SENTENCE)}\n")  # it may quote names of files
