"""Full precision on a GPU, which may round the products of float32 numbers to TF32."""

from __future__ import annotations

from typing import Any

import torch

from ganzoo.storage.lock import Exclusive

BACKENDS: tuple[Any, ...] = (
    torch.backends.cuda.matmul,
    torch.backends.cudnn.conv,  # type: ignore[attr-defined]
    torch.backends.cudnn.rnn,
)


class FullPrecision:
    """Inside, no product is rounded to TF32; threads may be inside at the same time.

    torch has one setting for a process: the first thread in changes it, and the last one out puts
    it back.
    """

    def __init__(self) -> None:
        self._turn, self._inside = Exclusive(), 0
        self._before: list[str] = []

    def __enter__(self) -> None:
        with self._turn.held():
            if not self._inside:
                self._before = [backend.fp32_precision for backend in BACKENDS]
                _set(["ieee"] * len(BACKENDS))
            self._inside += 1

    def __exit__(self, *_: object) -> None:
        with self._turn.held():
            self._inside -= 1
            if not self._inside:
                _set(self._before)


def _set(precisions: list[str]) -> None:
    for backend, precision in zip(BACKENDS, precisions, strict=True):
        backend.fp32_precision = precision


FULL_PRECISION = FullPrecision()
"""That of this process."""
