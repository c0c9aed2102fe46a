"""Scores of a generator whose samples several ranks draw."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from ganzoo.engine.scores import Scores
from ganzoo.engine.scoring import measure, paired_samples

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ganzoo.engine.heads import Networks
    from ganzoo.engine.ranks import Ranks
    from ganzoo.engine.sampling import FrozenGenerator
    from ganzoo.parts.dataset import Data
    from ganzoo.parts.metric import Metric


def evaluated(
    frozen: FrozenGenerator,
    metrics: Sequence[Metric],
    data: Data,
    *,
    n: int,
    seed: int,
    game: Networks | None,
    ranks: Ranks,
) -> Scores:
    """The scores of ``n`` samples, on every rank, as ``measure`` has them.

    Each rank draws its share of the chunks that samples are drawn in, and rank 0 scores them all.
    """
    frozen, scores = replace(frozen, ranks=ranks), Scores()
    samples = frozen.sample(n, seed=seed)
    if ranks.rank == 0:
        scores = measure(metrics, data, samples, seed=seed, game=game, frozen=frozen)
    elif any(metric.paired for metric in metrics):
        paired_samples(frozen, data, n, seed)
    return ranks.told(scores)
