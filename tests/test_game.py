"""The engine plays by its rules: whose gradients, which layout, which random numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import torch
from ganzoo_dcgan import Dcgan
from ganzoo_vanilla import MaxoutMlp, Mlp
from ganzoo_wgan_gp import GradientPenalty, Wasserstein, WganGp
from small import images, points, variant_of
from torch import Tensor, nn

from ganzoo.builtin.losses import Hinge, NonSaturating
from ganzoo.builtin.networks import MlpGenerator
from ganzoo.builtin.regularizers import R1
from ganzoo.builtin.samplers import Gaussian
from ganzoo.engine.game import Game
from ganzoo.engine.memory_format import in_layout_of
from ganzoo.engine.sampling import discriminator_heads
from ganzoo.engine.streams import Order
from ganzoo.errors import ComposeError, OptionError
from ganzoo.parts.optimizer import Adam
from ganzoo.parts.part import Architecture, Loss, Player, Regularizer, Sampler
from ganzoo.parts.schedule import linear
from ganzoo.parts.space import Space

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ganzoo.engine.step import Step

SMALL = Mlp(width=16, depth=1)


def weights(game: Game) -> dict[str, Tensor]:
    return {
        f"{p}.{k}": v.clone() for p, net in game.nets.items() for k, v in net.state_dict().items()
    }


def equal(one: dict[str, Tensor], other: dict[str, Tensor]) -> bool:
    return all(torch.equal(one[name], other[name]) for name in one)


def play(game: Game, rounds: int = 5) -> Game:
    for _ in range(rounds):
        game.round()
    return game


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


def test_each_epoch_deals_every_row_once_and_batches_span_epochs() -> None:
    order = Order(10, seed=0, device=torch.device("cpu"))
    rows = torch.cat([order.take(4) for _ in range(5)])
    assert sorted(rows[:10].tolist()) == list(range(10))
    assert sorted(rows[10:].tolist()) == list(range(10))
    assert rows[:10].tolist() != rows[10:].tolist()


# --------------------------------------------------------------------------------- traps, seen once


def test_a_gradient_takes_its_parameters_layout() -> None:
    param = nn.Parameter(torch.randn(4, 3, 5, 5).to(memory_format=torch.channels_last))
    grad = torch.randn(4, 3, 5, 5)
    laid = in_layout_of(grad, param)
    assert laid is not None
    assert laid.stride() == param.stride()
    assert torch.equal(laid, grad)


def test_fused_adam_agrees_with_foreach_on_a_convolution_with_a_penalty() -> None:
    variant = variant_of(
        WganGp(width=8), loss=Wasserstein(), regularizers=(GradientPenalty(),), batch=4
    )
    fused, foreach = Game(variant, images()), Game(variant, images())
    for player, params in foreach.params.items():
        options = variant.optimizers[player]
        foreach.optimizers[player] = torch.optim.Adam(params, **options.arguments(), foreach=True)
    play(fused, 4)
    play(foreach, 4)
    for (name, one), other in zip(weights(fused).items(), weights(foreach).values(), strict=True):
        torch.testing.assert_close(one, other, atol=2e-5, rtol=1e-3, msg=name)


class DetachedFakes(Sampler):
    deals = ("z", "fake")

    def spaces(self, data: Any) -> dict[str, Space]:
        return {"z": Space(shape=(4,))}

    latent = Gaussian.latent

    def deal(self, player: Player, game: Game, drawn: Tensor) -> Iterator[Step]:
        z = self.latent(len(drawn), game.spaces, game.latents)["z"]
        fake = game.nets["generator"](z).detach()
        yield game.step(player, rows=drawn, z=z, fake=fake)


def test_a_sampler_that_deals_detached_fakes_is_refused() -> None:
    with pytest.raises(ComposeError, match="generator's objective .* reaches .* detached"):
        Game(variant_of(SMALL, sampler=DetachedFakes()), points())


class ColumnScore(Architecture):
    def generator(self, z: Space, real: Space) -> nn.Module:
        return MlpGenerator(z.size, [8], real)

    def discriminator(self, real: Space) -> nn.Module:
        return nn.Sequential(nn.Flatten(), nn.Linear(real.size, 1))


def test_a_score_of_shape_n_by_1_is_refused() -> None:
    with pytest.raises(ComposeError, match=r"returns 'score' of shape \(8, 1\); it must be \(8,\)"):
        Game(variant_of(ColumnScore()), points())


class Outer(Loss):
    generator = Hinge.generator

    def discriminator(self, real_score: Tensor, fake_score: Tensor) -> Tensor:
        return real_score[:, None] - fake_score


def test_a_term_that_broadcast_is_refused() -> None:
    with pytest.raises(ComposeError, match=r"'outer' returns a term of shape \(8, 8\)"):
        Game(variant_of(SMALL, loss=Outer()), points())


def test_two_terms_of_one_name_are_refused() -> None:
    with pytest.raises(ComposeError, match="two terms of the discriminator's objective .* 'r1'"):
        Game(variant_of(SMALL, regularizers=(R1(weight=1), R1(weight=2))), points())


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


def test_a_lazy_regularizer_counts_for_the_steps_it_skips() -> None:
    game = Game(variant_of(SMALL, regularizers=(R1(every=2),)), points())
    step = game.step("discriminator", rows=torch.arange(8), z=torch.randn(8, 4))
    plain = game.terms["discriminator"]["r1"](step).mean().item()
    game.play(step)
    assert float(game.log["discriminator"]["r1"]) == pytest.approx(2 * plain, rel=1e-4)
    game.play(game.step("discriminator", rows=torch.arange(8), z=torch.randn(8, 4)))
    assert game.steps["discriminator"] == 2


class LabelledPair(Architecture):
    def generator(self, z: Space, label: Space, real: Space) -> nn.Module:
        return _Labelled(z.size, label.classes or 0, real.size)

    def discriminator(self, real: Space, label: Space) -> nn.Module:
        return _LabelledScorer(real.size, label.classes or 0)


class _Labelled(nn.Module):
    def __init__(self, z: int, classes: int, out: int) -> None:
        super().__init__()
        self.embed, self.out = nn.Embedding(classes, z), nn.Linear(z, out)

    def forward(self, z: Tensor, label: Tensor) -> Tensor:
        return self.out(z + self.embed(label))


class _LabelledScorer(nn.Module):
    def __init__(self, size: int, classes: int) -> None:
        super().__init__()
        self.net, self.embed = nn.Linear(size, 1), nn.Embedding(classes, size)

    def forward(self, sample: Tensor, label: Tensor) -> dict[str, Tensor]:
        score = self.net(sample).squeeze(1) + (self.embed(label) * sample).sum(1)
        return {"score": score, "guess": self.embed.weight[None, :, 0].expand(len(sample), -1)}


class Guess(Regularizer):
    def discriminator(self, real_guess: Tensor, label: Tensor) -> Tensor:
        return nn.functional.cross_entropy(real_guess, label, reduction="none")


def test_networks_heads_and_penalties_are_conditioned_by_name_alone() -> None:
    """Conditional GANs, auxiliary heads and gradient penalties need no word in the engine."""
    variant = variant_of(
        LabelledPair(), loss=Wasserstein(), regularizers=(GradientPenalty(), Guess())
    )
    game = play(Game(variant, points()))
    label = torch.full((6,), 2)
    made = game.sample(6, given={"label": label})
    assert made["fake"].shape == (6, 2)
    assert torch.equal(made["label"], label)
    assert set(game.sample(50)["label"].tolist()) == {0, 1, 2}


def test_the_discriminator_judges_real_rows_in_eval_mode_under_their_own_labels() -> None:
    game = play(Game(variant_of(LabelledPair(), regularizers=(Guess(),)), points()))
    rows, net = game.data.held_out, game.nets["discriminator"]
    heads = discriminator_heads(game, rows, chunk=10)
    with torch.no_grad():
        expected = net.eval()(rows.column("real"), label=rows.column("label"))
    torch.testing.assert_close(heads["real_score"], expected["score"])
    assert heads["real_guess"].shape == (64, 3)
    assert net.train().training


class WidenedPair(Architecture):
    """Its generator takes a label where there is one; its discriminator has a head for a code."""

    def generator(self, z: Space, real: Space) -> nn.Module:
        net = Mlp(width=8, depth=1).generator(z, real)

        class Generator(nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.net = net

            def forward(self, z: Tensor, label: Tensor | None = None) -> Tensor:
                self.labelled = label is not None
                out: Tensor = self.net(z)
                return out

        return Generator()

    def discriminator(self, real: Space, label: Space | None = None) -> nn.Module:
        net = Mlp(width=8, depth=1).discriminator(real)
        net.built_for = label  # type: ignore[assignment]
        return net


def test_what_has_a_default_is_passed_where_it_is_offered() -> None:
    game = play(Game(variant_of(WidenedPair()), points()))
    assert game.nets["generator"].labelled
    assert game.nets["discriminator"].built_for == Space(classes=3)
    plain = play(Game(variant_of(WidenedPair()), images()))
    assert not plain.nets["generator"].labelled
    assert plain.nets["discriminator"].built_for is None


def test_a_linear_schedule_ends_at_zero_and_a_constant_one_stays() -> None:
    falling = Adam(lr=linear(0.1))
    optimizers = {"discriminator": falling, "generator": Adam(lr=0.1)}
    game = Game(variant_of(SMALL, optimizers=optimizers), points())
    rates = []
    for progress in (0.0, 0.5, 1.0):
        game.progress = progress
        before = weights(game)
        game.round()
        rates.append([game.optimizers[p].param_groups[0]["lr"] for p in game.nets])
    assert rates == [[0.1, 0.1], [0.05, 0.1], [0.0, 0.1]]
    after = weights(game)
    assert all(torch.equal(before[n], after[n]) for n in before if n.startswith("discriminator"))


def test_longer_gradients_are_scaled_down_to_the_norm_that_is_asked() -> None:
    def norms(most: float | None) -> float:
        optimizers = {"generator": Adam(max_norm=most)}
        game = play(Game(variant_of(SMALL, optimizers=optimizers), points()), 1)
        return float(torch.stack([p.grad.norm() for p in game.params["generator"]]).norm())

    whole = norms(None)
    assert norms(whole / 2) == pytest.approx(whole / 2, rel=1e-4)
    assert norms(whole * 2) == pytest.approx(whole, rel=1e-4)


def test_what_no_sample_is_made_from_cannot_be_given() -> None:
    game = Game(variant_of(LabelledPair()), points())
    with pytest.raises(OptionError, match="no sample is made from 'labl'; given may be: label"):
        game.sample(2, given={"labl": torch.zeros(2)})


class TwoHeads(Architecture):
    discriminator = Mlp.discriminator
    width: int = 8
    depth: int = 1

    def generator(self, z: Space, real: Space) -> nn.Module:
        return _TwoHeads(z.size, real.size)


class _TwoHeads(nn.Module):
    def __init__(self, z: int, size: int) -> None:
        super().__init__()
        self.style, self.out = nn.Linear(z, 3), nn.Linear(3, size)

    def forward(self, z: Tensor) -> dict[str, Tensor]:
        w = self.style(z)
        return {"fake": self.out(w), "w": w}


class PathLength(Regularizer):
    def generator(self, w: Tensor, generate: Any, z: Tensor, progress: float) -> Tensor:
        assert progress == 0.0
        moved = generate(z=z + 0.1)
        return (moved - moved.detach()).square().sum(1) + 0.1 * w.square().sum(1)


def test_a_generator_with_further_heads_offers_them_and_its_function() -> None:
    play(Game(variant_of(TwoHeads(), regularizers=(PathLength(),)), points()))


def test_bf16_touches_forwards_but_not_the_score_that_penalties_differentiate() -> None:
    game = Game(variant_of(SMALL, precision="bf16", regularizers=(R1(),)), points())
    step = game.step("discriminator", rows=torch.arange(8), z=torch.randn(8, 4))
    full, reduced = step.score(step["real"]), step["real_score"]
    assert reduced.dtype == full.dtype == torch.float32
    assert not torch.equal(full, reduced)
    torch.testing.assert_close(full, reduced, atol=0.05, rtol=0.05)
    play(game)


def test_the_average_follows_and_published_batch_norm_matches_its_samples() -> None:
    game = play(Game(variant_of(Dcgan(width=8), ema=0.9), images()), 10)
    assert game.average is not None
    average = game.average.net
    live = dict(game.nets["generator"].named_parameters())
    assert all(not torch.equal(p, live[n]) for n, p in average.named_parameters())
    before = {k: v.clone() for k, v in average.state_dict().items()}
    game.sample(16)
    assert equal(before, average.state_dict())


def test_samples_repeat_by_seed_and_do_not_depend_on_chunks() -> None:
    game = play(Game(variant_of(Dcgan(width=8)), images()))
    frozen = game.frozen()
    one = frozen.sample(10, seed=1)["fake"]
    assert torch.equal(one, frozen.sample(10, seed=1)["fake"])
    chunked = frozen.generate(10, seed=1, given={}, chunk=3)["fake"]
    torch.testing.assert_close(one, chunked)
    assert not torch.equal(one, frozen.sample(10, seed=2)["fake"])


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
