"""Random streams, one for each purpose, so that no part shifts the numbers of another."""

from __future__ import annotations

import copy
import hashlib
from contextlib import contextmanager
from typing import TYPE_CHECKING

import torch

from ganzoo.storage.lock import Exclusive

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from torch import Tensor


GENERATORS = Exclusive()
"""Torch's default generators. Threads share them, and torch offers none that they do not."""


def seed_for(seed: int, purpose: str) -> int:
    """The seed of one purpose, such as ``"latents"``, under a run's seed."""
    return int.from_bytes(hashlib.sha256(f"{seed} {purpose}".encode()).digest()[:7])


class DefaultRandom:
    """A state of torch's default generators, for what cannot be given a generator of its own.

    Dropout, distributions and the initialization of layers cannot.
    """

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self.seed(0)

    def seed(self, seed: int) -> None:
        """Reset the state to that of a fresh generator of this seed."""
        self.state = torch.Generator().manual_seed(seed).get_state()
        if self.device.type == "cuda":
            on_device = torch.Generator(self.device).manual_seed(seed).get_state()
            self.state = torch.cat([self.state, on_device])

    def takes(self, state: Tensor) -> bool:
        """Whether a tensor is a state that the default generators can be brought to."""
        length = len(torch.get_rng_state())
        try:
            torch.Generator().set_state(state[:length])
            if self.device.type == "cuda":
                torch.Generator(self.device).set_state(state[length:])
        except RuntimeError:
            return False
        return True

    @contextmanager
    def leased(self) -> Iterator[None]:
        """Swap this state in, and the caller's back on leaving; one thread at a time."""
        with GENERATORS.held():
            callers = self._get()
            self._set(self.state)
            try:
                yield
            finally:
                self.state = self._get()
                self._set(callers)

    def _get(self) -> Tensor:
        if self.device.type != "cuda":
            return torch.get_rng_state()
        return torch.cat([torch.get_rng_state(), torch.cuda.get_rng_state(self.device)])

    def _set(self, state: Tensor) -> None:
        if self.device.type != "cuda":
            torch.set_rng_state(state)
            return
        length = len(torch.get_rng_state())
        torch.set_rng_state(state[:length])
        torch.cuda.set_rng_state(state[length:], self.device)


class Order:
    """The order in which rows are dealt: one permutation per epoch, from the seed and the epoch.

    ``position`` is the number of rows dealt so far, over all epochs; ``restarts`` says how often
    the permutations became others, from the seed and that number.
    """

    def __init__(self, n: int, seed: int, device: torch.device) -> None:
        self.n, self.seed, self.device = n, seed, device
        self.position, self.restarts = 0, 0
        self._epoch, self._permutation = "", torch.empty(0)

    def take(self, count: int) -> Tensor:
        """The next row numbers, int64, (count,); a batch may span epochs, so all are full."""
        taken = []
        while count > 0:
            epoch, start = divmod(self.position, self.n)
            rows = self._of(epoch)[start : start + count]
            taken.append(rows)
            self.position += len(rows)
            count -= len(rows)
        return torch.cat(taken) if len(taken) > 1 else taken[0]

    def coming(self, count: int, reads: Sequence[bool]) -> Iterator[Tensor]:
        """The batches that the turns from here on will take and read, without end.

        ``reads`` says of each turn of a round, in order, whether it reads its rows at all. Nothing
        moves: the position stays what it is.
        """
        future = copy.copy(self)  # shares the permutation, which for a million rows takes 20 ms
        while any(reads):
            for read in reads:
                rows = future.take(count)
                if read:
                    yield rows

    def _of(self, epoch: int) -> Tensor:
        purpose = f"epoch {epoch}" + (f" again {self.restarts}" if self.restarts else "")
        if purpose != self._epoch:
            stream = torch.Generator().manual_seed(seed_for(self.seed, purpose))
            self._permutation = torch.randperm(self.n, generator=stream).to(self.device)
            self._epoch = purpose
        return self._permutation
