"""How a command ends: with one sentence, also where it is asked to end, at any moment."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, NoReturn

from ganzoo.training.interrupt import INTERRUPTED, ignore_requests

if TYPE_CHECKING:
    from types import FrameType

AGAIN = "interrupted before it was done; the same command starts it again."


def end_at_once(number: int, frame: FrameType | None) -> NoReturn:  # noqa: ARG001
    """Answer a request to end: say so, and end the process.

    KeyboardInterrupt could be lost: raised inside an import, it may end up as an ImportError, or as
    a module that is half there. Files are whole or absent at any moment, and what needs more than
    that, such as a run, answers requests itself.
    """
    with suppress(OSError):  # the terminal may be gone
        os.write(2, f"error: {AGAIN}\n".encode())
    os._exit(INTERRUPTED)


def fail_at_once(error: object) -> NoReturn:
    """End with an error and at once, without an end of the interpreter.

    Torch's threads that hold a connection to a rank that is gone may abort the process in it.
    """
    ignore_requests()
    sys.stdout.flush()
    with suppress(OSError):  # the terminal may be gone
        sys.stderr.write(f"error: {error}\n")
        sys.stderr.flush()
    os._exit(1)


def fail(error: object, code: int = 1) -> NoReturn:
    """End with an error, as one sentence."""
    ignore_requests()  # there is no more to stop
    sys.stderr.write(f"error: {error}\n")
    sys.exit(code)
