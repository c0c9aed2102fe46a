"""The built-in samplers: one latent draw a step, from a normal or a uniform prior."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar

import torch
from pydantic import Field

from ganzoo.errors import OptionError
from ganzoo.parts.part import Sampler
from ganzoo.parts.space import Space

if TYPE_CHECKING:
    from torch import Tensor

MAX_DIM = 65536
"""The widest latent allowed; a mistyped width would otherwise end in running out of memory."""


TRUNCATION = "truncation"


def truncated(z: Tensor, given: Mapping[str, Tensor] | None) -> Tensor:
    """Standard normal numbers, (n, dim), those of a truncated normal if ``truncation`` is given.

    It is the bound t of each sample, (n,), 0 or more. Each number keeps its rank: z becomes that of
    the normal within [-t, t] with the same share below it (arXiv:1809.11096, section 3.1, draws
    those beyond t again instead). Raises OptionError for a negative bound.
    """
    if given is None or TRUNCATION not in given:
        return z
    bound = given[TRUNCATION].double().cpu()[:, None]
    if bool((bound < 0).any()):
        message = f"{TRUNCATION} must be 0 or more, not {bound.min().item():g}."
        raise OptionError(message)
    low, high = torch.special.ndtr(-bound), torch.special.ndtr(bound)
    share = low + torch.special.ndtr(z.double().cpu()) * (high - low)
    found: Tensor = torch.special.ndtri(share).clamp(-bound, bound)
    return found.to(z)


class Gaussian(Sampler):
    """Latents from the standard normal distribution."""

    deals = ("z",)
    controls: ClassVar[Mapping[str, Space]] = {TRUNCATION: Space()}

    dim: int = Field(default=64, ge=1, le=MAX_DIM, description="numbers in one latent")

    def spaces(self, data: Mapping[str, Space]) -> dict[str, Space]:  # noqa: ARG002
        """``z``, (dim,)."""
        return {"z": Space(shape=(self.dim,))}

    def latent(
        self,
        n: int,
        spaces: Mapping[str, Space],
        stream: torch.Generator,
        given: Mapping[str, Tensor] | None = None,
    ) -> dict[str, Tensor]:
        """``z``, (n, dim), within ``truncation`` if it is given."""
        shape = spaces["z"].shape
        z = torch.randn(n, *shape, generator=stream, device=stream.device)
        return {"z": truncated(z, given)}


class Uniform(Sampler):
    """Latents uniform in [-1, 1], as in DCGAN (arXiv:1511.06434) and before."""

    deals = ("z",)

    dim: int = Field(default=100, ge=1, le=MAX_DIM, description="numbers in one latent")

    def spaces(self, data: Mapping[str, Space]) -> dict[str, Space]:  # noqa: ARG002
        """``z``, (dim,), each in [-1, 1]."""
        return {"z": Space(shape=(self.dim,), bounded=True)}

    def latent(
        self, n: int, spaces: Mapping[str, Space], stream: torch.Generator
    ) -> dict[str, Tensor]:
        """``z``, (n, dim)."""
        shape = spaces["z"].shape
        return {"z": torch.rand(n, *shape, generator=stream, device=stream.device) * 2 - 1}
