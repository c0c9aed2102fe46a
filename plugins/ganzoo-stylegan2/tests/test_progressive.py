"""The progressive GAN: what each stage trains, how it fades in, and resuming in the midst of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import torch
from ganzoo_stylegan2 import Drift, Progressive, ganzoo_variants
from ganzoo_stylegan2.growing import GrowingDiscriminator, GrowingGenerator, enlarged, shrunk
from ganzoo_stylegan2.layers import pixel_norm

import ganzoo
from ganzoo.benchmark.cost import round_flops
from ganzoo.benchmark.operations import counting
from ganzoo.builtin.samplers import Gaussian
from ganzoo.engine.game import Game
from ganzoo.parts.space import Space
from ganzoo.parts.variant import Variant
from ganzoo.pretrained.export import export
from ganzoo.testing import check_replayed, tiny
from ganzoo.testing.same import same

if TYPE_CHECKING:
    from pathlib import Path

    from torch import Tensor

torch.set_num_threads(1)

Z, REAL = Space(shape=(6,)), Space(shape=(3, 16, 16), bounded=True)
SMALL = Progressive(width=4, most=8)
(VARIANT,) = (variant for variant in ganzoo_variants() if variant.name == "progressive")


@pytest.fixture(autouse=True)
def _seeded() -> None:
    torch.manual_seed(0)


def pair() -> tuple[GrowingGenerator, GrowingDiscriminator]:
    one, other = SMALL.generator(Z, REAL), SMALL.discriminator(REAL)
    assert isinstance(one, GrowingGenerator)
    assert isinstance(other, GrowingDiscriminator)
    return one, other


def small(**fields: Any) -> Variant:
    """The variant, narrow enough to train in milliseconds."""
    chosen = {**dict(VARIANT), "architecture": SMALL, "batch": 8, **fields}
    return Variant.model_validate(chosen)


def test_each_size_has_the_same_share_of_the_budget() -> None:
    net, _ = pair()
    stages = [net.stage(progress / 12) for progress in range(13)]
    assert stages == [0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 2]


def test_a_new_size_begins_as_the_one_before_and_is_whole_halfway_through_its_share() -> None:
    generator, discriminator = pair()
    z, sample = torch.randn(2, 6), torch.randn(2, 3, 16, 16)
    for stage in (1, 2):
        start = stage / 3
        now = [generator(z, stage, start + share / 3) for share in (0.0, 0.25, 0.5, 0.9)]
        torch.testing.assert_close(now[0], generator(z, stage - 1, start))
        torch.testing.assert_close(now[1], (now[0] + now[2]) / 2)
        assert torch.equal(now[2], now[3])
        scores = [discriminator(sample, stage, start + share / 3) for share in (0.0, 0.5, 0.9)]
        torch.testing.assert_close(scores[0], discriminator(sample, stage - 1, start))
        assert torch.equal(scores[1], scores[2])
        assert not torch.equal(scores[0], scores[1])


@pytest.mark.parametrize("stage", [0, 1, 2])
def test_both_players_work_on_images_of_the_present_size(stage: int) -> None:
    generator, discriminator = pair()
    times, progress = 1 << 2 - stage, (stage + 0.6) / 3
    fake = generator(torch.randn(2, 6), stage, progress)
    torch.testing.assert_close(fake, enlarged(shrunk(fake, times), times))
    sample = torch.randn(2, 3, 16, 16)
    blocks = enlarged(shrunk(sample, times), times)
    scores = [discriminator(x, stage, progress) for x in (sample, blocks)]
    torch.testing.assert_close(*scores)


def test_details_are_faded_in_for_the_discriminator_too() -> None:
    _, discriminator = pair()
    sample = torch.randn(2, 3, 16, 16)
    coarse = enlarged(shrunk(sample, 2), 2)
    seen: list[Tensor] = []
    discriminator.pixels[2].register_forward_pre_hook(lambda _, given: seen.append(given[0]))
    for share in (0.0, 0.125, 0.5):
        discriminator(sample, 2, (2 + share) / 3)
        torch.testing.assert_close(seen[-1], torch.lerp(coarse, sample, 2 * share))


def test_sizes_that_are_not_trained_yet_have_no_gradient() -> None:
    game = Game(small(), tiny(3, 16, 16))
    before = {p: [w.detach().clone() for w in game.params[p]] for p in game.params}
    game.round()
    changed = {
        p: {
            name
            for (name, w), old in zip(game.nets[p].named_parameters(), before[p], strict=True)
            if not torch.equal(w, old)
        }
        for p in game.params
    }
    assert not [name for names in changed.values() for name in names if "blocks" in name]
    assert {"pixels.0.weight", "first.weight"} <= changed["generator"]
    assert {"pixels.0.weight", "verdict.score.weight"} <= changed["discriminator"]


def test_it_resumes_bit_for_bit_through_every_growth() -> None:
    game, rounds = Game(small(), tiny(3, 16, 16)), 9
    for number in range(rounds):
        tensors, facts = game.state()
        other = Game(small(), tiny(3, 16, 16))
        other.restore({name: value.detach().clone() for name, value in tensors.items()}, facts)
        for each in (game, other):
            each.progress = number / rounds
            each.round()
        assert same(game, other), number
    assert game.is_finite()


def test_a_model_scores_at_the_stage_that_it_was_trained_to(tmp_path: Path) -> None:
    variant = small(sampler=Gaussian(dim=6))
    run = ganzoo.train(variant, data="digits", rounds=2, out=tmp_path / "run")
    model = ganzoo.load(f"dir:{export(run, tmp_path / 'files')}")
    net = run.game.nets["discriminator"].eval()
    sample = torch.rand(4, 1, 8, 8) * 2 - 1
    torch.testing.assert_close(model.score(sample), net(sample, 1, 1.0).detach())


def test_each_stage_is_a_graph() -> None:
    game = check_replayed(small(), tiny(3, 16, 16), rounds=21)
    assert game.graphs is not None
    assert (game.graphs.captured, game.graphs.reason) == (3, None)


@pytest.mark.parametrize("shape", [(1, 8, 8), (2, 28, 28), (3, 9, 16), (4, 64, 40)])
def test_images_of_any_size_are_grown(shape: tuple[int, int, int]) -> None:
    real = Space(shape=shape, bounded=True)
    generator, discriminator = SMALL.generator(Z, real), SMALL.discriminator(real)
    for progress in (0.0, 0.5, 1.0):
        stage = generator.stage(progress)  # type: ignore[operator]
        fake = generator(torch.randn(3, 6), stage, progress)
        assert fake.shape == (3, *shape)
        assert discriminator(fake, stage, progress).shape == (3,)


def test_each_pixels_vector_is_normalized() -> None:
    normed = pixel_norm(torch.randn(2, 5, 3, 3) * 7)
    torch.testing.assert_close(normed.square().mean(1), torch.ones(2, 3, 3))


def test_drift_is_the_mean_square_of_real_scores() -> None:
    assert Drift().discriminator(torch.tensor([1.0, -3.0])).tolist() == [1.0, 9.0]
    assert Drift().weight == 0.001


def test_the_operations_of_a_round_are_the_mean_over_all_sizes() -> None:
    game, at = Game(small(), tiny(3, 16, 16)), []
    before = {name: value.clone() for name, value in game.state()[0].items()}
    for progress in (0.1, 0.5, 0.9):
        game.progress = progress
        with counting() as counter:
            game.round()
        at.append(counter.total)
    assert at[0] < at[1] < at[2]
    fresh = Game(small(), tiny(3, 16, 16))
    assert round_flops(fresh) == pytest.approx(sum(at) / 3, rel=1e-6)
    assert fresh.progress == 0
    after = fresh.state()[0]
    assert before.keys() == after.keys()
    assert all(torch.equal(value, after[name]) for name, value in before.items())
