"""Rows that are fetched by number, ahead of their use, by worker processes."""

from __future__ import annotations

import copy
import multiprocessing
import os
from collections import deque
from itertools import chain
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

import torch
from torch.utils.data import DataLoader

from ganzoo.errors import DataError, ZooError, first_line
from ganzoo.parts.moving import moved
from ganzoo.parts.rows import ResidentRows, as_read
from ganzoo.parts.workers import outlive_requests

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from torch import Tensor

    from ganzoo.parts.space import Space

PREFETCH = 4
"""Batches that each worker fetches ahead."""
MANY = 1024
"""A read of more rows than this, as a metric's, is shared among the workers."""
CHUNK = 128
"""The rows that one worker then reads at a time."""

Batch: TypeAlias = "dict[str, Tensor]"


class Source(Protocol):
    """Where rows come from: any map-style dataset whose items are dicts of columns.

    The same number must give the same row each time, in any process.
    """

    def __len__(self) -> int:
        """How many rows there are."""

    def __getitem__(self, row: int, /) -> Mapping[str, Any]:
        """One row: a value of each column, as stored (uint8 images, ints for categories)."""


class Reader:
    """Reads batches of a source; what a worker holds."""

    def __init__(
        self, source: Source, spaces: Mapping[str, Space], chosen: Tensor, who: str
    ) -> None:
        self.source, self.spaces, self.chosen, self.who = source, spaces, chosen, who

    def __getitem__(self, rows: Tensor) -> Batch | str:
        """The columns of some rows, as stored, or why one cannot be read.

        An error is returned, not raised: the loader would wrap it in a worker's traceback.
        """
        try:
            items = [self._row(row) for row in self.chosen[rows].tolist()]
        except ZooError as error:
            return str(error)
        return {name: torch.stack([item[name] for item in items]) for name in self.spaces}

    def _row(self, row: int) -> Batch:
        try:
            item = self.source[row]
            found = {name: torch.as_tensor(item[name]) for name in self.spaces}
        except ZooError:
            raise
        except Exception as error:
            reason = f"no '{error.args[0]}'" if isinstance(error, KeyError) else first_line(error)
            message = f"row {row} of {self.who} cannot be read: {reason}."
            raise DataError(message) from error
        for name, space in self.spaces.items():
            shape, wrong = (
                tuple(found[name].shape),
                space.outside(found[name].reshape(-1), stored=True),
            )
            if shape != space.shape:
                message = (
                    f"row {row} of {self.who} has '{name}' of shape {shape}, not {space.shape}."
                )
                raise DataError(message)
            if wrong is not None:
                message = (
                    f"row {row} of {self.who} has the {name} {wrong}; there are {space.domain}."
                )
                raise DataError(message)
        return found


class Ahead:
    """Batches that workers are fetching, in the order in which they were announced."""

    def __init__(
        self, reader: Reader, batches: Iterable[Tensor], workers: int, *, pin: bool
    ) -> None:
        self.waiting: deque[Tensor] = deque()
        self.served = 0
        self.loader = loaded(reader, noted(batches, self.waiting), workers, pin=pin)

    def __contains__(self, rows: Tensor) -> bool:
        return any(torch.equal(batch, rows) for batch in self.waiting)

    def take(self, rows: Tensor) -> Batch | str:
        """One of the batches; those announced before it were not used, and are dropped."""
        try:
            while not torch.equal(self.waiting.popleft(), rows):
                next(self.loader)
            found = next(self.loader)
        except RuntimeError as error:  # a worker was killed, often for its memory
            return f"a worker that fetches rows has stopped: {first_line(error)}."
        self.served += 1
        return found


def noted(batches: Iterable[Tensor], waiting: deque[Tensor]) -> Iterator[Tensor]:
    """The batches as the loader pulls them, each noted when it is."""
    # No method of Ahead: a reference back to it would keep the workers alive until the next
    # collection of cycles.
    for rows in batches:
        waiting.append(rows)
        yield rows


def loaded(
    reader: Reader, batches: Iterable[Tensor], workers: int, *, pin: bool = False
) -> Iterator[Batch | str]:
    """The batches as a reader reads them, in order, by so many processes.

    Memory that is pinned moves to a GPU without making the host wait for it.
    """
    loader: DataLoader[Any] = DataLoader(
        reader,  # type: ignore[arg-type]  # anything that is indexed
        batch_size=None,  # each item is a batch already
        sampler=batches,
        num_workers=workers,
        pin_memory=pin,
        prefetch_factor=PREFETCH,
        collate_fn=as_it_is,
        worker_init_fn=outlive_requests,
        # Otherwise the seed of the workers would be drawn from torch's default generator, and
        # training would depend on whether rows are streamed.
        generator=torch.Generator(),
    )
    return iter(loader)


def as_it_is(batch: Any) -> Any:
    """Leave a batch as it is."""
    return batch


