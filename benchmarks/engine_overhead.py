"""The engine against a hand-written loop: the same networks, losses, data, optimizers and EMA.

    python benchmarks/engine_overhead.py [--seconds 60] [--out overhead.json]

Both run in one process and alternate every few rounds. Seconds are the processor's on one thread,
and wall-clock ones on more. Prints the median over pairs of (engine's time / hand-written loop's
time - 1), with its quartiles.
"""

from __future__ import annotations

import copy
import statistics
import time
from collections.abc import Callable, Sequence

import torch
from timing import Ratio, alternate, arguments, machine, write

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


def main(argv: Sequence[str] | None = None) -> None:
    """Time every case and print a line for each."""
    options = arguments(__doc__, argv, ("--threads", {"type": int, "default": 1}))
    torch.set_num_threads(options.threads)
    clock = time.process_time if options.threads == 1 else time.perf_counter
    zoo, found = default_zoo(), {}
    for name, (variant, data, settings, rounds) in CASES.items():
        composed = zoo.compose(variant, settings=settings)
        loaded = zoo.dataset("digits" if options.quick else data).load()
        contenders = {
            "engine": Game(composed, loaded).round,
            "by hand": hand_written(Game(composed, loaded)),
        }
        times = alternate(
            contenders,
            rounds=1 if options.quick else rounds,
            seconds=options.seconds,
            clock=clock,
        )
        ratio, pairs = Ratio.of(times["engine"], times["by hand"]), len(times["engine"])
        low, middle, high = (value - 1 for value in (ratio.low, ratio.middle, ratio.high))
        found[name] = {"overhead": middle, "quartiles": [low, high], "pairs": pairs}
        rate = 1 / statistics.median(times["by hand"])
        print(
            f"{name}: {middle:+.1%} (quartiles {low:+.1%} to {high:+.1%}, {pairs} pairs of "
            f"{rounds} rounds; by hand {rate:.0f} rounds/s)"
        )
    write(options.out, {"machine": machine(), **found})


if __name__ == "__main__":
    main()
