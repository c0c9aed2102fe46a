"""Checkpoints: the whole state of a game as one safetensors file with one metadata key."""

from __future__ import annotations

import errno
import json
import os
import re
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import safetensors
import safetensors.torch

from ganzoo.errors import RunError
from ganzoo.storage.files import replacing

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from torch import Tensor

KEY = "ganzoo"


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
    metadata = {KEY: json.dumps(facts, separators=(",", ":"))}
    with replacing(path) as temporary:
        try:
            # From the tensors' own memory: what is contiguous and on the CPU is never copied.
            safetensors.torch.save_file(plain, temporary, metadata)
        except safetensors.SafetensorError as error:
            raise failed(error) from error


def failed(error: safetensors.SafetensorError) -> OSError:
    """What the system said, for ``Error while serializing: I/O error: ... (os error 28)``."""
    number = re.search(r"\(os error (\d+)\)", str(error))
    code = int(number[1]) if number else errno.EIO
    return OSError(code, os.strerror(code))


@contextmanager
def reading(path: Path) -> Iterator[tuple[dict[str, Tensor], dict[str, Any]]]:
    """The tensors and JSON of a checkpoint; what goes wrong inside is a RunError too."""
    try:
        with safetensors.safe_open(path, framework="pt") as file:
            facts = json.loads(file.metadata()[KEY])
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        yield tensors, facts
    except FileNotFoundError:
        message = f"there is no checkpoint {path}."
        raise RunError(message) from None
    except (
        OSError,
        safetensors.SafetensorError,
        TypeError,
        KeyError,
        ValueError,
        RuntimeError,
    ) as error:
        message = f"checkpoint {path} cannot be read: {str(error).splitlines()[0]}."
        raise RunError(message) from error


def kept_in(folder: Path) -> list[Path]:
    """The checkpoints in a run's folder, oldest first."""
    return sorted((folder / "checkpoints").glob("[0-9]*.safetensors"))


def newest_in(folder: Path) -> Path | None:
    """The newest checkpoint in a run's folder, if there is one."""
    return next(reversed(kept_in(folder)), None)
