"""Stacked MNIST: its rows, its classifier of triples, and modes and KL against closed forms."""

from __future__ import annotations

from math import log
from typing import TYPE_CHECKING, Any

import pytest
import small_mnist
import torch
from torch import Tensor

from ganzoo.builtin.datasets.idx import Mnist
from ganzoo.builtin.datasets.stacked import StackedMnist
from ganzoo.builtin.metrics.features import extractor
from ganzoo.builtin.metrics.stacked import (
    PerChannel,
    StackedModes,
    kl_from_uniform,
    numbered,
    perfect_kl,
)
from ganzoo.engine.composition import compose
from ganzoo.engine.scoring import measure, measure_noise, measure_training_rows
from ganzoo.errors import DataError
from ganzoo.parts.rows import Rows
from ganzoo.testing.replaying import check_replayed

if TYPE_CHECKING:
    from ganzoo.parts.dataset import Data
    from ganzoo.plugins.zoo import Zoo

GREY = 40
"""Images of the stand-in for MNIST, of both splits."""


@pytest.fixture(autouse=True)
def _noise(monkeypatch: pytest.MonkeyPatch) -> None:
    small_mnist.of_noise(monkeypatch)


def small(**options: Any) -> Data:
    return StackedMnist(n=500, held_out=100, **options).load()


def test_a_stack_is_three_images_of_both_splits_and_its_label_their_number() -> None:
    data = small()
    splits = [Mnist().rows(split) for split in ("train", "t10k")]
    grey, digits = (torch.cat([r.column(name) for r in splits]) for name in ("real", "label"))
    assert (len(data.train), len(data.held_out), data.scored) == (500, 100, 26_000)
    rows = torch.tensor([3, 499, 3])
    stacks, labels = (data.train.column(name, rows) for name in ("real", "label"))
    found = (stacks[:, :, None] == grey[None, None, :, 0]).flatten(3).all(3)
    assert torch.equal(found.sum(2), torch.ones(3, 3))
    assert labels.tolist() == [100 * a + 10 * b + c for a, b, c in digits[found.int().argmax(2)]]
    assert torch.equal(data.train.column("real", slice(3, 4)), stacks[:1])
    used = (data.train.column("real")[:, :, None] == grey[None, None, :, 0]).flatten(3).all(3)
    assert used.sum((0, 1)).min() > 0  # of 1,500 draws among 40, each is drawn


def test_stacks_are_drawn_once_by_their_seed_and_held_out_ones_are_others() -> None:
    data, again, other = small(), small(), small(seed=1)
    assert data.sha256 == again.sha256 != other.sha256
    assert small(size=32).train.column("real", slice(2)).shape == (2, 3, 32, 32)
    assert isinstance(data.train, Rows)
    assert not torch.equal(data.train.column("label", slice(100)), data.held_out.column("label"))
    assert len({*data.train.column("label").tolist()}) > 300


def test_without_mnist_the_error_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(_: Mnist, file: str) -> Tensor:
        raise DataError(file)

    monkeypatch.setattr(Mnist, "array", missing)
    with pytest.raises(DataError, match="^train-images-idx3-ubyte$"):
        StackedMnist().load()


def test_a_variant_trains_on_stacks_also_in_graphs_and_is_scored(zoo: Zoo) -> None:
    composed = compose("dcgan", settings={"architecture.width": 4, "batch": 4}, zoo=zoo)
    game = check_replayed(composed.variant, small())
    assert game.graphs is not None
    assert game.graphs.reason is None
    scores = measure([StackedModes()], game.data, game.sample(40), seed=0)
    found = {score.metric: score.value for score in scores}
    assert found["stacked-kl"] >= log(1000 / 40)
    assert scores[0].extractor == "small-cnn/mnist per channel"


# ----------------------------------------------------------------------------------- classifying


def test_the_likeliest_triple_joins_the_likeliest_digits_of_the_channels() -> None:
    grey = extractor("small-cnn/mnist")
    images = torch.randn(5, 3, 28, 28).clamp(-1, 1)
    features, logits = PerChannel(grey, 10)(images)
    each = [grey(images[:, c : c + 1]) for c in range(3)]
    assert torch.allclose(features, torch.cat([found for found, _ in each], 1))
    digits = torch.stack([of.argmax(1) for _, of in each if of is not None], 1)
    assert torch.equal(logits.argmax(1), numbered(digits))
    assert torch.allclose(logits.exp().sum(1), torch.ones(5, dtype=torch.float64))


