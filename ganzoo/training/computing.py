"""Computing on a number of torch's threads, whatever other Python threads do."""

from __future__ import annotations

from contextlib import contextmanager
from threading import Thread
from typing import TYPE_CHECKING

import torch

from ganzoo.storage.lock import Exclusive

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

USUAL = Exclusive()
"""The number of torch's threads that a new Python thread starts with."""


@contextmanager
def computing_on(threads: int) -> Iterator[None]:
    """Compute on so many of torch's threads, inside, in this Python thread and in no other.

    So trainings side by side each keep their own number, and leave none behind.
    """
    before = torch.get_num_threads()  # first: a thread's first use would replace what it set
    set_own(threads)
    try:
        yield
    finally:
        set_own(before)


def set_own(threads: int) -> None:
    """Set the number of this Python thread.

    Torch keeps one for each Python thread, and one for those to come; it only sets both at once.
    """
    with USUAL.held():
        usual: list[int] = []
        in_a_new_thread(lambda: usual.append(torch.get_num_threads()))
        torch.set_num_threads(threads)
        in_a_new_thread(lambda: torch.set_num_threads(*usual))


def in_a_new_thread(function: Callable[[], object]) -> None:
    """Call a function in a Python thread of its own, and wait for it."""
    thread = Thread(target=function)
    thread.start()
    thread.join()
