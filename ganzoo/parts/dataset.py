"""Datasets: named columns with spaces, a training split and a held-out one."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BeforeValidator, Field

from ganzoo.errors import DataError
from ganzoo.parts.part import Part
from ganzoo.parts.rows import PartlyKnown

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ganzoo.parts.rows import Rows
    from ganzoo.parts.space import Space


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
        for split, rows in (("train", self.train), ("held_out", self.held_out)):
            if not isinstance(rows, PartlyKnown):  # as the rows of another Data are
                self._check(split, rows)
                if partial := {n for n, space in self.spaces.items() if space.partial}:
                    marked = PartlyKnown(rows, frozenset(partial) & {*rows.names})
                    object.__setattr__(self, split, marked)
        if self.scored is None and self.held_out.fetched and len(self.held_out) > SCORED:
            object.__setattr__(self, "scored", SCORED)

    def _check(self, split: str, rows: Rows) -> None:
        """Hold resident values against their spaces; streamed ones are checked when fetched."""
        for name, space in self.spaces.items():
            if space.cardinality is None or name not in {*rows.names} - rows.fetched:
                continue
            wrong = space.outside(rows.column(name), stored=True)
            if wrong is not None:
                among = {"train": "training", "held_out": "held-out"}[split]
                message = (
                    f"dataset '{self.name}' has the {name} {wrong} among its {among} rows; it "
                    f"says that there are {space.domain}."
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

    def load(self) -> Data:
        """Read or make the data. Raises DataError with one sentence where that cannot be done."""
        raise NotImplementedError
