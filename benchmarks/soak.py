"""A soak of interruptions: kills, signals and faults at random moments, and not a bit may differ.

    python benchmarks/soak.py [VARIANT ...] [--kills 20] [--signals 20] [--seed 0]
        [--faults FAULT ...] [--fresh]

Each variant (by default all that ``ganzoo list`` offers) is trained once undisturbed. Then it is
trained again and again: by processes that are killed, or asked to end by TERM, INT and HUP, at
random moments of their start-up and of their training, each followed by ``--resume``, until so many
have been met alive; and under faults of the disk, of the newest checkpoint and of a second process
(``soaking/faults.py``). Each time the weights must end as those of the undisturbed run, bit for
bit.

Prints a table and every miss; the exit code is 1 if there is one. A process is forked from this
one, which has torch imported, and calls the command line there; with ``--fresh`` it is a new
interpreter, which takes three seconds more.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import tempfile
import time
from importlib import import_module
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

from soaking.faults import FAULTS
from soaking.processes import Launcher, MissError, expect
from soaking.subject import Subject

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

PRELOADED = ("torch._dynamo", "ganzoo.builtin.offers", "ganzoo.cli")
"""What every process would import; none of them starts a thread, which a fork would not have."""
SIGNALS = {"TERM": signal.SIGTERM, "INT": signal.SIGINT, "HUP": signal.SIGHUP}


def soaked(
    subject: Subject, kills: int, signals: int, faults: Sequence[str] = tuple(FAULTS)
) -> dict[str, str]:
    """A row of the table: what each kind of disturbance led to."""
    tests: dict[str, tuple[Callable[[], object], str]] = {
        "undisturbed": (subject.undisturbed, "ok"),
        "KILL": (lambda: subject.killed(kills), f"{kills} of {kills}"),
        **{
            name: (lambda n=number: subject.asked(n, signals), f"{signals} of {signals}")  # type: ignore[misc]
            for name, number in SIGNALS.items()
        },
        **{name: (lambda f=FAULTS[name]: f(subject), "ok") for name in faults},  # type: ignore[misc]
    }
    row = {}
    for name, (test, word) in tests.items():
        began = time.monotonic()
        try:
            row[name] = test() or word
        except (MissError, OSError, ValueError, KeyError) as miss:
            row[name] = f"MISS: {type(miss).__name__ * (not isinstance(miss, MissError))} {miss}"
        took = time.monotonic() - began
        print(f"{subject.variant}: {name}: {row[name]} ({took:.0f} s)", file=sys.stderr, flush=True)
        if name == "undisturbed" and row[name] != word:
            break
    return row


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("variants", nargs="*", metavar="VARIANT")
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--signals", type=int, default=20, help="how many of each kind")
    parser.add_argument("--seed", type=int, default=0, help="fixes the moments, as far as it can")
    parser.add_argument("--faults", nargs="*", choices=FAULTS, default=list(FAULTS))
    parser.add_argument("--fresh", action="store_true", help="a new interpreter for each process")
    given = parser.parse_args()
    # More threads gain nothing for networks so small, and wait for each other where cores are few.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    for name in PRELOADED:
        import_module(name)
    rows = {}
    with tempfile.TemporaryDirectory(prefix="soak-") as place:
        for variant in given.variants or offered(Launcher(Path(place))):
            folder = Path(place) / variant
            folder.mkdir()
            launcher = Launcher(folder, fresh=given.fresh)
            subject = Subject(variant, folder, launcher, Random(f"{given.seed}{variant}"))
            rows[variant] = soaked(subject, given.kills, given.signals, given.faults)
    columns = list(dict.fromkeys(name for row in rows.values() for name in row))
    print("| variant | " + " | ".join(columns) + " |")
    print("|---" * (len(columns) + 1) + "|")
    for variant, row in rows.items():
        print(f"| {variant} | " + " | ".join(row.get(name, "") for name in columns) + " |")
    return int(any(word.startswith("MISS") for row in rows.values() for word in row.values()))


def offered(launcher: Launcher) -> list[str]:
    """The variants that are installed."""
    child = launcher.run("list", "--json")
    expect(child.code == 0, child.said)
    text = child.said
    return [row["variant"] for row in json.loads(text[text.index("[") : text.rindex("]") + 1])]


if __name__ == "__main__":
    sys.exit(main())
