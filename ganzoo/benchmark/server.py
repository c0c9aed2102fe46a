"""A server does the jobs on its standard input, one a line, and writes an exit code for each.

With ``--fork`` it forks for each job: a new interpreter would spend three seconds to import torch.
Plugins are imported after the fork, since a process with their threads could not be forked. Without
``--fork`` it does a single job itself.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from importlib import import_module
from typing import TYPE_CHECKING

from ganzoo.benchmark.jobs import Job
from ganzoo.benchmark.worker import Worker
from ganzoo.errors import InterruptedRunError
from ganzoo.plugins.default import default_zoo
from ganzoo.training.interrupt import INTERRUPTED, REQUESTS, ending_as_ctrl_c, handled

if TYPE_CHECKING:
    from types import FrameType

PRELOADED = ("torch._dynamo", "ganzoo.builtin.offers")
"""What every job would import: its first optimizer the one, in over a second, its zoo the other."""


def work(row: str) -> int:
    """Do a job, given as JSON, in this process; returns its exit code."""
    threading.Thread(target=exit_with_parent, daemon=True).start()
    try:
        with ending_as_ctrl_c():
            Worker(Job.model_validate_json(row), default_zoo()).run()
    except (InterruptedRunError, KeyboardInterrupt):
        return INTERRUPTED
    return 0


def exit_with_parent() -> None:
    """End this process at once when the benchmark ends, even if it was killed.

    The benchmark holds the other end of standard input open and writes nothing to it while a job is
    at work. Without this, an orphan would keep writing to a folder that the next command resumes.
    """
    os.read(sys.stdin.fileno(), 1)
    os._exit(1)


def forked(row: str) -> int:
    """Do a job in a fork of this process; returns its exit code, or minus the signal that ended it.

    Ctrl-C that arrives here is passed on, even if it arrives while forking.
    """
    signal.pthread_sigmask(signal.SIG_BLOCK, REQUESTS)
    child = os.fork()
    if child == 0:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, REQUESTS)
        os._exit(work(row))  # at once: all modules would take a second to be taken apart

    def passed_on(number: int, frame: FrameType | None) -> None:  # noqa: ARG001
        os.kill(child, number)

    # A cluster asks every process to end, and so the job too, which needs time to save.
    with handled(lambda *_: None):
        signal.signal(signal.SIGINT, passed_on)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, REQUESTS)
        _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status)


def main(*, fork: bool) -> int:
    """Do jobs until standard input ends, or the only one there is."""
    # What a job prints must not be read as an exit code.
    codes = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    if not fork:
        return work(sys.stdin.readline())
    for name in PRELOADED:
        import_module(name)
    for row in sys.stdin:
        print(forked(row), file=codes, flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(fork="--fork" in sys.argv))
