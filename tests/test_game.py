"""The engine plays by its rules: whose gradients, which layout, which random numbers."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from ganzoo_dcgan import Dcgan
from ganzoo_vanilla import MaxoutMlp, Mlp
from small import equal, images, play, points, variant_of, weights
from torch import Tensor, nn

from ganzoo.builtin.losses import NonSaturating
from ganzoo.builtin.regularizers import R1
from ganzoo.engine.game import Game
from ganzoo.parts.optimizer import Adam
from ganzoo.parts.part import Architecture, Player, Regularizer

SMALL = Mlp(width=16, depth=1)


@pytest.mark.parametrize("architecture", [SMALL, MaxoutMlp(width=16, units=8), Dcgan(width=8)])
def test_one_seed_twice_gives_bit_identical_weights(architecture: Architecture) -> None:
    variant = variant_of(architecture, ema=0.9)
    data = images()
    first = weights(play(Game(variant, data, seed=3)))
    torch.manual_seed(99)  # the caller's random state is no concern of the game's
    assert equal(first, weights(play(Game(variant, data, seed=3))))
    assert not equal(first, weights(play(Game(variant, data, seed=4))))


def test_two_games_interleaved_do_not_disturb_each_other() -> None:
    variant = variant_of(MaxoutMlp(width=16, units=8))
    alone = weights(play(Game(variant, points(), seed=0)))
    one, other = Game(variant, points(), seed=0), Game(variant, points(), seed=1)
    for _ in range(5):
        one.round()
        other.round()
    assert equal(alone, weights(one))


def test_the_callers_random_state_is_left_as_it_was() -> None:
    torch.manual_seed(5)
    before = torch.get_rng_state()
    play(Game(variant_of(MaxoutMlp(width=16, units=8)), points()))
    assert torch.equal(before, torch.get_rng_state())


def test_probing_a_composition_changes_no_buffer_and_no_stream() -> None:
    variant = variant_of(Dcgan(width=8))
    game = Game(variant, images())
    norms = [b for net in game.nets.values() for n, b in net.named_buffers() if "num_batches" in n]
    assert norms
    assert all(int(count) == 0 for count in norms)
    assert game.order.position == 0
    assert torch.equal(game.latents.get_state(), Game(variant, images()).latents.get_state())


class Recording(Regularizer):
    def discriminator(self, real: Tensor) -> Tensor:
        SEEN.append(real.clone())
        return real.new_zeros(len(real))


SEEN: list[Tensor] = []


def test_adding_a_part_never_changes_which_data_another_one_sees() -> None:
    seen = []
    for extra in ((), (R1(),)):
        SEEN.clear()
        play(Game(variant_of(SMALL, regularizers=(Recording(), *extra)), points()))
        seen.append(torch.cat(SEEN))
    assert torch.equal(*seen)


# ------------------------------------------------------------------------------ parts do their part


class Anchored(Regularizer):
    """State, a projection, and a view of samples: all that a part may have."""

    def start(self, game: Game) -> Counter:
        return Counter()

    def generator(self, state: Counter, fake_score: Tensor) -> Tensor:
        state.count += 1
        return fake_score.new_zeros(())

    def project(self, net: nn.Module, player: Player) -> None:
        for param in net.parameters():
            param.data.clamp_(-0.05, 0.05)

    def augment(self, sample: Tensor) -> Tensor:
        return sample * 0 + 1


class Counter:
    count = 0

    def state(self) -> dict[str, Any]:
        return {"count": self.count}

    def restore(self, state: dict[str, Any]) -> None:
        self.count = state["count"]


def test_a_parts_state_is_the_games_own_and_probing_does_not_count() -> None:
    variant = variant_of(SMALL, regularizers=(Anchored(),))
    one, other = Game(variant, points()), Game(variant, points())
    play(one, 3)
    assert (
        one.states["regularizer anchored"].count,
        other.states["regularizer anchored"].count,
    ) == (3, 0)


def test_projections_hold_after_every_step_and_discriminators_see_what_is_shown() -> None:
    game = play(Game(variant_of(SMALL, regularizers=(Anchored(),)), points()), 2)
    assert all(bool((p.abs() <= 0.05).all()) for params in game.params.values() for p in params)
    step = game.step("discriminator", rows=torch.arange(8), z=torch.randn(8, 4))
    assert torch.equal(step["real_score"], step["fake_score"])


def test_a_hand_written_loop_takes_the_same_steps() -> None:
    """The engine against the loop that anybody would write, with the same networks and draws."""
    optimizers = {"discriminator": Adam(lr=1e-3), "generator": Adam(lr=1e-3)}
    variant = variant_of(SMALL, optimizers=optimizers)
    game, twin = Game(variant, points()), Game(variant, points())
    generator, discriminator = twin.nets["generator"], twin.nets["discriminator"]
    hand = {
        net: torch.optim.Adam(net.parameters(), lr=1e-3, betas=(0.5, 0.999), fused=True)
        for net in (generator, discriminator)
    }
    loss = NonSaturating()
    for _ in range(5):
        game.round()
        real = twin.train.columns["real"][twin.order.take(8)]
        z = torch.randn(8, 4, generator=twin.latents)
        hand[discriminator].zero_grad()
        fake = generator(z).detach()
        loss.discriminator(discriminator(real), discriminator(fake)).mean().backward()
        hand[discriminator].step()
        twin.order.take(8)
        hand[generator].zero_grad()
        z = torch.randn(8, 4, generator=twin.latents)
        loss.generator(discriminator(generator(z))).mean().backward()
        hand[generator].step()
    assert equal(weights(game), weights(twin))
