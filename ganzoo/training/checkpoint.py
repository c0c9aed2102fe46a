"""Checkpoints: the whole state of a game as one safetensors file with one metadata key."""

from __future__ import annotations

import errno
import json
import os
import re
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Annotated, Any, Generic, TypeAlias, TypeVar

import safetensors
import safetensors.torch
import torch
from pydantic import BaseModel, ConfigDict, Field, NonNegativeFloat, NonNegativeInt, ValidationError

from ganzoo.errors import RunError, ZooError, fault, first_line
from ganzoo.parts.plain_json import json_of
from ganzoo.parts.space import Space
from ganzoo.storage.files import numbered, replacing
from ganzoo.storage.reading import GIB, UnfitError, require_file

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from torch import Tensor

KEPT = 2
"""How many of the newest checkpoints stay on disk."""
MOST = 64 * GIB
"""The largest file of a checkpoint."""
KEY = "ganzoo"
DIGEST = "sha256"
ASIDE = ".damaged"
"""The ending of a damaged checkpoint that is kept, so that nothing is lost, but never read."""

Read = TypeVar("Read")
Number: TypeAlias = float | bool


class DamagedError(RunError):
    """A checkpoint that is there and is not what was written, or not of its run's networks."""


class Numbers(BaseModel):
    """What an optimizer keeps that is no tensor."""

    model_config = ConfigDict(extra="forbid", strict=True)

    moments: dict[str, dict[str, Number]]
    groups: list[dict[str, Number]]


class Facts(BaseModel):
    """The JSON of a checkpoint; what is optional some version did not write."""

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)

    rounds: NonNegativeInt
    progress: Annotated[float, Field(ge=0, le=1)]
    position: NonNegativeInt
    restarts: NonNegativeInt = 0
    steps: dict[str, NonNegativeInt]
    parts: dict[str, dict[str, Any]]
    optimizers: dict[str, Numbers] = {}
    seconds: NonNegativeFloat = 0.0
    wall: NonNegativeFloat = 0.0
    data_sha256: str = ""
    spaces: Annotated[dict[str, Space], Field(strict=False)] = {}
    recorded: dict[str, Any] = {}
    plan: dict[str, Any] = {}


@dataclass(frozen=True)
class Newest(Generic[Read]):
    """A run's newest checkpoint that is whole, and those after it that are not."""

    path: Path
    read: Read
    damaged: tuple[Path, ...]


def write(path: Path, tensors: Mapping[str, Tensor], facts: Mapping[str, Any]) -> None:
    """Write tensors and JSON, whole or not at all. Raises RunError where that fails."""
    plain: dict[str, Tensor] = {}
    seen: set[int] = set()
    for name, tensor in tensors.items():
        flat = tensor.detach().contiguous().cpu()
        # Tied weights are two names of one memory, which the format does not have.
        memory = flat.untyped_storage().data_ptr()
        plain[name] = flat.clone() if memory in seen else flat
        seen.add(memory)
    metadata = {KEY: text_of({**facts, DIGEST: digest(plain, facts)})}
    try:
        with replacing(path) as temporary:
            save(plain, temporary, metadata)
    except RunError as error:
        message = f"{error} Once that is mended, --resume goes on from the checkpoint before it."
        raise RunError(message) from error


def save(tensors: dict[str, Tensor], path: Path, metadata: dict[str, str]) -> None:
    """Write a safetensors file; OSError, with what the system said, where that fails."""
    try:
        # From the tensors' own memory: what is contiguous and on the CPU is never copied.
        safetensors.torch.save_file(tensors, path, metadata)
    except safetensors.SafetensorError as error:
        raise failed(error) from error


def digest(tensors: Mapping[str, Tensor], facts: Mapping[str, Any]) -> str:
    """The sha256 of all that a checkpoint holds: JSON, and each tensor's name, form and bytes."""
    hashed = sha256(text_of(facts).encode())
    for name in sorted(tensors):
        tensor = tensors[name]
        hashed.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        hashed.update(tensor.reshape(-1).view(torch.uint8).numpy().data)
    return hashed.hexdigest()


def text_of(facts: Mapping[str, Any]) -> str:
    """Facts as JSON; those that were read give the text that was written."""
    return json.dumps(facts, separators=(",", ":"))


