"""What a caller fixes of samples, by name: numbers, names of classes, arrays; as tensors."""

from __future__ import annotations

from numbers import Integral
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import torch
from torch import Tensor

from ganzoo.errors import OptionError, counted, first_line, listed, quoted
from ganzoo.parts.settings import parse

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from numpy.typing import NDArray

    from ganzoo.parts.space import Space

Given: TypeAlias = "float | str | Tensor | NDArray[np.generic] | Sequence[float] | Sequence[str]"
"""One value for all samples, or one for each; a class or a text may be given in words."""


def fixed(
    given: Mapping[str, Given],
    n: int,
    *,
    names: Iterable[str],
    spaces: Mapping[str, Space],
    device: torch.device,
    of: str = "sample",
) -> dict[str, Tensor]:
    """What is given for ``n`` samples as tensors, (n, ...), on a device.

    ``names`` are those that may be given, for what errors call ``of``. Raises OptionError, which
    names the value, for any other name, and for what has another length or shape, is not finite, or
    is none of its space's classes or words.
    """
    names = {*names}
    for name in given:
        if name not in names:
            message = f"no {of} is made from '{name}'; given may be: {listed(names)}."
            raise OptionError(message)
    return {name: _fixed(name, value, n, spaces.get(name), device) for name, value in given.items()}


def _fixed(name: str, value: Given, n: int, space: Space | None, device: torch.device) -> Tensor:
    found = _numbers(name, value, space).to(device)
    if isinstance(value, str):
        return found.expand(n, *found.shape[1:])
    is_number = space is None or space.classes is not None or space.size == 1
    if found.dim() == 0 and is_number:
        return found.expand(n)
    if found.dim() and len(found) != n:
        have = f"{counted(len(found), 'value')} for {counted(n, 'sample')}"
        message = f"{name} has {have}; give one for all, or {n}."
        raise OptionError(message)
    shape = () if space is None or space.classes is not None else space.shape
    fits = tuple(found.shape[1:]) == shape or (is_number and found.numel() == n)
    if not found.dim() or not (fits or space is None):
        message = f"{name} has the shape {tuple(found.shape)}; it must be {(n, *shape)}."
        raise OptionError(message)
    return found if space is None or space.classes is None else found.reshape(n)


def _numbers(name: str, value: Given, space: Space | None) -> Tensor:
    """The value as finite numbers: whole ones of its space's classes or tokens, or floats."""
    if space is not None and (words := in_words(value)):
        return _encoded(name, words, space)
    found = numbers(name, value)
    if space is None:
        return found
    if space.cardinality is None:
        return found.float()
    found = found.long() if found.dtype == torch.bool else found
    wrong = found[(found < 0) | (found >= space.cardinality) | (found != found.round())]
    if len(wrong):
        message = f"{name} {wrong[0].item():g} is none of the {space.domain}."
        raise OptionError(message)
    return found.long()


def written(texts: Iterable[str]) -> dict[str, Given]:
    """What is given by name, from texts ``NAME=VALUE``: what JSON reads, or else words.

    Raises OptionError for a text of another form.
    """
    found: dict[str, Given] = {}
    for text in texts:
        name, equals, _ = text.partition("=")
        if not equals or not name:
            message = f"'{text}' gives nothing; write NAME=VALUE, such as label=3."
            raise OptionError(message)
        path, value = parse(text)
        found[".".join(path)] = value
    return found


def numbers(name: str, value: object) -> Tensor:
    """Finite numbers as a tensor; OptionError, which calls them ``name``, for anything else."""
    try:
        found = torch.as_tensor(value)
    except (TypeError, ValueError, RuntimeError):
        message = f"{name} cannot be {quoted(value)}: give a number, a tensor or an array."
        raise OptionError(message) from None
    is_dense = found.layout is torch.strided and not found.is_meta
    if not is_dense or found.is_complex() or not bool(found.isfinite().all()):
        message = f"{name} must be finite numbers."
        raise OptionError(message)
    return found


def whole(name: str, value: object, least: int, most: int = 1_000_000) -> int:
    """A whole number in [least, most]; OptionError, which calls it ``name``, for another."""
    if isinstance(value, bool) or not isinstance(value, Integral) or value < least:
        message = f"{name} must be a whole number, {least} or more, not {quoted(value)}."
        raise OptionError(message)
    if int(value) > most:
        message = f"{name} must be at most {most:,}, not {quoted(value)}."
        raise OptionError(message)
    return int(value)


def device_of(device: object) -> torch.device:
    """A device of torch's; OptionError for what names none."""
    try:
        found: torch.device = torch.device(device)  # type: ignore[call-overload]
    except (RuntimeError, TypeError, ValueError) as error:
        message = f"device cannot be {quoted(device)}: {first_line(error)}."
        raise OptionError(message) from error
    return found


def in_words(value: Given) -> list[str]:
    """The words of a value that is given in words: a text, or a list of texts; else nothing."""
    if isinstance(value, str):
        return [value]
    listed = value.tolist() if isinstance(value, np.ndarray) else value
    is_text = isinstance(listed, (list, tuple)) and all(isinstance(word, str) for word in listed)
    return [*listed] if is_text else []  # type: ignore[misc]


def _encoded(name: str, words: list[str], space: Space) -> Tensor:
    """Names of classes, or texts, as numbers. A class may be given in digits, unless it has a name.

    Raises OptionError for an unknown class or word.
    """
    if space.classes is not None and not {*words} & {*space.names}:
        try:
            return _numbers(name, [int(word) for word in words], space)
        except ValueError:
            pass
    if space.classes is not None and not space.names:
        message = f"{name} '{words[0]}' is none of the {space.domain}, which have no names here."
        raise OptionError(message)
    if space.cardinality is None:
        message = f"{name} is made of numbers, and cannot be '{words[0]}'."
        raise OptionError(message)
    return space.encode(words)
