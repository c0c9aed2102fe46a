"""A campaign against one target, in a process of its own that may crash, and who watches it."""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

from fuzz.edits import damaged
from fuzz.trial import MOST_SECONDS, Trial, resident, tried
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

if TYPE_CHECKING:
    from fuzz.trial import Target

BATCH = 200
"""Inputs that one seed makes; then those that had a new result are edited further."""
SPACE = 4 << 30
"""Bytes of addresses, above those after the imports: what asks for more gets a MemoryError."""
SILENCE = 120
"""Seconds without a new input after which a target is taken to hang."""
KEPT = 200
"""The most inputs with a result of their own that are edited further."""
CURRENT, TALLY, ERRORS = "current", "tally.json", "stderr.txt"


@dataclass
class Tally:
    """What a campaign has found."""

    inputs: int = 0
    seconds: float = 0.0
    slowest: float = 0.0
    memory: int = 0
    results: dict[str, int] = field(default_factory=dict)
    """How often each kind of result came, by its sentence."""
    finds: dict[str, str] = field(default_factory=dict)
    """What went wrong, and the file of the first input with which it did."""

    def add(self, trial: Trial) -> bool:
        """Count a trial; whether its result is a new one."""
        self.inputs += 1
        self.slowest = max(self.slowest, trial.seconds)
        self.memory = max(self.memory, trial.memory)
        self.results[trial.told] = self.results.get(trial.told, 0) + 1
        return self.results[trial.told] == 1

    def join(self, other: Tally) -> None:
        """Add what another process has found."""
        self.inputs += other.inputs
        self.seconds += other.seconds
        self.slowest = max(self.slowest, other.slowest)
        self.memory = max(self.memory, other.memory)
        for told, count in other.results.items():
            self.results[told] = self.results.get(told, 0) + count
        for told, file in other.finds.items():
            self.finds.setdefault(told, file)


def attack(target: Target, out: Path, first: int, minutes: float) -> None:
    """Try inputs until the time is over; what is found is kept in ``out`` after each batch.

    Inputs that had a new result are kept in memory, and edited further: a sentence that was not
    seen before is a path through the parser that was not taken before.
    """
    inputs = target.inputs()
    tally, kept = Tally(), list[bytes]()
    limit_space()
    started = time.monotonic()
    while time.monotonic() - started < 60 * minutes:
        number = first + tally.inputs // BATCH
        further = damaged([*kept]) if kept else st.nothing()

        def body(blob: bytes) -> None:
            (out / CURRENT).write_bytes(blob)
            allow_seconds(2 * MOST_SECONDS)
            trial = tried(target, blob)
            if tally.add(trial):
                if trial.wrong is None and len(kept) < KEPT:
                    kept.append(blob)
                elif trial.wrong is not None:
                    tally.finds[trial.told] = kept_find(out, blob, trial.wrong)

        seed(number)(SETTINGS(given(blob=st.one_of(inputs, inputs, further))(body)))()
        tally.seconds = time.monotonic() - started
        (out / TALLY).write_text(json.dumps(vars(tally)), encoding="utf-8")


SETTINGS = settings(
    max_examples=BATCH,
    phases=[Phase.generate],
    database=None,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)


def limit_space() -> None:
    """Let the process have no more than so many bytes of addresses."""
    used = resident("VmSize")
    hard = resource.getrlimit(resource.RLIMIT_AS)[1]
    if used:
        resource.setrlimit(resource.RLIMIT_AS, (used + SPACE, hard))


def allow_seconds(seconds: float) -> None:
    """Let the process go on for so many seconds of a processor, and then be ended by the system."""
    used = time.process_time()
    hard = resource.getrlimit(resource.RLIMIT_CPU)[1]
    resource.setrlimit(resource.RLIMIT_CPU, (int(used + seconds) + 1, hard))


def kept_find(out: Path, blob: bytes, wrong: str) -> str:
    """Keep an input, and beside it what went wrong; returns the input's file."""
    path = out / sha256(blob).hexdigest()[:12]
    path.write_bytes(blob)
    path.with_suffix(".txt").write_text(wrong, encoding="utf-8", errors="backslashreplace")
    return str(path)


# -------------------------------------------------------------------------------------- from above


def watched(target: str, out: Path, first: int, minutes: float) -> Tally:
    """Run a campaign in processes of its own: another one after each that crashes or hangs."""
    out.mkdir(parents=True, exist_ok=True)
    total = Tally()
    ends = time.monotonic() + 60 * minutes
    lives = 0
    while (left := ends - time.monotonic()) > 0:
        (out / TALLY).unlink(missing_ok=True)
        command = [sys.executable, str(Path(__file__).parent), "--attack", target]
        command += ["--out", str(out.parent), "--seed", str(first + 1000 * lives)]
        with (out / ERRORS).open("wb") as errors:
            process = subprocess.Popen(
                [*command, "--minutes", str(left / 60)], stderr=errors, env=environment()
            )
            how = end_of(process, out)
        if (out / TALLY).exists():
            total.join(Tally(**json.loads((out / TALLY).read_text(encoding="utf-8"))))
        if how is None:
            break
        if not (out / CURRENT).exists():
            message = f"the fuzzer of {target} ended before its first input: {how}."
            raise RuntimeError(message)
        blob = (out / CURRENT).read_bytes()
        total.finds.setdefault(how, kept_find(out, blob, how))
        lives += 1
    (out / CURRENT).unlink(missing_ok=True)
    return total


def end_of(process: subprocess.Popen[bytes], out: Path) -> str | None:
    """How a process ends, in words; None if its time is over. One that hangs is killed."""
    current, started = out / CURRENT, time.time()
    while process.poll() is None:
        time.sleep(0.2)
        last = current.stat().st_mtime if current.exists() else 0.0
        # Its start takes long on a busy machine, and is no input's fault.
        if last > started and time.time() - last > SILENCE:
            process.kill()
            process.wait()
            return "hangs"
    if process.returncode > 0:
        told = (out / ERRORS).read_text(encoding="utf-8", errors="replace")
        message = f"the fuzzer itself fails on {out.name}:\n{told}"
        raise RuntimeError(message)
    name = signal.Signals(-process.returncode).name if process.returncode else None
    return "slow" if name == "SIGXCPU" else name and f"crash by {name}"


def environment() -> dict[str, str]:
    """One thread, as in the tests, no network, and few arenas, each of which takes addresses."""
    return {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
        "OMP_NUM_THREADS": "1",
        "MALLOC_ARENA_MAX": "2",
        "HF_HUB_OFFLINE": "1",
        "SDL_VIDEODRIVER": "dummy",
    }
