"""Points in the plane whose distribution is known, so that missing modes can be counted."""

from __future__ import annotations

from dataclasses import dataclass
from math import pi
from typing import TYPE_CHECKING

import torch
from pydantic import Field, PositiveFloat

from ganzoo.parts.dataset import Data, Dataset
from ganzoo.parts.rows import ResidentRows
from ganzoo.parts.space import Space

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

SCORED = 2500
"""Samples per score in PacGAN's protocol (arXiv:1712.04086)."""
CELLS = 10
"""The number of cells of x, of equal mass, that count as the modes of ``Quadratic``."""


@dataclass(frozen=True, slots=True, eq=False)
class NearestCenter:
    """Assigns samples to the nearest center; those within 3 std of it are of high quality."""

    centers: Tensor
    std: float

    def __call__(self, samples: Tensor) -> tuple[Tensor, Tensor]:
        """Return the nearest center's index, int64 (N,), and whether high quality, bool (N,)."""
        centers = self.centers.to(samples.device, torch.float64)
        # Differences, not matrix products: those lose the digits that a std of .01 is made of.
        distance, mode = (samples.double()[:, None] - centers).norm(dim=2).min(dim=1)
        return mode, distance <= 3 * self.std


@dataclass(frozen=True, slots=True)
class NearestCell:
    """Assigns samples to ten cells of x; high quality is |y - x^2| <= 3 std and |x| <= 1."""

    std: float

    def __call__(self, samples: Tensor) -> tuple[Tensor, Tensor]:
        """Return each sample's cell, int64 (N,), and whether it is high quality, bool (N,)."""
        x, y = samples.double().unbind(dim=1)
        cell = ((x + 1) * (CELLS / 2)).floor().long().clamp(0, CELLS - 1)
        return cell, ((y - x * x).abs() <= 3 * self.std) & (x.abs() <= 1)


class Points(Dataset):
    """A set of points in the plane: column ``real``, float32 (N, 2), facts ``modes``, ``locate``.

    The protocol is PacGAN's (arXiv:1712.04086): a training set of fixed size, drawn once and the
    same for every run. ``locate`` maps samples (N, 2) to the index of the nearest mode, int64 (N,),
    and to whether each is of high quality, bool (N,).
    """

    n: int = Field(100_000, ge=100, le=10_000_000, description="training points")
    held_out: int = Field(10_000, ge=100, le=10_000_000, description="held-out points")

    def draw(self, n: int, stream: torch.Generator) -> Tensor:
        """Draw ``n`` points, (n, 2), on a generator of their own."""
        raise NotImplementedError

    def modes_and_locate(self) -> tuple[int, Callable[[Tensor], tuple[Tensor, Tensor]]]:
        """Return the number of modes, and the function that assigns samples to them."""
        raise NotImplementedError

    def load(self) -> Data:
        """Draw both splits, each from a fixed seed of its own."""
        train, held_out = (
            ResidentRows({"real": self.draw(n, torch.Generator().manual_seed(seed)).float()})
            for seed, n in enumerate((self.n, self.held_out))
        )
        modes, locate = self.modes_and_locate()
        facts = {"modes": modes, "locate": locate}
        spaces = {"real": Space(shape=(2,))}
        return Data(self.name, train, held_out, spaces, facts, scored=SCORED)


class Mixture(Points):
    """Gaussians of equal weight and equal, round covariance."""

    std: PositiveFloat = Field(0.01, le=1, description="standard deviation of each Gaussian")

    def centers(self) -> Tensor:
        """Where the Gaussians are, float64 (modes, 2)."""
        raise NotImplementedError

    def draw(self, n: int, stream: torch.Generator) -> Tensor:
        """Draw ``n`` points, (n, 2)."""
        centers = self.centers()
        which = torch.randint(len(centers), (n,), generator=stream)
        noise = torch.randn(n, 2, generator=stream, dtype=torch.float64)
        return centers[which] + self.std * noise

    def modes_and_locate(self) -> tuple[int, NearestCenter]:
        """Return the number of Gaussians; a sample belongs to the nearest one."""
        centers = self.centers()
        return len(centers), NearestCenter(centers, self.std)


class Ring(Mixture):
    """Eight Gaussians of std .01 on the unit circle (arXiv:1712.04086, section 4.1)."""

    modes: int = Field(8, ge=2, le=100, description="Gaussians on the circle")

    def centers(self) -> Tensor:
        """Return points at equal angles, the first of them at (1, 0)."""
        angle = 2 * pi * torch.arange(self.modes, dtype=torch.float64) / self.modes
        return torch.stack((angle.cos(), angle.sin()), dim=1)


class Grid(Mixture):
    """Twenty-five Gaussians of std .05 at {-4, -2, 0, 2, 4}^2 (arXiv:1712.04086, section 4.1)."""

    side: int = Field(5, ge=2, le=30, description="Gaussians on each side of the grid")
    std: PositiveFloat = Field(0.05, le=1, description="standard deviation of each Gaussian")

    def centers(self) -> Tensor:
        """Return the points of a square grid around the origin, 2 apart."""
        line = 2 * torch.arange(self.side, dtype=torch.float64) - (self.side - 1)
        return torch.cartesian_prod(line, line)


class Quadratic(Points):
    """A parabola: y = x^2 plus Gaussian noise, x uniform in [-1, 1].

    It is one connected curve; what counts as a mode is each of ten cells of x of equal mass.
    """

    std: PositiveFloat = Field(0.05, le=1, description="standard deviation of the noise in y")

    def draw(self, n: int, stream: torch.Generator) -> Tensor:
        """Draw ``n`` points, (n, 2)."""
        x = 2 * torch.rand(n, generator=stream, dtype=torch.float64) - 1
        noise = torch.randn(n, generator=stream, dtype=torch.float64)
        return torch.stack((x, x * x + self.std * noise), dim=1)

    def modes_and_locate(self) -> tuple[int, NearestCell]:
        """Return ten, and the assignment to cells of x."""
        return CELLS, NearestCell(self.std)
