"""Gymnasium's spaces as ganzoo's, and actions translated both ways.

A policy reads vectors. Its actions are choices, counted from 0, or vectors: a number that the
environment bounds on both sides is in [-1, 1], any other is the environment's own.
"""

from __future__ import annotations

from textwrap import shorten
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

import numpy as np
import torch
from gymnasium import spaces
from gymnasium.vector.utils import batch_space, iterate
from numpy.typing import NDArray

from ganzoo.errors import DataError
from ganzoo.parts.space import Space

if TYPE_CHECKING:
    from torch import Tensor

Array: TypeAlias = NDArray[Any]


class Actions(Protocol):
    """An environment's actions, and the same as a policy takes them."""

    @property
    def space(self) -> Space:
        """The space of a policy's actions."""

    def played(self, action: Array) -> Array:
        """A policy's actions, (N, ...), as the environment takes them."""

    def recorded(self, action: Array) -> Tensor:
        """The environment's actions, (N, ...), as a policy takes them."""

    def limited(self, action: Tensor) -> Tensor:
        """A policy's actions within the environment's bounds."""

    def drawn(self, n: int, stream: torch.Generator) -> Array:
        """``n`` random actions of a policy: uniform, if they are bounded."""


class Choices:
    """One of some choices, which the environment may count from another number than 0."""

    def __init__(self, space: spaces.Discrete) -> None:
        """The choices of ``space``."""
        self.count, self.first = int(space.n), int(space.start)
        self.space = Space(classes=self.count)

    def played(self, action: Array) -> Array:
        """Count from the environment's first choice, int64, (N,)."""
        return action + self.first

    def recorded(self, action: Array) -> Tensor:
        """Count from 0, int64, (N,)."""
        return torch.from_numpy(action.astype(np.int64) - self.first)

    def limited(self, action: Tensor) -> Tensor:
        """Choices have no bounds to be clipped to."""
        return action

    def drawn(self, n: int, stream: torch.Generator) -> Array:
        """Uniform choices, (n,)."""
        drawn: Array = torch.randint(self.count, (n,), generator=stream).numpy()
        return drawn


class Numbers:
    """An array of numbers: scaled to [-1, 1] where both bounds are finite, and else unchanged."""

    def __init__(self, box: spaces.Box) -> None:
        """The numbers of ``box``, which a policy takes as a vector."""
        self.box = box
        low, high = (end.ravel() for end in (box.low, box.high))
        if not np.issubdtype(low.dtype, np.floating):
            low, high = low.astype(np.float64), high.astype(np.float64)
        with np.errstate(over="ignore"):  # the largest float in place of infinity is no bound
            self.bounded = np.isfinite(high - low)
        one = low.dtype.type(1)
        self.low, self.high = np.where(self.bounded, low, -one), np.where(self.bounded, high, one)
        self.least = np.where(self.bounded, -one, low).astype(np.float32)
        self.most = np.where(self.bounded, one, high).astype(np.float32)
        self.space = Space(shape=low.shape, bounded=bool(self.bounded.all()))

    def played(self, action: Array) -> Array:
        """Clip to the bounds, and scale: the box's shape and type."""
        clipped = action.clip(self.least, self.most)
        scaled = self.low + (clipped + 1) / 2 * (self.high - self.low)
        made = np.where(self.bounded, scaled, clipped)
        if not np.issubdtype(self.box.dtype, np.floating):
            made = np.rint(made)
        return made.astype(self.box.dtype).reshape(len(action), *self.box.shape)

    def recorded(self, action: Array) -> Tensor:
        """Scale back, float32, (N, k)."""
        taken = action.reshape(len(action), -1)
        span = np.where(self.high > self.low, self.high - self.low, 1)
        scaled = np.where(self.bounded, 2 * (taken - self.low) / span - 1, taken)
        return self.limited(torch.from_numpy(scaled).float())

    def limited(self, action: Tensor) -> Tensor:
        """Clip to [-1, 1], or to the bound on one side."""
        ends = (torch.from_numpy(end).to(action.device) for end in (self.least, self.most))
        return action.clamp(*ends)

    def drawn(self, n: int, stream: torch.Generator) -> Array:
        """Random numbers, (n, k): uniform between two bounds, exponential from one, else normal."""
        uniform = torch.rand(n, self.space.size, generator=stream)
        inner = uniform.clamp(min=2**-25)  # 0 would be infinitely far away
        away = -torch.log1p(-uniform)
        least, most = torch.from_numpy(self.least), torch.from_numpy(self.most)
        unbounded = torch.where(
            least.isfinite(),
            least + away,
            torch.where(most.isfinite(), most - away, torch.special.ndtri(inner)),
        )
        drawn: Array = torch.where(
            torch.from_numpy(self.bounded), uniform * 2 - 1, unbounded
        ).numpy()
        return drawn


def actions_of(env: str, space: spaces.Space[Any]) -> Actions:
    """The actions of an environment by its name. Raises DataError if no policy can take them."""
    if isinstance(space, spaces.Discrete):
        return Choices(space)
    if isinstance(space, spaces.Box) and space.low.size:
        return Numbers(space)
    message = (
        f"environment '{env}' takes {shown(space)}; a policy takes one choice (Discrete) or "
        "numbers (Box): wrap the environment so that it does too."
    )
    raise DataError(message)


def is_vector(env: str, space: spaces.Space[Any]) -> bool:
    """Whether an observation is a vector already; otherwise it can be flattened into one.

    Choices become one-hot. Raises DataError if there is no such vector.
    """
    if isinstance(space, spaces.Box) and len(space.shape) == 1 and space.shape[0]:
        return True
    if not flattens(space) or not spaces.flatdim(space):
        message = (
            f"environment '{env}' observes {shown(space)}; a policy reads a vector, choices, or a "
            "Dict or Tuple of them: wrap the environment so that it observes one."
        )
        raise DataError(message)
    return False


def flattens(space: spaces.Space[Any]) -> bool:
    """Whether a space is made of numbers, vectors and choices, without pictures or texts."""
    if isinstance(space, (spaces.Dict, spaces.Tuple)):
        parts = space.spaces.values() if isinstance(space, spaces.Dict) else space.spaces
        return all(flattens(part) for part in parts)
    if isinstance(space, spaces.Box):
        return len(space.shape) <= 1
    return isinstance(space, (spaces.Discrete, spaces.MultiDiscrete, spaces.MultiBinary))


def flattened(space: spaces.Space[Any], observations: Any, n: int) -> Array:
    """``n`` stored observations of a space, as the vectors that a policy reads, (n, d)."""
    if isinstance(space, spaces.Box):
        stored: Array = np.asarray(observations)
        return stored.reshape(n, -1)
    each = iterate(batch_space(space, n), observations)
    return np.stack([np.asarray(spaces.flatten(space, one)) for one in each])


def shown(space: spaces.Space[Any]) -> str:
    """A space in one line of an error."""
    return shorten(str(space), 120)
