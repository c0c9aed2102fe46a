"""Work that must go on: a call that is given up when it stands still."""

from __future__ import annotations

import queue
import threading
import time
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")
LOOK = 0.2
"""Seconds between looks at what a call leaves behind."""


def watched(
    work: Callable[[Callable[[], None]], T],
    seconds: float,
    left: Callable[[], object] = lambda: None,
) -> T:
    """What ``work(alive)`` returns or raises, in a thread of its own.

    Raises TimeoutError when for that long it neither ends nor calls ``alive``, and ``left()``, what
    can be seen of it or of another that it waits for, stays as it was. The thread is then left
    behind, since nothing can stop it, and does not keep the process from ending.
    """
    said: queue.SimpleQueue[tuple[str, Any]] = queue.SimpleQueue()

    def run() -> None:
        try:
            said.put(("done", work(lambda: said.put(("alive", None)))))
        except BaseException as error:  # noqa: BLE001  (raised again by whoever waits)
            said.put(("failed", error))

    threading.Thread(target=run, daemon=True).start()
    moved, seen = time.monotonic(), left()
    while True:
        try:
            what, value = said.get(timeout=min(LOOK, seconds))
        except queue.Empty:
            what, value = "nothing", None
        if what == "failed":
            raise value
        if what == "done":
            result: T = value
            return result
        now = left()
        if what == "alive" or now != seen:
            moved, seen = time.monotonic(), now
        elif time.monotonic() - moved >= seconds:
            message = f"nothing came for {seconds:g} s"
            raise TimeoutError(message)
