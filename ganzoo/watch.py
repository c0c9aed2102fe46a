"""Work that must go on: a call that is given up when it stands still."""

from __future__ import annotations

import queue
import threading
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")


def watched(work: Callable[[Callable[[], None]], T], seconds: float) -> T:
    """What ``work(alive)`` returns or raises, in a thread of its own.

    Raises TimeoutError when it neither ends nor calls ``alive`` for that long. The thread is then
    left behind, since nothing can stop it, and does not keep the process from ending.
    """
    said: queue.SimpleQueue[tuple[str, Any]] = queue.SimpleQueue()

    def run() -> None:
        try:
            said.put(("done", work(lambda: said.put(("alive", None)))))
        except BaseException as error:  # noqa: BLE001  (raised again by whoever waits)
            said.put(("failed", error))

    threading.Thread(target=run, daemon=True).start()
    while True:
        try:
            what, value = said.get(timeout=seconds)
        except queue.Empty:
            message = f"nothing came for {seconds:g} s"
            raise TimeoutError(message) from None
        if what == "failed":
            raise value
        if what == "done":
            result: T = value
            return result
