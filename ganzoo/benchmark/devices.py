"""The devices of a benchmark: one for all of its runs, or a list that runs are spread over."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ganzoo.errors import OptionError
from ganzoo.plugins.composing import one_or_more
from ganzoo.training.device import chosen_device

if TYPE_CHECKING:
    from collections.abc import Sequence


def device_terms(
    device: str, devices: Sequence[str] | None, processes: int | None, ray: str | None
) -> dict[str, Any]:
    """The terms of a contest that say where its runs are, and how many at a time.

    With ``devices`` there are at least as many at a time. Raises OptionError where they are not of
    one kind, or given beside what decides the same.
    """
    if devices is None:
        processes_term = {} if processes is None else {"processes": processes}
        if device == "auto":
            return processes_term
        return {"device": chosen_device(device), "devices": (), **processes_term}
    other = "--ray" if ray is not None else "--device" if device != "auto" else None
    if other is not None:
        what = "which gives each run a GPU of its own" if other == "--ray" else "not both"
        message = f"give --devices or {other}, {what}."
        raise OptionError(message)
    chosen = tuple(chosen_device(name) for name in one_or_more(devices))
    kinds = sorted({kind_of(name) for name in chosen})
    if len(kinds) != 1:
        found = " and ".join(kinds) or "none"
        message = f"the devices of a benchmark are of one kind, so that runs compare, not {found}."
        raise OptionError(message)
    at_a_time = max(processes or 1, len(chosen))
    return {"device": kinds[0], "devices": chosen, "processes": at_a_time}


def kind_of(device: str) -> str:
    """A device without its number: ``cuda`` of ``cuda:1``."""
    return device.partition(":")[0]
