"""Datasets: named columns with spaces, a training split and a held-out one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BeforeValidator, Field

from ganzoo.errors import DataError, in_words, quoted
from ganzoo.parts.part import Part
from ganzoo.parts.rows import PartlyKnown, Rows
from ganzoo.parts.space import Space

if TYPE_CHECKING:
    from torch import Tensor


def placed(path: object) -> object:
    """A path that means the same from every working directory; ``~`` stays what it is."""
    text = str(path) if isinstance(path, Path) else path
    if not isinstance(text, str) or not text or text.startswith("~"):
        return text
    return str(Path(text).absolute())


Place = Annotated[str, Field(min_length=1), BeforeValidator(placed)]
"""An option of a dataset that is a path: a run finds its data from another working directory."""
SCORED = 10_000
"""The most samples that a score of streamed data takes by default."""
CHECKED = 16_384
"""Rows whose values are checked at a time."""

FIELDS: tuple[tuple[str, Any, str], ...] = (
    ("name", str, "a text"),
    ("train", Rows, "rows, such as ganzoo.ResidentRows"),
    ("held_out", Rows, "rows, such as ganzoo.ResidentRows"),
    ("spaces", Mapping, "a dict of ganzoo.Space by name"),
    ("info", Mapping, "a dict of facts by name"),
    ("scored", (int, type(None)), "a whole number, or None"),
    ("remarks", tuple, "a tuple of sentences"),
)
"""The fields of Data, the type of each, and what it must be, in words."""


@dataclass(frozen=True)
class Data:
    """A dataset, loaded: both splits, each column's space, and facts that metrics read by name.

    ``info`` offers to metrics what is known of the data beyond its rows, for example ``locate``
    and ``modes`` (point sets) or ``features`` (the named extractor for images of this dataset).
    A column whose space is ``partial`` stores -1 where a value is not known; it is read as 0 there,
    beside a mask ``<name>_known``. Raises DataError where a stored value is none of its space's.
    """

    name: str
    train: Rows
    held_out: Rows
    spaces: Mapping[str, Space]
    info: Mapping[str, object] = field(default_factory=dict)
    scored: int | None = None
    """The number of samples that a score takes by default; None for that of held-out rows (of
    streamed ones 10,000 at most)."""
    recorded: Mapping[str, Any] = field(default_factory=dict)
    """JSON that is kept with the weights, from which ``Dataset.recalled`` makes facts again."""
    remarks: tuple[str, ...] = ()
    """Sentences on what was understood or decided when the data were read, for the user."""

    def __post_init__(self) -> None:
        self._check_types()
        for split, rows in (("train", self.train), ("held_out", self.held_out)):
            if not isinstance(rows, PartlyKnown):  # as the rows of another Data are
                self._check(split, rows)
                if partial := {n for n, space in self.spaces.items() if space.partial}:
                    marked = PartlyKnown(rows, frozenset(partial) & {*rows.names})
                    object.__setattr__(self, split, marked)
        if self.scored is None and self.held_out.fetched and len(self.held_out) > SCORED:
            object.__setattr__(self, "scored", SCORED)

    def _check_types(self) -> None:
        """Refuse what is not of the kind that a field says; whoever reads it trusts that."""
        for field_name, kind, must in FIELDS:
            value = getattr(self, field_name)
            if not isinstance(value, kind):
                message = f"{field_name} of Data cannot be {in_words(value)}; it must be {must}."
                raise DataError(message)
        if not self.train.names or not self.held_out.names:
            message = f"dataset '{self.name}' has rows without columns."
            raise DataError(message)
        for name, space in self.spaces.items():
            if not isinstance(name, str) or not isinstance(space, Space):
                message = (
                    f"dataset '{self.name}' has {in_words(space)} as the space of {quoted(name)}; "
                    "spaces are ganzoo.Space by the name of their column."
                )
                raise DataError(message)
        if self.scored is not None and (isinstance(self.scored, bool) or self.scored < 1):
            message = f"scored of Data cannot be {self.scored}; it must be 1 or more, or None."
            raise DataError(message)

    def _check(self, split: str, rows: Rows) -> None:
        """Hold resident values against their spaces; streamed ones are checked when fetched."""
        among = {"train": "training", "held_out": "held-out"}[split]
        for name in {**self.spaces, **dict.fromkeys(rows.names)}:
            if name not in {*rows.names} - rows.fetched:
                continue
            # In pieces: as networks read them, images take four times the bytes that are stored.
            for first in range(0, max(len(rows), 1), CHECKED):
                piece = rows.column(name, slice(first, first + CHECKED))
                self._check_values(name, piece, len(rows), among)

    def _check_values(self, name: str, column: Tensor, n: int, among: str) -> None:
        """Hold some of a column's ``n`` rows against its space."""
        space = self.spaces.get(name)
        wrong = None if space is None else space.outside(column, stored=True)
        if wrong is not None and space is not None:
            message = (
                f"dataset '{self.name}' has the {name} {wrong} among its {among} rows; it "
                f"says that there are {space.domain}."
            )
            raise DataError(message)
        if space is not None and space.cardinality and column.is_floating_point():
            message = (
                f"dataset '{self.name}' has floating-point numbers in '{name}' among its "
                f"{among} rows; {space} is stored as whole numbers."
            )
            raise DataError(message)
        shape = None if space is None else () if space.classes is not None else space.shape
        if shape is not None and tuple(column.shape[1:]) != shape:
            message = (
                f"dataset '{self.name}' has '{name}' of shape {(n, *column.shape[1:])} among its "
                f"{among} rows; its space makes it {(n, *shape)}."
            )
            raise DataError(message)
        if column.is_floating_point() and not is_finite(column):
            message = (
                f"dataset '{self.name}' has numbers that are not finite in '{name}' among its "
                f"{among} rows; leave those rows out."
            )
            raise DataError(message)

    @cached_property
    def sha256(self) -> str:
        """What the rows of both splits are, whatever the dataset is called.

        Of resident rows it is the hash of every byte, of streamed ones that of their index.
        """
        digest = sha256()
        for rows in (self.train, self.held_out):
            rows.digest(digest)
        return digest.hexdigest()


