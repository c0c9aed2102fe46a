"""What a contender costs: operations, parameters, memory, and time to draw from it."""

from __future__ import annotations

import sys
import time
from math import lcm
from statistics import median
from typing import TYPE_CHECKING, Any

import torch
from pydantic import BaseModel, ConfigDict
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

from ganzoo.engine.game import Game

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from ganzoo.engine.sampling import FrozenGenerator
    from ganzoo.training.run import Run

LATENCY_TURNS, LATENCY_MS = 9, 500.0
COUNTED = 256
"""Rounds whose operations are counted, at most."""
PEAK_UNIT = 1 if sys.platform == "darwin" else 1024
"""Bytes in one unit of the system's peak resident memory."""


class Cost(BaseModel):
    """What one run took. Only the last five depend on the machine."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    parameters: dict[str, int]
    round_images: int
    """Real samples dealt to the discriminator in a round: the batch times its turns."""
    round_flops: int
    """Floating-point operations of a round, forward and backward, as torch counts them."""
    sample_flops: int
    """Those of drawing one sample."""
    rounds_per_second: float
    images_per_second: float
    peak_memory_mb: float
    """Of the run's process, or of the GPU where it ran there."""
    first_sample_ms: float
    """Drawing one sample, the median of up to nine turns."""
    batch_sample_ms: float
    """Drawing 64 samples, the median of up to nine turns."""


def round_images(game: Game) -> int:
    """Real samples dealt in a round: the batch times the discriminator's turns."""
    turns = dict(game.variant.turns)
    return game.variant.batch * max(1, turns.get("discriminator", 0))


class Operations(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Counts the floating-point operations of all that runs inside, forward and backward.

    By torch's own formulas; its FlopCounterMode also follows modules, and fails within a gradient
    of a gradient.
    """

    def __init__(self) -> None:
        """From zero."""
        super().__init__()  # type: ignore[no-untyped-call]
        self.total: int = 0

    def __torch_dispatch__(
        self,
        func: Any,
        types: Iterable[type],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        del types
        named = dict(kwargs or {})
        out = func(*args, **named)
        count = flop_registry.get(func.overloadpacket)
        if count is not None:
            self.total += int(count(*args, **named, out_val=out))
        return out


def round_flops(game: Game) -> int:
    """The operations of a round, counted on another game of the same composition.

    Where a regularizer is played every few steps, the mean over rounds until all are in step again.
    """
    twin = Game(game.variant, game.data, seed=game.seed, device=str(game.device))
    rounds = min(lcm(*(part.every for part in game.variant.regularizers)), COUNTED)
    counter = Operations()
    with counter:
        for _ in range(rounds):
            twin.round()
    return round(counter.total / rounds)


def sample_flops(frozen: FrozenGenerator) -> int:
    """The operations of one sample."""
    counter = Operations()
    with counter:
        frozen.sample(1)
    return counter.total


def latency_ms(frozen: FrozenGenerator, n: int) -> float:
    """Milliseconds to draw ``n`` samples, the median of several turns (episodes take seconds)."""
    taken: list[float] = []
    while len(taken) < LATENCY_TURNS and sum(taken) < LATENCY_MS:
        start = time.perf_counter()
        frozen.sample(n, seed=len(taken))
        taken.append(1000 * (time.perf_counter() - start))
    return round(median(taken), 3)


def peak_memory_mb(device: torch.device) -> float:
    """The most memory that was held, in MiB: of the GPU where it is one, else of this process."""
    if device.type == "cuda":
        return round(torch.cuda.max_memory_allocated(device) / 2**20, 1)
    try:
        import resource
    except ImportError:  # not on Windows
        return 0.0
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * PEAK_UNIT / 2**20, 1)


def cost_of(run: Run) -> Cost:
    """What a run that has just ended took."""
    game, frozen = run.game, run.game.frozen()
    memory = peak_memory_mb(game.device)  # before another game is set up to count operations
    rate = game.rounds / max(run.seconds, 1e-9)
    images = round_images(game)
    return Cost(
        parameters={
            player: sum(param.numel() for param in net.parameters())
            for player, net in game.nets.items()
        },
        round_images=images,
        round_flops=round_flops(game),
        sample_flops=sample_flops(frozen),
        rounds_per_second=round(rate, 3),
        images_per_second=round(rate * images, 1),
        peak_memory_mb=memory,
        first_sample_ms=latency_ms(frozen, 1),
        batch_sample_ms=latency_ms(frozen, 64),
    )
