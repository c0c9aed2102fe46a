"""How time and memory grow: with width, side, batch, rows, seeds and processes.

    python benchmarks/growth.py [--out growth.json] [--picture growth.png]

A round of dcgan on one thread, and whole contests of ``ganzoo bench``; one thing grows at a time,
and each point is measured in a process of its own. Seconds of a round are the processor's, of the
training process alone; those of contests are of all their processes as seeds grow, and wall-clock
ones as processes do. Memory is the peak above what the
process had after its imports, and that of its children: workers that fetch rows, and runs. Rows
are pictures of 28 x 28 bytes, resident and streamed (each made from its number), in a process whose
addresses are limited, so that the most rows are beyond its memory. Takes some five minutes
where nothing else runs.

Prints a table, in which a slope of k means growth by the k-th power between the last three points.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from growth_picture import BEYOND, draw, slope
from noise import images, space_of
from peak import peak_memory, resident
from timing import arguments, machine, markdown, timed, told, write

import ganzoo
from ganzoo.engine.game import Game
from ganzoo.parts.dataset import Data
from ganzoo.parts.streamed import StreamedRows

FEWEST = 3
"""Rounds of a point that are timed however long they take."""
LIMIT = 3 << 30
"""Bytes of addresses that a process may take where rows grow, beyond those it has."""


@dataclass(frozen=True)
class Effort:
    """What a point may take: seconds of rounds, and the rounds of a contest's runs."""

    seconds: float = 3.0
    rounds: int = 400


@dataclass(frozen=True)
class Axis:
    """What grows, its values, and how a point is measured, in seconds."""

    name: str
    values: tuple[int, ...]
    measure: Callable[[int, Effort], float]
    of: str = "a round"
    limited: bool = False


# ------------------------------------------------------------------------------------------ rounds


class Numbered:
    """Pictures that are made from their numbers, as files would be read and decoded."""

    def __init__(self, rows: int, side: int) -> None:
        """So many of them."""
        self.rows, self.side = rows, side

    def __len__(self) -> int:
        """How many there are."""
        return self.rows

    def __getitem__(self, row: int) -> Mapping[str, Any]:
        """One of them."""
        pixels = np.random.default_rng(row).integers(
            256, size=(1, self.side, self.side), dtype=np.uint8
        )
        return {"real": torch.from_numpy(pixels)}


def data_of(rows: int, side: int, *, streamed: bool = False) -> Data:
    """So many pictures of noise, 1 x side x side."""
    if not streamed:
        return images(rows, 1, side)
    spaces = {"real": space_of(1, side)}
    fetched = StreamedRows(Numbered(rows, side), spaces, index=f"{rows} of {side}", workers=1)
    return images(1000, 1, side, train=fetched)


def seconds_of_round(
    effort: Effort,
    *,
    width: int = 16,
    side: int = 32,
    batch: int = 64,
    rows: int = 2000,
    streamed: bool = False,
) -> float:
    """Processor seconds of a round of dcgan; the median."""
    settings = [f"architecture.width={width}", f"batch={batch}"]
    variant = ganzoo.default_zoo().compose("dcgan", settings=settings)
    game = Game(variant, data_of(rows, side, streamed=streamed))
    game.round()
    found: list[float] = []
    end = time.perf_counter() + effort.seconds
    while len(found) < FEWEST or time.perf_counter() < end:
        found.append(timed(game.round, 1, time.process_time))
    game.train.ahead(())
    return statistics.median(found)


def seconds_of_contest(
    effort: Effort, *, seeds: int = 4, processes: int = 1
) -> tuple[float, float]:
    """A contest of one variant on a ring: seconds by the clock, and of all processes."""
    with tempfile.TemporaryDirectory() as folder:
        start, used = time.perf_counter(), processor_seconds()
        ganzoo.bench(
            ["vanilla"],
            data="ring",
            rounds=effort.rounds,
            evaluations=1,
            seeds=seeds,
            processes=processes,
            threads=1,
            out=Path(folder) / "bench",
            on_progress=lambda _: None,
        )
        return time.perf_counter() - start, processor_seconds() - used


