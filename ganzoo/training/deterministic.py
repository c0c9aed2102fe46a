"""Keeping a GPU to algorithms that give the same bits each time."""

from __future__ import annotations

import os
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager

WORKSPACE = "CUBLAS_WORKSPACE_CONFIG"
"""What cuBLAS reads when it starts, and needs for the same bits each time."""


def deterministic(device: str, *, wanted: bool) -> AbstractContextManager[None]:
    """Inside, if it is wanted, a GPU gives the same bits each time; a CPU always does.

    Where torch has no such algorithm for an operation it raises RuntimeError, which names it.
    """
    if not wanted or torch.device(device).type != "cuda":
        return nullcontext()
    return only_deterministic()


@contextmanager
def only_deterministic() -> Iterator[None]:
    """Inside, every operation has an algorithm that gives the same bits each time."""
    os.environ.setdefault(WORKSPACE, ":4096:8")
    was, warned = (
        torch.are_deterministic_algorithms_enabled(),
        torch.is_deterministic_algorithms_warn_only_enabled(),
    )
    benchmark = torch.backends.cudnn.benchmark
    torch.use_deterministic_algorithms(mode=True)
    torch.backends.cudnn.benchmark = False
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(was, warn_only=warned)
        torch.backends.cudnn.benchmark = benchmark
