"""Samples of a frozen generator: from which weights, statistics, seeds and conditions."""

from __future__ import annotations

import weakref
from dataclasses import FrozenInstanceError, replace
from typing import Any

import pytest
import torch
from ganzoo_dcgan import Dcgan
from ganzoo_vanilla import Mlp
from small import Guess, LabelledPair, equal, images, play, points, variant_of
from torch import Tensor, nn

from ganzoo.builtin.samplers import Uniform
from ganzoo.engine.game import Game
from ganzoo.engine.heads import discriminator_heads, heads_on_rows
from ganzoo.engine.sampling import AT_ONCE, FrozenGenerator
from ganzoo.errors import ComposeError, OptionError
from ganzoo.parts.part import Architecture
from ganzoo.parts.rows import ResidentRows
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


def test_samples_repeat_by_seed() -> None:
    frozen = play(Game(variant_of(Dcgan(width=8)), images())).frozen()
    one = frozen.sample(10, seed=1)["fake"]
    assert torch.equal(one, frozen.sample(10, seed=1)["fake"])
    assert not torch.equal(one, frozen.sample(10, seed=2)["fake"])


class Noisy(Architecture):
    """A generator that reads a class, and adds noise of its own to each sample."""

    discriminator = Mlp.discriminator
    width: int = 8
    depth: int = 1

    def generator(self, z: Space, label: Space, real: Space) -> nn.Module:
        return NoisyGenerator(z.size, label.classes or 0, real.size)


class NoisyGenerator(nn.Module):
    def __init__(self, z: int, classes: int, out: int) -> None:
        super().__init__()
        self.out, self.embedded = nn.Linear(z, out), nn.Embedding(classes, out)

    def forward(self, z: Tensor, label: Tensor) -> Tensor:
        made: Tensor = self.out(z) + self.embedded(label)
        return made + torch.randn_like(made)


@pytest.mark.parametrize("k", [1, 3, 255, 256, 257, 300])
@pytest.mark.parametrize("rows", [True, False])
def test_the_first_samples_are_the_same_however_many_are_drawn(k: int, *, rows: bool) -> None:
    game = play(Game(variant_of(Noisy(), sampler=Uniform(dim=4)), points()))
    frozen = game.frozen() if rows else replace(game.frozen(), rows=None)
    many, few = (frozen.sample(n, seed=1) for n in (600, k))
    for name in ("z", "label"):
        assert torch.equal(many[name][:k], few[name])
    torch.testing.assert_close(many["fake"][:k], few["fake"], atol=1e-5, rtol=0)
    assert len(many["z"].unique(dim=0)) == 600
    assert many["label"].unique().tolist() == [0, 1, 2]
    noise = many["fake"] - frozen.net.out(many["z"]) - frozen.net.embedded(many["label"])
    assert len(noise[:, 0].round(decimals=4).unique()) > 590  # each chunk has its own


