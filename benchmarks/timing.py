"""What every benchmark of speed shares: contenders in turns, operations counted, and a table.

Contenders run in one process and alternate every few rounds, and each turn another goes first, so
that a drift of the machine's speed and a cache that one has warmed favour none. What is compared
are ratios within a turn: their median, and quartiles that say how far to trust it.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

Round: TypeAlias = Callable[[], object]
"""One round of a contender."""
Clock: TypeAlias = Callable[[], float]
"""Seconds, from any start."""

QUICK = 0.3
"""Seconds of a comparison that shows only whether it runs."""
FEWEST = 3
"""Turns that are timed however little time there is, so that there are quartiles."""


@dataclass(frozen=True)
class Ratio:
    """The median of ratios, with its quartiles."""

    middle: float
    low: float
    high: float

    @classmethod
    def of(cls, these: Sequence[float], those: Sequence[float]) -> Ratio:
        """These numbers by those, turn by turn; two pairs or more."""
        low, middle, high = statistics.quantiles(
            (one / other for one, other in zip(these, those, strict=True)), n=4, method="inclusive"
        )
        return cls(middle, low, high)

    def __str__(self) -> str:
        """Say it: ``1.15 (1.14 to 1.17)``."""
        return f"{self.middle:.2f} ({self.low:.2f} to {self.high:.2f})"


def clock_of(device: str | torch.device) -> Clock:
    """Wall-clock seconds, read when a GPU has done all that it was asked for."""
    if torch.device(device).type != "cuda":
        return time.perf_counter

    def synchronized() -> float:
        torch.cuda.synchronize(device)
        return time.perf_counter()

    return synchronized


def alternate(
    contenders: Mapping[str, Round],
    *,
    rounds: int,
    seconds: float,
    clock: Clock = time.process_time,
    warm: int = 2,
) -> dict[str, list[float]]:
    """Seconds of a round of each contender, once a turn, for some seconds of wall-clock time.

    A turn is so many rounds of each; ``warm`` rounds of each come before the first. The clock's
    default counts the processor seconds of this process.
    """
    for play in contenders.values():
        timed(play, warm, clock)
    found: dict[str, list[float]] = {name: [] for name in contenders}
    order, end = list(contenders), time.perf_counter() + seconds
    while len(found[order[0]]) < FEWEST or time.perf_counter() < end:
        for name in order:
            found[name].append(timed(contenders[name], rounds, clock))
        order = [*order[1:], order[0]]
    return found


def timed(play: Round, rounds: int, clock: Clock) -> float:
    """Seconds of one round, the mean of some in a row."""
    start = clock()
    for _ in range(rounds):
        play()
    return (clock() - start) / max(rounds, 1)


# ------------------------------------------------------------------------------------- operations


class Operations(TorchDispatchMode):
    """Counts inside by torch's own formulas.

    torch's ``FlopCounterMode`` also attributes them to modules, by hooks that
    ``torch.autograd.grad`` refuses.
    """

    total = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Run one operation and add what it takes."""
        out = func(*args, **(kwargs or {}))
        if (formula := flop_registry.get(func._overloadpacket)) is not None:  # noqa: SLF001
            self.total += formula(*args, **(kwargs or {}), out_val=out)
        return out


def flops(play: Round) -> int:
    """The floating-point operations of matrix products and convolutions in one round.

    A multiplication and an addition are two. Backward passes and second derivatives count, and
    everything elementwise does not.
    """
    with Operations() as counted:
        play()
    return counted.total


def matrix_product(side: int = 2048, device: str | torch.device = "cpu") -> tuple[Round, int]:
    """A product of square fp32 matrices, and its operations: what a processor can do at most."""
    one, other = torch.randn(2, side, side, device=device)
    out = torch.empty_like(one)
    return lambda: torch.mm(one, other, out=out), 2 * side**3


def has_fast_bf16() -> bool:
    """Whether this CPU multiplies bf16 natively (avx512_bf16, AMX or its like on ARM)."""
    return torch.backends.mkldnn.is_available() and bool(
        torch.ops.mkldnn._is_mkldnn_bf16_supported()  # noqa: SLF001  (torch says it nowhere else)
    )


# ------------------------------------------------------------------------------------ comparison


