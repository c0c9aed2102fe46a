"""The speed on a GPU: a round as one CUDA graph against eager, fp32 and bf16, in eight minutes.

    python benchmarks/gpu.py [--device cuda] [--minutes 7.5] [--seconds 8] [--out gpu.json]

It needs this file, ``gpu_rows.py``, ``timing.py`` and ``noise.py`` beside it, and ganzoo with its
plugins; where ``metrics_device.py`` lies there too, metrics are compared with the CPU's. First it
checks that rounds of a graph are those of eager, bit for bit with deterministic algorithms, and
that bf16 follows the losses of fp32. Then it times each case, contenders alternating; trains dcgan
for 10,000 rounds both ways and scores it. Every row stands by itself: one that fails says why and
the next goes on, and the JSON is written after each. Rows that no time is left for are left out,
and said. Exits with 1 where a check or a goal is missed.

``--device cpu --quick`` runs all of it in seconds on tiny settings, to see whether it runs.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Sequence
from functools import partial

import torch
from gpu_rows import (
    CASES,
    METRICS,
    alike,
    cleared,
    follows,
    metrics,
    same_bits,
    speeds,
    trained,
)
from timing import Report, arguments, machine, markdown


def main(argv: Sequence[str] | None = None) -> int:
    """Run the whole table."""
    options = settled(argv)
    if torch.device(options.device).type == "cuda" and not torch.cuda.is_available():
        print("There is no GPU here; --device cpu --quick shows whether it runs.", file=sys.stderr)
        return 2
    # cuBLAS reads it when it is first used.
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    end = time.perf_counter() + 60 * options.minutes
    report = Report(options.out, {"machine": machine(options.device)}, end)
    measure(report, options)
    for table, rows in report.rows.items():
        print(f"\n{table}\n\n{markdown(rows)}")
    if torch.device(options.device).type != "cuda":
        print("\nWithout a GPU, a stand-in repeats a round's operations: its speed means nothing.")
    for missed in report.missed:
        print(f"MISSED {missed}")
    return int(bool(report.missed))


def measure(report: Report, options: argparse.Namespace) -> None:
    """Add every row, the checks first."""
    cases = CASES[:2] if options.quick else CASES
    for case in cases:
        report.add("graph is eager", case.name, partial(same_bits, case, options))
        report.add("bf16 follows fp32", case.name, partial(follows, case, options))
        cleared(options.device)
    for case in cases:
        report.add("speed", case.name, partial(speeds, case, options))
        cleared(options.device)
    if METRICS.exists():
        report.add("metrics", options.data, partial(metrics, options))
    for graph in (True, False):
        name = "graph" if graph else "eager"
        report.add("dcgan trained", name, partial(trained, options, graph=graph))
    runs = report.rows["dcgan trained"]
    report.add("same Frechet distance", "graph and eager", lambda: alike(*runs))


def settled(argv: Sequence[str] | None) -> argparse.Namespace:
    """The options, and the sizes that go with them."""
    options = arguments(
        __doc__,
        argv,
        ("--device", {"default": "cuda"}),
        ("--minutes", {"type": float, "default": 7.5, "help": "no row begins after them"}),
        ("--data", {"default": "fashion-mnist", "help": "what dcgan is trained on"}),
        ("--width", {"type": int, "default": 64}),
        ("--batch", {"type": int, "default": 64}),
    )
    options.rows, options.checked, options.turn = 20_000, 20, 30
    options.rounds_trained, options.samples, options.scored = 10_000, None, 5000
    options.seconds = min(options.seconds, 8.0)
    if options.quick:
        options.width, options.batch, options.data = 4, 4, "digits"
        options.rows, options.checked, options.turn = 64, 3, 1
        options.rounds_trained, options.samples, options.scored = 2, 64, 64
    return options


if __name__ == "__main__":
    sys.exit(main())
