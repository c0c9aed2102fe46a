"""The features of held-out and training rows and of samples, computed on a device."""

from __future__ import annotations

from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

import torch

from ganzoo.engine.chosen import choice
from ganzoo.parts.features import has_float64

if TYPE_CHECKING:
    from collections.abc import Iterable

    from torch import Tensor

    from ganzoo.parts.features import FeatureExtractor
    from ganzoo.parts.metric import Metric
    from ganzoo.parts.rows import Rows

FEATURED = frozenset({"real_features", "train_features", "fake_features", "fake_logits"})
"""What an extractor makes of images."""
SEARCHED = 100_000
"""The most training rows that features are computed of."""
PART = 2000
"""Images at a time on a GPU, and of training rows: memory holds these and the features of all."""

# A benchmark scores against the same rows many times.
_features: WeakKeyDictionary[Rows, dict[tuple[str, torch.device, int | None], Tensor]]
_features = WeakKeyDictionary()


class Featured:
    """What extractors make of the images of both sides, each computed at most once, when named."""

    def __init__(
        self,
        held_out: Rows,
        fake: Tensor | None,
        extractor: FeatureExtractor | None,
        device: torch.device,
    ) -> None:
        """Keep both sides, the data's own extractor where there is one, and where to compute."""
        self.held_out, self.fake, self.own, self.device = held_out, fake, extractor, device
        self._made: dict[str, dict[str, Tensor]] = {}

    def extractor(self, metric: Metric) -> FeatureExtractor | None:
        """The one that a metric reads: its own, or else the data's."""
        return None if self.fake is None else metric.extractor() or self.own

    def real(self, extractor: FeatureExtractor | None, names: Iterable[str]) -> dict[str, Tensor]:
        """Features of the held-out rows, where they are named."""
        if extractor is None or "real_features" not in names:
            return {}
        known, key = _features.setdefault(self.held_out, {}), (extractor.sha256, self.device, None)
        if key not in known:
            known[key] = extracted(extractor, self.held_out.column("real"), self.device)[0]
        return {"real_features": known[key]}

    def made(self, extractor: FeatureExtractor | None) -> dict[str, Tensor]:
        """Features and logits of the samples."""
        if extractor is None or self.fake is None:
            return {}
        if extractor.sha256 not in self._made:
            features, logits = extracted(extractor, self.fake, self.device)
            more = {} if logits is None else {"fake_logits": logits}
            self._made[extractor.sha256] = {"fake_features": features, **more}
        return self._made[extractor.sha256]


def searched(train: Rows, seed: int) -> Tensor:
    """The numbers of the training rows that are compared with: all, or ``SEARCHED`` by the seed."""
    n = len(train)
    return torch.arange(n) if n <= SEARCHED else choice(n, SEARCHED, seed)


def training_features(
    train: Rows, extractor: FeatureExtractor, device: torch.device, seed: int
) -> Tensor:
    """Features of the training rows that are ``searched``, (N, D), on a device."""
    known = _features.setdefault(train, {})
    key = (extractor.sha256, device, seed if len(train) > SEARCHED else None)
    if key not in known:
        parts = torch.split(searched(train, seed).to(train.device), PART)
        images = (train.column("real", some) for some in parts)
        known[key] = torch.cat([extracted(extractor, some, device)[0] for some in images])
    return known[key]


def extracted(
    extractor: FeatureExtractor, images: Tensor, device: torch.device
) -> tuple[Tensor, Tensor | None]:
    """Features and logits of images, computed on a device and left there."""
    if images.device == device:
        return extractor(images)
    pairs = [extractor(part.to(device)) for part in torch.split(images, PART)]
    features = torch.cat([found.to(device) for found, _ in pairs])
    logits = [found.to(device) for _, found in pairs if found is not None]
    return features, torch.cat(logits) if logits else None


def measuring(device: torch.device) -> torch.device:
    """Where metrics of what is on a device are measured: there, or on the CPU without float64."""
    return device if has_float64(device) else torch.device("cpu")
