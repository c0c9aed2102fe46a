"""Metrics of generated samples, and scores: numbers with everything they depend on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, PositiveInt

from ganzoo.parts.part import Part

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from ganzoo.parts.features import FeatureExtractor

Direction: TypeAlias = Literal["higher", "lower"]
PROTOCOL = ("metric", "options", "data_sha256", "split", "n_real", "n_fake", "extractor_sha256")
"""The fields of a score that must be equal for a difference of two scores to mean anything."""


class Metric(Part):
    """Measures samples: ``measure`` names the values that it reads and returns numbers by name.

    ``def measure(self, fake: Tensor, locate: ..., modes: int) -> dict[str, float]``

    The values offered:

    - ``real`` and the other columns of the held-out rows, (N, ...);
    - every value of the samples, (M, ...), by its name (``fake``, ``z``, ``episode_return``), or as
      ``fake_<name>`` if the data have a column of that name;
    - the discriminator's heads on the held-out rows, ``real_<head>``, (N, ...);
    - ``real_features`` and ``fake_features``, float64, (N, D) and (M, D), and ``fake_logits``, by
      the metric's ``extractor`` or by the one among the data's facts, ``features``;
    - ``train_features``, float64, (T, D): those of all training rows, or of 100,000 that the seed
      chooses;
    - ``validation``: the last training rows, 1,000 at most, of bounded data;
    - ``seed``, ``spaces`` (those of all values, by name), and each of the data's facts, by name.

    A metric applies to a run if every value is offered that it names without a default; this
    follows from the signature and is declared nowhere else. A parameter with a default is passed if
    its value is offered. A metric that reads a partly known value (``label``) without its mask
    (``label_known``) does not apply to data that have one.
    """

    kind = "metric"

    rows: PositiveInt = Field(
        default=10_000, le=1_000_000, description="the most rows of each side"
    )

    routine: ClassVar[bool] = True
    """Whether it is measured by default; slow metrics are measured only when named."""
    paired: ClassVar[bool] = False
    """Whether the samples are made from the held-out rows, each value beside the row's own.

    Such a metric applies where the generator reads columns of the data; ``real`` and the other
    columns are then those of the same rows, in the same order.
    """
    on_device: ClassVar[bool] = False
    """Whether ``measure`` computes where its tensors are.

    They are then on the device of the generator, else on the CPU; in either case all on one.
    """
    better: ClassVar[dict[str, Direction]] = {}
    """Each number that ``measure`` returns, and the direction that is better."""
    ranges: ClassVar[dict[str, tuple[float, float]]] = {}
    """The least and the greatest possible value of each number that has such; infinite if only one.

    Intervals of means are cut to it.
    """
    headline: ClassVar[str | None] = None
    """The number that runs are ranked by, if this metric has one."""

    def extractor(self) -> FeatureExtractor | None:
        """The extractor of the features that it reads; None for the data's own."""
        return None

    def fewest(self, values: Mapping[str, Any]) -> int:  # noqa: ARG002
        """The fewest rows of each side that it can be computed from, given what it reads.

        With fewer it is left out; ``measure`` need not check that.
        """
        return 1

    def enough(self, values: Mapping[str, Any]) -> int:  # noqa: ARG002
        """The rows of each side below which a warning says that its numbers mean little."""
        return 1

    def doubts(
        self,
        values: Mapping[str, Any],  # noqa: ARG002
        found: Mapping[str, float],  # noqa: ARG002
    ) -> Iterable[str]:
        """Sentences on why the numbers that ``measure`` found of what it reads may mislead."""
        return ()


class Score(BaseModel):
    """One number, and everything that another number must share to be compared with it."""

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
        """The conditions of the measurement, in one line."""
        features = ""
        if self.extractor and self.extractor_sha256:
            features = f", features {self.extractor} (sha256 {self.extractor_sha256[:12]})"
        against = f"against {self.n_real} {self.split} rows of" if self.n_real else "on"
        return f"{self.n_fake} samples (seed {self.seed}) {against} {self.data}{features}"

    def difference(self, other: Score) -> str | None:
        """The first way in which another score was measured differently; None if comparable."""
        for name in PROTOCOL:
            mine, its = getattr(self, name), getattr(other, name)
            if mine != its:
                return f"{name} {its}, not {mine}"
        return None
