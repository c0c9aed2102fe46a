"""Samples of a frozen generator: from which weights, statistics, seeds and conditions."""

from __future__ import annotations

import pytest
import torch
from ganzoo_dcgan import Dcgan
from ganzoo_vanilla import Mlp
from small import Guess, LabelledPair, equal, images, play, points, variant_of
from torch import Tensor, nn

from ganzoo.engine.game import Game
from ganzoo.engine.sampling import discriminator_heads
from ganzoo.errors import OptionError
from ganzoo.parts.part import Architecture
from ganzoo.parts.space import Space

SMALL = Mlp(width=16, depth=1)


def test_the_discriminator_judges_real_rows_in_eval_mode_under_their_own_labels() -> None:
    game = play(Game(variant_of(LabelledPair(), regularizers=(Guess(),)), points()))
    rows, net = game.data.held_out, game.nets["discriminator"]
    heads = discriminator_heads(game, rows, chunk=10)
    with torch.no_grad():
        expected = net.eval()(rows.column("real"), label=rows.column("label"))
    torch.testing.assert_close(heads["real_score"], expected["score"])
    assert heads["real_guess"].shape == (64, 3)
    assert net.train().training


def test_what_no_sample_is_made_from_cannot_be_given() -> None:
    game = Game(variant_of(LabelledPair()), points())
    with pytest.raises(OptionError, match="no sample is made from 'labl'; given may be: label"):
        game.sample(2, given={"labl": torch.zeros(2)})


def test_the_average_follows_and_sampling_leaves_it_as_it_is() -> None:
    game = play(Game(variant_of(Dcgan(width=8), ema=0.9), images()), 10)
    assert game.average is not None
    average = game.average.net
    live = dict(game.nets["generator"].named_parameters())
    assert all(not torch.equal(p, live[n]) for n, p in average.named_parameters())
    before = {k: v.clone() for k, v in average.state_dict().items()}
    game.sample(16)
    assert equal(before, average.state_dict())


@pytest.mark.parametrize("ema", [None, 0.9])
def test_batch_norm_normalizes_what_is_sampled(ema: float | None) -> None:
    """Channels of samples have mean 0 and variance 1, as in training, if statistics are their own.

    Those of training lag far behind after ten rounds.
    """
    game = play(Game(variant_of(Dcgan(width=8), ema=ema), images()), 10)
    frozen = game.frozen()
    norms = [m for m in frozen.net.modules() if isinstance(m, nn.BatchNorm2d)]
    assert norms
    seen: dict[nn.Module, Tensor] = {}
    for norm in norms:
        norm.register_forward_hook(lambda m, _, out: seen.update({m: out - m.bias[:, None, None]}))
    frozen.sample(512, seed=3)
    for norm in norms:
        scaled = (seen[norm] / norm.weight[:, None, None]).transpose(0, 1).flatten(1)
        torch.testing.assert_close(scaled.mean(1), torch.zeros(len(scaled)), atol=0.15, rtol=0)
        torch.testing.assert_close(scaled.var(1), torch.ones(len(scaled)), atol=0.25, rtol=0)


class Normed(Architecture):
    """Batch norm of the latent itself, whose moments are known."""

    discriminator = Mlp.discriminator
    width: int = 8
    depth: int = 1

    def generator(self, z: Space, real: Space) -> nn.Module:
        return NormedGenerator(z.size, real.size)


class NormedGenerator(nn.Module):
    def __init__(self, z: int, out: int) -> None:
        super().__init__()
        self.norm, self.out = nn.BatchNorm1d(z), nn.Linear(z, out)

    def forward(self, z: Tensor) -> Tensor:
        LATENTS.append(z)
        made: Tensor = self.out(self.norm(z))
        return made


LATENTS: list[Tensor] = []


def test_statistics_are_the_plain_means_over_sixteen_batches_none_of_them_alike() -> None:
    game = Game(variant_of(Normed()), points())
    norm = game.nets["generator"].norm
    norm.running_mean.fill_(7)
    LATENTS.clear()
    frozen = game.frozen()
    batches = torch.stack(LATENTS)
    assert batches.shape == (16, 256, 4)
    assert len(batches.flatten(0, 1).unique(dim=0)) == 16 * 256
    torch.testing.assert_close(frozen.net.norm.running_mean, batches.mean((0, 1)))
    torch.testing.assert_close(frozen.net.norm.running_var, batches.var(1).mean(0))
    assert bool((norm.running_mean == 7).all())
    assert norm.momentum == 0.1
    assert norm.training
    assert not frozen.net.training
    assert not any(param.requires_grad for param in frozen.net.parameters())


def test_a_generator_is_copied_anew_once_its_weights_change_and_not_before() -> None:
    game = Game(variant_of(Normed()), points())
    first = game.frozen()
    assert game.frozen() is first
    game.round()
    second = game.frozen()
    assert second is not first
    with torch.no_grad():
        game.params["generator"][0].add_(1)
    assert game.frozen() is not second
    third = game.frozen()
    game.progress = 0.5
    assert game.frozen().progress == 0.5
    assert game.frozen() is not third


def test_samples_repeat_by_seed_and_do_not_depend_on_chunks() -> None:
    game = play(Game(variant_of(Dcgan(width=8)), images()))
    frozen = game.frozen()
    one = frozen.sample(10, seed=1)["fake"]
    assert torch.equal(one, frozen.sample(10, seed=1)["fake"])
    chunked = frozen.generate(10, seed=1, given={}, chunk=3)["fake"]
    torch.testing.assert_close(one, chunked)
    assert not torch.equal(one, frozen.sample(10, seed=2)["fake"])
