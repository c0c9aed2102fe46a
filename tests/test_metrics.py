"""Metrics against closed forms and other implementations; scores carry what they depend on."""

from __future__ import annotations

from hashlib import sha256
from math import log
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from scipy.linalg import sqrtm
from sklearn.metrics.pairwise import polynomial_kernel
from sklearn.neighbors import KernelDensity
from torch import Tensor

from ganzoo.builtin.datasets.digits import Digits
from ganzoo.builtin.datasets.points import Ring
from ganzoo.builtin.metrics import features
from ganzoo.builtin.metrics.features import SmallCnn, extractor
from ganzoo.builtin.metrics.frechet import Frechet, frechet_distance
from ganzoo.builtin.metrics.histogram import Histogram, class_shares
from ganzoo.builtin.metrics.kernel import Kernel, kernel_distance
from ganzoo.builtin.metrics.modes import Modes
from ganzoo.builtin.metrics.parzen import Parzen, log_likelihood
from ganzoo.builtin.metrics.prdc import Prdc, prdc
from ganzoo.engine.scoring import measure, measure_noise, measure_training_rows
from ganzoo.errors import ZooError
from ganzoo.parts.dataset import Data
from ganzoo.parts.metric import Direction
from ganzoo.parts.rows import ResidentRows
from ganzoo.parts.space import Space


def normal(n: int, dims: int, seed: int, *, scale: float = 1.0, shift: float = 0.0) -> Tensor:
    stream = torch.Generator().manual_seed(seed)
    return shift + scale * torch.randn(n, dims, generator=stream, dtype=torch.float64)


def frechet_by_scipy(a: Tensor, b: Tensor) -> float:
    one, other = np.cov(a.numpy(), rowvar=False), np.cov(b.numpy(), rowvar=False)
    shift = float((a.mean(0) - b.mean(0)).square().sum())
    return shift + float(np.trace(one + other - 2 * sqrtm(one @ other).real))


def frechet_by_singular_values(a: Tensor, b: Tensor) -> float:
    shift = float((a.mean(0) - b.mean(0)).square().sum())
    one, other = ((x - x.mean(0)) / (len(x) - 1) ** 0.5 for x in (a, b))
    shared = torch.linalg.matrix_norm(one @ other.T, "nuc")
    return shift + float(one.square().sum() + other.square().sum() - 2 * shared)


@pytest.fixture(scope="module")
def digits() -> Data:
    return Digits().load()


# ---------------------------------------------------------------------------- Frechet distance


def test_frechet_distance_agrees_with_scipys_matrix_root() -> None:
    a, b = normal(500, 16, 0), normal(400, 16, 1, scale=1.5, shift=0.3)
    mixing = normal(16, 16, 2)
    assert frechet_distance(a @ mixing, b) == pytest.approx(frechet_by_scipy(a @ mixing, b))


def test_frechet_distance_of_shifted_and_scaled_features_is_the_closed_form() -> None:
    a = normal(300, 5, 0)
    moved = a - a.mean(0)
    spread = float(moved.square().sum()) / 299
    # Covariances S and 4 S: tr(S + 4 S - 2 * 2 S) = tr(S); the means differ by 3 in each of five.
    assert frechet_distance(a, a.mean(0) + 2 * moved + 3) == pytest.approx(5 * 9 + spread)


def test_frechet_distance_is_exact_where_features_outnumber_samples() -> None:
    a, b = normal(20, 6, 0), normal(24, 6, 1, scale=2)
    rotation = torch.linalg.qr(normal(60, 60, 2)).Q
    # Padded by constant features and rotated, the same 6 dimensions take the low-rank route.
    wide_a, wide_b = (torch.cat((x, torch.zeros(len(x), 54)), 1) @ rotation for x in (a, b))
    assert frechet_distance(wide_a, wide_b) == pytest.approx(frechet_distance(a, b), rel=1e-10)


