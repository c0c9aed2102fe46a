"""Spaces: what one value of a name looks like."""

from __future__ import annotations

import difflib
from math import prod
from typing import TYPE_CHECKING, Any, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    PositiveInt,
    SerializerFunctionWrapHandler,
    model_serializer,
    model_validator,
)

from ganzoo.errors import ComposeError, OptionError, counted

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from torch import Tensor

UNKNOWN = -1
"""What a partly known column stores where the value is not known."""
LISTED = 20
"""Known names are listed where there are no more."""
MASK = "_known"
"""What the name of a partly known value's mask ends in."""
PADDING = 0
"""The token id that fills a text up to its space's length."""
LATER = ("names", "vocabulary", "partial")
"""Fields that weight files of 0.1 do not have: they are written only where they are used, so that
those files are still saved as the same bytes."""


class Space(BaseModel):
    """What one value of a name looks like, without the batch dimension.

    ``Space(shape=(3, 32, 32), bounded=True)`` is an image, ``Space(classes=10)`` a category,
    ``Space(shape=(16,), vocabulary=("", "red", ...))`` a text of up to 16 tokens: ids, int64,
    padded with 0.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    shape: tuple[PositiveInt, ...] = ()
    classes: PositiveInt | None = Field(default=None, description="a category in [0, classes)")
    bounded: bool = Field(default=False, description="numbers in [-1, 1]")
    parts: dict[str, Space] = Field(
        default={}, description="what a vector is a concatenation of; a category stands as one-hot"
    )
    names: tuple[str, ...] = Field(default=(), description="of the classes, in their order")
    vocabulary: tuple[str, ...] = Field(
        default=(), description="a text's tokens by id; the first is '', the padding"
    )
    partial: bool = Field(
        default=False, description="a category that some rows do not know: -1 is stored there"
    )

    @model_validator(mode="after")
    def _is_one_kind(self) -> Self:
        if self.names and (len(self.names) != self.classes or len({*self.names}) < self.classes):
            message = f"{self.classes} classes need as many distinct names"
            raise ValueError(message)
        if self.partial and self.classes is None:
            message = "only a category can be partly known: set classes"
            raise ValueError(message)
        if self.vocabulary:
            self._check_text()
        return self

    def _check_text(self) -> None:
        words = self.vocabulary
        if words[0] or len({*words}) < len(words) or any(len(w.split()) != 1 for w in words[1:]):
            message = "a vocabulary begins with '', the padding; all else are words, each once"
            raise ValueError(message)
        if len(self.shape) != 1 or self.classes is not None or self.bounded or self.parts:
            message = "a text has a shape (length,) and a vocabulary, and nothing else"
            raise ValueError(message)

    @model_serializer(mode="wrap")
    def _without_unused(self, dump: SerializerFunctionWrapHandler) -> dict[str, Any]:
        fields: dict[str, Any] = dump(self)
        return {name: value for name, value in fields.items() if name not in LATER or value}

    @classmethod
    def joined(cls, parts: Mapping[str, Space]) -> Space:
        """The space of vectors that ``join`` makes of values of these spaces.

        Raises ComposeError for texts, and for categories that are partly known.
        """
        for name, part in parts.items():
            if part.partial or part.vocabulary:
                message = f"'{name}' ({part}) cannot be joined into a vector of numbers."
                raise ComposeError(message)
        bounded = all(part.bounded or part.classes is not None for part in parts.values())
        width = sum(part.width for part in parts.values())
        return cls(shape=(width,), bounded=bounded, parts=dict(parts))

    @property
    def size(self) -> int:
        """The number of numbers in one value."""
        return prod(self.shape)

    @property
    def width(self) -> int:
        """The length of a value in a vector, where a category is one-hot.

        Raises ComposeError for a text, which has none.
        """
        if self.vocabulary:
            message = f"{self} has no width in a vector: embed its tokens."
            raise ComposeError(message)
        return self.size if self.classes is None else self.classes

    def join(self, values: Mapping[str, Tensor]) -> Tensor:
        """One vector of this space's parts, float32, (N, width); the inverse of ``split``."""
        # `ganzoo --help` imports this module, and torch takes a second.
        from torch import cat

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

    # ----------------------------------------------------------------------- categories and texts

    @property
    def cardinality(self) -> int | None:
        """The number of values that a category, or each token of a text, can take; else None."""
        return len(self.vocabulary) or self.classes

    @property
    def domain(self) -> str:
        """The values that a category or a token can take, in words."""
        kind = "tokens" if self.vocabulary else "classes"
        return f"{self.cardinality} {kind}, 0 to {(self.cardinality or 0) - 1}"

    def outside(self, values: Tensor, *, stored: bool = False) -> int | None:
        """The first of some classes or token ids that is not in the space's domain, if any is.

        Where a category is partly known, -1 may be ``stored``, but it is never given or dealt.
        """
        if self.cardinality is None:
            return None
        lowest = UNKNOWN if stored and self.partial else 0
        wrong = values[(values < lowest) | (values >= self.cardinality)]
        return int(wrong[0]) if len(wrong) else None

    def encode(self, texts: Iterable[str]) -> Tensor:
        """Texts as token ids, int64, (N, length); names of classes as classes, int64, (N,).

        Words are parted by white space. Raises OptionError for a word or a name that is not known,
        and for a text that is too long.
        """
        from torch import int64, tensor  # see join

        known = {name: i for i, name in enumerate(self.vocabulary or self.names) if name}
        if not self.vocabulary:
            return tensor([index(text, known, "class") for text in texts], dtype=int64)
        rows = []
        for text in texts:
            ids = [index(word, known, "word") for word in text.split()]
            if len(ids) > self.size:
                verb = "is" if self.size == 1 else "are"
                message = (
                    f"'{text}' has {counted(len(ids), 'word')}; {self.size} at most {verb} "
                    "possible here."
                )
                raise OptionError(message)
            rows.append(ids + [PADDING] * (self.size - len(ids)))
        return tensor(rows, dtype=int64).reshape(-1, self.size)

    def decode(self, ids: Tensor) -> list[str]:
        """The texts of token ids, (N, length), without padding, or the names of classes, (N,)."""
        if not self.vocabulary:
            return [self.names[i] for i in ids.tolist()]
        return [" ".join(self.vocabulary[i] for i in row if i) for row in ids.tolist()]

    @property
    def is_image(self) -> bool:
        """Whether a value is a (channels, height, width) array."""
        return self.kind == "image"

    @property
    def kind(self) -> str:
        """What a value is: an image, a vector, a text, a category, a number or another array."""
        if self.classes is not None or self.vocabulary:
            return "category" if self.classes is not None else "text"
        return {0: "number", 1: "vector", 3: "image"}.get(len(self.shape), "array")

    @property
    def in_words(self) -> str:
        """The kind and the shape, for a sentence: ``a vector of 2``."""
        shaped = {"image": "an image", "vector": "a vector", "array": "an array"}
        return f"{shaped[self.kind]} of {self}" if self.kind in shaped else str(self)

    def __str__(self) -> str:
        """Say it in a few words, for ``explain`` and for errors."""
        if self.classes is not None:
            kind = f"one of {self.classes} classes"
            return f"{kind}, partly known" if self.partial else kind
        if self.vocabulary:
            return f"a text of up to {self.size} of {counted(len(self.vocabulary) - 1, 'word')}"
        if self.parts:
            return " + ".join(f"{name} ({part})" for name, part in self.parts.items())
        shape = " x ".join(map(str, self.shape)) or "a number"
        return f"{shape} in [-1, 1]" if self.bounded else shape


