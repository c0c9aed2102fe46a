"""The canonical metrics, FID, KID and Inception score, and the extractor that they read.

Their network is not part of the package and is never fetched unasked: each metric needs the option
``weights``, the file that ``benchmarks/convert_inception.py`` writes.
"""

from __future__ import annotations

from hashlib import sha256
from math import inf, log
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import safetensors.torch
import torch
from pydantic import Field, PositiveInt, field_validator
from safetensors import SafetensorError

from ganzoo.builtin.metrics.frechet import Frechet, frechet_distance
from ganzoo.builtin.metrics.inception import Convolution, Inception2015
from ganzoo.builtin.metrics.kernel import Kernel, subset_distance
from ganzoo.engine.streams import seed_for
from ganzoo.errors import WeightsError, ZooError
from ganzoo.parts.features import Placed, in_float64
from ganzoo.parts.metric import Direction, Metric
from ganzoo.storage.hub import Client
from ganzoo.storage.paths import home, is_file
from ganzoo.storage.pinned import pinned
from ganzoo.storage.reading import read_bytes
from ganzoo.storage.weight_file import (
    MOST_BYTES,
    Uninitialized,
    described,
    difference,
    header_of,
    kind_of,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor

    from ganzoo.parts.features import FeatureExtractor

PUBLISHED = "6726825d0af5f729cebd5821db510b11b1cfad8faad88a03f1befd49fb9129b2"
"""The sha256 of the published file, ``pt_inception-2015-12-05-6726825d.pth``."""

SOURCE = "converted-from"
"""The one metadata key of a converted file; its value is the sha256 of the original."""

BATCH = {"cpu": 16}
"""Images that the network sees at once, by the kind of device: a processor's caches hold few."""
ON_A_GPU = 128


class Inception:
    """The network of 2015 as an extractor: 2,048 features, and 1,008 logits without their bias."""

    name = "inception-2015"

    def __init__(self, net: Inception2015, sha256: str) -> None:
        """Wrap a network in eval mode, which is changed, and the sha256 of its file."""
        # Both together are twice as fast on a CPU, and equal to a millionth.
        for module in net.modules():
            if isinstance(module, Convolution):
                module.fold()
        self.net = Placed(net.to(memory_format=torch.channels_last))  # type: ignore[call-overload]
        self.sha256 = sha256

    def __call__(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Return features, float64 (N, 2048), and logits, float64 (N, 1008)."""
        net, batch = self.net.on(images.device), BATCH.get(images.device.type, ON_A_GPU)
        with torch.no_grad():
            found = [net(some) for some in torch.split(quantized(images), batch)]
        features, logits = (
            in_float64(torch.cat([values[name] for values in found]))
            for name in ("2048", "logits_unbiased")
        )
        return features, logits


def quantized(images: Tensor) -> Tensor:
    """Images in [-1, 1], (N, 1 or 3, H, W), as uint8 in colour, (N, 3, H, W), for the network.

    Grey becomes three equal channels. The uint8 images of a dataset are recovered exactly.
    """
    if images.dim() != 4 or images.shape[1] not in {1, 3}:  # noqa: PLR2004
        reason = (
            f"{Inception.name} reads images, (N, 1 or 3, height, width), and was given "
            f"{tuple(images.shape)}."
        )
        raise ZooError(reason)
    levels = (images.detach().float() + 1).mul(127.5).round().clamp(0, 255)
    return levels.to(torch.uint8).expand(-1, 3, -1, -1)


# -------------------------------------------------------------------------------------- its weights


def inception(weights: str, pin: str | None = None) -> Inception:
    """The extractor of a converted file: its path, or ``hub:org/repo@COMMIT#FILE``.

    The file must have the sha256 ``pin``; without one, its metadata must say that it was converted
    from the published weights. Raises WeightsError for any other file.
    """
    if weights.startswith("hub:"):
        blob = pinned(weights, weights.removeprefix("hub:"), Client()).read("generator") or b""
    else:
        blob = read(home(weights))
    digest = sha256(blob).hexdigest()
    if pin is not None and digest != pin:
        reason = (
            f"{weights} is not the file that was asked for: its sha256 is {digest[:12]}..., not "
            f"{pin[:12]}..."
        )
        raise WeightsError(reason)
    return Inception(network(blob, weights, trusted=pin is not None), digest)


def read(path: Path) -> bytes:
    """The content of a file. Raises WeightsError if it cannot be read."""
    try:
        return read_bytes(path, MOST_BYTES)
    except OSError as error:
        reason = f"{path} cannot be read: {error.strerror}."
        raise WeightsError(reason) from error


def network(blob: bytes, where: str, *, trusted: bool) -> Inception2015:
    """The network in a file, in eval mode; its names, dtypes and shapes must match exactly."""
    try:
        tensors: dict[str, Tensor] = safetensors.torch.load(blob)
        header = header_of(blob)
    except (SafetensorError, ValueError) as error:
        reason = (
            f"{where} is no safetensors file: {kind_of(blob) or described(error)}; "
            "benchmarks/convert_inception.py makes one of the published weights."
        )
        raise WeightsError(reason) from error
    if not trusted and header.get("__metadata__", {}).get(SOURCE) != PUBLISHED:
        reason = (
            f"{where} does not say that it was converted from the published weights (sha256 "
            f"{PUBLISHED[:12]}...); convert them by benchmarks/convert_inception.py, or say which "
            "file you mean by its sha256=."
        )
        raise WeightsError(reason)
    with torch.device("meta"), Uninitialized():
        net = Inception2015()
    unlike = difference(net.state_dict(), tensors)
    if unlike is not None:
        reason = f"{where} does not hold the Inception network of 2015: {unlike}."
        raise WeightsError(reason)
    net.load_state_dict(tensors, strict=True, assign=True)
    return net.eval()


# ------------------------------------------------------------------------------------- the metrics


class Canonical(Metric):
    """What the three canonical metrics share: their extractor is the network of 2015."""

    # Where the file lies is not in a score's options: its sha256 is in the score.
    weights: str = Field(
        exclude=True, description="the path of the converted network, or hub:org/repo@COMMIT#FILE"
    )
    sha256: str | None = Field(
        default=None, exclude=True, pattern="^[0-9a-f]{64}$", description="its file's, to be sure"
    )
    rows: PositiveInt = Field(
        default=50_000, le=1_000_000, description="the most rows of each side"
    )

    routine: ClassVar[bool] = False
    on_device: ClassVar[bool] = True

    @field_validator("weights")
    @classmethod
    def _there(cls, weights: str) -> str:
        # Checked now: drawing samples may take minutes, and the network is read only afterwards.
        if not weights.startswith("hub:") and not is_file(home(weights)):
            reason = "there is no such file"
            raise ValueError(reason)
        return weights

    def extractor(self) -> FeatureExtractor:
        """The network of 2015."""
        return inception(self.weights, self.sha256)


class FrechetInceptionDistance(Canonical):
    """FID (arXiv:1706.08500): the Fréchet distance on the 2,048 features."""

    better: ClassVar[dict[str, Direction]] = {"frechet-inception-distance": "lower"}
    ranges: ClassVar[dict[str, tuple[float, float]]] = {"frechet-inception-distance": (0, inf)}

    fewest, enough = Frechet.fewest, Frechet.enough

    def measure(self, real_features: Tensor, fake_features: Tensor) -> dict[str, float]:
        """The distance of features (N, D) and (M, D)."""
        return {self.name: frechet_distance(real_features, fake_features)}


class KernelInceptionDistance(Canonical):
    """KID (arXiv:1801.01401): the kernel distance on the 2,048 features, not times 1,000."""

    better: ClassVar[dict[str, Direction]] = {"kernel-inception-distance": "lower"}

    fewest, enough = Kernel.fewest, Kernel.enough

    subsets: int = Field(default=100, ge=1, le=1000, description="number of subsets")
    size: int = Field(default=1000, ge=2, le=10_000, description="the most rows in each")

    def measure(self, real_features: Tensor, fake_features: Tensor, seed: int) -> dict[str, float]:
        """The distance of features (N, D) and (M, D)."""
        found = subset_distance(real_features, fake_features, self.subsets, self.size, seed=seed)
        return {self.name: found}


class InceptionScore(Canonical):
    """Inception score (arXiv:1606.03498): exp of the mean KL from a split's classes to a row's.

    It reads no real rows. The mean over the splits depends on their number and on that of the rows.
    """

    better: ClassVar[dict[str, Direction]] = {"inception-score": "higher"}
    ranges: ClassVar[dict[str, tuple[float, float]]] = {"inception-score": (1, inf)}

    splits: int = Field(default=10, ge=1, le=1000, description="number of parts, each scored alone")

    def fewest(self, values: Mapping[str, Any]) -> int:  # noqa: ARG002
        """One in each split."""
        return self.splits

    def enough(self, values: Mapping[str, Any]) -> int:
        """Ten for each class."""
        return 10 * int(values["fake_logits"].shape[1])

    def measure(self, fake_logits: Tensor, seed: int) -> dict[str, float]:
        """The mean score of logits (M, classes)."""
        stream = torch.Generator().manual_seed(seed_for(seed, "splits"))
        rows = torch.randperm(len(fake_logits), generator=stream).to(fake_logits.device)
        return {self.name: inception_score(fake_logits[rows], self.splits)}


def inception_score(logits: Tensor, splits: int) -> float:
    """The mean over splits of exp(mean KL(p(class | row) || p(class))), from 1 to the classes.

    ``logits`` are (N, classes), split in their order. Raises ZooError for fewer rows than splits.
    """
    if len(logits) < splits:
        reason = f"an Inception score in {splits} splits needs as many samples."
        raise ZooError(reason)
    edges = [at * len(logits) // splits for at in range(1, splits)]
    scores = []
    for some in torch.tensor_split(logits.double(), edges):
        log_p = some.log_softmax(1)
        log_q = log_p.logsumexp(0) - log(len(some))
        scores.append((log_p.exp() * (log_p - log_q)).sum(1).mean().exp())
    return float(torch.stack(scores).mean())
