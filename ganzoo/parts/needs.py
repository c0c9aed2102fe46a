"""Needs: which values a function reads, from its signature."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

import torch

from ganzoo.errors import ComposeError

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor


RESERVED = ("real_", "fake_")


def parameters(function: Callable[..., Any], skip: int) -> list[inspect.Parameter]:
    """The parameters of a function but the first; ComposeError where it has no usable ones."""
    try:
        return list(inspect.signature(function).parameters.values())[skip:]
    except (TypeError, ValueError):
        name = getattr(function, "__qualname__", type(function).__name__)
        message = (
            f"'{name}' has no parameters that say what it reads; a method takes self, then names "
            "the values."
        )
        raise ComposeError(message) from None


def reads(function: Callable[..., Any], *, skip: int = 0) -> tuple[str, ...]:
    """The names a function cannot do without: its parameters, less the first ``skip``."""
    return tuple(
        p.name
        for p in parameters(function, skip)
        if p.default is p.empty and p.kind in {p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY}
    )


def accepts(function: Callable[..., Any], *, skip: int = 0) -> tuple[str, ...]:
    """The names a function takes when they are offered: those with a default."""
    return tuple(p.name for p in parameters(function, skip) if p.default is not p.empty)


def as_heads(out: Tensor | dict[str, Tensor], name: str) -> dict[str, Tensor]:
    """A network's output as float32 heads by name; a bare tensor is the head ``name``."""
    heads = {name: out} if isinstance(out, torch.Tensor) else out
    return {head: value.float() for head, value in heads.items()}
