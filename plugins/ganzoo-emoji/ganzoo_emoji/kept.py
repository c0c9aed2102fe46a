"""What takes long to read, kept as one file in the user's cache."""

from __future__ import annotations

import json
from contextlib import suppress
from hashlib import sha256
from typing import TYPE_CHECKING, Any, NamedTuple

import safetensors
from safetensors.torch import save_file

from ganzoo.errors import RunError
from ganzoo.parts.plain_json import json_of
from ganzoo.storage.files import make_folder, replacing
from ganzoo.storage.reading import GIB, require_file

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from torch import Tensor

KEY = "ganzoo"
MOST = GIB


class Packed(NamedTuple):
    """Pictures, uint8 (N, channels, size, size), and what is known of them, as JSON."""

    pictures: Tensor
    facts: Any


def kept(path: Path, read: Callable[[], Packed]) -> Packed:
    """What ``read`` returns, from a file if it was kept there before.

    A file that is damaged is written again. Where none can be written, nothing is kept.
    """
    # Anything else that is wrong with the file than its bytes is met again when it is written.
    with suppress(OSError, ValueError, KeyError, TypeError, safetensors.SafetensorError):
        return unpacked(path)
    packed = read()
    about = {"facts": packed.facts, "sha256": checksum(packed)}
    with suppress(RunError, safetensors.SafetensorError):
        make_folder(path.parent)
        with replacing(path) as temporary:
            save_file({"pictures": packed.pictures}, temporary, {KEY: written(about)})
    return packed


def unpacked(path: Path) -> Packed:
    """What is kept in a file. Raises an error of many kinds if it is not what was written."""
    require_file(path, MOST)
    with safetensors.safe_open(path, "pt") as file:
        about = json_of(file.metadata()[KEY])
        packed = Packed(file.get_tensor("pictures"), about["facts"])
    if checksum(packed) != about["sha256"]:
        message = f"{path} is damaged"
        raise ValueError(message)
    return packed


def checksum(packed: Packed) -> str:
    """The sha256 of pictures, their shape, and what is known of them."""
    digest = sha256(written([*packed.pictures.shape, packed.facts]).encode())
    digest.update(packed.pictures.contiguous().numpy())  # type: ignore[arg-type]  # has a buffer
    return digest.hexdigest()


def written(facts: Any) -> str:
    """Facts as JSON, always the same text."""
    return json.dumps(facts, sort_keys=True, separators=(",", ":"))
