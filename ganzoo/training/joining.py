"""Joining the ranks that ``torchrun`` starts, each on a device of its own."""

from __future__ import annotations

import atexit
import os
from contextlib import contextmanager
from datetime import timedelta
from functools import cache
from itertools import count
from typing import TYPE_CHECKING, Any

import torch
from torch import distributed

from ganzoo.engine.group import Group
from ganzoo.engine.ranks import ALONE, Ranks
from ganzoo.errors import RunError

if TYPE_CHECKING:
    from collections.abc import Iterator

LONGEST = timedelta(hours=2)
"""How long a rank waits for another that is there: rank 0 may have data to fetch."""
JOINS = count()
"""The numbers of the groups that this process joins, which are the same on every rank."""


@contextmanager
def joined() -> Iterator[Ranks]:
    """The ranks that ``torchrun`` has started, or that the caller has joined; else one alone.

    The group stays for the next call. It is left when the process ends, or on an error, so that no
    rank waits for one that is gone.
    """
    if not distributed.is_available():
        yield ALONE
        return
    if not distributed.is_initialized() and distributed.is_torchelastic_launched():
        join()
    if not distributed.is_initialized() or distributed.get_world_size() == 1:
        yield ALONE
        return
    try:
        yield Group()
    except BaseException:
        leave()
        raise


def join() -> None:
    """Join the group that torchrun's environment describes, on this rank's own GPU if it has one.

    Messages between ranks are on the CPU, gradients on the device of the game.
    """
    backend = "gloo"
    if torch.cuda.is_available():
        backend = "cpu:gloo,cuda:nccl"
        if local_rank() < torch.cuda.device_count():
            torch.cuda.set_device(local_rank())
    store, rank, world = rendezvous()
    # A group that is joined after another has left must not read what that one wrote.
    own = distributed.PrefixStore(f"ganzoo {next(JOINS)}", store)  # type: ignore[attr-defined]
    distributed.init_process_group(backend, timeout=LONGEST, store=own, rank=rank, world_size=world)
    atexit.register(leave)


@cache
def rendezvous() -> tuple[Any, int, int]:
    """Where the processes meet, this one's rank and their number."""
    store, rank, world = next(distributed.rendezvous("env://"))  # type: ignore[attr-defined]
    return store, rank, world


def leave() -> None:
    """Leave the group, whose other ranks are told at once, if there is one."""
    if distributed.is_initialized():
        distributed.destroy_process_group()


def local_rank() -> int:
    """The number of this rank on its machine."""
    return int(os.environ.get("LOCAL_RANK", "0"))


def check_device(device: str) -> None:
    """Raise RunError where ranks cannot train on a device, each on one of its own."""
    kind, _, number = device.partition(":")
    message = None
    if kind == "mps":
        message = "several ranks train on cuda or cpu, not on mps."
    elif kind == "cuda" and number:
        message = f"each rank has a GPU of its own; say --device cuda in place of {device}."
    elif kind == "cuda" and local_rank() >= (gpus := torch.cuda.device_count()):
        message = f"there are more ranks than GPUs here, {gpus}; start one for each GPU."
    if message is not None:
        raise RunError(message)


def refuse_ranks() -> None:
    """Raise RunError where ``torchrun`` has started several processes for what one does."""
    several = int(os.environ.get("WORLD_SIZE", "1")) > 1
    if several and distributed.is_available() and distributed.is_torchelastic_launched():
        message = (
            "a benchmark is one process, and torchrun has started several; run it without "
            "torchrun, with --devices (devices=...) for several GPUs."
        )
        raise RunError(message)