@pytest.mark.parametrize("architecture", [Normed(), Noisy()])
def test_chunks_that_go_through_the_network_together_give_what_each_alone_gives(
    architecture: Architecture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on a GPU; a network that draws numbers of its own sees its chunks one by one."""
    game = play(Game(variant_of(architecture, sampler=Uniform(dim=4)), points()))
    frozen = game.frozen()
    alone = frozen.sample(1100, seed=1)
    monkeypatch.setitem(AT_ONCE, "cpu", 3)
    sizes: list[int] = []
    frozen.net.register_forward_pre_hook(
        lambda _, args, named: sizes.append(len(named["z"])), with_kwargs=True
    )
    together = frozen.sample(1100, seed=1)
    assert sizes == ([256, 768, 76] if isinstance(architecture, Normed) else [*4 * [256], 76, 256])
    assert equal({k: v for k, v in alone.items() if k != "fake"}, together)
    torch.testing.assert_close(together["fake"], alone["fake"], atol=1e-6, rtol=0)


def test_what_a_chunk_takes_is_free_before_the_next_but_one() -> None:
    """So the memory beside the samples does not grow with their number."""
    frozen = Game(variant_of(Normed()), points()).frozen()
    made: list[weakref.ref[Tensor]] = []
    alive: list[int] = []

    def seen(_: nn.Module, __: Any, out: Tensor) -> None:
        alive.append(sum(old() is not None for old in made))
        made.append(weakref.ref(out))

    frozen.net.register_forward_hook(seen)
    frozen.sample(2000)
    assert max(alive) <= 1


def test_what_is_given_does_not_change_what_else_is_drawn() -> None:
    frozen = play(Game(variant_of(Noisy()), points())).frozen()
    free, held = frozen.sample(5), frozen.sample(5, given={"label": 2})
    assert torch.equal(free["z"], held["z"])
    other = frozen.sample(5, given={"z": torch.zeros(5, 4)})
    assert torch.equal(free["label"], other["label"])


def test_images_too_are_the_same_however_many_are_drawn() -> None:
    frozen = play(Game(variant_of(Dcgan(width=8)), images())).frozen()
    many, few = (frozen.sample(n, seed=1)["fake"] for n in (260, 5))
    torch.testing.assert_close(many[:5], few, atol=1e-5, rtol=0)


# ------------------------------------------------------------------- what samples are made from


class Told(Architecture):
    """A generator that reads a column of the data, a number of training, and what is optional."""

    discriminator = Mlp.discriminator
    width: int = 8
    depth: int = 1

    def generator(self, z: Space, real: Space) -> nn.Module:
        return ToldGenerator(z.size, real.size)


class ToldGenerator(nn.Module):
    def __init__(self, z: int, out: int) -> None:
        super().__init__()
        self.out = nn.Linear(z, out)

    def forward(
        self, z: Tensor, real: Tensor, progress: float = -1.0, label: Tensor | None = None
    ) -> dict[str, Tensor]:
        fake = 0 * self.out(z) + real
        known = fake.new_zeros(len(z)) if label is None else label + 1.0
        return {"fake": fake, "known": known, "share": fake.new_full((len(z),), progress)}


def told_game() -> Game:
    game = Game(variant_of(Told()), points())
    game.progress = 0.25
    return game


def test_samples_are_conditioned_on_held_out_rows_chosen_at_random_by_seed() -> None:
    game = told_game()
    frozen, rows = game.frozen(), game.data.held_out
    assert frozen.conditions() == ("real", "label")
    drawn = frozen.sample(200, seed=1)
    table = {tuple(row.tolist()): n for n, row in enumerate(rows.column("real"))}
    chosen = torch.tensor([table[tuple(row.tolist())] for row in drawn["fake"]])
    assert len(chosen.unique()) > 50
    assert torch.equal(drawn["label"], rows.column("label", chosen))
    assert torch.equal(drawn["known"], drawn["label"] + 1.0)
    assert set(drawn["share"].tolist()) == {0.25}
    assert torch.equal(drawn["fake"], frozen.sample(200, seed=1)["fake"])
    assert not torch.equal(drawn["fake"], frozen.sample(200, seed=2)["fake"])
    assert {name: value.device.type for name, value in drawn.items()} == dict.fromkeys(
        ("z", "real", "label", "fake", "known", "share"), "cpu"
    )


def test_samples_are_made_of_the_rows_that_are_chosen_in_order() -> None:
    game = told_game()
    frozen, rows = game.frozen(), game.data.held_out
    chosen = torch.tensor([5, 3, 5])
    drawn = frozen.conditioned_on(chosen).sample(3)
    assert torch.equal(drawn["fake"], rows.column("real", chosen))
    assert torch.equal(drawn["label"], rows.column("label", chosen))
    given = frozen.conditioned_on(chosen).sample(3, given={"label": torch.tensor([2, 2, 2])})
    assert given["label"].tolist() == [2, 2, 2]
    assert torch.equal(given["fake"], drawn["fake"])
    assert torch.equal(given["z"], drawn["z"])


def test_what_is_chosen_and_given_goes_to_its_own_chunk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(AT_ONCE, "cpu", 3)
    game, z = told_game(), torch.randn(1100, 4)
    chosen = torch.arange(1100) % 61
    drawn = game.frozen().conditioned_on(chosen).sample(1100, given={"z": z})
    assert torch.equal(drawn["fake"], game.data.held_out.column("real", chosen))
    assert torch.equal(drawn["z"], z)


def test_without_rows_a_category_is_random_and_anything_else_must_be_given() -> None:
    game = Game(variant_of(LabelledPair()), points())
    labels = replace(game.frozen(), rows=None).sample(300)["label"]
    assert set(labels.tolist()) == {0, 1, 2}
    bare = replace(told_game().frozen(), rows=None)
    assert bare.conditions() == ()
    with pytest.raises(ComposeError) as error:
        bare.sample(2)
    assert str(error.value) == (
        "the generator reads 'real', which sampler 'gaussian' does not draw; give it, as in "
        "sample(n, given={'real': ...})."
    )
    # What is optional in training was there in training: it is drawn too.
    drawn = bare.sample(300, given={"real": torch.zeros(300, 2)})
    assert set(drawn["label"].tolist()) == {0, 1, 2}
    assert torch.equal(drawn["known"], drawn["label"] + 1.0)


def test_what_is_given_is_taken_as_it_is_or_refused() -> None:
    game = Game(variant_of(LabelledPair()), points())
    frozen = game.frozen()
    with pytest.raises(FrozenInstanceError):
        frozen.progress = 0.5
    z = torch.ones(4, 4)
    drawn = frozen.sample(4, given={"z": z})
    assert torch.equal(drawn["z"], z)
    with torch.no_grad():
        torch.testing.assert_close(drawn["fake"], frozen.net(z, drawn["label"]))
    for label in (3, -1):
        with pytest.raises(OptionError) as error:
            frozen.sample(4, given={"label": torch.tensor([0, 1, label, 0])})
        assert str(error.value) == f"label {label} is none of the 3 classes, 0 to 2."
    assert {*frozen.made_from()} == {"z", "label", "truncation"}


def test_heads_on_rows_are_empty_where_a_network_is_not_there_or_reads_what_rows_lack() -> None:
    game = told_game()
    assert heads_on_rows(game, "encoder", game.data.held_out) == {}
    assert heads_on_rows(game, "generator", game.data.held_out) == {}  # it reads z
    (name,) = heads_on_rows(game, "discriminator", game.data.held_out)
    assert name == "real_score"
    labelled = Game(variant_of(LabelledPair()), points())
    assert heads_on_rows(labelled, "discriminator", ResidentRows({"real": torch.zeros(2, 2)})) == {}


class Staged(Told):
    """A discriminator that knows how far training is and its stage, and drops out in training."""

    def generator(self, z: Space, real: Space) -> nn.Module:
        return Mlp(width=8, depth=1).generator(z, real)

    def discriminator(self, real: Space) -> nn.Module:
        return StagedScorer()


class StagedScorer(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(()))

    def stage(self, progress: float) -> int:
        return int(progress >= 0.5)

    def forward(self, sample: Tensor, progress: float, stage: int, label: Any = None) -> Tensor:
        SIZES.append(len(sample))
        shift = 100.0 if self.training else progress + 10 * stage
        return self.scale * sample.sum(1) + shift + (0 if label is None else label)


SIZES: list[int] = []


def test_heads_on_rows_are_of_eval_mode_in_chunks_without_gradients() -> None:
    game = Game(variant_of(Staged()), points(20))
    game.progress = 0.5
    SIZES.clear()
    score = discriminator_heads(game, game.data.held_out, chunk=8)["real_score"]
    assert SIZES == [8, 8, 4]
    rows = game.data.held_out
    torch.testing.assert_close(score, rows.column("real").sum(1) + 10.5 + rows.column("label"))
    assert not score.requires_grad
    assert game.nets["discriminator"].training


def test_drawing_samples_leaves_the_callers_random_state_and_records_nothing() -> None:
    game = play(Game(variant_of(Dcgan(width=8)), images()))
    before = torch.get_rng_state()
    drawn = game.frozen().sample(3)
    assert torch.equal(before, torch.get_rng_state())
    assert not any(value.requires_grad for value in drawn.values())


class Settling(nn.Module):
    """A generator whose output is the sum of its weight, kept in a buffer."""

    total: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(2))
        self.register_buffer("total", torch.zeros(()))

    def settle(self) -> None:
        if not bool(self.weight.isfinite().all()):
            message = "its weight is not finite"
            raise ValueError(message)
        self.total.copy_(self.weight.sum())

    def forward(self, z: Tensor) -> Tensor:
        return z[:, :2] * 0 + self.total


def test_a_frozen_copy_settles_what_its_modules_keep_of_their_weights() -> None:
    net = Settling()
    options = {**Game(variant_of(SMALL), points()).sampling(), "reads": ("z",), "accepts": ()}
    frozen = FrozenGenerator.copy_of(net, **options)
    assert frozen.sample(3)["fake"].eq(2).all()
    assert float(net.total) == 0
    nn.init.constant_(net.weight, float("inf"))
    with pytest.raises(ComposeError) as error:
        FrozenGenerator.copy_of(net, **options)
    assert str(error.value) == "settle() of Settling fails: its weight is not finite"
