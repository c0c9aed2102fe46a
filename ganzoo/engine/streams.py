"""Random streams: one for each purpose, so that no part shifts what another one sees."""

from __future__ import annotations

import hashlib
from contextlib import contextmanager
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torch import Tensor


def seed_for(seed: int, purpose: str) -> int:
    """A seed of its own for each purpose."""
    return int.from_bytes(hashlib.sha256(f"{seed} {purpose}".encode()).digest()[:7])


class DefaultRandom:
    """A state of torch's default generators that is leased: swapped in, and the caller's back out.

    Dropout, distributions and layer initialization cannot be given a generator.
    """

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self.seed(0)

    def seed(self, seed: int) -> None:
        """Start anew from a seed."""
        self.state = torch.Generator().manual_seed(seed).get_state()
        if self.device.type == "cuda":
            on_device = torch.Generator(self.device).manual_seed(seed).get_state()
            self.state = torch.cat([self.state, on_device])

    @contextmanager
    def leased(self) -> Iterator[None]:
        """Whatever runs inside draws from this state, and the caller's is left as it was."""
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
    """The order in which rows are dealt: a permutation per epoch, a function of seed and epoch."""

    def __init__(self, n: int, seed: int, device: torch.device) -> None:
        self.n, self.seed, self.device, self.position = n, seed, device, 0
        self._epoch, self._permutation = -1, torch.empty(0)

    def take(self, count: int) -> Tensor:
        """The next rows, int64, (count,); a batch may span epochs, so that all are full."""
        taken = []
        while count > 0:
            epoch, start = divmod(self.position, self.n)
            rows = self._of(epoch)[start : start + count]
            taken.append(rows)
            self.position += len(rows)
            count -= len(rows)
        return torch.cat(taken) if len(taken) > 1 else taken[0]

    def _of(self, epoch: int) -> Tensor:
        if epoch != self._epoch:
            stream = torch.Generator().manual_seed(seed_for(self.seed, f"epoch {epoch}"))
            self._permutation = torch.randperm(self.n, generator=stream).to(self.device)
            self._epoch = epoch
        return self._permutation
