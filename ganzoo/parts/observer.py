"""Observers: they watch a run and change nothing in it."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from pathlib import Path

    from ganzoo.errors import DivergedError
    from ganzoo.parts.protocols import RunView


class Observer:
    """Watches one run; made when training starts, told what happens until it ends."""

    kind: ClassVar[str] = "observer"
    name: ClassVar[str]

    def __init__(self, run: RunView) -> None:
        """Be ready to watch a run."""
        self.run = run

    def noted(self, first: int, terms: dict[str, list[float]]) -> None:
        """Some rounds were played: each term's value on every one of them, from round ``first``."""

    def saved(self, checkpoint: Path) -> None:
        """A checkpoint was written."""

    def rolled_back(self, error: DivergedError) -> None:
        """Training diverged; ``run.game`` is back at a checkpoint, and goes on from there."""

    def finished(self, error: BaseException | None) -> None:
        """Training ended, by itself or by an error."""
