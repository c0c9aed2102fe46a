"""The generator's moving average, in closed form, and which turns it follows."""

from __future__ import annotations

from math import comb
from typing import Any

import pytest
import torch
from ganzoo_dcgan import Dcgan
from ganzoo_vanilla import Mlp
from small import images, play, points, variant_of
from torch import Tensor, nn

from ganzoo.engine.average import Average, share, share_of_half_life
from ganzoo.engine.game import Game
from ganzoo.parts.schedule import linear, number_at

SMALL = Mlp(width=16, depth=1)


def averaged(decay: float, steps: int) -> tuple[float, ...]:
    """The average after each step, of a weight that was 0 and is 1 from the first step on."""
    net = nn.Linear(1, 1, bias=False)
    nn.init.zeros_(net.weight)
    average = Average(net)
    nn.init.ones_(net.weight)
    found = []
    for step in range(1, steps + 1):
        average.follow(share(step, decay))
        found.append(float(average.net.weight.detach()))
    return tuple(found)


def test_early_on_the_first_weights_are_forgotten_faster() -> None:
    """Of the first weights, the product of (1 + k) / (10 + k) is left: 10 / C(n + 10, 9)."""
    left = [10 / comb(n + 10, 9) for n in range(1, 30)]
    assert averaged(0.9999, 29) == pytest.approx([1 - share for share in left], rel=1e-5)


def test_later_it_decays_by_what_was_asked() -> None:
    found = averaged(0.5, 20)
    assert found[7:] == pytest.approx([1 - (1 - found[6]) / 2**k for k in range(1, 14)], rel=1e-5)
    assert averaged(0.0, 1) == (1.0,)


def test_by_half_life_weights_count_half_after_so_many_images() -> None:
    """Of weights that were once all of the average, 2^-(images / half-life) is left."""
    batch, half_life = 32, 640.0
    left = 1.0
    for step in range(1000, 1040):  # 40 steps of 32 images are two half-lives
        left *= 1 - share_of_half_life(step, batch, half_life)
    assert left == pytest.approx(0.25)


def test_by_half_life_at_most_a_twentieth_of_the_past_counts_so() -> None:
    for step in (1, 10, 100):
        ramped = share_of_half_life(step, 32, 1e9)
        assert ramped == pytest.approx(1 - 0.5 ** (1 / (0.05 * step)))
    assert share_of_half_life(10**6, 32, 500.0) == pytest.approx(1 - 0.5 ** (32 / 500))
    assert share_of_half_life(10**6, 32, 0.0) == 1


@pytest.mark.parametrize("half_life", [24.0, linear(100, 10)])
def test_in_a_game_the_half_life_counts_the_batches_images(half_life: Any) -> None:
    game = Game(variant_of(SMALL, ema_half_life=half_life), points())
    assert game.average is not None
    expected = [w.detach().clone() for w in game.params["generator"]]
    for step in range(1, 9):
        game.progress = step / 8
        game.round()
        now = number_at(half_life, step / 8)
        left = 0.5 ** (game.batch / min(now, 0.05 * step * game.batch))
        live = game.params["generator"]
        expected = [left * e + (1 - left) * w.detach() for e, w in zip(expected, live, strict=True)]
    for one, other in zip(game.average.net.parameters(), expected, strict=True):
        torch.testing.assert_close(one, other)


def test_buffers_are_copied_and_not_averaged() -> None:
    net = nn.BatchNorm1d(3)
    average = Average(net)
    net(torch.randn(8, 3) * 5 + 2)
    net(torch.randn(8, 3) * 5 + 2)
    average.follow(share(2, 0.9))
    for name, buffer in net.named_buffers():
        assert torch.equal(buffer, average.net.get_buffer(name)), name
    assert int(average.net.num_batches_tracked) == 2


def tensors(net: nn.Module) -> list[Tensor]:
    return [value.clone() for value in net.state_dict().values()]


def test_it_moves_after_the_generators_steps_alone() -> None:
    game = Game(variant_of(Dcgan(width=8), ema=0.9), images())
    assert game.average is not None
    before = tensors(game.average.net)
    game.play(game.step("discriminator", rows=torch.arange(8), z=torch.randn(8, 4)))
    game.play(game.step("discriminator", rows=torch.arange(8), z=torch.randn(8, 4)))
    assert all(map(torch.equal, before, tensors(game.average.net)))
    game.play(game.step("generator", rows=torch.arange(8), z=torch.randn(8, 4)))
    assert not all(map(torch.equal, before, tensors(game.average.net)))


def test_in_a_game_it_counts_the_generators_steps_and_follows_its_schedule() -> None:
    turns = (("discriminator", 3), ("generator", 1))
    game = Game(variant_of(SMALL, turns=turns, ema=linear(0.4, 0.0)), points())
    assert game.average is not None
    expected = [w.detach().clone() for w in game.params["generator"]]
    for step in range(1, 9):
        game.progress = step / 8
        game.round()
        decay = min(0.4 * (1 - step / 8), (1 + step) / (10 + step))
        live = game.params["generator"]
        expected = [
            decay * e + (1 - decay) * w.detach() for e, w in zip(expected, live, strict=True)
        ]
        for one, other in zip(game.average.net.parameters(), expected, strict=True):
            torch.testing.assert_close(one, other)


def test_without_one_there_is_nothing_to_follow() -> None:
    assert play(Game(variant_of(SMALL), points()), 1).average is None


def test_samples_are_the_averages() -> None:
    game = play(Game(variant_of(SMALL, ema=0.9), points()))
    assert game.average is not None
    drawn = game.sample(5, seed=1)
    with torch.no_grad():
        assert torch.equal(drawn["fake"], game.average.net(drawn["z"]))
        assert not torch.equal(drawn["fake"], game.nets["generator"](drawn["z"]))
