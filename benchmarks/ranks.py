"""Two ranks of one thread each against one process of two threads: equal numbers, and wall time.

    torchrun --nproc-per-node 2 benchmarks/ranks.py [dcgan] [--seconds 60] [--out ranks.json]

Rank 0 also plays alone, while the others wait. Both ways alternate every few rounds, so that a
drift of the machine's speed affects both. Prints a row of a Markdown table for each case: the
medians over pairs of the images a second, and of their ratio with its quartiles; and the largest
relative difference of a term in the first round, with synchronized batch norm.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from pathlib import Path

import torch

from ganzoo.engine.composition import Composition, compose
from ganzoo.engine.game import Game
from ganzoo.engine.group import Group
from ganzoo.training.joining import joined

CASES = {"dcgan": 2, "wgan-gp": 1}
"""Rounds at a time of each variant, at width 64 on 3 x 32 x 32, batch 64."""
SETTINGS = ["architecture.width=64", "batch=64"]


def composed(variant: str) -> Composition:
    """A variant on noise, whose rounds take as long as those on pictures."""
    pixels = torch.randint(256, (512, 3, 32, 32), generator=torch.Generator().manual_seed(0))
    return compose(variant, data=pixels.to(torch.uint8), settings=SETTINGS)


def played(game: Game, rounds: int, threads: int) -> float:
    """Wall seconds of some rounds."""
    torch.set_num_threads(threads)
    start = time.perf_counter()
    for _ in range(rounds):
        game.round()
    return time.perf_counter() - start


def difference(composition: Composition, group: Group) -> float:
    """The largest relative difference of a term in the first round, by all ranks and by one.

    Later ones grow: a pre-activation near zero that is rounded to the other side has another
    gradient, and Adam makes a step of full size of any.
    """
    together, alone = composition.game(ranks=group), composition.game()
    played(together, 1, 1)
    played(alone, 1, 1)
    return max(
        abs(float(together.log[player][name]) / float(term) - 1)
        for player, terms in alone.log.items()
        for name, term in terms.items()
    )


def compared(variant: str, rounds: int, seconds: float) -> dict[str, object]:
    """Time both ways in turn; on every rank the same number of times."""
    composition, group = composed(variant), Group()
    apart = difference(composition, Group(sync_batch_norm=True))
    together, alone = composition.game(ranks=group), composition.game()

    def pair() -> tuple[float, float]:
        taken = played(together, rounds, 1)
        return taken, played(alone, rounds, group.world) if group.rank == 0 else taken

    pair()  # of cold caches
    pairs, began = [pair(), pair()], time.perf_counter()
    while group.told(time.perf_counter() - began < seconds):
        pairs.append(pair())
    images = rounds * composition.variant.batch * dict(composition.variant.turns)["discriminator"]
    ratios = [alone / together for together, alone in pairs]
    return {
        "variant": variant,
        "ranks": group.world,
        "pairs": len(pairs),
        "ranks_images_per_second": images / statistics.median(t for t, _ in pairs),
        "threads_images_per_second": images / statistics.median(a for _, a in pairs),
        "ratio": statistics.median(ratios),
        "quartiles": statistics.quantiles(ratios, n=4)[::2],
        "largest_difference": apart,
    }


def main() -> None:
    """Time every case; rank 0 prints a row for each."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("variants", nargs="*", choices=[*CASES, []], help="by default, all")
    parser.add_argument("--seconds", type=float, default=60, help="of each case")
    parser.add_argument("--out", type=Path, help="where the numbers are kept as JSON")
    arguments = parser.parse_args()
    found = []
    with joined() as ranks:
        if ranks.world == 1:
            parser.error("start it by torchrun --nproc-per-node 2 benchmarks/ranks.py")
        if ranks.rank == 0:
            print(
                "| variant | images/s, ranks | images/s, threads | ranks are faster by "
                "| terms apart |\n|---|---|---|---|---|"
            )
        for variant in arguments.variants or CASES:
            case = compared(variant, CASES[variant], arguments.seconds)
            found.append(case)
            if ranks.rank == 0:
                print(
                    "| {variant} | {ranks_images_per_second:.0f} | {threads_images_per_second:.0f} "
                    "| {ratio:.2f} ({quartiles[0]:.2f} to {quartiles[1]:.2f}) "
                    "| {largest_difference:.1g} |".format(**case)
                )
    if arguments.out is not None and ranks.rank == 0:
        arguments.out.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
