"""How labels are dealt."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import torch
from pydantic import Field

from ganzoo.builtin.samplers import MAX_DIM
from ganzoo.errors import ComposeError, DataError
from ganzoo.parts.part import Sampler
from ganzoo.parts.space import Space

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from torch import Tensor

    from ganzoo.engine.step import Step
    from ganzoo.parts.part import Player
    from ganzoo.parts.protocols import GameView


class ByClass:
    """The training rows sorted by class, so that any class's can be drawn; it never changes."""

    def __init__(self, label: Tensor, classes: int) -> None:
        """Sort the rows of these labels, (N,), each in [0, classes)."""
        self.rows = label.argsort(stable=True)
        self.count = torch.bincount(label, minlength=classes)
        self.first = self.count.cumsum(0) - self.count

    def draw(self, n: int, stream: torch.Generator) -> Tensor:
        """Row numbers, (n,): a class at random, then one of its rows at random."""
        label = torch.randint(len(self.count), (n,), generator=stream, device=stream.device)
        # In float64, no share of a count is rounded up to the count itself.
        share = torch.rand(n, generator=stream, device=stream.device, dtype=torch.float64)
        return self.rows[self.first[label] + (share * self.count[label]).long()]


class Labelled(Sampler):
    """Latents from the standard normal; real and generated samples of a step share their labels."""

    deals = ("z",)

    dim: int = Field(default=64, ge=1, le=MAX_DIM, description="numbers in one latent")
    prior: Literal["data", "uniform"] = Field(
        default="data", description="labels as often as in the data, or each equally often"
    )

    def spaces(self, data: Mapping[str, Space]) -> dict[str, Space]:
        """``z``, (dim,). Raises ComposeError for data without labels."""
        if "label" not in data or data["label"].classes is None:
            offered = ", ".join(f"{name} ({space})" for name, space in data.items())
            message = f"sampler 'labelled' needs data with a 'label', a class; there is: {offered}."
            raise ComposeError(message)
        return {"z": Space(shape=(self.dim,))}

    def start(self, game: GameView) -> ByClass:
        """Sort the rows. Raises DataError where a class to be dealt has none."""
        rows = ByClass(game.train.column("label"), game.spaces["label"].classes or 0)
        if self.prior == "uniform" and not bool(rows.count.all()):
            message = (
                f"dataset '{game.data.name}' has no row of class {int(rows.count.argmin())} to "
                "train on, so prior 'uniform' cannot deal it; set labelled.prior=data."
            )
            raise DataError(message)
        return rows

    def latent(
        self, n: int, spaces: Mapping[str, Space], stream: torch.Generator
    ) -> dict[str, Tensor]:
        """``z``, (n, dim), and under prior ``uniform`` also ``label``, (n,)."""
        z = torch.randn(n, self.dim, generator=stream, device=stream.device)
        if self.prior == "data":
            return {"z": z}
        classes = spaces["label"].classes or 0
        label = torch.randint(classes, (n,), generator=stream, device=stream.device)
        return {"z": z, "label": label}

    def draw(self, player: Player, game: GameView) -> Tensor:
        """Rows as they come, or class by class; int64, (N,)."""
        if self.prior == "data":
            rows_as_they_come: Tensor = super().draw(player, game)
            return rows_as_they_come
        rows: ByClass = game.state_of(self)
        return rows.draw(game.batch, game.latents)

    def deal(self, player: Player, game: GameView, drawn: Tensor) -> Iterator[Step]:
        """One step, whose ``label`` is the real rows' own."""
        latent = self.latent(len(drawn), game.spaces, game.latents)
        yield game.step(player, rows=drawn, z=latent["z"])
