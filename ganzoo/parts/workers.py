"""How the processes that fetch rows end: with the training process, and not before it."""

from __future__ import annotations

import os
import signal
import threading


def outlive_requests(_worker: int) -> None:
    """Leave it to the training process to end, which finishes its round first, with our rows.

    Ctrl-C and a closing terminal reach every process of a group, as does a cluster's SIGTERM. From
    the training process alone SIGTERM is an order.
    """
    for name in ("SIGINT", "SIGHUP"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_IGN)
    if hasattr(signal, "sigwaitinfo"):  # on Linux
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
        threading.Thread(target=end_by_order, daemon=True).start()


def end_by_order() -> None:
    """Wait for the training process to end this one."""
    while signal.sigwaitinfo([signal.SIGTERM]).si_pid != os.getppid():
        pass
    os._exit(0)
