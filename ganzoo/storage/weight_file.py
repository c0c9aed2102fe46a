"""Weight files: one network as safetensors, with all that builds it again."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Literal

import safetensors
import safetensors.torch
import torch
from pydantic import BaseModel, ConfigDict, NonNegativeInt, ValidationError
from torch.overrides import TorchFunctionMode

from ganzoo.errors import WeightsError
from ganzoo.parts.part import Player
from ganzoo.parts.space import Space

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from torch import Tensor


from hashlib import sha256
from typing import TYPE_CHECKING, Annotated

from pydantic import (
    Field,
    StrictBool,
    StrictInt,
    StrictStr,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

MOST_BYTES = 2 << 30
"""No weight file is larger."""


class WeightFile(BaseModel):
    """One file of a model: which network, and which bytes."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    role: Player
    path: Annotated[StrictStr, Field(pattern=r"^[a-z0-9][a-z0-9._-]*\.safetensors$")]
    size: Annotated[StrictInt, Field(gt=0, le=MOST_BYTES)]
    sha256: Annotated[StrictStr, Field(pattern=r"^[0-9a-f]{64}$")]
    embedded: StrictBool

    def check(self, blob: bytes, where: str, remedy: str) -> None:
        """Raise WeightsError, which says where they are and what to do, for other bytes."""
        if len(blob) != self.size:
            message = (
                f"{where} is not what was published: {len(blob)} bytes, not {self.size}. {remedy}"
            )
            raise WeightsError(message)
        found = sha256(blob).hexdigest()
        if found != self.sha256:
            message = (
                f"{where} is not what was published: its sha256 is {found[:12]}..., not "
                f"{self.sha256[:12]}... {remedy}"
            )
            raise WeightsError(message)


FILES: dict[Player, str] = {
    "generator": "model.safetensors",
    "discriminator": "discriminator.safetensors",
}
"""What each player's file is called, in a folder and on the Hub."""


class Config(BaseModel):
    """What a weight file says of itself: enough to build its network without the data."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: Literal[1] = 1
    player: Player
    variant: dict[str, Any]
    data: dict[str, Any]
    spaces: dict[str, Space]
    rounds: NonNegativeInt
    seed: NonNegativeInt
    versions: dict[str, str] = {}

    def canonical(self) -> str:
        """The same JSON for the same config."""
        fields = self.model_dump(mode="json")
        return json.dumps(fields, sort_keys=True, separators=(",", ":"))


def written(tensors: Mapping[str, Tensor], config: Config) -> bytes:
    """A weight file; the same bytes for the same tensors and config."""
    plain = {name: t.detach().cpu().contiguous().clone() for name, t in tensors.items()}
    return safetensors.torch.save(plain, {"ganzoo": config.canonical()})


def opened(blob: bytes, who: str) -> tuple[Config, dict[str, Tensor]]:
    """What a weight file holds. Raises WeightsError in one sentence where it is none of ours."""
    try:
        tensors: dict[str, Tensor] = safetensors.torch.load(blob)
        header = json.loads(blob[8 : 8 + int.from_bytes(blob[:8], "little")])
        config = Config.model_validate_json(header["__metadata__"]["ganzoo"])
    except (safetensors.SafetensorError, ValidationError, KeyError, ValueError, TypeError) as error:
        message = f"{who} is no weight file of ganzoo: {kind_of(blob) or described(error)}."
        raise WeightsError(message) from error
    return config, tensors


class Uninitialized(TorchFunctionMode):
    """Inside, new weights are not drawn: a file's take their place.

    Without memory they would be drawn by torch's compiler, whose import takes seconds.
    """

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Iterable[type],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        del types
        options = dict(kwargs or {})
        if getattr(func, "__module__", "") == "torch.nn.init" or func in DRAWN:
            return args[0] if args else options["tensor"]
        return func(*args, **options)


DRAWN = (torch.Tensor.normal_, torch.Tensor.uniform_)


def difference(wanted: Mapping[str, Tensor], found: Mapping[str, Tensor]) -> str | None:
    """The first way in which tensors are not those of a network, in words."""
    for name, tensor in wanted.items():
        if name not in found:
            return f"'{name}' is missing"
        for what in ("dtype", "shape"):
            mine, its = (str(_plain(getattr(t, what))) for t in (found[name], tensor))
            if mine != its:
                return f"'{name}' has {what} {mine}, not {its}"
    more = sorted(found.keys() - wanted.keys())
    return f"it also has '{more[0]}'" if more else None


def _plain(value: object) -> object:
    return tuple(value) if isinstance(value, torch.Size) else value


def kind_of(blob: bytes) -> str | None:
    """What bytes that are no safetensors seem to be, if that can be told."""
    for start, kind in (
        (b"version https://git-lfs", "it is the pointer of a git-lfs file, not the file"),
        (b"<", "it is a web page"),
        (b"PK", "it is a zip archive, as of pickled weights, which are never loaded"),
        (b"\x80", "it is a pickle, which is never loaded"),
    ):
        if blob.lstrip().startswith(start):
            return kind
    return "it is empty" if not blob else None


def described(error: Exception) -> str:
    """An error that is not ours, in a few words."""
    if isinstance(error, KeyError):
        return "its metadata has no 'ganzoo'"
    return str(error).strip().splitlines()[0].rstrip(".")
