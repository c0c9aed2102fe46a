"""A batch on its way from the host to a device."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from torch import Tensor


def moved(batch: dict[str, Tensor], device: torch.device) -> dict[str, Tensor]:
    """The columns of a batch, as stored, on a device.

    A GPU copies them while it computes what it was given before, and the host waits for neither.
    """
    if device.type != "cuda":
        return {name: column.to(device, non_blocking=True) for name, column in batch.items()}
    computing = torch.cuda.current_stream(device)
    with torch.cuda.stream(copying(device)):
        # From memory that is not pinned a copy would wait for the GPU, and the host with it.
        there = {name: pinned(c).to(device, non_blocking=True) for name, c in batch.items()}
    computing.wait_stream(copying(device))
    for column in there.values():
        column.record_stream(computing)
    return there


@cache
def copying(device: torch.device) -> torch.cuda.Stream:
    """The stream of a GPU on which batches are copied."""
    return torch.cuda.Stream(device)  # type: ignore[no-untyped-call]


def pinned(column: Tensor) -> Tensor:
    """A column in memory that a GPU reads by itself."""
    return column if column.is_pinned() else column.pin_memory()
