"""Random streams and the order of rows."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

import torch
from ganzoo_vanilla import Mlp
from small import points, variant_of
from torch import Tensor, nn

import ganzoo
from ganzoo.builtin.metrics.features import SmallCnn
from ganzoo.engine.game import Game
from ganzoo.engine.streams import DefaultRandom, Order, seed_for
from ganzoo.parts.part import Architecture, Regularizer
from ganzoo.parts.space import Space

if TYPE_CHECKING:
    from pathlib import Path

    from ganzoo.plugins.zoo import Zoo

SMALL = Mlp(width=16, depth=1)


def test_each_epoch_deals_every_row_once_and_batches_span_epochs() -> None:
    order = Order(10, seed=0, device=torch.device("cpu"))
    rows = torch.cat([order.take(4) for _ in range(5)])
    assert sorted(rows[:10].tolist()) == list(range(10))
    assert sorted(rows[10:].tolist()) == list(range(10))
    assert rows[:10].tolist() != rows[10:].tolist()


class Noisy(Architecture):
    """A generator whose layers draw random numbers, in eval mode too."""

    def generator(self, z: Space, real: Space) -> nn.Module:
        return NoisyGenerator(z.size)

    def discriminator(self, real: Space) -> nn.Module:
        return nn.Sequential(nn.Linear(real.size, 1), nn.Flatten(0))


class NoisyGenerator(nn.Module):
    def __init__(self, z: int) -> None:
        super().__init__()
        self.out = nn.Linear(z, 1)

    def forward(self, z: Tensor) -> Tensor:
        return 0 * self.out(z) + torch.rand(len(z), 2)


class Drawing(Regularizer):
    """State that is drawn when the game starts."""

    def start(self, game: Game) -> float:
        return float(torch.rand(()))

    def generator(self, fake_score: Tensor, state: float) -> Tensor:
        return fake_score * state


def test_a_seed_gives_the_numbers_that_it_gave_in_every_version() -> None:
    """Published results and checkpoints stand on these; whoever changes one changes them all."""
    game = Game(variant_of(Noisy(), regularizers=(Drawing(),)), points(), seed=7)
    first = {player: params[0].detach().flatten()[0] for player, params in game.params.items()}
    rows = game.order.take(6).tolist()
    latents = torch.rand(2, generator=game.latents)
    with game.leased():
        layers = torch.rand(2)
    drawn = game.sample(1, seed=5)
    assert rows == [27, 21, 23, 8, 31, 52]
    for found, expected in (
        (latents, [0.4764530658721924, 0.3074829578399658]),
        (layers, [0.3966028690338135, 0.6172184348106384]),
        (torch.tensor(game.state_of(Drawing())), 0.12045717239379883),
        (first["discriminator"], 0.04978309944272041),
        (first["generator"], -0.14065968990325928),
        (drawn["z"][0, :2], [0.024024073034524918, -0.43808168172836304]),  # since 0.2
        (drawn["fake"][0], [0.46066802740097046, 0.17815017700195312]),  # since 0.2
    ):
        torch.testing.assert_close(found, torch.tensor(expected))


def test_each_purpose_has_a_seed_of_its_own() -> None:
    assert seed_for(7, "latents") == 43622716298623672
    seeds = {seed_for(seed, purpose) for seed in range(50) for purpose in ("a", "b", "a 1")}
    assert len(seeds) == 150
    assert max(seeds) < 2**56


def test_what_runs_on_a_lease_goes_on_where_the_last_one_ended() -> None:
    random = DefaultRandom(torch.device("cpu"))
    random.seed(3)
    drawn = []
    torch.manual_seed(0)
    before = torch.get_rng_state()
    for _ in range(2):
        with suppress(ZeroDivisionError), random.leased():
            drawn.append(torch.rand(4))
            raise ZeroDivisionError
        assert torch.equal(torch.get_rng_state(), before)
    expected = torch.rand(8, generator=torch.Generator().manual_seed(3))
    assert torch.equal(torch.cat(drawn), expected)


class Stubborn(Noisy):
    """A discriminator with a constant that no file holds, whose layers draw in eval mode too."""

    def discriminator(self, real: Space) -> nn.Module:
        return StubbornScorer(real.size)


class StubbornScorer(nn.Module):
    def __init__(self, size: int) -> None:
        super().__init__()
        self.net = nn.Linear(size, 1)
        self.register_buffer("constant", torch.ones(1), persistent=False)

    def forward(self, sample: Tensor) -> Tensor:
        return self.net(sample + torch.rand_like(sample)).squeeze(1) * self.constant


def test_nothing_draws_from_the_callers_generator(zoo: Zoo, tmp_path: Path) -> None:
    before, given = torch.get_rng_state(), {"data": points(), "device": "cpu", "zoo": zoo}
    run = ganzoo.train(variant_of(Stubborn()), rounds=1, out=tmp_path, **given)
    model = ganzoo.load(f"run:{tmp_path}", zoo=run.zoo)
    samples = model.sample(4)
    scores = model.score(samples)
    assert torch.equal(model.score(samples), scores)
    assert model.interpolate(1, steps=2).shape == (1, 2, 2)
    assert ganzoo.explain(variant_of(Stubborn()), data=points(), zoo=zoo)
    SmallCnn("digits")(torch.zeros(1, 1, 8, 8))
    assert torch.equal(torch.get_rng_state(), before)


def test_epochs_are_permutations_of_their_own_for_each_seed() -> None:
    device = torch.device("cpu")
    one, other = Order(100, 0, device), Order(100, 1, device)
    first = one.take(100)
    assert one.position == 100
    assert first.dtype == torch.int64
    assert not torch.equal(first, other.take(100))
    one.position = 50
    assert torch.equal(one.take(50), first[50:])
    one.position = 0
    assert torch.equal(one.take(250)[:100], first)


def test_an_order_goes_on_from_any_position_as_if_it_had_been_played_to_it() -> None:
    device = torch.device("cpu")
    rows = Order(10, 0, device).take(100)
    for position in (3, 10, 15, 20, 99):
        resumed = Order(10, 0, device)
        resumed.position = position
        assert torch.equal(resumed.take(100 - position), rows[position:])
