"""How a command ends: with one sentence, also where it is asked to end, at any moment."""

from __future__ import annotations

import os
import signal
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, NoReturn

from ganzoo.training.interrupt import INTERRUPTED, handled, ignore_requests

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

AGAIN = "interrupted before it was done; the same command starts it again."


@contextmanager
def answering_requests() -> Iterator[None]:
    """Raise KeyboardInterrupt, inside, for the first request to end; the second ends at once.

    Where Python can only report an exception, such as in a weak reference's callback, the first
    ends at once, too: it would be lost.
    """
    reported = sys.unraisablehook

    def first(number: int, frame: FrameType | None) -> None:  # noqa: ARG001
        for request in before:
            signal.signal(request, second)
        raise KeyboardInterrupt

    def second(number: int, frame: FrameType | None) -> None:  # noqa: ARG001
        end_at_once()

    def unraisable(report: sys.UnraisableHookArgs) -> None:
        if issubclass(report.exc_type, KeyboardInterrupt):
            end_at_once()
        reported(report)

    sys.unraisablehook = unraisable
    try:
        with handled(first) as before:
            yield
    finally:
        sys.unraisablehook = reported


def end_at_once() -> NoReturn:
    """End the process, and say so; files are whole or absent at any moment."""
    os.write(2, f"error: {AGAIN}\n".encode())
    os._exit(INTERRUPTED)


def fail(error: object, code: int = 1) -> NoReturn:
    """End with an error, as one sentence."""
    ignore_requests()  # there is no more to stop
    sys.stderr.write(f"error: {error}\n")
    sys.exit(code)