@pytest.mark.parametrize("extra", ["dead", "dead on one side", "dependent", "nearly dependent"])
def test_frechet_distance_is_exact_where_covariances_are_singular(extra: str) -> None:
    a, b = normal(300, 6, 0), normal(200, 6, 1, scale=2)
    noise = 1e-5 * normal(300, 1, 2)
    added = {
        "dead": (0 * a[:, :1], 0 * b[:, :1]),
        "dead on one side": (0 * a[:, :1], b.sum(1, keepdim=True)),
        "dependent": (a, b),
        "nearly dependent": (a.sum(1, keepdim=True) + noise, b.sum(1, keepdim=True) - noise[:200]),
    }
    wide_a, wide_b = (torch.cat(x, 1) for x in zip((a, b), added[extra], strict=True))
    assert frechet_distance(wide_a, wide_b) == pytest.approx(
        frechet_by_singular_values(wide_a, wide_b), rel=1e-12
    )


def test_frechet_distance_is_zero_to_itself_and_symmetric() -> None:
    a, b = normal(200, 8, 0), normal(100, 8, 1, shift=1)
    assert frechet_distance(a, a) == pytest.approx(0, abs=1e-9)
    assert frechet_distance(a, b) == pytest.approx(frechet_distance(b, a))


# ------------------------------------------------------------- kernel distance, PRDC, Parzen


def test_kernel_distance_agrees_with_scikit_learns_kernel() -> None:
    a, b = normal(60, 7, 0), normal(50, 7, 1, shift=0.5)
    kernel = {"degree": 3, "gamma": 1 / 7, "coef0": 1}
    aa, bb = polynomial_kernel(a, **kernel), polynomial_kernel(b, **kernel)
    expected = (aa.sum() - np.trace(aa)) / (60 * 59) + (bb.sum() - np.trace(bb)) / (50 * 49)
    expected -= 2 * polynomial_kernel(a, b, **kernel).mean()
    assert kernel_distance(a, b) == pytest.approx(expected)


def test_kernel_distance_is_unbiased_for_samples_of_one_distribution() -> None:
    values = torch.tensor(
        [kernel_distance(normal(40, 4, s), normal(40, 4, s + 999)) for s in range(200)]
    )
    assert abs(float(values.mean())) < 3 * float(values.std()) / 200**0.5
    assert float(values.min()) < 0 < float(values.max())


def test_kernel_subsets_follow_the_seed() -> None:
    a, b = normal(300, 4, 0), normal(300, 4, 1)
    metric = Kernel(subsets=3, size=50)
    first = metric.measure(a, b, seed=0)
    assert metric.measure(a, b, seed=0) == first
    assert metric.measure(a, b, seed=1) != first


def test_precision_recall_density_coverage_agree_with_their_authors_package() -> None:
    from prdc import compute_prdc

    # More rows than one chunk of distances, so that the seams are tested too.
    a, b = normal(1500, 8, 0), normal(1100, 8, 1, scale=0.8, shift=0.4)
    expected = compute_prdc(a.numpy(), b.numpy(), nearest_k=5)
    assert prdc(a, b, 5) == pytest.approx(expected, rel=1e-9)
    assert all(0.05 < value < 2 for value in expected.values())


def test_samples_that_are_all_one_real_row_are_precise_and_recall_nothing() -> None:
    a = normal(200, 4, 0)
    found = prdc(a, a[:1].repeat(200, 1), 5)
    assert found["precision"] == 1
    assert found["recall"] == 0
    assert found["coverage"] < 0.1


def test_sets_that_do_not_meet_have_nothing_in_common() -> None:
    a, b = normal(300, 4, 0), normal(300, 4, 1, shift=100)
    assert set(prdc(a, b, 5).values()) == {0}


def test_a_missing_mode_lowers_coverage_by_its_share_and_precision_not_at_all() -> None:
    # Eight clusters far apart; the samples are of seven.
    cluster = torch.arange(1600) % 8
    real = normal(1600, 4, 0) + 100 * torch.eye(8, 4, dtype=torch.float64)[cluster % 4]
    real[cluster >= 4] *= -1
    fake = normal(1600, 4, 1) + 100 * torch.eye(8, 4, dtype=torch.float64)[cluster % 4]
    fake[cluster >= 4] *= -1
    whole, less = prdc(real, fake, 5), prdc(real, fake[cluster != 0], 5)
    assert less["coverage"] == pytest.approx(7 / 8 * whole["coverage"], abs=0.01)
    assert less["recall"] == pytest.approx(7 / 8 * whole["recall"], abs=0.01)
    assert less["precision"] == pytest.approx(whole["precision"], abs=0.01)


