"""Measuring: values by name, the metrics that can be read from them, and the scores that result."""

from __future__ import annotations

from math import isfinite
from typing import TYPE_CHECKING, Any, cast

import torch
from torch.utils.weak import WeakTensorKeyDictionary

from ganzoo.engine.sampling import discriminator_heads
from ganzoo.engine.streams import seed_for
from ganzoo.errors import DivergedError
from ganzoo.parts.metric import Metric, Score
from ganzoo.parts.needs import reads

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from torch import Tensor

    from ganzoo.engine.game import Game
    from ganzoo.parts.dataset import Data
    from ganzoo.parts.features import FeatureExtractor

VALIDATION = 1000
"""Training rows that a metric may choose its own options on, at most: the last ones."""

FEATURED = frozenset({"real_features", "fake_features", "fake_logits"})
"""What an extractor makes of images."""

_real_features = WeakTensorKeyDictionary()
"""Features of held-out columns by extractor: a benchmark asks for the same ones at each score."""


def measure_game(game: Game, metrics: Iterable[Metric], *, n: int, seed: int) -> list[Score]:
    """Scores of ``n`` samples of a game's published generator."""
    return measure(metrics, game.data, game.sample(n, seed=seed), seed=seed, game=game)


def measure(
    metrics: Iterable[Metric],
    data: Data,
    samples: Mapping[str, Tensor],
    *,
    seed: int,
    game: Game | None = None,
) -> list[Score]:
    """Scores of samples by every metric that reads only what is offered (see ``Metric``).

    ``samples`` is what ``Game.sample`` returns; real rows are the held-out split's, and the game's
    discriminator judges them where a metric reads one of its heads. Of either side each metric sees
    ``metric.rows`` at most, chosen by the seed. Raises ZooError where a sample is not finite, or
    there are too few.
    """
    metrics = list(metrics)
    shared, real, made = offered(data, samples, seed)
    wanted = {name for m in metrics for name in reads(m.measure)}  # type: ignore[attr-defined]
    if game is not None:
        shared["spaces"] = game.spaces
        extracted = FEATURED if "features" in data.info else frozenset()
        if any(name.startswith("real_") for name in wanted - real.keys() - extracted):
            real |= discriminator_heads(game, data.held_out)
    featured = Featured(data, made.get("fake"))
    scores = []
    for metric in metrics:
        needs = reads(metric.measure)  # type: ignore[attr-defined]
        used = featured.extractor(metric) if FEATURED.intersection(needs) else None
        rows = {**real, **featured.real(used, needs)}
        draws = {**made, **featured.made(used)}
        if not all(name in {**shared, **rows, **draws} for name in needs):
            continue
        seen = {**shared, **some(rows, metric.rows, seed), **some(draws, metric.rows, seed)}
        found: dict[str, float] = metric.measure(**{n: seen[n] for n in needs})  # type: ignore[attr-defined]
        for name, value in found.items():
            if not isfinite(value):
                message = f"'{name}' came out as {value}, which is no number to compare."
                raise DivergedError(message)
        compared = any(name in rows for name in needs)
        scores += [
            Score(
                metric=name,
                value=value,
                better=metric.better[name],
                options=metric.model_dump(mode="json"),
                data=data.name,
                data_sha256=data.sha256,
                split="held-out",
                n_real=len(seen["real"]) if compared else None,
                n_fake=len(seen[next(iter(made))]),
                seed=seed,
                extractor=used.name if used else None,
                extractor_sha256=used.sha256 if used else None,
            )
            for name, value in found.items()
        ]
    return scores


def offered(
    data: Data, samples: Mapping[str, Tensor], seed: int
) -> tuple[dict[str, Any], dict[str, Tensor], dict[str, Tensor]]:
    """Every value that a metric may read: shared ones, columns of real rows, columns of samples."""
    if not all(bool(torch.isfinite(value).all()) for value in samples.values()):
        message = "samples that are not finite cannot be scored; the generator has diverged."
        raise DivergedError(message)
    shared = {**data.info, "seed": seed}
    if data.spaces["real"].bounded:
        shared["validation"] = data.train.column("real", slice(fitted_on(data), None))
    real = {name: data.held_out.column(name) for name in data.spaces}
    made = {f"fake_{n}" if n in data.spaces else n: value for n, value in samples.items()}
    return shared, real, made


class Featured:
    """What extractors make of the images of both sides, each at most once, if it is asked for."""

    def __init__(self, data: Data, fake: Tensor | None) -> None:
        """Keep the data and the samples, where there are any."""
        self.data, self.fake = data, fake
        self._made: dict[str, dict[str, Tensor]] = {}

    def extractor(self, metric: Metric) -> FeatureExtractor | None:
        """The one that a metric reads: its own, or else the data's."""
        own = cast("FeatureExtractor | None", self.data.info.get("features"))
        return None if self.fake is None else metric.extractor() or own

    def real(self, extractor: FeatureExtractor | None, needs: Iterable[str]) -> dict[str, Tensor]:
        """Features of the held-out rows, where they are needed."""
        if extractor is None or "real_features" not in needs:
            return {}
        return {"real_features": real_features(self.data, extractor)}

    def made(self, extractor: FeatureExtractor | None) -> dict[str, Tensor]:
        """Features and logits of the samples."""
        if extractor is None or self.fake is None:
            return {}
        if extractor.sha256 not in self._made:
            features, logits = extractor(self.fake)
            more = {} if logits is None else {"fake_logits": logits}
            self._made[extractor.sha256] = {"fake_features": features, **more}
        return self._made[extractor.sha256]


def real_features(data: Data, extractor: FeatureExtractor) -> Tensor:
    """The features of the held-out rows, computed once for each extractor."""
    stored = data.held_out.columns["real"]
    known: dict[str, Tensor] = _real_features.get(stored, {})  # type: ignore[no-untyped-call]
    if extractor.sha256 not in known:
        known[extractor.sha256] = extractor(data.held_out.column("real"))[0]
        _real_features[stored] = known
    return known[extractor.sha256]


def some(columns: Mapping[str, Tensor], most: int, seed: int) -> dict[str, Tensor]:
    """The same rows of every column: all where there are few enough, else a random choice."""
    n = len(next(iter(columns.values())))
    if n <= most:
        return dict(columns)
    rows = torch.randperm(n, generator=torch.Generator().manual_seed(seed_for(seed, "rows")))[:most]
    return {name: column[rows] for name, column in columns.items()}


def fitted_on(data: Data) -> int:
    """How many training rows come before the validation rows."""
    return len(data.train) - min(VALIDATION, len(data.train) // 10)


def floor(metrics: Iterable[Metric], data: Data, *, seed: int, n: int) -> list[Score]:
    """Scores of ``n`` training rows taken for samples, or of all: what memory would get."""
    stream = torch.Generator().manual_seed(seed_for(seed, "reference"))
    rows = torch.randperm(fitted_on(data), generator=stream)[:n]
    return measure(metrics, data, {"fake": data.train.column("real", rows)}, seed=seed)


def noise(metrics: Iterable[Metric], data: Data, *, seed: int, n: int) -> list[Score]:
    """Scores of ``n`` samples of uniform noise over the range of the data."""
    stream = torch.Generator().manual_seed(seed_for(seed, "reference"))
    real = data.held_out.column("real")
    low, high = real.amin(0), real.amax(0)
    if data.spaces["real"].bounded:
        low, high = -torch.ones_like(low), torch.ones_like(high)
    fake = low + (high - low) * torch.rand(n, *real.shape[1:], generator=stream)
    return measure(metrics, data, {"fake": fake}, seed=seed)
