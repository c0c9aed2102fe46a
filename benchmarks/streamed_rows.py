"""Training on a streamed folder of images against the same folder resident in memory.

    python benchmarks/streamed_rows.py [--images 20000] [--rounds 40] [--turns 5] [--out FILE]

It writes so many PNGs of 64 x 64 pixels, smoothed noise, to a temporary folder, trains dcgan on
them both ways, alternating, and prints medians of the seconds per round. The weights must come out
bit for bit the same. It exits with 1 if streamed rounds take over 10 % longer. Processor seconds
are those of the training process alone: the workers need other cores.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from ganzoo.builtin.datasets.folder import Folder
from ganzoo.engine.game import Game
from ganzoo.parts.dataset import Data
from ganzoo.plugins.default import default_zoo

GOAL = 1.10
SIDE = 64
WARM = 3
"""Rounds before the clock starts: workers start in the first."""


def draw(folder: Path, count: int) -> int:
    """Write the images; returns the bytes of them all. Smoothed noise packs about as photos do."""
    random = np.random.default_rng(0)
    size = 0
    for number in range(count):
        path = folder / f"{number // 1000:03}" / f"{number:06}.png"
        path.parent.mkdir(exist_ok=True)
        coarse = Image.fromarray(random.integers(0, 256, (16, 16, 3), dtype=np.uint8))
        smooth = np.asarray(coarse.resize((SIDE, SIDE), Image.Resampling.BICUBIC)).astype(int)
        noisy = (smooth + random.integers(-4, 5, smooth.shape)).clip(0, 255).astype(np.uint8)
        Image.fromarray(noisy).save(path)
        size += path.stat().st_size
    return size


def seconds(game: Game, rounds: int) -> tuple[float, float]:
    """The seconds of one round, and those of this process's cores: means over so many rounds."""
    for _ in range(WARM):
        game.round()
    start, used = time.perf_counter(), time.process_time()
    for _ in range(rounds):
        game.round()
    if game.device.type == "cuda":
        torch.cuda.synchronize()
    return (time.perf_counter() - start) / rounds, (time.process_time() - used) / rounds


def digest(game: Game) -> float:
    """A number that two games share only where all their weights are the same."""
    return sum(float(p.detach().double().sum()) for params in game.params.values() for p in params)


def measured(data: dict[str, Data], options: argparse.Namespace) -> dict[str, list[Any]]:
    """The seconds of a round on each kind of rows, in turns."""
    settings = [f"architecture.width={options.width}", f"batch={options.batch}"]
    variant = default_zoo().compose("dcgan", settings=settings)
    found: dict[str, list[Any]] = {kind: [] for kind in data}
    for turn in range(options.turns):
        digests = {}
        for kind, rows in data.items():
            game = Game(variant, rows, device=options.device)
            found[kind].append(seconds(game, options.rounds))
            digests[kind] = digest(game)
            game.train.ahead(())
        assert len({*digests.values()}) == 1, digests
        print(
            turn + 1,
            *(f"{kind} {1000 * times[-1][0]:.1f} ms" for kind, times in found.items()),
            flush=True,
        )
    return found


def main() -> None:
    """Print a table; end with 1 where the goal is missed."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--images", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=40)
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--width", type=int, default=32)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--workers", type=int)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    with tempfile.TemporaryDirectory() as folder:
        size = draw(Path(folder), options.images)
        data, loads = {}, {}
        for kind, resident in (("resident", "yes"), ("streamed", "no")):
            start = time.perf_counter()
            data[kind] = Folder(
                path=folder, size=SIDE, resident=resident, workers=options.workers
            ).load()
            loads[kind] = time.perf_counter() - start
        found = measured(data, options)
    medians = {
        kind: [statistics.median(column) for column in zip(*times, strict=True)]
        for kind, times in found.items()
    }
    ratio, used = (s / r for s, r in zip(medians["streamed"], medians["resident"], strict=True))
    print(f"{options.images} images of {SIDE} x {SIDE}, {size / options.images:.0f} bytes each")
    for kind, (wall, cpu) in medians.items():
        times = f"round {1000 * wall:7.1f} ms, {1000 * cpu:7.1f} ms of the processor"
        print(f"{kind:9} load {loads[kind]:6.1f} s   {times}")
    print(f"streamed / resident: {ratio:.3f}, goal {GOAL:.2f}; of the processor {used:.3f}")
    if options.out:
        facts = {**vars(options), "out": str(options.out), "cores": os.cpu_count()}
        content = {"options": facts, "load": loads, "round": found, "ratio": ratio}
        options.out.write_text(json.dumps(content, indent=2) + "\n")
    sys.exit(ratio > GOAL)


if __name__ == "__main__":
    main()
