"""Ctrl-C, or another request to end, between rounds and never within one."""

from __future__ import annotations

import signal
import sys
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

from ganzoo.errors import InterruptedRunError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import FrameType

REQUESTS = [
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)
]
"""What asks a process to end: Ctrl-C, a cluster's or ``kill``'s request, a terminal that closes."""


INTERRUPTED = 130
"""The exit code of a process that was asked to end, as shells have it for Ctrl-C."""
LONG = 1.0
"""Seconds after which whoever asked is told what is waited for."""
WAITING = (
    "what is at work is finished and saved first; ask again in the same way to stop at once.\n"
)


@contextmanager
def interruptible() -> Iterator[Callable[[], bool]]:
    """Tell, inside, whether the process was asked to end, so that a round is never cut in two.

    The second request of a kind stops at once, as it would have outside; a cluster's may follow
    one that a parent process passes on. If the round takes longer, that is said on standard error.
    Outside the main thread, where no signal arrives, never.
    """
    asked: set[int] = set()
    waiting = telling_if_long()

    def ask(number: int, frame: FrameType | None) -> None:  # noqa: ARG001
        if number in asked:
            signal.signal(number, before[number])
            signal.raise_signal(number)
        if not asked:
            waiting.start()
        asked.add(number)

    with handled(ask) as before:
        try:
            yield lambda: bool(asked)
        finally:
            waiting.cancel()


def telling_if_long() -> threading.Timer:
    """What tells whoever asked what is waited for; to be started, and cancelled at the end."""
    timer = threading.Timer(LONG, lambda: sys.stderr.write(WAITING))
    timer.daemon = True
    return timer


def ignore_requests() -> None:
    """Let no request to end be answered by this process from here on."""
    if threading.current_thread() is threading.main_thread():
        for number in REQUESTS:
            signal.signal(number, signal.SIG_IGN)


@contextmanager
def ending_as_ctrl_c() -> Iterator[None]:
    """Raise KeyboardInterrupt, inside, for every request to end, and not for Ctrl-C alone."""
    with handled(signal.default_int_handler):
        yield


@contextmanager
def handled(
    handler: Callable[[int, FrameType | None], object],
) -> Iterator[dict[int, signal.Handlers | Callable[..., object] | int | None]]:
    """Handle requests to end, inside; yields the handlers before.

    A request that this process ignores, such as a closing terminal's under ``nohup``, stays so,
    but for Ctrl-C's, which a benchmark in the background passes on to its workers.
    """
    if threading.current_thread() is not threading.main_thread():
        yield {}
        return
    kept = (signal.SIG_IGN, None)  # None: not set from Python
    numbers = [n for n in REQUESTS if n == signal.SIGINT or signal.getsignal(n) not in kept]
    before = {number: signal.signal(number, handler) for number in numbers}
    try:
        yield dict(before)
    finally:
        for number, former in before.items():
            signal.signal(number, former)


def interrupted_after(rounds: int) -> InterruptedRunError:
    """What ends a run that was asked to end, and is saved."""
    message = (
        f"interrupted after round {rounds}, which is saved; the same command with --resume goes on "
        "from there."
    )
    return InterruptedRunError(message)