def is_finite(column: Tensor) -> bool:
    """Whether all numbers of a column are finite; found without a copy of its size."""
    if not column.numel():
        return True
    least, most = column.aminmax()
    return bool(least.isfinite()) and bool(most.isfinite())


class Dataset(Part):
    """A source of data; its fields are its options, and ``NAME:VALUE`` sets the first of them."""

    kind = "dataset"

    @property
    def title(self) -> str:
        """What the data are called in the name of a run's folder."""
        return self.name

    @property
    def imports(self) -> str:
        """The module that loading imports because an option names it; empty if there is none.

        A weight file may not choose one: it is used only if it has been imported already.
        """
        return ""

    @classmethod
    def reads(cls, path: Path) -> bool:  # noqa: ARG003
        """Whether ``NAME:PATH`` would read a path; asked where a path is given without the name."""
        return False

    def recalled(self, recorded: Mapping[str, Any]) -> Mapping[str, object]:  # noqa: ARG002
        """Those of the data's ``info`` that samples need, from what ``Data.recorded`` said.

        So a model is sampled where its data are gone. ``recorded`` may be anybody's: raise
        DataError for what is not as ``load`` writes it.
        """
        return {}

    def fetch(self) -> Path:
        """Fetch what ``load`` reads; returns the folder that it is in.

        A dataset that is published where it can be fetched from defines it. Raises DataError where
        that fails.
        """
        if by_hand := self.by_hand():
            how = f"{by_hand} and set GANZOO_DATA to the folder with its files"
        else:
            how = "it is made here, or is your own"
        message = f"dataset '{self.name}' is not fetched: {how}."
        raise DataError(message)

    def by_hand(self) -> str:
        """How a user gets its files, such as ``download it from ...``; empty if there are none."""
        return ""

    def load(self) -> Data:
        """Read or make the data. Raises DataError with one sentence where that cannot be done."""
        raise NotImplementedError
