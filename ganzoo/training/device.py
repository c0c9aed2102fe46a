"""The device of a run: the one that is asked for, if it is here."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from ganzoo.engine.host import suits_cpu
from ganzoo.errors import RunError, first_line
from ganzoo.parts.arguments import check_arguments

if TYPE_CHECKING:
    from pathlib import Path

    from ganzoo.engine.composition import Composition

DEVICES = ("cpu", "cuda", "mps")


def chosen_device(device: str | torch.device) -> str:
    """A device to train on, if it is here; ``auto`` is the GPU where there is one, else the CPU."""
    check_arguments(device=device)
    name = str(device)
    if name != "auto" and name.partition(":")[0] not in DEVICES:
        message = f"device '{name}' cannot be used here: name one of {', '.join(DEVICES)}."
        raise RunError(message)
    return str(usable(name))


def suited_device(device: str | torch.device, composition: Composition) -> str:
    """A device to train a composition on, if it is here.

    ``auto`` is the GPU where there is one and the composition is played faster on it, else the CPU.
    """
    chosen = chosen_device(device)
    is_open = str(device) == "auto" and chosen != "cpu"
    return "cpu" if is_open and suits_cpu(composition) else chosen


def usable(device: str | torch.device) -> torch.device:
    """Any device of torch's that is here, or ``auto``; RunError for another."""
    check_arguments(device=device)
    if device is None or str(device) == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        found = torch.device(device)
        if found.type == "mps" and not torch.backends.mps.is_available():
            message = f"device '{device}' cannot be used here: this is no Mac with Metal."
            raise RunError(message)
        torch.empty(0, device=found)
    except (RuntimeError, AssertionError) as error:
        message = f"device '{device}' cannot be used here: {first_line(error).rstrip('.')}."
        raise RunError(message) from error
    return found


def runs_own(folder: Path, device: str) -> str:
    """The device that a run was last trained on. Raises RunError if it is not here."""
    try:
        return chosen_device(device)
    except RunError as error:
        message = (
            f"{folder} was trained on the device '{device}', which is not here; add --device cpu "
            "to go on without it."
        )
        raise RunError(message) from error


def check_graph(device: str, *, wanted: bool | None) -> None:
    """Raise RunError where graphs are asked for on a device that has none."""
    if wanted and torch.device(device).type != "cuda":
        message = (
            "rounds are captured as graphs on CUDA GPUs alone, and this run is on the device "
            f"'{device}'; leave --graph (graph=True) out."
        )
        raise RunError(message)


def is_other_kind(one: str, other: str) -> bool:
    """Whether two devices keep the states of random numbers in different forms."""
    return torch.device(one).type != torch.device(other).type


def moved(old: str, new: str, rounds: int) -> str:
    """What happens to a run that goes on on another kind of device, as a sentence."""
    return (
        f"The run moves from '{old}' to '{new}' after round {rounds}; its random streams start "
        "anew from its seed and that round, since their states have another form there."
    )