def index(name: str, known: Mapping[str, int], kind: str) -> int:
    """What a name stands for. Raises OptionError with a close match, or the known names."""
    if name in known:
        return known[name]
    close = difflib.get_close_matches(name, known, n=1)
    few = f"known are: {', '.join(known)}." if len(known) <= LISTED else f"{len(known)} are known."
    meant = f"did you mean '{close[0]}'?" if close else few
    message = f"there is no {kind} '{name}'; {meant}"
    raise OptionError(message)


def masks(names: Iterable[str], spaces: Mapping[str, Space]) -> list[str]:
    """The masks of those values among names that are partly known: ``label_known``."""
    return [name + MASK for name in names if name in spaces and spaces[name].partial]


def unmasked(names: Iterable[str], spaces: Mapping[str, Space]) -> str | None:
    """The first partly known value among names that stands there without its mask.

    Where such a value is not known it reads as 0, which is also a class.
    """
    names = {*names}
    lone = [mask.removesuffix(MASK) for mask in masks(sorted(names), spaces) if mask not in names]
    return lone[0] if lone else None


def one_hot(category: Tensor, classes: int) -> Tensor:
    """Categories, int64, (N,), as zeros and a one in the category's place, int64, (N, classes).

    As torch's, which on a CPU reads the values on the host; that cannot be captured as a graph.
    """
    zeros = category.new_zeros(*category.shape, classes)
    return zeros.scatter_(-1, category.unsqueeze(-1), 1)
