"""Weight files: one network as safetensors, with the configuration that builds it again."""

from __future__ import annotations

import json
from hashlib import sha256
from typing import TYPE_CHECKING, Annotated, Any, Literal

import safetensors
import safetensors.torch
import torch
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    NonNegativeInt,
    StrictBool,
    StrictInt,
    StrictStr,
    ValidationError,
    ValidationInfo,
    field_validator,
)
from torch.overrides import TorchFunctionMode

from ganzoo.errors import WeightsError, counted, fault
from ganzoo.parts.plain_json import json_of, require_shallow
from ganzoo.parts.space import Space

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from torch import Tensor

FORMAT = 1
"""The version of a weight file's metadata."""
MOST_BYTES = 2 << 30
"""The size limit of a weight file, 2 GiB: a wrong registry entry cannot fill the disk."""
PlayerName = Annotated[StrictStr, Field(pattern=r"^[a-z][a-z0-9_]*$")]
"""A player: ``generator``, ``discriminator``, or whatever else a variant's turns name."""
GENERATOR_FILE = "model.safetensors"
"""The Hub's conventional name for a repository's main network."""


class WeightFile(BaseModel):
    """One published file of a model: whose network it holds, and its size and sha256."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    role: PlayerName
    path: Annotated[StrictStr, Field(pattern=r"^[a-z0-9][a-z0-9._-]*\.safetensors$")]
    size: Annotated[StrictInt, Field(gt=0, le=MOST_BYTES)]
    sha256: Annotated[StrictStr, Field(pattern=r"^[0-9a-f]{64}$")]
    embedded: StrictBool

    def check(self, blob: bytes, where: str, remedy: str) -> None:
        """Raise WeightsError unless ``blob`` has the published size and sha256.

        ``where`` names the file in the message, ``remedy`` tells the user what to do.
        """
        if len(blob) != self.size:
            have = counted(len(blob), "byte")
            message = f"{where} is not what was published: {have}, not {self.size}. {remedy}"
            raise WeightsError(message)
        found = sha256(blob).hexdigest()
        if found != self.sha256:
            message = (
                f"{where} is not what was published: its sha256 is {found[:12]}..., not "
                f"{self.sha256[:12]}... {remedy}"
            )
            raise WeightsError(message)


def file_name(player: str) -> str:
    """The name of a player's file, in a folder and on the Hub.

    Raises WeightsError for a player called ``model``, whose file would be the generator's.
    """
    if player == "generator":
        return GENERATOR_FILE
    name = f"{player}.safetensors"
    if name == GENERATOR_FILE:
        message = f"a player cannot be called '{player}': {name} is the generator's file."
        raise WeightsError(message)
    return name


def player_of(file: str) -> str:
    """The player whose file has this name; the inverse of ``file_name``."""
    return "generator" if file == GENERATOR_FILE else file.removesuffix(".safetensors")


NEEDED = {"variant": ("name", str), "data": ("part", str), "spaces": ("real", Space)}
"""What the fields of a configuration cannot do without."""


class Config(BaseModel):
    """What a weight file says about itself: enough to build its network without the data."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: Literal[1] = 1
    player: PlayerName
    variant: dict[str, Any]
    data: dict[str, Any]
    spaces: dict[str, Space]
    rounds: NonNegativeInt
    seed: NonNegativeInt
    progress: float = Field(default=1.0, ge=0, le=1)
    """The share of its budget that it was trained for; a network may be another at each."""
    versions: dict[str, str] = {}
    recorded: dict[str, Any] = {}
    """What sampling needs of the data beside their spaces."""

    @field_validator("variant", "data", "spaces")
    @classmethod
    def _usable(cls, value: dict[str, Any], info: ValidationInfo) -> dict[str, Any]:
        key, kind = NEEDED[str(info.field_name)]
        if not isinstance(value.get(key), kind):
            message = f"it has no '{key}'"
            raise ValueError(message)  # noqa: TRY004  (pydantic takes no other)
        return value

    def canonical(self) -> str:
        """The configuration as JSON; equal configurations give equal text."""
        fields = self.model_dump(mode="json")
        if self.progress == 1:  # as 0.1 wrote it, so that its files are saved to the same bytes
            del fields["progress"]
        if not self.recorded:
            del fields["recorded"]
        return json.dumps(fields, sort_keys=True, separators=(",", ":"))


def written(tensors: Mapping[str, Tensor], config: Config) -> bytes:
    """Serialize a weight file; the same tensors and configuration give the same bytes."""
    plain = {name: t.detach().cpu().contiguous().clone() for name, t in tensors.items()}
    return safetensors.torch.save(plain, {"ganzoo": config.canonical()})


def opened(blob: bytes, who: str) -> tuple[Config, dict[str, Tensor]]:
    """Parse a weight file into its configuration and tensors.

    Raises WeightsError, in which ``who`` names the file, for anything else.
    """
    try:
        tensors: dict[str, Tensor] = safetensors.torch.load(blob)
        text = header_of(blob)["__metadata__"]["ganzoo"]
        require_shallow(text)
        refuse_later(json_of(text), who)
        config = Config.model_validate_json(text)
    except safetensors.SafetensorError as error:
        message = f"{who} is not a ganzoo weight file: {kind_of(blob) or described(error)}."
        raise WeightsError(message) from error
    except (ValidationError, KeyError, ValueError, TypeError) as error:
        message = f"{who} is not a ganzoo weight file: {described(error)}."
        raise WeightsError(message) from error
    return config, tensors


def header_of(blob: bytes) -> dict[str, Any]:
    """The header of a safetensors file: its tensors, and its metadata under ``__metadata__``.

    Raises ValueError where it cannot be read.
    """
    # safetensors' own reader of metadata wants a path; the header is plain JSON after its size.
    header: dict[str, Any] = json_of(blob[8 : 8 + int.from_bytes(blob[:8], "little")])
    return header


def refuse_later(fields: Any, who: str) -> None:
    """Raise WeightsError for metadata in a format that this version does not know."""
    found = fields.get("format", FORMAT) if isinstance(fields, dict) else FORMAT
    if isinstance(found, int) and found > FORMAT:
        message = f"{who} was written by a later version of ganzoo; upgrade ganzoo-core to read it."
        raise WeightsError(message)


class Uninitialized(TorchFunctionMode):
    """A mode in which torch does not draw initial weights, because a file's replace them.

    On the meta device they would be drawn by torch's compiler, whose import takes seconds.
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
    """Say in words how ``found`` first differs from a network's tensors; None if it does not."""
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
    """Say what bytes that are not safetensors appear to be; None if that cannot be told."""
    for start, kind in (
        (b"version https://git-lfs", "it is a git-lfs pointer, not the file itself"),
        (b"<", "it is a web page"),
        (b"PK", "it is a zip archive, such as pickled weights, which are never loaded"),
        (b"\x80", "it is a pickle, which is never loaded"),
    ):
        if blob.lstrip().startswith(start):
            return kind
    return "it is empty" if not blob else None


def described(error: Exception) -> str:
    """Another library's error, as a phrase."""
    if isinstance(error, KeyError):
        return "its metadata has no 'ganzoo'"
    if isinstance(error, ValidationError):
        return f"in its metadata, {fault(error)}"
    return str(error).strip().splitlines()[0].rstrip(".")