def test_log_likelihood_agrees_with_scikit_learns_kernel_density() -> None:
    points, centres = normal(700, 6, 0), normal(90, 6, 1)
    expected = KernelDensity(bandwidth=0.37).fit(centres).score_samples(points)
    assert log_likelihood(points, centres, 0.37).numpy() == pytest.approx(expected)


def test_parzen_chooses_its_width_on_validation_rows_and_reads_pixels_from_0_to_1() -> None:
    # Validation rows that lie wider than the others ask for a wider window than the real rows do.
    real, fake, validation = (
        normal(80, 9, seed, scale=scale).view(-1, 1, 3, 3)
        for seed, scale in enumerate((0.5, 0.5, 2.0))
    )
    found = Parzen().measure(real, fake, validation)

    def pixels(images: Tensor) -> Any:
        return (images.flatten(1) + 1).numpy() / 2

    fits = [KernelDensity(bandwidth=s).fit(pixels(fake)) for s in np.logspace(-1, 0, 10)]
    best = max(fits, key=lambda fit: fit.score_samples(pixels(validation)).mean())
    expected = best.score_samples(pixels(real))
    assert best is not max(fits, key=lambda fit: fit.score_samples(pixels(real)).mean())
    assert found["parzen"] == pytest.approx(expected.mean())
    assert found["parzen-sigma"] == pytest.approx(best.bandwidth)
    assert found["parzen-error"] == pytest.approx(expected.std(ddof=1) / 80**0.5)


def test_parzen_is_measured_only_where_it_is_asked_for() -> None:
    assert not Parzen.routine
    assert Frechet.routine


# ---------------------------------------------------------------------------- modes and classes


def modes_of(*counts: tuple[int, float]) -> dict[str, float]:
    """Score samples near a ring's modes: how many at each, and how many std from its center."""
    ring = Ring(n=100, held_out=100)
    rows = [
        ring.centers()[i] + torch.tensor([d * 0.01, 0])
        for i, (k, d) in enumerate(counts)
        for _ in range(k)
    ]
    count, locate = ring.modes_and_locate()
    return Modes().measure(torch.stack(rows), locate, count)


def test_samples_at_every_mode_score_perfectly() -> None:
    found = modes_of(*[(5, 0.0)] * 8)
    assert found == pytest.approx(
        {"balanced-quality": 1, "modes-captured": 8, "high-quality": 1, "reverse-kl": 0}
    )


def test_collapse_to_one_mode_is_counted() -> None:
    found = modes_of((40, 0.0))
    assert found["modes-captured"] == 1
    assert found["high-quality"] == 1
    assert found["balanced-quality"] == pytest.approx(1 / 8)
    assert found["reverse-kl"] == pytest.approx(log(8))


def test_samples_beyond_three_std_of_a_mode_do_not_capture_it() -> None:
    found = modes_of((10, 2.9), (10, 3.1))
    assert found["modes-captured"] == 1
    assert found["high-quality"] == 0.5
    # Both modes are somebody's nearest, whatever the quality.
    assert found["reverse-kl"] == pytest.approx(log(4))


def test_class_shares_and_their_divergence_are_those_of_the_counts() -> None:
    logits = torch.eye(4, dtype=torch.float64)[torch.tensor([0, 0, 0, 1])]
    assert class_shares(logits).tolist() == [0.75, 0.25, 0, 0]
    found = Histogram().measure(logits, torch.arange(4))
    assert found["rarest-class"] == 0
    assert found["class-kl"] == pytest.approx(0.75 * log(3))


# ---------------------------------------------------------------------------------- extractors


def test_a_small_cnn_classifies_held_out_digits_as_its_card_says(digits: Data) -> None:
    found, logits = SmallCnn("digits")(digits.held_out.column("real"))
    assert found.shape == (len(digits.held_out), 128)
    assert found.dtype == torch.float64
    assert float(found.min()) >= 0
    right = logits.argmax(1) == digits.held_out.columns["label"]
    assert float(right.double().mean()) >= 0.99


@pytest.mark.parametrize("name", ["digits", "fashion-mnist", "mnist"])
def test_shipped_weights_are_the_pinned_ones(name: str) -> None:
    assert not SmallCnn(name).net.training


