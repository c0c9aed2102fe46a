"""How many threads suit a run on this machine."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from ganzoo.engine.processor import is_small

if TYPE_CHECKING:
    from ganzoo.engine.game import Game

CHOSEN_BY = ("OMP_NUM_THREADS", "MKL_NUM_THREADS")
"""The environment variables by which a user chooses torch's threads."""
CGROUPS = Path("/sys/fs/cgroup")
MEMBERSHIP = Path("/proc/self/cgroup")


def suitable_threads(game: Game) -> int:
    """The threads for a game: what the user has set, one for small steps, else all available."""
    if any(os.environ.get(name) for name in CHOSEN_BY):
        return torch.get_num_threads()
    return 1 if is_small(game) else available_threads()


def available_threads() -> int:
    """Torch's threads, but no more than the cores that this process may use.

    A container's limit is a quota of time, which torch does not see: it starts a thread for every
    core of the machine, and they are stopped together whenever the quota is spent.
    """
    affinity = getattr(os, "sched_getaffinity", None)  # Linux only
    cores = len(affinity(0)) if affinity else os.cpu_count() or 1
    return max(1, min(torch.get_num_threads(), cores, int(quota() or cores)))


def quota() -> float | None:
    """The cores' worth of time that this process's control groups allow it, if they limit it."""
    try:
        rows = MEMBERSHIP.read_text(encoding="utf-8").splitlines()
    except OSError:
        return None
    limits = []
    for _, controllers, path in (row.split(":", 2) for row in rows):
        if controllers and "cpu" not in controllers.split(","):
            continue
        # Version 2 has one hierarchy and names no controllers; version 1 has one for the processor.
        top = CGROUPS / "cpu" if controllers else CGROUPS
        here = top / path.lstrip("/")
        limits += [limit for group in (here, *here.parents) if (limit := limit_of(group))]
    return min(limits, default=None)


def limit_of(group: Path) -> float | None:
    """The cores' worth of time that one control group allows, if it limits it."""
    try:
        if (group / "cpu.max").exists():  # version 2: both on one line
            allowed, period = (group / "cpu.max").read_text(encoding="utf-8").split()
        else:
            allowed = (group / "cpu.cfs_quota_us").read_text(encoding="utf-8")
            period = (group / "cpu.cfs_period_us").read_text(encoding="utf-8")
        return float(allowed) / float(period) if float(allowed) > 0 else None
    except (OSError, ValueError):  # none here, or "max"
        return None
