"""Measuring what a contender costs: operations, memory, and the time to sample from it."""

from __future__ import annotations

import copy
import sys
import time
from itertools import chain
from math import lcm
from statistics import median
from typing import TYPE_CHECKING

import torch

from ganzoo.benchmark.operations import counting
from ganzoo.benchmark.results import Cost
from ganzoo.engine.build import staged

if TYPE_CHECKING:
    from ganzoo.engine.game import Game
    from ganzoo.engine.sampling import FrozenGenerator
    from ganzoo.parts.variant import Variant
    from ganzoo.training.run import Run

LATENCY_REPEATS, LATENCY_MS = 9, 500.0
"""Latency is the median of at most so many repeats, within about so many milliseconds."""
PARTS = 60
"""As finely the budget is divided to weigh stages; up to six equal ones have their exact shares."""
MOST_ROUNDS = 256
"""The most rounds played to count the operations of one."""
PEAK_UNIT = 1 if sys.platform == "darwin" else 1024
"""Bytes in one unit of ``ru_maxrss``: macOS counts bytes, Linux KiB."""


def round_images(variant: Variant) -> int:
    """Rows dealt in a round to the player with the most turns: those times the batch size.

    Of a GAN that is the discriminator as a rule; a likelihood has no discriminator's turn.
    """
    return variant.batch * max(turns for _, turns in variant.turns)


def round_flops(game: Game) -> int:
    """The operations of one round of a game, which is left exactly as it was.

    A lazy regularizer is evaluated only every few steps: the count is the mean over rounds until
    all of them are in phase again. Of networks that grow it is the mean over the whole budget.
    Raises ZooError for an operation that cannot be counted.
    """
    rounds = min(lcm(*(part.every for part in game.variant.regularizers)), MOST_ROUNDS)
    tensors, facts = game.state()
    # The state holds the tensors that training updates in place.
    tensors = {name: tensor.detach().clone() for name, tensor in tensors.items()}
    facts = copy.deepcopy(facts)
    found = stages(game)
    total = 0
    try:
        for progress, share in found:
            game.progress = progress
            with counting() as counter:
                for _ in range(rounds):
                    game.round()
            total += share * counter.total
    finally:
        game.restore(tensors, facts)
        game.train.ahead(())  # ends the processes that fetch rows, if there are any
    return round(total / (rounds * sum(share for _, share in found)))


def stages(game: Game) -> list[tuple[float, int]]:
    """A point of the budget in each stage of a game's networks, and the stage's share of ``PARTS``.

    Only the present point, where no network has stages.
    """
    points = [(part + 0.5) / PARTS for part in range(PARTS)]
    at: dict[tuple[int, ...], list[float]] = {}
    for point in points:
        found = (staged(net, point).values() for net in game.nets.values())
        at.setdefault(tuple(chain(*found)), []).append(point)
    return [(game.progress, 1)] if len(at) == 1 else [(few[0], len(few)) for few in at.values()]


def sample_flops(frozen: FrozenGenerator) -> int:
    """The operations to draw one sample; ZooError for an operation that cannot be counted."""
    with counting() as counter:
        frozen.sample(1)
    return counter.total


def latency_ms(frozen: FrozenGenerator, n: int) -> float:
    """Milliseconds to draw ``n`` samples, the median of several repeats.

    There are fewer repeats where one takes long, as an episode of an environment may.
    """
    taken: list[float] = []
    while len(taken) < LATENCY_REPEATS and sum(taken) < LATENCY_MS:
        start = time.perf_counter()
        frozen.sample(n, seed=len(taken))
        taken.append(1000 * (time.perf_counter() - start))
    return round(median(taken), 3)


def peak_memory_mb(device: torch.device) -> float:
    """Peak memory in MiB: of the GPU for a CUDA device, otherwise of this process."""
    if device.type == "cuda":
        return round(torch.cuda.max_memory_allocated(device) / 2**20, 1)
    try:
        import resource  # does not exist on Windows
    except ImportError:
        return 0.0
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * PEAK_UNIT / 2**20, 1)


def cost_of(run: Run, flops: int | None = None) -> Cost:
    """What a run that has just ended cost; ``flops`` of a round are counted unless given."""
    game, frozen = run.game, run.game.frozen()
    memory = peak_memory_mb(game.device)  # first: all that is measured below takes memory too
    rate = game.rounds / max(run.seconds, 1e-9)
    images = round_images(game.variant)
    return Cost(
        parameters={
            player: sum(param.numel() for param in net.parameters())
            for player, net in game.nets.items()
        },
        round_images=images,
        round_flops=round_flops(game) if flops is None else flops,
        sample_flops=sample_flops(frozen),
        rounds_per_second=round(rate, 3),
        images_per_second=round(rate * images, 1),
        peak_memory_mb=memory,
        first_sample_ms=latency_ms(frozen, 1),
        batch_sample_ms=latency_ms(frozen, 64),
    )