def compare(
    contenders: Mapping[str, Round],
    *,
    against: str,
    samples: int,
    seconds: float,
    rounds: int = 1,
    clock: Clock = time.process_time,
    side: int = 2048,
) -> list[dict[str, Any]]:
    """A row for each contender: its speed, its operations, and how many times faster it is.

    ``samples`` are the real ones of a round. A product of matrices of ``side`` takes its turns
    among the contenders, so that their share of the processor's rate is of the same seconds.
    """
    work = {name: flops(play) for name, play in contenders.items()}
    product, operations = matrix_product(side)
    times = alternate({**contenders, "": product}, rounds=rounds, seconds=seconds, clock=clock)
    peak = [operations / s for s in times.pop("")]
    rows = []
    for name, took in times.items():
        rates = [work[name] / s for s in took]
        rows.append(
            {
                "contender": name,
                "samples/s": samples / statistics.median(took),
                "MFLOP a sample": work[name] / samples / 1e6,
                "GFLOP/s": statistics.median(rates) / 1e9,
                "of the fp32 matrix rate": Ratio.of(rates, peak),
                f"times {against}": Ratio.of(times[against], took),
                "turns": len(took),
            }
        )
    return rows


# -------------------------------------------------------------------------------------- results


def markdown(rows: Sequence[Mapping[str, object]]) -> str:
    """A table, whose columns are all the names in the rows, in the order in which they occur."""
    columns = list(dict.fromkeys(name for row in rows for name in row))
    lines = [columns, ["---"] * len(columns)]
    lines += [[told(row.get(name, "")) for name in columns] for row in rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def told(value: object) -> str:
    """A cell: numbers to three digits."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"  # noqa: PLR2004
    return f"{value:,}" if isinstance(value, int) else str(value)


def machine(device: str | torch.device = "cpu") -> dict[str, object]:
    """What the times depend on."""
    facts = {
        "python": platform.python_version(),
        "torch": torch.__version__,
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "cpu": torch.backends.cpu.get_cpu_capability(),
        "load": os.getloadavg()[0],
    }
    if torch.device(device).type == "cuda":
        facts["gpu"] = torch.cuda.get_device_name(device)
    return facts


def write(path: Path | None, content: Mapping[str, Any]) -> None:
    """Write a result as JSON, if a path is given; a file that is there is replaced at once."""
    if path is None:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(path.name + ".part")
    beside.write_text(json.dumps(content, indent=2, default=vars) + "\n")
    beside.replace(path)


@dataclass
class Report:
    """Tables by name, written as JSON after every row; a row that fails says why."""

    path: Path | None
    facts: Mapping[str, object]
    end: float
    """Of ``time.perf_counter``: no row is begun after it."""
    rows: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    missed: list[str] = field(default_factory=list)

    def add(self, table: str, name: str, measure: Callable[[], dict[str, Any]]) -> None:
        """Add a row, or why there is none."""
        if time.perf_counter() > self.end:
            row = {"left out": "no time was left"}
        else:
            try:
                row = measure()
            except Exception as error:  # noqa: BLE001  (whatever it is, the other rows count)
                row = {"failed": f"{type(error).__name__}: {error}".partition("\n")[0]}
        if row.get("met") is False or "failed" in row or "left out" in row:
            self.missed.append(f"{table}: {name}")
        row = {"case": name, **row}
        self.rows.setdefault(table, []).append(row)
        print(f"{table}: {row}", flush=True)
        self.write()

    def write(self) -> None:
        """Write the JSON."""
        write(self.path, {**self.facts, "missed": self.missed, **self.rows})


def arguments(
    description: str, argv: Sequence[str] | None, *more: tuple[str, Mapping[str, Any]]
) -> argparse.Namespace:
    """The options of a benchmark of speed: ``--seconds``, ``--out``, ``--quick``, and its own."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    options: Iterable[tuple[str, Mapping[str, Any]]] = (
        ("--seconds", {"type": float, "default": 60.0, "help": "of each comparison"}),
        ("--out", {"type": Path, "help": "a JSON file of all that was measured"}),
        ("--quick", {"action": "store_true", "help": "tiny settings: whether it runs at all"}),
        *more,
    )
    for name, settings in options:
        parser.add_argument(name, **settings)
    found = parser.parse_args(argv)
    if found.quick:
        found.seconds = min(found.seconds, QUICK)
    return found
