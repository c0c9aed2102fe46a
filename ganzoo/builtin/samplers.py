"""The built-in samplers: one latent draw a step, from a normal or a uniform prior."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from pydantic import Field

from ganzoo.parts.part import Sampler
from ganzoo.parts.space import Space

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor

MAX_DIM = 65536
"""The widest latent allowed; a mistyped width would otherwise end in running out of memory."""


class Gaussian(Sampler):
    """Latents from the standard normal distribution."""

    deals = ("z",)

    dim: int = Field(default=64, ge=1, le=MAX_DIM, description="numbers in one latent")

    def spaces(self, data: Mapping[str, Space]) -> dict[str, Space]:  # noqa: ARG002
        """``z``, (dim,)."""
        return {"z": Space(shape=(self.dim,))}

    def latent(
        self, n: int, spaces: Mapping[str, Space], stream: torch.Generator
    ) -> dict[str, Tensor]:
        """``z``, (n, dim)."""
        shape = spaces["z"].shape
        return {"z": torch.randn(n, *shape, generator=stream, device=stream.device)}


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