def failed(error: safetensors.SafetensorError) -> OSError:
    """What the system said, for ``Error while serializing: I/O error: ... (os error 28)``."""
    number = re.search(r"\(os error (\d+)\)", str(error))
    code = int(number[1]) if number else errno.EIO
    return OSError(code, os.strerror(code))


@contextmanager
def reading(path: Path) -> Iterator[tuple[dict[str, Tensor], dict[str, Any]]]:
    """The tensors and JSON of a checkpoint.

    Raises DamagedError where they are not what was written, and for whatever goes wrong inside: the
    file is then of something else. A file that the system does not give is a RunError.
    """
    try:
        require_file(path, MOST)
        with safetensors.safe_open(path, framework="pt") as file:
            facts = json_of(file.metadata()[KEY])
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        check(tensors, facts)
        check_name(path, facts["rounds"])
        yield tensors, facts
    except FileNotFoundError:
        message = f"there is no checkpoint {path}."
        raise RunError(message) from None
    except OSError as error:
        message = f"checkpoint {path} cannot be read: {error.strerror or error}."
        kind = DamagedError if isinstance(error, (UnfitError, IsADirectoryError)) else RunError
        raise kind(message) from error
    except (ZooError, MemoryError, torch.OutOfMemoryError):
        raise
    except Exception as error:
        message = f"checkpoint {path} cannot be read: {why(error)}."
        raise DamagedError(message) from error


def check(tensors: Mapping[str, Tensor], facts: dict[str, Any]) -> None:
    """Raise ValueError where a checkpoint is not what was written; 0.1 wrote no digest."""
    written = facts.pop(DIGEST, None)
    if written is not None and written != digest(tensors, facts):
        message = "its bytes are not those that were written"
        raise ValueError(message)
    Facts.model_validate(facts)


def check_name(path: Path, rounds: int) -> None:
    """Raise ValueError where a checkpoint has another's name: the newest is found by name."""
    if path.stem.isdecimal() and int(path.stem) != rounds:
        message = f"it is of round {rounds}, not of the one in its name"
        raise ValueError(message)


def why(error: Exception) -> str:
    """What is wrong with a file, as a phrase, from the error that it led to."""
    if isinstance(error, KeyError):
        return f"it has no {error}"
    return fault(error) if isinstance(error, ValidationError) else first_line(error).rstrip(".")


def after(folder: Path, rounds: int) -> Path:
    """The checkpoint of a run's folder after some rounds."""
    return folder / "checkpoints" / f"{rounds:08}.safetensors"


def drop_old(folder: Path) -> None:
    """Delete all checkpoints in a run's folder but the newest two."""
    for old in kept_in(folder)[:-KEPT]:
        old.unlink()


def kept_in(folder: Path) -> list[Path]:
    """The checkpoints in a run's folder, oldest first."""
    return numbered(folder / "checkpoints", ".safetensors")


def newest_whole(
    folder: Path, read: Callable[[Path], Read], *, before: Path | None = None
) -> Newest[Read] | None:
    """The newest checkpoint in a run's folder, or before one, that ``read`` finds undamaged.

    Damaged ones are told on standard error. None where there is no checkpoint; raises DamagedError
    where none is whole.
    """
    damaged: dict[Path, DamagedError] = {}
    kept = kept_in(folder)
    for path in reversed(kept if before is None else kept[: kept.index(before)]):
        try:
            found = read(path)
        except DamagedError as error:
            damaged[path] = error
            continue
        for wrong in damaged.values():
            told = str(wrong).rstrip(".")
            sys.stderr.write(f"warning: {told}; {path.name} is taken instead.\n")
        return Newest(path, found, tuple(damaged))
    for wrong in damaged.values():
        raise wrong
    return None


def last_whole(folder: Path, read: Callable[[Path], Read]) -> Newest[Read]:
    """What ``newest_whole`` finds; RunError where the run has no checkpoint yet."""
    newest = newest_whole(folder, read)
    if newest is None:
        message = f"{folder} has no checkpoint yet; train it first."
        raise RunError(message)
    return newest


def set_aside(damaged: list[Path]) -> None:
    """Rename damaged checkpoints, so that they are kept and no longer count; empties the list."""
    while damaged:
        path = damaged.pop()
        path.rename(path.with_suffix(ASIDE))
