"""Points, where an engine's own time would show: against the loop of a tutorial, same networks.

    python benchmarks/points.py [--seconds 60] [--out points.json]

An MLP of width 128 on the ring, 256 points a step. The loop is that of a tutorial: Adam as it
comes, ``backward()`` through both networks on both turns, no moving average. Many tutorials detach
the samples on the discriminator's turn, which saves a pass back through the generator; PyTorch's
own for DCGAN also makes the samples once for both turns, which is ``fakes=shared`` here. Each loop
is compared with the engine's round of the same algorithm. CPU seconds on one thread, alternating
in one process.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from typing import Any

import torch
from timing import Ratio, Round, alternate, arguments, machine, markdown, write
from torch.nn.functional import binary_cross_entropy_with_logits as bce

from ganzoo.engine.composition import compose
from ganzoo.engine.game import Game

BATCH, WIDTH, ROUNDS = 256, 128, 20
GOAL = 1.3
"""How many times faster than the tutorial's loop a round of the engine must be."""


def game_of(*settings: str) -> Game:
    """The variant on the ring, set up anew."""
    chosen = [f"architecture.width={WIDTH}", f"batch={BATCH}", *settings]
    return compose("vanilla", data="ring", settings=chosen).game()


def tutorial(*, detached: bool, shared: bool = False) -> Round:
    """A round as tutorials write it, on networks of the variant's own making."""
    game = game_of()
    generator, discriminator = game.nets["generator"], game.nets["discriminator"]
    points, dim = game.train.column("real"), game.spaces["z"].size
    opt_g = torch.optim.Adam(generator.parameters(), lr=2e-4, betas=(0.5, 0.999))
    opt_d = torch.optim.Adam(discriminator.parameters(), lr=2e-4, betas=(0.5, 0.999))
    ones, zeros = torch.ones(BATCH), torch.zeros(BATCH)

    def round_() -> None:
        real = points[torch.randint(len(points), (BATCH,))]
        fake = generator(torch.randn(BATCH, dim))
        opt_d.zero_grad()
        judged = fake.detach() if detached else fake
        loss = bce(discriminator(real), ones) + bce(discriminator(judged), zeros)
        loss.backward()
        opt_d.step()
        if not shared:
            fake = generator(torch.randn(BATCH, dim))
        opt_g.zero_grad()
        loss = bce(discriminator(fake), ones)
        loss.backward()
        opt_g.step()

    return round_


def main(argv: Sequence[str] | None = None) -> None:
    """Time both pairs and print a row for each."""
    chosen = arguments(str(__doc__), argv)
    torch.set_num_threads(1)
    engine, sharing = game_of().round, game_of("fakes=shared").round
    pairs: dict[str, tuple[Round, Round]] = {
        "nothing detached": (tutorial(detached=False), engine),
        "samples detached": (tutorial(detached=True), engine),
        "samples shared": (tutorial(detached=True, shared=True), sharing),
    }
    rounds, seconds = (2, 1) if chosen.quick else (ROUNDS, chosen.seconds / len(pairs))
    rows: list[dict[str, Any]] = []
    for name, (loop, ours) in pairs.items():
        times = alternate({"loop": loop, "ganzoo": ours}, rounds=rounds, seconds=seconds)
        medians = {f"{who}, ms a round": 1e3 * statistics.median(t) for who, t in times.items()}
        faster = Ratio.of(times["loop"], times["ganzoo"])
        rows.append({"the tutorial's loop": name, **medians, "times faster": faster})
    print(markdown(rows))
    reached = rows[0]["times faster"].middle >= GOAL
    print(f"{GOAL} times the loop that detaches nothing: {'' if reached else 'not '}reached.")
    write(chosen.out, {"machine": machine(), "rows": rows})


if __name__ == "__main__":
    main()
