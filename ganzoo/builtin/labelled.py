"""A sampler in which real and generated samples of a step share their labels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import torch
from pydantic import Field

from ganzoo.builtin.samplers import Gaussian
from ganzoo.errors import ComposeError, DataError
from ganzoo.parts.space import Space

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from torch import Tensor

    from ganzoo.engine.step import Step
    from ganzoo.parts.part import Player
    from ganzoo.parts.protocols import GameView


class ByClass:
    """The training rows sorted by class, so that a row of any class can be drawn."""

    def __init__(self, label: Tensor, classes: int, rows: Tensor | None = None) -> None:
        """Sort ``rows`` (all, by default) with labels ``label``, (N,), each in [0, classes)."""
        order = label.argsort(stable=True)
        self.rows = order if rows is None else rows[order]
        self.count = torch.bincount(label, minlength=classes)
        self.first = self.count.cumsum(0) - self.count

    def draw(self, n: int, stream: torch.Generator) -> Tensor:
        """Row numbers, int64, (n,): for each a random class, then a random row of that class."""
        label = torch.randint(len(self.count), (n,), generator=stream, device=stream.device)
        # float64, because in float32 share * count can round up to count, one past the last row.
        share = torch.rand(n, generator=stream, device=stream.device, dtype=torch.float64)
        return self.rows[self.first[label] + (share * self.count[label]).long()]


class Labelled(Gaussian):
    """Standard normal latents; real and generated samples of a step share their labels."""

    prior: Literal["data", "uniform"] = Field(
        default="data", description="label frequencies: as in the data, or uniform"
    )

    def spaces(self, data: Mapping[str, Space]) -> dict[str, Space]:
        """``z``, (dim,). Raises ComposeError if the data have no labels."""
        if "label" not in data or data["label"].classes is None:
            offered = ", ".join(f"{name} ({space})" for name, space in data.items())
            message = (
                f"sampler 'labelled' needs data with a class 'label'; the data have: {offered}."
            )
            raise ComposeError(message)
        return super().spaces(data)

    def start(self, game: GameView) -> ByClass | None:
        """Sort the rows by class, for prior ``uniform``; DataError if it finds a class empty."""
        if self.prior == "data":
            return None  # a column of streamed data takes minutes to read
        known = torch.arange(len(game.train), device=game.train.device)
        if game.spaces["label"].partial:
            known = game.train.column("label_known").nonzero().squeeze(1)
        label = game.train.column("label", known)
        rows = ByClass(label, game.spaces["label"].classes or 0, known)
        if not bool(rows.count.all()):
            message = (
                f"dataset '{game.data.name}' has no training row of class "
                f"{int(rows.count.argmin())}, so prior 'uniform' cannot draw one; set "
                "labelled.prior=data."
            )
            raise DataError(message)
        return rows

    def latent(
        self,
        n: int,
        spaces: Mapping[str, Space],
        stream: torch.Generator,
        given: Mapping[str, Tensor] | None = None,
    ) -> dict[str, Tensor]:
        """``z``, (n, dim), within ``truncation`` if it is given.

        Under prior ``uniform`` also ``label``, (n,).
        """
        latent = super().latent(n, spaces, stream, given)
        if self.prior == "data":
            return latent
        classes = spaces["label"].classes or 0
        label = torch.randint(classes, (n,), generator=stream, device=stream.device)
        return {**latent, "label": label}

    def draw(self, player: Player, game: GameView) -> Tensor:
        """Row numbers, int64, (N,): in the data's order, or of uniformly drawn classes."""
        if self.prior == "data":
            rows_as_they_come: Tensor = super().draw(player, game)
            return rows_as_they_come
        rows: ByClass = game.state_of(self)
        return rows.draw(game.batch, game.latents)

    def deal(self, player: Player, game: GameView, drawn: Tensor) -> Iterator[Step]:
        """One step, whose ``label`` is that of its real rows."""
        # Only z is passed on: a label from ``latent`` would replace the real rows' own.
        latent = self.latent(len(drawn), game.spaces, game.latents)
        yield game.step(player, rows=drawn, z=latent["z"])