def processor_seconds() -> float:
    """Of this process and of all that it started and that ended."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


ROWS = (10**4, 10**5, 10**6, 10**7)
AXES = (
    Axis("width", (8, 16, 32, 64, 128), lambda n, e: seconds_of_round(e, width=n)),
    Axis("side", (8, 16, 32, 64, 128), lambda n, e: seconds_of_round(e, side=n)),
    Axis("batch", (16, 64, 256, 1024), lambda n, e: seconds_of_round(e, batch=n)),
    Axis("resident rows", ROWS, lambda n, e: seconds_of_round(e, rows=n, side=28), limited=True),
    Axis(
        "streamed rows",
        ROWS,
        lambda n, e: seconds_of_round(e, rows=n, side=28, streamed=True),
        limited=True,
    ),
    Axis("seeds", (1, 2, 4), lambda n, e: seconds_of_contest(e, seeds=n)[1], "a contest"),
    Axis(
        "processes",
        (1, 2, 4),
        lambda n, e: seconds_of_contest(e, processes=n)[0],
        "a contest of 4 seeds",
    ),
)


PANELS = {
    "width": ["width"],
    "side": ["side"],
    "batch": ["batch"],
    "rows": ["resident rows", "streamed rows"],
    "seeds of a contest": ["seeds"],
    "processes of a contest": ["processes"],
}
"""The axes of each column of the picture."""


# ------------------------------------------------------------------------------------------ points


def point(axis: Axis, value: int, effort: Effort) -> dict[str, Any]:
    """One measurement, in this process."""
    with peak_memory() as peak:
        seconds = axis.measure(value, effort)
    return {"axis": axis.name, "value": value, "seconds": seconds, "MiB": peak.mib}


def alone(axis: Axis, value: int) -> int:
    """Print one measurement, whose process this is; returns what it exits with."""
    torch.set_num_threads(1)
    if axis.limited:
        most = resident("VmSize") + LIMIT
        resource.setrlimit(resource.RLIMIT_AS, (most, most))
    try:
        found = point(axis, value, Effort())
    except (MemoryError, RuntimeError) as error:
        if "memory" not in str(error):
            raise
        found = {"axis": axis.name, "value": value, "failed": BEYOND}
    print(json.dumps(found))
    return 0


def in_its_process(axis: Axis, value: int) -> dict[str, Any]:
    """One measurement in a process of its own, or the last line that it left instead."""
    words = [sys.executable, __file__, "--point", axis.name, str(value)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode:
        why = (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]
        return {"axis": axis.name, "value": value, "failed": why}
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


# -------------------------------------------------------------------------------------- results


def table(points: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """A row of each axis: every point, and both slopes."""
    rows = []
    for axis in AXES:
        mine = [p for p in points if p["axis"] == axis.name]
        measured = [p for p in mine if "seconds" in p]
        row = {"what grows": axis.name, "to": "; ".join(f"{p['value']:,}" for p in mine)}
        row["measured"] = axis.of
        for what in ("seconds", "MiB"):
            row[what] = "; ".join(told(p[what]) if what in p else p["failed"] for p in mine)
            row[f"slope of {what}"] = f"{slope(measured, what):.2f}" if measured[1:] else ""
        rows.append(row)
    return [row for row in rows if row["to"]]


def main(argv: Sequence[str] | None = None) -> int:
    """Measure every point, or the one that is asked for."""
    more = (
        ("--picture", {"type": Path, "help": "a PNG of it"}),
        ("--axes", {"nargs": "+", "choices": [axis.name for axis in AXES]}),
        ("--point", {"nargs": 2, "help": argparse.SUPPRESS}),
    )
    options = arguments(__doc__, argv, *more)
    by_name = {axis.name: axis for axis in AXES}
    if options.point:
        return alone(by_name[options.point[0]], int(options.point[1]))
    points = []
    for axis in AXES if options.axes is None else [by_name[name] for name in options.axes]:
        for value in axis.values[:2] if options.quick else axis.values:
            quick = Effort(seconds=0.0, rounds=2)
            found = point(axis, value, quick) if options.quick else in_its_process(axis, value)
            points.append(found)
            print(found, flush=True)
    rows = table(points)
    print(markdown(rows))
    write(options.out, {"machine": machine(), "points": points, "rows": rows})
    if options.picture:
        draw(points, PANELS, options.picture)
    return 0


if __name__ == "__main__":
    sys.exit(main())