class Told:
    """A classifier of grey images whose pixels say their class: a tenth of it each."""

    name = sha256 = "told"

    def __call__(self, images: Tensor) -> tuple[Tensor, Tensor]:
        digit = (10 * images.mean((1, 2, 3))).round().long()
        return digit[:, None].double(), torch.nn.functional.one_hot(digit, 10).double()


def test_a_triples_digits_are_those_of_red_green_and_blue() -> None:
    digits = torch.tensor([[3, 0, 7], [1, 2, 5]])
    images = (digits / 10)[:, :, None, None].expand(-1, -1, 4, 4)
    features, logits = PerChannel(Told(), 10)(images)
    assert features.tolist() == digits.tolist()
    assert logits.argmax(1).tolist() == numbered(digits).tolist() == [307, 125]


# -------------------------------------------------------------------------------- modes and KL


def scored(counts: Tensor) -> dict[str, float]:
    """The numbers of samples of which so many are of each triple."""
    of_each = torch.arange(len(counts)).repeat_interleave(counts)
    logits = torch.nn.functional.one_hot(of_each, len(counts))
    return StackedModes().measure(logits.float(), len(counts))


def test_even_triples_have_no_kl_and_one_triple_has_its_logarithm() -> None:
    even = scored(torch.full((1000,), 3))
    assert (even["stacked-modes"], even["stacked-kl"]) == (1000, pytest.approx(0, abs=1e-12))
    one = scored(torch.eye(1000, dtype=torch.long)[7] * 50)
    assert (one["stacked-modes"], one["stacked-kl"]) == (1, pytest.approx(log(1000)))
    assert scored((torch.arange(1000) < 10).long())["stacked-modes"] == 10  # by one sample each
    half = scored((torch.arange(1000) % 2) * 4)
    assert (half["stacked-modes"], half["stacked-kl"]) == (500, pytest.approx(log(2)))


def test_the_floor_is_the_mean_kl_of_uniform_draws() -> None:
    mean, deviation = perfect_kl(26_000, 1000)
    assert mean == pytest.approx(0.01934, abs=5e-6)
    kl = torch.tensor([kl_from_uniform(uniform(26_000, seed) / 26_000) for seed in range(100)])
    assert abs(float(kl.mean()) - mean) < 4 * deviation / 10
    assert float(kl.std()) == pytest.approx(deviation, rel=0.3)
    assert scored(torch.full((1000,), 2))["stacked-kl-floor"] == perfect_kl(2000, 1000)[0]


def uniform(n: int, seed: int) -> Tensor:
    """How many of n uniform draws are of each triple."""
    stream = torch.Generator().manual_seed(seed)
    return torch.randint(1000, (n,), generator=stream).bincount(minlength=1000).double()


def test_ten_samples_of_each_triple_are_enough() -> None:
    assert StackedModes().enough({"triples": 1000}) == 10_000


def test_a_kl_below_that_of_any_draws_is_doubted() -> None:
    values = {"fake_logits": torch.empty(26_000, 0), "triples": 1000}
    (doubt,) = StackedModes().doubts(values, {"stacked-kl": 0.0})
    assert doubt == (
        "'stacked-kl' is 0.0000, and 26,000 uniform draws have 0.0193 +- 0.0009: the samples are "
        "no independent draws, or were counted wrongly."
    )
    for seed in range(20):
        kl = kl_from_uniform(uniform(26_000, seed) / 26_000)
        assert not [*StackedModes().doubts(values, {"stacked-kl": kl})]


def test_training_stacks_and_noise_are_scored_as_references() -> None:
    data = small()
    real, noise = (
        {score.metric: score.value for score in reference([StackedModes()], data, seed=0, n=60)}
        for reference in (measure_training_rows, measure_noise)
    )
    assert real.keys() == noise.keys() == StackedModes.better.keys()
