"""Calls into other projects' code: what it raises, prints or changes stays its own affair."""

from __future__ import annotations

import os
import sys
import time
from contextlib import contextmanager, redirect_stdout, suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from ganzoo.plugins.process import SETTINGS
from ganzoo.storage.lock import Exclusive

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

Value = TypeVar("Value")
STDOUT, STDERR = 1, 2
PROCESS = Exclusive()
"""The settings of the process, and its standard output, while a plugin is loaded."""


@dataclass(frozen=True, slots=True)
class Call(Generic[Value]):
    """What came of a call: its value, or what it raised; what it changed, and its seconds."""

    value: Value | None
    error: BaseException | None
    changed: tuple[str, ...] = ()
    seconds: float = 0.0


def contained(function: Callable[..., Value], *args: Any) -> Call[Value]:
    """Call a function that may raise anything, ``SystemExit`` too; only Ctrl-C passes."""
    try:
        return Call(function(*args), None)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # noqa: BLE001  (that is what this function is for)
        return Call(None, error)


def isolated(function: Callable[..., Value], *args: Any) -> Call[Value]:
    """Call a function as ``contained``; it prints to standard error, and changes are undone.

    ``changed`` names the settings of the process (``SETTINGS``) that it left different. One thread
    at a time, or one would set back what is another's.
    """
    changed: list[str] = []
    with PROCESS.held(), unprinted(), restored(changed):
        start = time.perf_counter()
        call = contained(function, *args)
        seconds = time.perf_counter() - start
    return replace(call, changed=tuple(changed), seconds=seconds)


@contextmanager
def restored(changed: list[str]) -> Iterator[None]:
    """Set back what differs at the end, and add its names to ``changed``."""
    before = [contained(setting.read) for setting in SETTINGS]
    try:
        yield
    finally:
        for setting, was in zip(SETTINGS, before, strict=True):
            now = contained(setting.read)
            # A value that can no longer be read, such as a device that is not there, has changed.
            if was.error is None and (now.error is not None or now.value != was.value):
                changed.append(setting.name)
                contained(setting.write, was.value)


@contextmanager
def unprinted() -> Iterator[None]:
    """Standard output is for results: print to standard error, from child processes too."""
    with redirect_stdout(sys.stderr):
        if sys.__stdout__ is not None:
            sys.__stdout__.flush()  # what was printed before must not follow the descriptor
        try:
            kept = os.dup(STDOUT)
        except OSError:  # a process without standard output
            yield
            return
        try:
            with suppress(OSError):  # or without standard error
                os.dup2(STDERR, STDOUT)
            yield
        finally:
            os.dup2(kept, STDOUT)
            os.close(kept)
