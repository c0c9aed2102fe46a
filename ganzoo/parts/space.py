"""Spaces: what one value of a name looks like."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, Field, PositiveInt

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor


class Space(BaseModel):
    """What one value of a name looks like, without the batch dimension."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    shape: tuple[PositiveInt, ...] = ()
    classes: PositiveInt | None = Field(default=None, description="a category in [0, classes)")
    bounded: bool = Field(default=False, description="numbers in [-1, 1]")
    parts: dict[str, Space] = Field(
        default={}, description="what a vector is a concatenation of; a category stands as one-hot"
    )

    @classmethod
    def joined(cls, parts: Mapping[str, Space]) -> Space:
        """The space of vectors that ``join`` makes of values of these spaces."""
        bounded = all(part.bounded or part.classes is not None for part in parts.values())
        width = sum(part.width for part in parts.values())
        return cls(shape=(width,), bounded=bounded, parts=dict(parts))

    @property
    def size(self) -> int:
        """How many numbers one value holds."""
        return prod(self.shape)

    @property
    def width(self) -> int:
        """How many numbers one value takes in a vector, where a category is one-hot."""
        return self.size if self.classes is None else self.classes

    def join(self, values: Mapping[str, Tensor]) -> Tensor:
        """One vector of this space's parts, float32, (N, width); the inverse of ``split``."""
        from torch import cat
        from torch.nn.functional import one_hot

        columns = []
        for name, part in self.parts.items():
            value = values[name]
            if part.classes is not None:
                value = one_hot(value, part.classes)
            columns.append(value.reshape(len(value), -1).float())
        return cat(columns, 1)

    def split(self, vector: Tensor) -> dict[str, Tensor]:
        """The columns of each part by its name, (N, width); one-hot or logits of categories."""
        pieces: tuple[Tensor, ...] = vector.split([p.width for p in self.parts.values()], dim=1)  # type: ignore[no-untyped-call]
        return dict(zip(self.parts, pieces, strict=True))

    def outside(self, values: Tensor) -> int | None:
        """The first of some values of a category, (N,), that is none of its classes, if any is."""
        if self.classes is None:
            return None
        wrong = values[(values < 0) | (values >= self.classes)]
        return int(wrong[0]) if len(wrong) else None

    @property
    def is_image(self) -> bool:
        """Whether a value is a (channels, height, width) array."""
        return len(self.shape) == 3  # noqa: PLR2004

    def __str__(self) -> str:
        """Say it in a few words, for ``explain`` and for errors."""
        if self.classes is not None:
            return f"one of {self.classes} classes"
        if self.parts:
            return " + ".join(f"{name} ({part})" for name, part in self.parts.items())
        shape = " x ".join(map(str, self.shape)) or "a number"
        return f"{shape} in [-1, 1]" if self.bounded else shape
