"""Sampling a published generator against a plain loop in batches of 64.

    python benchmarks/sampling.py [--model NAME] [--images 10000] [--turns 7] [--out FILE]

The plain loop draws latents, calls the network of plain torch layers in eval mode without a
gradient, and joins the batches at the end. Both run on one thread, in turns; times are medians of
CPU seconds. From the same latents both must make the same samples to 1e-5. Then one process draws
10,000 and another 100,000 samples: the second may take more memory for its samples, and for nothing
else. It exits with 1 if sampling is less than 1.2 times as fast, or if memory grows.
"""

from __future__ import annotations

import argparse
import copy
import json
import resource
import statistics
import subprocess
import sys
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

import ganzoo
from ganzoo.builtin.networks.to_pixels import ToPixels

if TYPE_CHECKING:
    from collections.abc import Callable

    from ganzoo.pretrained.model import Pretrained

GOAL = 1.2
SLACK = 0.1
"""How much more than the samples alone the larger process may take, as a share of them."""
BATCH = 64
EQUAL = 1e-5


def plain(model: Pretrained) -> nn.Module:
    """The same network of nothing but torch's own layers."""
    net = copy.deepcopy(model.generator)
    for module in net.modules():
        if isinstance(module, ToPixels):
            module.forward = partial(nn.ConvTranspose2d.forward, module)  # type: ignore[method-assign]
    return net.eval()


def loop(net: nn.Module, latents: Callable[[int], Tensor], n: int) -> Tensor:
    """Samples as a loop of a few lines makes them."""
    with torch.no_grad():
        return torch.cat([net(latents(min(BATCH, n - at))) for at in range(0, n, BATCH)])


def seconds(call: Callable[[], object]) -> float:
    """The CPU seconds of this thread that a call takes."""
    start = time.thread_time()
    call()
    return time.thread_time() - start


def peak(model: str, n: int) -> int:
    """The most bytes that a process of its own had resident when it drew so many samples."""
    command = [sys.executable, __file__, "--model", model, "--images", str(n), "--peak"]
    return int(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def resident() -> int:
    """The most bytes that this process has had resident."""
    size = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return size if sys.platform == "darwin" else 1024 * size


def compared(model: Pretrained, n: int, turns: int) -> dict[str, list[float]]:
    """The seconds of each way, in turns."""
    net, size = plain(model), model.spaces["z"].shape
    drawn = model.values(256)
    with torch.no_grad():
        difference = float((net(drawn["z"]) - drawn["fake"]).abs().max())
    assert difference < EQUAL, f"the samples differ by {difference}"
    found: dict[str, list[float]] = {"plain loop": [], "ganzoo": []}
    for turn in range(turns):
        stream = torch.Generator().manual_seed(turn)
        ways = {
            "plain loop": lambda s=stream: loop(
                net, lambda k: torch.randn(k, *size, generator=s), n
            ),
            "ganzoo": lambda seed=turn: model.sample(n, seed=seed),
        }
        for name, way in ways.items():
            found[name].append(seconds(way))
    return found


def main() -> None:
    """Print a Markdown row; end with 1 where a goal is missed."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--model", default="dcgan/fashion-mnist")
    parser.add_argument("--images", type=int, default=10_000)
    parser.add_argument("--turns", type=int, default=7)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--peak", action="store_true", help="print the peak of memory alone")
    options = parser.parse_args()
    torch.set_num_threads(1)
    model = ganzoo.load(options.model)
    if options.peak:
        model.sample(options.images)
        print(resident())
        return
    found = compared(model, options.images, options.turns)
    medians = {name: statistics.median(times) for name, times in found.items()}
    times = medians["plain loop"] / medians["ganzoo"]
    few, many = (peak(options.model, n) for n in (10_000, 100_000))
    more = sum(90_000 * value[0].nbytes for value in model.values(1).values())
    print("| model | images | plain loop | ganzoo | times | memory beyond the samples |")
    print("|---|---|---|---|---|---|")
    beyond = many - few - more
    print(
        f"| {options.model} | {options.images} | {medians['plain loop']:.2f} s |"
        f" {medians['ganzoo']:.2f} s | {times:.2f} | {beyond / 2**20:+.0f} MiB |"
    )
    if options.out:
        facts = {"model": options.model, "images": options.images, "seconds": found}
        memory = {"10,000": few, "100,000": many, "the samples of the difference": more}
        content = {**facts, "times": times, "bytes": memory, "torch": torch.__version__}
        options.out.write_text(json.dumps(content, indent=2) + "\n")
    sys.exit(times < GOAL or beyond > SLACK * more)


if __name__ == "__main__":
    main()
