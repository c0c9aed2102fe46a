"""The soak of interruptions in short: a variant is killed, asked to end, and meets faults."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

SOAK = Path(__file__).parent.parent / "benchmarks" / "soak.py"


@pytest.mark.skipif(sys.platform != "linux", reason="it reads /proc, and mounts disks")
def test_nothing_is_lost_by_kills_signals_and_faults() -> None:
    words = [sys.executable, str(SOAK), "vanilla", "--kills", "1", "--signals", "1", "--faults"]
    words += (faults := ["full disk", "read-only", "second process", "deleted"])
    done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    header, _, row = done.stdout.splitlines()
    cells = dict(zip(header.strip("| ").split(" | "), row.strip("| ").split(" | "), strict=True))
    met = {"KILL": "1 of 1", **dict.fromkeys(("TERM", "INT", "HUP"), "1 of 1")}
    assert {name: cells[name] for name in met} == met
    assert {cells[name] for name in faults} <= {"ok", "needs root"}
