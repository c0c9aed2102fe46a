"""Settings of the whole process, which a plugin must leave as they are."""

from __future__ import annotations

import os
import signal
import sys
import warnings
from dataclasses import dataclass
from threading import current_thread, main_thread
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

if TYPE_CHECKING:
    from collections.abc import Callable

CPU = torch.device("cpu")


@dataclass(frozen=True, slots=True)
class Setting:
    """Something that a process has once: its name in a sentence, and how to read and write it."""

    name: str
    read: Callable[[], Any]
    write: Callable[[Any], object]


def set_default_device(device: torch.device) -> None:
    """Set torch's default device; the CPU is the absence of one, which costs nothing."""
    torch.set_default_device(None if device == CPU else device)


def deterministic() -> tuple[bool, bool]:
    """Whether torch is limited to deterministic algorithms, and only warns."""
    return (
        torch.are_deterministic_algorithms_enabled(),
        torch.is_deterministic_algorithms_warn_only_enabled(),
    )


def cudnn() -> dict[str, bool]:
    """The switches of cuDNN."""
    return {name: getattr(torch.backends.cudnn, name) for name in ("benchmark", "deterministic")}


def set_cudnn(switches: dict[str, bool]) -> None:
    """Set the switches of cuDNN."""
    for name, value in switches.items():
        setattr(torch.backends.cudnn, name, value)


def blanket_filters() -> list[Any]:
    """The warning filters that are about every warning of every module."""
    return [f for f in warnings.filters if f[1:4] == (None, Warning, None) and not f[4]]


def set_blanket_filters(wanted: list[Any]) -> None:
    """Set the blanket filters, in their places; those of a library's own warnings stay."""
    there = blanket_filters()
    missing = [f for f in wanted if f not in there]
    added = [f for f in there if f not in wanted]
    warnings.filters[:] = [*missing, *(f for f in warnings.filters if f not in added)]  # type: ignore[index]
    with warnings.catch_warnings():
        pass  # its end tells Python that filters have changed


def handler(number: signal.Signals) -> Setting:
    """Python's handler of a signal."""
    return Setting(
        f"the handler of {number.name}",
        # The main thread alone can set it, and may do so while another one loads plugins.
        lambda: current_thread() is main_thread() and signal.getsignal(number),
        lambda handler: signal.signal(number, handler),
    )


SETTINGS = (
    Setting("torch's default dtype", torch.get_default_dtype, torch.set_default_dtype),
    Setting("torch's default device", torch.get_default_device, set_default_device),
    Setting("torch's number of threads", torch.get_num_threads, torch.set_num_threads),
    Setting("torch's gradient mode", torch.is_grad_enabled, torch.set_grad_enabled),
    Setting(
        "torch's choice of deterministic algorithms",
        deterministic,
        lambda both: torch.use_deterministic_algorithms(both[0], warn_only=both[1]),
    ),
    Setting(
        "torch's precision of matrix products",
        torch.get_float32_matmul_precision,
        torch.set_float32_matmul_precision,
    ),
    Setting("the switches of cuDNN", cudnn, set_cudnn),
    Setting(
        "numpy's answer to floating-point errors", np.geterr, lambda answer: np.seterr(**answer)
    ),
    Setting("the filter of all warnings", blanket_filters, set_blanket_filters),
    handler(signal.SIGINT),
    handler(signal.SIGTERM),
    Setting("the working directory", os.getcwd, os.chdir),
    Setting("standard error", lambda: sys.stderr, lambda file: setattr(sys, "stderr", file)),
)
"""What one plugin's change would alter in the results, or the ending, of unrelated code.

Not among them: random numbers, since every stream here has its own generator; and environment,
import path, logging and filters of single warnings, which libraries set for good reasons.
"""
