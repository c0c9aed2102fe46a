"""Nearest training rows: found exactly, counted against held-out rows, and drawn."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

import ganzoo
from ganzoo.builtin.datasets.digits import Digits
from ganzoo.builtin.metrics.features import Pixels
from ganzoo.builtin.metrics.frechet import Frechet
from ganzoo.builtin.metrics.memorization import Memorization, nearest
from ganzoo.engine import featured
from ganzoo.engine.scoring import measure_noise, measure_training_rows
from ganzoo.errors import OptionError, ZooError
from ganzoo.parts.dataset import Data
from ganzoo.parts.rows import ResidentRows
from ganzoo.parts.space import Space
from ganzoo.pretrained.render import write_samples

if TYPE_CHECKING:
    from pathlib import Path


def normal(n: int, seed: int, dims: int = 6) -> Tensor:
    stream = torch.Generator().manual_seed(seed)
    return torch.randn(n, dims, generator=stream, dtype=torch.float64)


def share(fake: Tensor, **options: Any) -> float:
    """The share of samples among 3,000 training and 2,000 held-out normal rows."""
    metric = Memorization(**options)
    return metric.measure(normal(2000, 1), fake, normal(3000, 0))["memorization-share"]


# ------------------------------------------------------------------------------- nearest rows


def test_the_nearest_rows_are_those_of_all_distances() -> None:
    rows, others = normal(150, 0), normal(400, 1)
    distances, which = nearest(rows, others, 3)
    expected = (rows[:, None] - others).norm(dim=2).sort(dim=1)
    assert torch.equal(which, expected.indices[:, :3])
    assert torch.allclose(distances, expected.values[:, :3], rtol=1e-12)


def test_a_row_that_is_one_of_the_others_is_no_distance_from_it() -> None:
    others = 1e4 + normal(200, 0)
    distances, which = nearest(others[50:130], others)
    assert which[:, 0].tolist() == list(range(50, 130))
    assert distances.unique().tolist() == [0.0]
    # So far from zero that products leave the order open: each distance is its row's all the same.
    rows, others = 1e7 + normal(50, 0), 1e7 + normal(200, 1)
    distances, which = nearest(rows, others, 5)
    assert torch.equal((rows[:, None] - others[which]).norm(dim=2), distances)


def test_more_neighbours_than_rows_are_refused() -> None:
    with pytest.raises(ZooError) as error:
        nearest(normal(2, 0), normal(3, 1), 4)
    assert str(error.value) == "there are 3 rows to find 4 nearest ones among."


# ---------------------------------------------------------------------------------- the share


def test_copies_have_one_new_rows_the_quantile_and_what_is_far_away_nothing() -> None:
    assert share(normal(3000, 0)[:500]) == 1
    assert share(normal(2000, 1)) == 0.05
    assert share(normal(2000, 1), quantile=0.2) == 0.2
    assert Memorization(quantile=0.2).enough({}) == 50  # a fifth of which are ten
    assert share(normal(4000, 2)) == pytest.approx(0.05, abs=0.02)
    assert share(100 + normal(50, 2)) == 0


def test_a_tenth_of_copies_is_counted_among_new_rows() -> None:
    mixed = torch.cat((normal(3000, 0)[:400], normal(3600, 2)))
    assert share(mixed) == pytest.approx(0.1 + 0.9 * share(normal(3600, 2)))


def test_copies_are_counted_even_where_held_out_rows_are_copies_too() -> None:
    train = normal(100, 0)
    found = Memorization().measure(train[:50], torch.cat((train[:3], train[:1] + 1)), train)
    assert found == {"memorization-share": 0.75}


def test_features_are_named_or_the_datas_own() -> None:
    assert Memorization().extractor() is None
    assert (
        Memorization(features="pixels").extractor() == Memorization(features="pixels").extractor()
    )
    zoo = ganzoo.default_zoo()
    assert zoo.part("metric", "memorization:features=pixels").features == "pixels"
    with pytest.raises(OptionError) as error:
        zoo.part("metric", "memorization:features=vgg")
    unknown = (
        "option 'features' of 'memorization' cannot be 'vgg': no feature extractor 'vgg': there "
    )
    assert str(error.value).startswith(unknown)


def test_references_have_the_ends_of_the_scale_and_training_rows_are_read_only_when_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    data = Digits().load()
    copies, noise = (
        reference([Memorization(rows=100)], data, seed=0, n=100)[0]
        for reference in (measure_training_rows, measure_noise)
    )
    assert (copies.value, noise.value) == (1, 0)
    assert (copies.extractor, copies.n_real) == ("small-cnn/digits", 100)
    monkeypatch.delattr("ganzoo.engine.scoring.training_features")
    assert measure_noise([Frechet()], data, seed=0, n=100)


class Counting(Pixels):
    """Pixels, which count the images that they are given."""

    sha256 = "counting"

    def __init__(self) -> None:
        self.seen = 0

    def __call__(self, images: Tensor) -> tuple[Tensor, None]:
        self.seen += len(images)
        return super().__call__(images)


def tiny(extractor: Pixels) -> Data:
    stream = torch.Generator().manual_seed(0)
    rows = [
        ResidentRows({"real": torch.randint(256, (n, 1, 4, 4), generator=stream).byte()})
        for n in (90, 40)
    ]
    return Data(
        "tiny", *rows, {"real": Space(shape=(1, 4, 4), bounded=True)}, {"features": extractor}
    )


def test_features_are_kept_by_their_extractor_and_computed_in_parts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    own = Counting()
    data = tiny(own)

    class Halved(Counting):
        sha256 = "halved"

        def __call__(self, images: Tensor) -> tuple[Tensor, None]:
            return super().__call__(images[..., ::2])

    other = Halved()
    monkeypatch.setattr(featured, "PART", 40)
    monkeypatch.setattr(
        Memorization, "extractor", lambda metric: other if metric.rows == 7 else own
    )
    scores = measure_training_rows([Memorization(), Memorization(rows=7)], data, seed=0, n=10)
    assert [score.value for score in scores] == [1, 1]  # rows of 16 and of 8 numbers
    assert own.seen == other.seen == 90 + 40 + 10


def test_training_features_are_computed_once_and_of_as_many_rows_as_are_searched(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    counting = Counting()
    data = tiny(counting)
    for seed in (0, 1):
        measure_training_rows([Memorization()], data, seed=seed, n=10)
    assert counting.seen == 90 + 40 + 2 * 10
    monkeypatch.setattr(featured, "SEARCHED", 30)
    scores = measure_training_rows([Memorization()], data, seed=0, n=80)
    assert counting.seen == 90 + 40 + 2 * 10 + 30 + 80
    assert "'memorization' saw 30 of the 90 training rows." in scores.remarks
    assert 0.2 < scores[0].value < 0.6  # a third of the copies is found, and some by chance


# ---------------------------------------------------------------------------------- neighbours


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "run"
    settings = {"architecture.width": 8}
    ganzoo.train("dcgan", data="digits", settings=settings, rounds=2, out=folder)
    return folder


def test_neighbours_are_the_nearest_training_images_of_the_samples(run: Path) -> None:
    found = ganzoo.neighbours(run, 5, k=2, seed=3, features="pixels")
    train = Digits().load().train.column("real")
    assert torch.equal(found.samples, ganzoo.sample(run, 5, seed=3))
    distances = (found.samples[:, None] - train).flatten(2).double().norm(dim=2).sort(dim=1)
    assert torch.equal(found.rows, distances.indices[:, :2])
    assert torch.allclose(found.distances, distances.values[:, :2])
    assert torch.equal(found.images, train[found.rows])
    assert found.extractor == "pixels"
    assert ganzoo.neighbours(run, 1).extractor == "small-cnn/digits"


def test_of_more_rows_than_are_searched_neighbours_are_those_that_the_seed_chooses(
    run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(featured, "SEARCHED", 30)
    train = Digits().load().train.column("real")
    chosen = set()
    for seed in (3, 4):
        found = ganzoo.neighbours(run, 40, k=2, seed=seed, features="pixels")
        assert torch.equal(found.images, train[found.rows])
        distances = (found.samples[:, None] - found.images).flatten(2).double().norm(dim=2)
        assert torch.allclose(found.distances, distances)
        assert len({*found.rows.flatten().tolist()}) <= 30
        chosen |= {*found.rows.flatten().tolist()}
    assert max(chosen) >= 60  # not the first rows, nor the same for every seed


def test_a_picture_has_each_sample_and_its_neighbour_to_the_right(run: Path) -> None:
    path = write_samples(run, n=8, neighbours=True)
    assert path == run / "neighbours.png"
    found = ganzoo.neighbours(run, 8)
    with Image.open(path) as picture:
        # Two pairs in a row: 2 * (8 + 1 + 8) pixels, and two of paper around each.
        assert picture.size == (40 * 12, 42 * 12)
        small = picture.resize((40, 42), Image.Resampling.NEAREST)
        levels = torch.from_numpy(np.array(small.convert("L")))
    for i in range(8):
        top, left = 2 + (i // 2) * 10, 2 + (i % 2) * 19
        for image, at in ((found.samples[i], left), (found.images[i, 0], left + 9)):
            expected = ((image[0] + 1) * 127.5).round()
            assert torch.equal(levels[top : top + 8, at : at + 8], expected.long())
        assert levels[top : top + 8, left + 8].unique().tolist() == [255]


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"out": "n.npy"}, "neighbours are drawn, and 'n.npy' is no picture; name a .png file."),
        ({"out": "n.png", "sweep": "label=0:1"}, "give --sweep or --neighbours, not both."),
    ],
)
def test_neighbours_are_drawn_and_nothing_else(
    run: Path, options: dict[str, Any], reason: str
) -> None:
    with pytest.raises(OptionError) as error:
        write_samples(run, neighbours=True, **options)
    assert str(error.value) == reason


def test_neighbours_of_points_are_refused() -> None:
    with pytest.raises(OptionError) as error:
        ganzoo.neighbours("vanilla/ring")
    reason = "neighbours are found of images, and the samples of 'vanilla/ring' are none."
    assert str(error.value) == reason
