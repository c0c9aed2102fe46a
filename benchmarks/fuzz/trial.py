"""One try of a target with one input: what comes of it, how long it takes, and how much memory."""

from __future__ import annotations

import re
import resource
import sys
import time
import traceback
import warnings
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from ganzoo.errors import ZooError

if TYPE_CHECKING:
    from collections.abc import Callable

    from hypothesis.strategies import SearchStrategy

MOST_SECONDS = 5.0
"""Of a processor, for one input."""
MOST_BYTES = 1 << 30
"""Of memory, for one input."""
MOST_WORDS = 4000
"""Characters of the longest error that somebody would still read."""
PEAK, RESET = Path("/proc/self/status"), Path("/proc/self/clear_refs")


@dataclass(frozen=True)
class Target:
    """A parser: what reads an input, in an empty folder, and inputs that it could meet."""

    name: str
    inputs: Callable[[], SearchStrategy[bytes]]
    read: Callable[[bytes, Path], object]


@dataclass(frozen=True)
class Trial:
    """What came of one input."""

    told: str
    """The error's sentence without what is particular to the input, or how it failed."""
    wrong: str | None
    """The whole of what is wrong with the target; None if it did what it should."""
    seconds: float
    memory: int
    """Bytes that it took at its peak, above those before it."""


def tried(target: Target, blob: bytes) -> Trial:
    """Read one input. Whatever is raised is caught, but for Ctrl-C."""
    told, wrong = "read", None
    before = resident()
    forget_peak()
    started = time.process_time()
    with (
        TemporaryDirectory(prefix="fuzz-") as folder,
        warnings.catch_warnings(),
        redirect_stdout(StringIO()),
        redirect_stderr(StringIO()),
    ):
        warnings.simplefilter("ignore")
        try:
            target.read(blob, Path(folder))
        except ZooError as error:
            told, wrong = general(str(error)), unreadable(str(error))
            told = told if wrong is None else "an error that nobody can read"
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # noqa: BLE001  (this is what is looked for)
            told, wrong = place(error), "".join(traceback.format_exception(error))
    seconds = time.process_time() - started
    memory = max(0, peak() - before)
    if seconds > MOST_SECONDS and wrong is None:
        told, wrong = "slow", f"it took {seconds:.1f} s"
    if memory > MOST_BYTES and wrong is None:
        told, wrong = "large", f"it took {memory >> 20} MiB"
    return Trial(told, wrong, seconds, memory)


def unreadable(sentence: str) -> str | None:
    """What is wrong with the sentence of an error, as one that a user reads."""
    if not sentence.strip() or len(sentence) > MOST_WORDS:
        return f"the error has {len(sentence)} characters: {sentence[:200]!r}"
    return None


def general(sentence: str) -> str:
    """A sentence without names and numbers, so that errors of one kind are equal."""
    return re.sub(r"'.*?'|\".*?\"|[\[({].*?[\])}]|/\S+|\d+", "_", sentence, flags=re.DOTALL)[:100]


def place(error: BaseException) -> str:
    """An exception's type, and the line of ganzoo, or else of the fuzzer, that it came through."""
    frames = traceback.extract_tb(error.__traceback__)
    ours = [f for f in frames if "ganzoo" in f.filename and "site-packages" not in f.filename]
    frame = (ours or frames)[-1]
    return f"{type(error).__name__} at {Path(frame.filename).name}:{frame.lineno}"


# ------------------------------------------------------------------------------------------ memory


def resident(field: str = "VmRSS") -> int:
    """Bytes of memory of this process; 0 where Linux does not tell."""
    try:
        found = re.search(rf"{field}:\s+(\d+) kB", PEAK.read_text(encoding="ascii"))
    except OSError:
        return 0
    return int(found[1]) << 10 if found else 0


def peak() -> int:
    """The most memory since ``forget_peak``; since the start where that cannot be forgotten."""
    if sys.platform == "linux":
        return resident("VmHWM")
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def forget_peak() -> None:
    """Count the peak from here."""
    try:
        RESET.write_text("5", encoding="ascii")
    except OSError:
        return
