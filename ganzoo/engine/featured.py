"""The features of real rows and of samples, computed on a device."""

from __future__ import annotations

from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

import torch

from ganzoo.parts.features import has_float64

if TYPE_CHECKING:
    from collections.abc import Iterable

    from torch import Tensor

    from ganzoo.parts.features import FeatureExtractor
    from ganzoo.parts.metric import Metric
    from ganzoo.parts.rows import Rows

FEATURED = frozenset({"real_features", "fake_features", "fake_logits"})
"""What an extractor makes of images."""
PART = 2000
"""Images on a GPU at a time: its memory holds these and the features of all."""

# A benchmark scores against the same held-out rows many times.
_real_features: WeakKeyDictionary[Rows, dict[tuple[str, torch.device], Tensor]]
_real_features = WeakKeyDictionary()


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
        known, key = _real_features.setdefault(self.held_out, {}), (extractor.sha256, self.device)
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
