"""Measuring: values by name, the metrics that can be read from them, and the scores that result."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import torch
from torch.utils.weak import WeakTensorKeyDictionary

from ganzoo.errors import ZooError
from ganzoo.metric import Metric, Score
from ganzoo.step import reads

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from torch import Tensor

    from ganzoo.data import Data
    from ganzoo.metrics.features import FeatureExtractor

MOST_REAL = 10_000
"""Held-out rows that samples are compared with, at most."""
VALIDATION = 1000

_real_features = WeakTensorKeyDictionary()
"""Features of held-out columns already seen in this process: a benchmark asks for them often."""


def measure(
    metrics: Iterable[Metric], data: Data, fake: Mapping[str, Tensor], *, seed: int
) -> list[Score]:
    """Scores of samples by every metric that reads only what is offered (see ``Metric``).

    ``fake`` is what ``Game.sample`` returns. Real rows are the held-out split's, 10,000 at most.
    Raises ZooError where a sample is not finite.
    """
    values = offered(data, fake, seed)
    extractor = cast("FeatureExtractor | None", data.facts.get("features"))
    scores = []
    for metric in metrics:
        needs = reads(metric.measure)  # type: ignore[attr-defined]
        if not all(name in values for name in needs):
            continue
        featured = extractor is not None and any(
            name.endswith(("_features", "_logits")) for name in needs
        )
        found: dict[str, float] = metric.measure(**{n: values[n] for n in needs})  # type: ignore[attr-defined]
        scores += [
            Score(
                metric=name,
                value=value,
                better=metric.better[name],
                data=data.name,
                split="held-out",
                n_real=len(values["real"]),
                n_fake=len(values["fake"]),
                seed=seed,
                extractor=extractor.name if featured and extractor else None,
                extractor_sha256=extractor.sha256 if featured and extractor else None,
            )
            for name, value in found.items()
        ]
    return scores


def offered(data: Data, fake: Mapping[str, Tensor], seed: int) -> dict[str, Any]:
    """Every value that a metric may read."""
    if not bool(torch.isfinite(fake["fake"]).all()):
        message = "samples that are not finite cannot be scored; the generator has diverged."
        raise ZooError(message)
    real = {name: data.held_out.column(name, slice(0, MOST_REAL)) for name in data.spaces}
    kept = min(VALIDATION, len(data.train) // 10)
    values: dict[str, Any] = {
        **data.facts,
        **real,
        "fake": fake["fake"],
        "seed": seed,
        "validation": data.train.column("real", slice(len(data.train) - kept, None)),
    }
    extractor = cast("FeatureExtractor | None", data.facts.get("features"))
    if extractor is not None:
        stored = data.held_out.columns["real"]
        if stored not in _real_features:
            _real_features[stored] = extractor(real["real"])[0]
        values["real_features"] = _real_features[stored]
        values["fake_features"], logits = extractor(fake["fake"])
        if logits is not None:
            values["fake_logits"] = logits
    return values


def floor(metrics: Iterable[Metric], data: Data, *, seed: int) -> list[Score]:
    """Scores of training rows taken for samples, as many as are held out: what perfection gets."""
    stream = torch.Generator().manual_seed(seed)
    n = min(len(data.held_out), len(data.train), MOST_REAL)
    rows = torch.randperm(len(data.train), generator=stream)[:n]
    return measure(metrics, data, {"fake": data.train.column("real", rows)}, seed=seed)


def noise(metrics: Iterable[Metric], data: Data, *, seed: int) -> list[Score]:
    """Scores of uniform noise over the range of the data."""
    stream = torch.Generator().manual_seed(seed)
    real = data.held_out.column("real", slice(0, MOST_REAL))
    low, high = real.amin(0), real.amax(0)
    if data.spaces["real"].bounded:
        low, high = -torch.ones_like(low), torch.ones_like(high)
    fake = low + (high - low) * torch.rand(real.shape, generator=stream)
    return measure(metrics, data, {"fake": fake}, seed=seed)
