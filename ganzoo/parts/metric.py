"""Metrics: what is measured of generated samples, and all that a number must carry with it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, PositiveInt

from ganzoo.parts.part import Part

if TYPE_CHECKING:
    from ganzoo.parts.features import FeatureExtractor

Direction: TypeAlias = Literal["higher", "lower"]
PROTOCOL = ("metric", "options", "data_sha256", "split", "n_real", "n_fake", "extractor_sha256")
"""What two scores must have in common for their difference to mean something."""


class Metric(Part):
    """Measures samples: ``measure`` names the values it reads and returns numbers by name.

    Offered: ``real`` and the other columns of held-out rows; every value of the samples by its name
    (``fake``, ``z``, ``episode_return``), or as ``fake_<name>`` where the data has a column of that
    name; the discriminator's heads on the held-out rows as ``real_<head>``; ``seed``, ``spaces``
    of all these, the data's ``facts``, ``validation`` (training rows of bounded data), and, with an
    extractor among the facts, ``real_features`` and ``fake_features`` (float64, (N, D)) and
    ``fake_logits``. A metric applies to a run where all that it names is offered; so is derived,
    never declared.

    ``def measure(self, fake: Tensor, locate: ..., modes: int) -> dict[str, float]``
    """

    kind = "metric"

    rows: PositiveInt = Field(default=10_000, description="rows of each side, at most")

    routine: ClassVar[bool] = True
    """Whether it is measured unless it is asked for by name; the slow ones are not."""
    better: ClassVar[dict[str, Direction]] = {}
    """Each number that ``measure`` returns, and which direction is better."""
    headline: ClassVar[str | None] = None
    """The one of them that runs are ranked by, if this metric has one."""

    def extractor(self) -> FeatureExtractor | None:
        """What turns images into the features that it reads; None for the data's own."""
        return None


class Score(BaseModel):
    """One number, with everything that it must be compared under."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    metric: str
    value: float
    better: Direction
    options: dict[str, Any]
    data: str
    data_sha256: str
    split: str
    n_real: int | None = None
    n_fake: int
    seed: int
    extractor: str | None = None
    extractor_sha256: str | None = None

    def protocol(self) -> str:
        """What the number was measured under, in a line."""
        features = ""
        if self.extractor and self.extractor_sha256:
            features = f", features {self.extractor} (sha256 {self.extractor_sha256[:12]})"
        against = f"against {self.n_real} {self.split} rows of" if self.n_real else "on"
        return f"{self.n_fake} samples (seed {self.seed}) {against} {self.data}{features}"

    def difference(self, other: Score) -> str | None:
        """How the other was measured, where it is not as this one: they are not to be compared."""
        for name in PROTOCOL:
            mine, its = getattr(self, name), getattr(other, name)
            if mine != its:
                return f"{name} {its}, not {mine}"
        return None