class StreamedRows:
    """Rows fetched by number from a source, for data larger than memory.

    ``spaces`` names the columns to fetch; ``resident`` holds others, such as labels, in memory.
    ``chosen`` are the numbers, int64, (N,), that this split's rows have in the source; all, by
    default. ``index`` says which data these are: it is hashed in their place. What was announced
    (``ahead``) is fetched by ``workers`` processes while the device computes, all else when it is
    read. The values never depend on the workers; 0 fetches nothing ahead.
    """

    def __init__(
        self,
        source: Source,
        spaces: Mapping[str, Space],
        *,
        index: str,
        resident: Mapping[str, Tensor] | None = None,
        chosen: Tensor | None = None,
        workers: int | None = None,
        who: str = "the data",
    ) -> None:
        chosen = torch.arange(len(source)) if chosen is None else chosen
        self.reader = Reader(source, dict(spaces), chosen, who)
        self.index, self.resident = index, ResidentRows(dict(resident or {}))
        self.workers = usual_workers() if workers is None else workers
        self._device = torch.device("cpu")
        self._ahead: Ahead | None = None
        self._useless, self._missed = False, 0
        self._last: tuple[Tensor, Batch] | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """The columns."""
        return (*self.reader.spaces, *self.resident.names)

    @property
    def fetched(self) -> frozenset[str]:
        """The columns that come from the source."""
        return frozenset(self.reader.spaces)

    @property
    def device(self) -> torch.device:
        """The host, where rows are fetched, so that no number waits for a GPU."""
        return torch.device("cpu")

    def __len__(self) -> int:
        return len(self.reader.chosen)

    def column(self, name: str, rows: Tensor | slice = slice(None)) -> Tensor:
        """Some rows of one column as networks read them, (N, ...), on the device.

        Raises DataError naming the row, or the file, that cannot be read.
        """
        numbers = torch.arange(len(self))[rows] if isinstance(rows, slice) else rows.cpu()
        if name in self.resident.columns:
            return self.resident.column(name, numbers.to(self._device))
        return as_read(self._batch(numbers)[name])

    def to(self, device: torch.device) -> StreamedRows:
        """The same rows, fetched on the host and moved to a device; nothing is announced yet."""
        there = copy.copy(self)
        there.resident = self.resident.to(device)
        there._device, there._ahead, there._last = device, None, None  # noqa: SLF001
        there._useless, there._missed = False, 0  # noqa: SLF001
        return there

    def ahead(self, batches: Iterable[Tensor]) -> None:
        """Start to fetch these batches, unless that is what the workers are doing."""
        coming = iter(batches)
        first = next(coming, None)
        if first is None:
            self._ahead, self._useless, self._missed = (
                None,
                False,
                0,
            )  # without a reference, the workers end
        elif self._ahead is None or first not in self._ahead:
            # Announced, and not read: a sampler has an order or a batch of its own. To start
            # workers again and again for that would be slower than to read without them.
            self._missed += self._ahead is not None
            self._useless |= self._missed > 1 or (
                self._ahead is not None and not self._ahead.served
            )
            self._ahead = None
            # A daemon, as some process pools use, may have no children.
            daemon = multiprocessing.current_process().daemon
            if self.workers and not self._useless and not daemon:
                batches, pin = chain((first,), coming), self._device.type == "cuda"
                self._ahead = Ahead(self.reader, batches, self.workers, pin=pin)

    def digest(self, into: Any) -> None:
        """Update a hash with the index, the numbers of the rows and the resident columns."""
        into.update(f"streamed {sorted(self.reader.spaces)} {self.index}".encode())
        into.update(self.reader.chosen.numpy().data)
        self.resident.digest(into)

    def _batch(self, rows: Tensor) -> Batch:
        """All fetched columns of some rows, on the device, as stored.

        The last ones are kept, for the next column of them.
        """
        last = self._last  # another thread may read others meanwhile
        if last is not None and torch.equal(last[0], rows):
            return last[1]
        if self._ahead is not None and rows in self._ahead:
            found = self._ahead.take(rows)
        else:
            found = self._read(rows)
        if isinstance(found, str):
            self._ahead = None
            raise DataError(found)
        batch = moved(found, self._device)
        # A copy, because whoever deals may write the next rows over these.
        self._last = (rows.clone(), batch) if len(rows) <= MANY else None
        return batch

    def _read(self, rows: Tensor) -> Batch | str:
        if len(rows) <= MANY or not self.workers or multiprocessing.current_process().daemon:
            return self.reader[rows]
        parts: list[Batch] = []
        for part in loaded(self.reader, torch.split(rows, CHUNK), self.workers):
            if isinstance(part, str):
                return part
            parts.append(part)
        return {name: torch.cat([part[name] for part in parts]) for name in self.reader.spaces}


def usual_workers() -> int:
    """One worker fewer than there are cores, and from 1 to 8."""
    usable = getattr(os, "sched_getaffinity", None)  # what a container may use; on Linux only
    cores = len(usable(0)) if usable else os.cpu_count() or 1
    return max(1, min(8, cores - 1))
