"""The engine against a hand-written loop: the same networks, losses, data, optimizers and EMA.

    python benchmarks/engine_overhead.py [--seconds 60] [--out overhead.json]

Both run in one process and alternate every few rounds, so that a drift of the machine's speed
affects both. Prints the median over pairs of (engine's time / hand-written loop's time - 1), with
its quartiles.
"""

from __future__ import annotations

import argparse
import copy
import json
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import torch

from ganzoo.engine.game import Game
from ganzoo.plugins.default import default_zoo

CASES = {
    "mlp, width 128, on ring": ("vanilla", "ring", ["architecture.width=128"], 40),
    "dcgan, width 32, 28 x 28": ("dcgan", "fashion-mnist", ["dcgan.width=32"], 4),
}


def hand_written(game: Game) -> Callable[[], None]:
    """The loop that one would write for this variant; each backward is limited to its player."""
    generator, discriminator = game.nets["generator"], game.nets["discriminator"]
    options = game.variant.optimizers
    opt_g = torch.optim.Adam(generator.parameters(), **options["generator"].arguments(), fused=True)
    opt_d = torch.optim.Adam(
        discriminator.parameters(), **options["discriminator"].arguments(), fused=True
    )
    params_g, params_d = list(generator.parameters()), list(discriminator.parameters())
    averaged = copy.deepcopy(generator)
    # The fastest average that torch has: all parameters at once, listed once.
    average, rest = list(averaged.parameters()), 1 - (game.variant.ema or 0)
    buffers = list(zip(averaged.buffers(), generator.buffers(), strict=True))
    images, batch = game.train.columns["real"], game.variant.batch
    dim, softplus = game.variant.sampler.dim, torch.nn.functional.softplus

    def round_() -> None:
        rows = torch.randint(len(images), (batch,))
        real = images[rows]
        if real.dtype == torch.uint8:
            real = real.float().div_(127.5).sub_(1)
        with torch.no_grad():
            fake = generator(torch.randn(batch, dim))
        loss_d = (softplus(-discriminator(real)) + softplus(discriminator(fake))).mean()
        opt_d.zero_grad(set_to_none=True)
        loss_d.backward(inputs=params_d)
        opt_d.step()
        loss_g = softplus(-discriminator(generator(torch.randn(batch, dim)))).mean()
        opt_g.zero_grad(set_to_none=True)
        loss_g.backward(inputs=params_g)
        opt_g.step()
        with torch.no_grad():
            torch._foreach_lerp_(average, params_g, rest)
            for mine, its in buffers:
                mine.copy_(its)

    return round_


def timed(function: Callable[[], None], rounds: int) -> float:
    """Wall-clock seconds of some rounds."""
    start = time.perf_counter()
    for _ in range(rounds):
        function()
    return time.perf_counter() - start


def main() -> None:
    """Time every case and print a line for each."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=60, help="seconds for each case")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--out", type=Path)
    chosen = parser.parse_args()
    torch.set_num_threads(chosen.threads)
    zoo, found = default_zoo(), {}
    for name, (variant, data, settings, rounds) in CASES.items():
        composed = zoo.compose(variant, settings=settings)
        loaded = zoo.dataset(data).load()
        engine, hand = Game(composed, loaded).round, hand_written(Game(composed, loaded))
        timed(engine, rounds), timed(hand, rounds)
        ratios, hand_times, end = [], [], time.perf_counter() + chosen.seconds
        while time.perf_counter() < end:
            # They take turns to go first, so that a cache warmed by one favours neither.
            if len(ratios) % 2:
                ours, theirs = timed(engine, rounds), timed(hand, rounds)
            else:
                theirs, ours = timed(hand, rounds), timed(engine, rounds)
            ratios.append(ours / theirs - 1)
            hand_times.append(theirs / rounds)
        low, middle, high = statistics.quantiles(ratios, n=4)
        found[name] = {"overhead": middle, "quartiles": [low, high], "pairs": len(ratios)}
        rate = 1 / statistics.median(hand_times)
        print(
            f"{name}: {middle:+.1%} (quartiles {low:+.1%} to {high:+.1%}, {len(ratios)} pairs of "
            f"{rounds} rounds; by hand {rate:.0f} rounds/s)"
        )
    if chosen.out:
        chosen.out.write_text(json.dumps(found, indent=2) + "\n")


if __name__ == "__main__":
    main()
