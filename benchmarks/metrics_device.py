"""Features and metrics on a GPU against those of the CPU.

    python benchmarks/metrics_device.py [--rows 10000] [--data fashion-mnist] [--out FILE]

Held-out rows are scored against as many training rows, which stand for samples. The features of
both devices must agree to 1e-4. From the same features, the Frechet and the kernel distance must
agree to 1e-6 of their value, and prdc must decide at most two rows otherwise. TF32 is asked for and
must change nothing. It prints each difference, its tolerance and the seconds, and exits with 1 if a
difference is too large. Without a GPU it compares the CPU with itself.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from ganzoo.builtin.metrics.frechet import frechet_distance
from ganzoo.builtin.metrics.kernel import subset_distance
from ganzoo.builtin.metrics.prdc import prdc
from ganzoo.engine.featured import extracted, measuring
from ganzoo.engine.precision import FULL_PRECISION
from ganzoo.plugins.default import default_zoo

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

FEATURES, DISTANCES, ROWS = 1e-4, 1e-6, 2
K = 5
CPU = torch.device("cpu")


def timed(call: Callable[[], Any], device: torch.device) -> tuple[Any, float]:
    """What a second call returns, and its seconds: the first loads kernels and moves weights."""
    call()
    if device.type == "cuda":
        torch.cuda.synchronize()
    start = time.perf_counter()
    found = call()
    if device.type == "cuda":
        torch.cuda.synchronize()
    return found, time.perf_counter() - start


def relative(one: float, other: float) -> float:
    """The difference of two numbers, as a share of the second."""
    return abs(one - other) / max(abs(other), 1e-12)


def metrics(rows: int) -> dict[str, tuple[Callable[..., dict[str, float]], float]]:
    """What is compared from the same features, and the largest difference that is allowed."""
    return {
        "frechet": (lambda real, fake: {"frechet": frechet_distance(real, fake)}, DISTANCES),
        "kernel": (
            lambda real, fake: {"kernel": subset_distance(real, fake, 20, 1000, seed=0)},
            DISTANCES,
        ),
        "prdc": (lambda real, fake: prdc(real, fake, K), ROWS / rows),
    }


def compared(extractor: Any, images: list[Tensor], device: torch.device) -> list[dict[str, Any]]:
    """A row for each number: the difference of the two devices, and the seconds on both."""
    here, on_cpu = timed(lambda: [extracted(extractor, some, CPU)[0] for some in images], CPU)
    there, on_device = timed(
        lambda: [extracted(extractor, some, device)[0] for some in images], device
    )
    off = max(float((a - b.cpu()).abs().max()) for a, b in zip(here, there, strict=True))
    seconds = {"cpu": on_cpu, "device": on_device}
    found = [{"what": "features", "off": off, "most": FEATURES, **seconds}]
    moved = [some.to(device) for some in here]
    for name, (metric, most) in metrics(min(map(len, images))).items():
        mine, on_cpu = timed(lambda m=metric: m(*here), CPU)
        its, on_device = timed(lambda m=metric: m(*moved), device)
        for number, value in mine.items():
            apart = abs(its[number] - value) if name == "prdc" else relative(its[number], value)
            seconds = {"cpu": on_cpu, "device": on_device}
            found.append({"what": number, "off": apart, "most": most, **seconds})
    return found


def main() -> None:
    """Print a Markdown table; end with 1 where a difference is too large."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rows", type=int, default=10_000)
    parser.add_argument("--data", default="fashion-mnist")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    device = measuring(torch.device(options.device))
    data = default_zoo().part("dataset", options.data).load()
    rows = min(options.rows, len(data.held_out))
    images = [split.column("real", slice(rows)) for split in (data.held_out, data.train)]
    torch.set_float32_matmul_precision("high")
    with FULL_PRECISION:
        found = compared(data.info["features"], images, device)
    print(
        f"| {rows} rows of {data.name} | off by | at most | cpu | {device} |\n|---|---|---|---|---|"
    )
    for row in found:
        times = f"{row['cpu']:.3f} s | {row['device']:.3f} s"
        print(f"| {row['what']} | {row['off']:.2e} | {row['most']:.0e} | {times} |")
    if options.out:
        kind = torch.cuda.get_device_name() if device.type == "cuda" else device.type
        content = {"device": kind, "torch": torch.__version__, "rows": rows, "found": found}
        options.out.write_text(json.dumps(content, indent=2) + "\n")
    sys.exit(any(row["off"] > row["most"] for row in found))


if __name__ == "__main__":
    main()
