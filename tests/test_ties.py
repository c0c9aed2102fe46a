"""Tensors that share memory train, resume, export and load, to the same bits and still shared."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import torch
from lifecycle import lived, zoo_of
from small import points, variant_of
from torch import Tensor, nn

import ganzoo
from ganzoo.builtin.networks.mlp import mlp_scorer
from ganzoo.builtin.samplers import Gaussian
from ganzoo.engine.game import Game
from ganzoo.parts.part import Architecture
from ganzoo.parts.space import Space

if TYPE_CHECKING:
    from pathlib import Path


class Sharing(nn.Module):
    """Tied weights, a module that is used twice, a buffer that views another, and expanded ones."""

    seen: Tensor
    middle: Tensor
    scale: Tensor
    part: Tensor

    def __init__(self, size: int, out: int) -> None:
        super().__init__()
        self.one, self.two, self.head = (nn.Linear(size, size) for _ in range(3))
        self.two.weight = self.one.weight
        self.last = self.head
        self.out = nn.Linear(size, out)
        seen, hidden = torch.zeros(4), torch.ones(6)
        self.register_buffer("middle", seen[1:3])
        self.register_buffer("seen", seen)
        self.register_buffer("scale", torch.ones(1).expand(size))
        self.register_buffer("whole", hidden, persistent=False)
        self.register_buffer("part", hidden[2:4])

    def forward(self, z: Tensor) -> Tensor:
        if self.training:
            self.seen += 1
            self.part += 1
        hidden = torch.relu(self.two(torch.relu(self.one(z)))) * self.scale
        made: Tensor = self.out(self.last(torch.relu(self.head(hidden))))
        return made + 0.01 * self.middle.sum() + 0.01 * self.part.sum()


class Shares(Architecture):
    def generator(self, z: Space, real: Space) -> nn.Module:
        return Sharing(z.size, real.size)

    def discriminator(self, real: Space) -> nn.Module:
        return mlp_scorer(real, [8])


class Tied(nn.Module):
    """Tied weights alone: all of its tensors are in its file."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.one, self.two = nn.Linear(size, size), nn.Linear(size, size)
        self.two.weight = self.one.weight

    def forward(self, z: Tensor) -> Tensor:
        made: Tensor = self.two(torch.relu(self.one(z)))
        return made


class Ties(Shares):
    def generator(self, z: Space) -> nn.Module:  # type: ignore[override]
        return Tied(z.size)


class Viewed(nn.Module):
    """A buffer and a view of it: both are in its file."""

    table: Tensor
    row: Tensor

    def __init__(self, size: int) -> None:
        super().__init__()
        self.out = nn.Linear(size, size)
        self.register_buffer("table", torch.zeros(2, size))
        self.register_buffer("row", self.table[1])

    def forward(self, z: Tensor) -> Tensor:
        if self.training:
            self.table += 0.1
        made: Tensor = self.out(z + self.row)
        return made


class Views(Shares):
    def generator(self, z: Space) -> nn.Module:  # type: ignore[override]
        return Viewed(z.size)


@ganzoo.hookimpl
def ganzoo_architectures() -> list[type[Architecture]]:
    return [Shares, Ties, Views]


def are_tied(net: nn.Module) -> bool:
    assert isinstance(net, Sharing)
    views = net.middle.untyped_storage().data_ptr() == net.seen.untyped_storage().data_ptr()
    return net.one.weight is net.two.weight and net.head is net.last and views


@pytest.mark.parametrize("ema", [None, 0.9])
def test_they_live_through_everything(tmp_path: Path, ema: float | None) -> None:
    zoo = zoo_of(__name__)
    variant = variant_of(Shares(), sampler=Gaussian(dim=3), ema=ema)
    run = lived(zoo, variant, tmp_path, data="ring")
    model = ganzoo.load(f"dir:{tmp_path / 'weights'}", zoo=zoo)
    frozen = run.game.frozen().net
    assert all(are_tied(net) for net in (run.game.nets["generator"], frozen, model.generator))
    assert torch.equal(model.sample(3, seed=1), run.game.sample(3, seed=1)["fake"])


def test_what_a_file_holds_twice_is_one_again_after_loading(tmp_path: Path) -> None:
    zoo = zoo_of(__name__)
    for kind in (Ties, Views):
        variant = variant_of(kind(), sampler=Gaussian(dim=2))
        lived(zoo, variant, tmp_path / kind.name, data="ring")
        net = ganzoo.load(f"dir:{tmp_path / kind.name / 'weights'}", zoo=zoo).generator
        if isinstance(net, Tied):
            assert net.one.weight is net.two.weight
        else:
            assert isinstance(net, Viewed)
            assert net.row.data_ptr() == net.table[1].data_ptr()


def test_a_trial_step_leaves_them_as_they_were() -> None:
    net = Game(variant_of(Shares()), points()).nets["generator"]
    assert isinstance(net, Sharing)
    assert net.seen.tolist() == [0.0] * 4
    assert net.scale.stride() == (1,)  # each element is its own
