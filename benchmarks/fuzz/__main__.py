"""Fuzzing: every parser of bytes from elsewhere, tried with inputs that are nearly right.

    python benchmarks/fuzz --minutes 10 [TARGET ...] [--jobs 2] [--seed 0]
    python benchmarks/fuzz idx --input runs/fuzz/idx/0123456789ab

A target may read an input or raise ZooError. Anything else is a find: another exception, a crash,
more than 5 s of a processor, more than 1 GiB of memory above what the process had before, or an
error too long to be read. Memory is the process's peak as Linux counts it, reset before each input;
its addresses are limited, so that no input takes the machine's memory. Inputs come from hypothesis,
by a seed that is printed, and those that fail are kept in ``runs/fuzz/TARGET``. Exits with 1 if
something was found.
"""

from __future__ import annotations

import argparse
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.path.pop(0)  # this folder, whose modules would hide others
sys.path.insert(0, str(Path(__file__).parents[1]))

from fuzz.campaign import Tally, attack, watched
from fuzz.targets import TARGETS
from fuzz.trial import tried

ROW = "{:<16}{:>10}{:>10}{:>10}{:>12}{:>12}{:>8}"


def main() -> int:
    given = arguments()
    unknown = sorted({*given.targets} - {*TARGETS})
    if unknown:
        print(f"no target {', '.join(unknown)}; there are: {', '.join(TARGETS)}", file=sys.stderr)
        return 2
    if given.attack:
        attack(TARGETS[given.attack], given.out / given.attack, given.seed, given.minutes)
        return 0
    names = given.targets or [*TARGETS]
    if given.input:
        trial = tried(TARGETS[names[0]], given.input.read_bytes())
        print(trial.wrong or trial.told)
        return int(trial.wrong is not None)
    print(f"seed {given.seed}, {given.minutes:g} min each, {given.jobs} at a time", flush=True)
    print(ROW.format("target", "inputs", "inputs/s", "results", "slowest", "memory", "finds"))
    with ThreadPoolExecutor(given.jobs) as pool:
        tallies = pool.map(
            lambda name: watched(name, given.out / name, given.seed, given.minutes), names
        )
        found = [*map(shown, names, tallies)]
    for name, tally in zip(names, found, strict=True):
        for told, file in tally.finds.items():
            print(f"{name}: {told}: {file}")
    return int(any(tally.finds for tally in found))


def shown(name: str, tally: Tally) -> Tally:
    """Print a target's row as soon as it is done."""
    speed = tally.inputs / max(tally.seconds, 1e-9)
    numbers = (f"{tally.inputs:,}", f"{speed:.0f}", len(tally.results), f"{tally.slowest:.2f} s")
    print(ROW.format(name, *numbers, f"{tally.memory >> 20} MiB", len(tally.finds)), flush=True)
    return tally


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("targets", nargs="*", metavar="TARGET")
    parser.add_argument("--minutes", type=float, default=1.0, help="of each target")
    parser.add_argument("--jobs", type=int, default=1, help="targets at a time")
    parser.add_argument("--seed", type=int, default=0, help="of the first inputs")
    parser.add_argument("--out", type=Path, default=Path("runs/fuzz"), help="where finds are kept")
    parser.add_argument("--input", type=Path, help="try only this input, with the one TARGET")
    parser.add_argument("--attack", help=argparse.SUPPRESS)  # the process that may crash
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
