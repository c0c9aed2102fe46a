"""Capturing a device's work: what a device must offer, and what is known of the rounds captured."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    import torch
    from torch import Tensor

    from ganzoo.engine.graphs.rehearsal import Rehearsal
    from ganzoo.parts.part import Player


class NotCaptured(Exception):  # noqa: N818  (no error of the user's: the round is played eagerly)
    """Work that a device cannot capture, and why."""


class Capture(Protocol):
    """Captures the device's work."""

    def warming_up(self) -> AbstractContextManager[None]:
        """Inside, work is done in the way in which it will be captured."""

    def capture(self, work: Callable[[], None]) -> Callable[[], None]:
        """Do some work, and return what does it again, without Python.

        Raises NotCaptured, with nothing done, where it cannot be captured.
        """


@dataclass
class Captured:
    """What is known of the rounds of one pattern."""

    played: int = 0
    first: Rehearsal | None = None
    """The first round that was watched, until the second was."""
    replay: Callable[[], None] | None = None
    logged: list[tuple[Player, str, torch.dtype]] = field(default_factory=list)
    terms: Tensor | None = None
    """The values that the round logs, (n,), of the widest type; each replay writes them anew."""
