"""The dataset of a pretrained model, which is loaded only if something reads it.

Most models are sampled without their data, and loading a dataset can mean downloading it.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import torch

from ganzoo.errors import WeightsError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from torch import Tensor

    from ganzoo.parts.dataset import Data, Dataset
    from ganzoo.parts.rows import Rows


def require_imported(dataset: Dataset, name: str) -> None:
    """Raise WeightsError if the data of a weight file, ``name``, need a module to be imported."""
    if dataset.imports not in {"", *sys.modules}:
        message = (
            f"the data of '{name}' need the module '{dataset.imports}', which a weight file may "
            "not choose; import it first, if you trust it."
        )
        raise WeightsError(message)


class DataInfo(Mapping[str, object]):
    """The ``info`` of a model's dataset, loaded when the first of it is read that is not known."""

    def __init__(self, load: Callable[[], Data], known: Callable[[], Mapping[str, object]]) -> None:
        """The ``info`` of what ``load`` returns, of which ``known`` returns some without it."""
        self._load, self._known = load, known

    def __getitem__(self, name: str) -> object:
        known = self._known()
        return known[name] if name in known else self._load().info[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._load().info)

    def __len__(self) -> int:
        return len(self._load().info)


class HeldOutRows:
    """The held-out rows of a model's dataset, for a generator that is made to read some."""

    device = torch.device("cpu")
    fetched: frozenset[str] = frozenset()

    def __init__(self, load: Callable[[], Data], names: Iterable[str]) -> None:
        """The rows of what ``load`` returns, whose columns are called so."""
        self._load = load
        self.names = tuple(names)

    @property
    def rows(self) -> Rows:
        """The rows themselves. Raises DataError where the dataset is not on this machine."""
        return self._load().held_out

    def __len__(self) -> int:
        return len(self.rows)

    def column(self, name: str, rows: Tensor | slice = slice(None)) -> Tensor:
        """Some rows of one column as networks read them, (N, ...)."""
        return self.rows.column(name, rows)

    def to(self, device: torch.device) -> Rows:
        """The same rows, on a device."""
        return self.rows.to(device)

    def ahead(self, batches: Iterable[Tensor]) -> None:
        """Ignore the hint."""

    def digest(self, into: Any) -> None:
        """Update a hash with what these rows are."""
        self.rows.digest(into)