def test_weights_that_are_not_the_pinned_ones_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(features.WEIGHTS, "digits", sha256(b"other").hexdigest())
    with pytest.raises(ZooError, match=r"digits.safetensors is not the file of this release"):
        _ = SmallCnn("digits").net


def test_a_border_of_black_changes_no_feature(digits: Data) -> None:
    images = digits.held_out.column("real", slice(0, 20))
    padded = torch.nn.functional.pad(images, (2, 2, 2, 2), value=-1.0)
    assert torch.equal(SmallCnn("digits")(images)[0], SmallCnn("digits")(padded)[0])


def test_colour_images_are_refused_by_a_grey_extractor_and_read_as_pixels() -> None:
    colour = torch.zeros(3, 3, 20, 20)
    with pytest.raises(ZooError, match=r"reads grey images"):
        SmallCnn("digits")(colour)
    found, logits = extractor("pixels")(colour)
    assert found.shape == (3, 3 * 16 * 16)
    assert logits is None


def test_an_unknown_extractor_is_answered_with_the_known_ones() -> None:
    with pytest.raises(ZooError, match=r"no feature extractor 'vgg'.*small-cnn/digits"):
        extractor("vgg")


# ----------------------------------------------------------------------------------- measuring

ALL = (Modes(), Frechet(), Kernel(subsets=2), Prdc(), Histogram())


def numbers(scores: list[Any]) -> dict[str, float]:
    return {score.metric: score.value for score in scores}


def test_metrics_that_read_what_the_data_lacks_are_left_out(digits: Data) -> None:
    images = {s.metric for s in measure(ALL, digits, {"fake": torch.zeros(64, 1, 8, 8)}, seed=0)}
    assert images.isdisjoint(Modes.better)
    assert images == {*Frechet.better, *Kernel.better, *Prdc.better, *Histogram.better}
    ring = Ring(n=200, held_out=100).load()
    assert {s.metric for s in measure_training_rows(ALL, ring, seed=0, n=2500)} == set(Modes.better)


def test_scores_carry_their_extractor_only_where_it_was_read(digits: Data) -> None:
    scores = measure_training_rows([Frechet(), Parzen(rows=20)], digits, seed=0, n=445)
    named = {score.metric: score.extractor for score in scores}
    assert named["frechet-distance"] == "small-cnn/digits"
    assert named["parzen"] is None
    counts = {score.metric: (score.n_real, score.n_fake) for score in scores}
    assert counts["frechet-distance"] == (len(digits.held_out), len(digits.held_out))
    assert counts["parzen"] == (20, 20)
    assert scores[0].extractor_sha256 == features.WEIGHTS["digits"]


def test_the_floor_is_far_better_than_noise(digits: Data) -> None:
    best, worst = (
        numbers(measure_training_rows(ALL, digits, seed=0, n=445)),
        numbers(measure_noise(ALL, digits, seed=0, n=445)),
    )
    assert best["frechet-distance"] < worst["frechet-distance"] / 10
    assert best["precision"] > 0.8
    assert worst["coverage"] < 0.1
    assert best["class-kl"] < 0.02 < worst["class-kl"]


def test_measuring_twice_gives_the_same_numbers(digits: Data) -> None:
    assert measure_noise(ALL, digits, seed=3, n=99) == measure_noise(ALL, digits, seed=3, n=99)


def test_real_rows_are_held_out_ones() -> None:
    train, held = (ResidentRows({"real": torch.full((20, 2), value)}) for value in (1.0, 2.0))
    data = Data("two", train, held, {"real": Space(shape=(2,), bounded=True)})
    seen = []

    class Spy(Modes):
        better: ClassVar[dict[str, Direction]] = {}

        def measure(self, real: Tensor, validation: Tensor) -> dict[str, float]:  # type: ignore[override]
            seen.append((real.unique().tolist(), validation.unique().tolist()))
            return {}

    measure([Spy()], data, {"fake": torch.zeros(5, 2)}, seed=0)
    assert seen == [([2.0], [1.0])]


def test_samples_that_are_not_finite_are_refused(digits: Data) -> None:
    broken = torch.zeros(8, 1, 8, 8)
    broken[3, 0, 0, 0] = float("nan")
    with pytest.raises(ZooError, match=r"samples that are not finite"):
        measure(ALL, digits, {"fake": broken}, seed=0)
