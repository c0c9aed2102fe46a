"""Processes of the command line, as ``soak.py`` starts and watches them."""

from __future__ import annotations

import os
import signal
import sys
import time
import traceback
from contextlib import suppress
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable


STAYS = 10.0
"""Seconds after its parent in which a process must have ended."""


class MissError(Exception):
    """Something that a soak must show, and did not."""


def expect(fact: object, what: str) -> None:
    """Raise MissError, with what was expected, unless it is a fact."""
    if not fact:
        raise MissError(what)


@dataclass
class Child:
    """A process that runs the command line, and the file of what it says."""

    pid: int
    output: Path
    began: float = field(default_factory=time.monotonic)
    code: int | None = None

    def ended(self) -> bool:
        """Whether it has ended; sets its exit code, which is minus the signal that ended it."""
        if self.code is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.code = os.waitstatus_to_exitcode(status)
        return self.code is not None

    def wait_until_it_answers(self) -> None:
        """Wait until it handles requests to end; before, an interpreter answers by itself."""
        status, bit = Path(f"/proc/{self.pid}/status"), 1 << (signal.SIGTERM - 1)
        while not self.ended():
            rows = status.read_text().splitlines()
            caught = next(row for row in rows if row.startswith("SigCgt:"))
            if int(caught.split()[1], 16) & bit:
                return
            time.sleep(0.0005)

    def wait(self, seconds: float = 120.0) -> int:
        """Its exit code."""
        end = time.monotonic() + seconds
        while not self.ended():
            if time.monotonic() > end:
                os.killpg(self.pid, signal.SIGKILL)
                os.waitpid(self.pid, 0)
                expect(fact=False, what=f"a process did not end in {seconds:.0f} s: {self.said}")
            time.sleep(0.002)
        assert self.code is not None
        self.wait_for_group()
        return self.code

    def wait_for_group(self) -> None:
        """Wait for the processes that it has started; MissError where one stays."""
        end = time.monotonic() + STAYS
        with suppress(ProcessLookupError):
            while time.monotonic() < end:
                os.killpg(self.pid, 0)
                time.sleep(0.01)
            expect(fact=False, what="a process that it started stays")

    @property
    def life(self) -> float:
        """Seconds since it was started."""
        return time.monotonic() - self.began

    @property
    def said(self) -> str:
        """What it wrote to standard error and output."""
        return self.output.read_text(errors="replace").strip()


@dataclass
class Launcher:
    """Starts processes of the command line: forks of this one, or new interpreters."""

    folder: Path
    fresh: bool = False
    count: int = 0

    def start(self, *words: str, before: Callable[[], object] = lambda: None) -> Child:
        """A process in a group of its own; ``before`` is called in it first."""
        self.count += 1
        output = self.folder / f"output-{self.count}.txt"
        file = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        pid = os.fork()
        if pid == 0:
            os.setsid()
            for stream in (1, 2):
                os.dup2(file, stream)
            os.close(file)
            # What a shell lets a background process ignore, it would ignore, too.
            signal.signal(signal.SIGINT, signal.default_int_handler)
            for number in (signal.SIGTERM, signal.SIGHUP):
                signal.signal(number, signal.SIG_DFL)
            before()
            if self.fresh:
                os.execv(sys.executable, [sys.executable, "-m", "ganzoo", *words])
            os._exit(command(words))
        os.close(file)
        return Child(pid, output)

    def run(self, *words: str, before: Callable[[], object] = lambda: None) -> Child:
        """A process that has ended."""
        child = self.start(*words, before=before)
        child.wait()
        return child


def command(words: tuple[str, ...]) -> int:
    """The exit code of a command that is run in this process."""
    sys.argv = ["ganzoo", *words]
    code: Any = 0
    try:
        import_module("ganzoo.cli").main()
    except SystemExit as stop:
        code = stop.code or 0
    except BaseException:  # noqa: BLE001  (as an interpreter does)
        traceback.print_exc()
        code = 1
    with suppress(KeyboardInterrupt):
        sys.stdout.flush()
        sys.stderr.flush()
    return code if isinstance(code, int) else 1
