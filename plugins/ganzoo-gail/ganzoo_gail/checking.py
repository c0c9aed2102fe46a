"""What demonstrations may hold: the types, shapes and numbers of their tensors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from ganzoo.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor

    from ganzoo_gail.tasks import Task

INTEGERS = {torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64}
NUMBERS = INTEGERS | {torch.float16, torch.bfloat16, torch.float32, torch.float64}


@dataclass(frozen=True)
class Form:
    """The types and numbers of dimensions that a tensor may have, and both in words."""

    types: set[torch.dtype]
    dims: tuple[int, ...]
    words: str

    def fits(self, tensor: Tensor) -> bool:
        """Whether a tensor has one of the types, and as many dimensions."""
        return tensor.dtype in self.types and tensor.dim() in self.dims


FORMS = {
    "obs": Form(NUMBERS, (1, 2), "numbers, (N, d)"),
    "action": Form(NUMBERS, (1, 2), "numbers, (N,) or (N, k)"),
    "lengths": Form(INTEGERS, (1,), "integers, (episodes,)"),
    "returns": Form(NUMBERS, (1,), "numbers, (episodes,)"),
}
REQUIRED = ("action", "lengths", "obs")


def checked(source: str, tensors: Mapping[str, Tensor], task: Task) -> dict[str, Tensor]:
    """The tensors of demonstrations as networks read them, once they fit each other and the task.

    ``obs`` is float32, (N, d); ``action`` int64, (N,), or float32, (N, k); ``lengths`` int64, of at
    least one step each, which sum to N. Raises DataError, in which ``source`` names the file.
    """
    require_forms(source, tensors)
    obs, action, lengths = (tensors[name] for name in ("obs", "action", "lengths"))
    require_episodes(source, obs, action, lengths.long())
    require_spaces(source, obs, action, task)
    read = columns_of(task, obs, action)
    for name, tensor in read.items():
        if tensor.is_floating_point() and not bool(torch.isfinite(tensor).all()):
            message = f"{source} has numbers in '{name}' that are not finite float32."
            raise DataError(message)
    return {**read, "lengths": lengths.long()}


def columns_of(task: Task, obs: Tensor, action: Tensor) -> dict[str, Tensor]:
    """``obs``, float32, and ``action``, int64 if it is a choice, else float32."""
    is_choice = task.spaces["action"].classes is not None
    return {"obs": obs.float(), "action": action.long() if is_choice else action.float()}


def require_forms(source: str, tensors: Mapping[str, Tensor]) -> None:
    """Raise DataError for a tensor that is missing, or of another type or form."""
    for name in REQUIRED:
        if name not in tensors:
            message = f"{source} holds no demonstrations: '{name}' is missing."
            raise DataError(message)
    for name, form in FORMS.items():
        tensor = tensors.get(name)
        if tensor is not None and not form.fits(tensor):
            kind = str(tensor.dtype).removeprefix("torch.")
            message = (
                f"{source} has {kind} of shape {tuple(tensor.shape)} in '{name}'; it must hold "
                f"{form.words}."
            )
            raise DataError(message)


def require_episodes(source: str, obs: Tensor, action: Tensor, lengths: Tensor) -> None:
    """Raise DataError unless episodes of at least one step hold all observations and actions."""
    if len(lengths) and int(lengths.min()) < 1:
        message = f"{source} has an episode of {int(lengths.min())} steps in 'lengths'."
        raise DataError(message)
    steps = lengths.sum(dtype=torch.float64).item()  # integers could overflow to any sum
    if not len(obs) or len(obs) != len(action) or steps != len(obs):
        message = (
            f"{source} is empty or incomplete: {len(obs)} observations, {len(action)} actions and "
            f"episodes of {steps:.0f} steps."
        )
        raise DataError(message)


def require_spaces(source: str, obs: Tensor, action: Tensor, task: Task) -> None:
    """Raise DataError unless observations and actions are of the environment's spaces."""
    spaces = task.spaces
    if tuple(obs.shape[1:]) != spaces["obs"].shape:
        message = (
            f"{source} has observations of shape {tuple(obs.shape[1:])}; those of '{task.env}' "
            f"have shape {spaces['obs'].shape}."
        )
        raise DataError(message)
    classes = spaces["action"].classes
    if classes is None:
        fits = action.is_floating_point() and tuple(action.shape[1:]) == spaces["action"].shape
        wanted = f"vectors of {spaces['action'].size} numbers"
    else:
        whole = not action.is_floating_point() and action.dim() == 1
        fits = whole and bool(((action >= 0) & (action < classes)).all())
        wanted = f"integers in [0, {classes})"
    if not fits:
        message = f"{source} has actions that '{task.env}' does not accept; they must be {wanted}."
        raise DataError(message)
