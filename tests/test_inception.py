"""The Inception network of 2015 as torch-fidelity's, its weights' checks, and FID, KID and IS."""

from __future__ import annotations

import json
import runpy
from collections.abc import Callable
from hashlib import sha256
from io import BytesIO
from math import exp, log
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch
from torch import Tensor
from torch.nn.functional import interpolate

from ganzoo.builtin.datasets.digits import Digits
from ganzoo.builtin.datasets.points import Ring
from ganzoo.builtin.metrics import fidelity
from ganzoo.builtin.metrics.fidelity import (
    PUBLISHED,
    SOURCE,
    FrechetInceptionDistance,
    Inception,
    InceptionScore,
    KernelInceptionDistance,
    inception,
    inception_score,
    quantized,
)
from ganzoo.builtin.metrics.frechet import frechet_distance
from ganzoo.builtin.metrics.inception import Inception2015, resized
from ganzoo.builtin.metrics.kernel import subset_distance
from ganzoo.engine.scoring import measure
from ganzoo.errors import OptionError, WeightsError, ZooError
from ganzoo.parts.dataset import Data
from ganzoo.plugins.zoo import Zoo
from ganzoo.pretrained.scores import evaluate
from ganzoo.training.train import train

ROOT = Path(__file__).parent.parent
ORACLE = runpy.run_path(str(ROOT / "benchmarks" / "inception_oracle.py"))
CONVERT = runpy.run_path(str(ROOT / "benchmarks" / "convert_inception.py"))
GOLDEN = json.loads((ROOT / "tests" / "inception.json").read_text())
SHAPES = [name for name in GOLDEN if name.startswith("1x3x")]


@pytest.fixture(scope="module")
def net() -> Inception2015:
    net = Inception2015().eval()
    net.load_state_dict(ORACLE["random_state"](net.state_dict()))
    return net


@pytest.fixture(scope="module")
def blob(net: Inception2015) -> bytes:
    return safetensors.torch.save(net.state_dict(), {SOURCE: PUBLISHED})


@pytest.fixture(scope="module")
def file(blob: bytes, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("inception") / "inception.safetensors"
    path.write_bytes(blob)
    return path


def images(shape: str) -> Tensor:
    shown: Tensor = ORACLE["images"](tuple(map(int, shape.split("x"))))
    return shown


# -------------------------------------------------------------------------------------- the network


def test_the_state_is_named_and_shaped_as_the_published_one(net: Inception2015) -> None:
    state = net.state_dict()
    assert len(state) == 566
    assert sum(parameter.numel() for parameter in net.parameters()) == 23_850_960
    assert next(iter(state)) == "Conv2d_1a_3x3.conv.weight"
    assert state["fc.weight"].shape == (1008, 2048)
    assert state["Mixed_7c.branch3x3dbl_3b.bn.running_var"].shape == (384,)


@pytest.mark.parametrize("shape", SHAPES)
def test_every_value_is_torch_fidelitys(net: Inception2015, shape: str) -> None:
    with torch.no_grad():
        found = net(images(shape))
    assert list(found) == list(GOLDEN[shape])
    for name, (*first, mean) in GOLDEN[shape].items():
        value = found[name]
        size = float(value.abs().max())
        assert value[0, : len(first)].tolist() == pytest.approx(first, abs=1e-5 * size), name
        assert float(value.mean()) == pytest.approx(mean, abs=1e-5 * size), name


def test_the_extractor_gives_the_networks_features_and_logits_in_float64(
    net: Inception2015, file: Path
) -> None:
    shown = images("1x3x32x32")
    features, logits = inception(str(file))(shown.float() / 127.5 - 1)
    assert features.dtype == logits.dtype == torch.float64
    with torch.no_grad():
        expected = net(shown)
    for found, name in ((features, "2048"), (logits, "logits_unbiased")):
        value = expected[name].double()
        assert float((found - value).abs().max()) < 1e-5 * float(value.abs().max())


def test_a_resize_reads_pixel_i_at_i_times_the_ratio() -> None:
    row = torch.tensor([0.0, 10.0, 40.0]).view(1, 1, 1, 3).expand(1, 1, 3, 3)
    # 6 pixels from 3: read at 0, 0.5, 1, 1.5, 2 and 2.5, which is beyond the last and so is it.
    assert resized(row, 6)[0, 0, 0].tolist() == [0, 5, 10, 25, 40, 40]
    assert resized(row.mT, 6)[0, 0, :, 0].tolist() == [0, 5, 10, 25, 40, 40]


def test_a_resize_that_halves_takes_every_other_pixel_and_smooths_nothing() -> None:
    shown = images("1x3x310x333").float()[:, :, :40, :40]
    assert torch.equal(resized(shown, 20), shown[:, :, ::2, ::2])
    assert not torch.allclose(resized(shown, 20), interpolate(shown, (20, 20), mode="bilinear"))


def test_a_datasets_own_pixels_are_shown_exactly_and_others_are_clamped() -> None:
    levels = torch.arange(256, dtype=torch.uint8).view(1, 1, 16, 16)
    shown = quantized(levels.float().div_(127.5).sub_(1))
    assert shown.shape == (1, 3, 16, 16)
    assert all(torch.equal(shown[:, channel], levels[:, 0]) for channel in range(3))
    outside = quantized(torch.tensor([-1.5, 0.0, 1.5]).view(1, 1, 1, 3))
    assert outside[0, 0, 0].tolist() == [0, 128, 255]


def test_what_is_no_image_is_refused() -> None:
    for wrong in (torch.zeros(2, 2), torch.zeros(2, 4, 8, 8)):
        with pytest.raises(ZooError, match=r"reads images, \(N, 1 or 3, height, width\), and was"):
            quantized(wrong)


# -------------------------------------------------------------------------------------- its weights


def changed(blob: bytes, edit: Callable[[dict[str, Tensor]], Any]) -> bytes:
    tensors = safetensors.torch.load(blob)
    edit(tensors)
    return safetensors.torch.save(tensors, {SOURCE: PUBLISHED})


@pytest.mark.parametrize(
    ("edit", "sentence"),
    [
        (lambda t: t.pop("fc.bias"), "'fc.bias' is missing"),
        (lambda t: t.update(more=torch.zeros(1)), "it also has 'more'"),
        (
            lambda t: t.update({"fc.bias": torch.zeros(1000)}),
            r"'fc.bias' has shape \(1000,\), not \(1008,\)",
        ),
        (
            lambda t: t.update({"fc.bias": torch.zeros(1008).half()}),
            "'fc.bias' has dtype torch.float16, not torch.float32",
        ),
    ],
)
def test_a_file_of_another_network_is_refused(
    blob: bytes, edit: Callable[[dict[str, Tensor]], Any], sentence: str
) -> None:
    wrong = changed(blob, edit)
    with pytest.raises(
        WeightsError, match=f"it does not hold the Inception network of 2015: {sentence}"
    ):
        fidelity.network(wrong, "it", trusted=False)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"\x80\x02\x8a\n", "it is a pickle, which is never loaded"),
        (b"PK\x03\x04", "it is a zip archive, such as pickled weights, which are never loaded"),
        (b"<html>", "it is a web page"),
        (b"", "it is empty"),
    ],
)
def test_a_file_that_is_no_safetensors_is_refused_with_what_makes_one(
    tmp_path: Path, content: bytes, reason: str
) -> None:
    path = tmp_path / "weights.pth"
    path.write_bytes(content)
    with pytest.raises(WeightsError, match=f"no safetensors file: {reason}; benchmarks/convert_"):
        inception(str(path))


def test_weights_of_unknown_origin_are_refused_unless_their_sha256_is_given(
    net: Inception2015, tmp_path: Path
) -> None:
    path = tmp_path / "own.safetensors"
    blob = safetensors.torch.save(net.state_dict())
    path.write_bytes(blob)
    with pytest.raises(WeightsError, match="does not say that it was converted from the published"):
        inception(str(path))
    digest = sha256(blob).hexdigest()
    assert inception(str(path), digest).sha256 == digest
    with pytest.raises(WeightsError, match=r"is not the file that was asked for: its sha256 is"):
        inception(str(path), "0" * 64)


def test_a_file_that_has_gone_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"gone cannot be read: No such file or directory\."):
        inception(str(tmp_path / "gone"))


def test_weights_on_the_hub_are_asked_for_by_commit_only() -> None:
    with pytest.raises(WeightsError, match="does not name a file at a commit"):
        inception("hub:org/repo@main#inception.safetensors")
    with pytest.raises(WeightsError, match="cannot be fetched from http://127.0.0.1:9"):
        inception(f"hub:org/repo@{'a' * 40}#inception.safetensors")


def test_the_published_pickle_is_converted_once_its_sha256_is_right(
    net: Inception2015, blob: bytes
) -> None:
    written = BytesIO()
    torch.save(dict(net.state_dict()), written)
    pickle = written.getvalue()
    with pytest.raises(ValueError, match="its sha256 is"):
        CONVERT["converted"](pickle)
    digest = sha256(pickle).hexdigest()
    # But for what it says it was made from, the file is the one that holds this network.
    found = CONVERT["converted"](pickle, digest)
    assert found == blob.replace(PUBLISHED.encode(), digest.encode())


# -------------------------------------------------------------------------------------- the metrics


def test_inception_score_is_1_where_every_row_is_like_the_others() -> None:
    assert inception_score(torch.randn(1, 7).repeat(30, 1), 10) == pytest.approx(1)


def test_inception_score_is_the_number_of_classes_where_rows_are_sure_and_balanced() -> None:
    logits = 60 * torch.eye(4, dtype=torch.float64).repeat(10, 1)
    assert inception_score(logits, 10) == pytest.approx(4)


def test_inception_score_by_hand_in_splits_of_unequal_size() -> None:
    p = torch.tensor([[0.9, 0.1], [0.5, 0.5], [0.2, 0.8]], dtype=torch.float64)
    q = 0.35, 0.65  # of the last two rows
    second = [a * log(a / b) for row in p[1:].tolist() for a, b in zip(row, q, strict=True)]
    assert inception_score(p.log(), 2) == pytest.approx((1 + exp(sum(second) / 2)) / 2)


def test_a_class_that_no_row_can_be_of_counts_for_nothing() -> None:
    logits = torch.tensor([[0.0, 0.0, -900.0], [3.0, 0.0, -900.0]])
    assert inception_score(logits, 1) == pytest.approx(inception_score(logits[:, :2], 1))


def test_fewer_rows_than_splits_are_refused() -> None:
    with pytest.raises(ZooError, match="in 10 splits needs as many samples"):
        inception_score(torch.zeros(9, 3), 10)


@pytest.fixture(scope="module")
def few() -> Data:
    digits = Digits().load()
    rows = type(digits.held_out)({k: v[:3] for k, v in digits.held_out.columns.items()})
    return Data("few", digits.train, rows, digits.spaces, digits.info)


def test_the_three_are_measured_on_inception_and_say_so(file: Path, blob: bytes, few: Data) -> None:
    options = {"weights": str(file)}
    metrics = [
        FrechetInceptionDistance(**options),
        KernelInceptionDistance(**options, subsets=2),
        InceptionScore(**options, splits=2),
    ]
    fake = few.train.column("real", slice(0, 3))
    scores = measure(metrics, few, {"fake": fake}, seed=0)
    extractor = inception(str(file))
    (real, _), (made, logits) = extractor(few.held_out.column("real")), extractor(fake)
    assert [s.value for s in scores[:2]] == pytest.approx(
        [frechet_distance(real, made), subset_distance(real, made, 2, 1000, seed=0)]
    )
    assert 1 < scores[2].value < logits.shape[1]
    assert {(s.extractor, s.extractor_sha256) for s in scores} == {
        ("inception-2015", sha256(blob).hexdigest())
    }
    assert [s.n_real for s in scores] == [3, 3, None]
    # Where the file lies is no part of what was measured.
    assert scores[1].options == {"rows": 50_000, "subsets": 2, "size": 1000}


def test_samples_go_through_the_network_once_for_all_three(
    file: Path, few: Data, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = []

    def counted(self: Inception, images: Tensor) -> tuple[Tensor, Tensor]:
        calls.append(len(images))
        return torch.rand(len(images), 8).double(), torch.rand(len(images), 5).double()

    monkeypatch.setattr(Inception, "__call__", counted)
    kinds = (FrechetInceptionDistance, KernelInceptionDistance, InceptionScore)
    fake = few.train.column("real", slice(0, 11))
    columns = {name: column.clone() for name, column in few.held_out.columns.items()}
    fresh = Data("fresh", few.train, type(few.held_out)(columns), few.spaces, few.info)
    measure([kind(weights=str(file)) for kind in kinds], fresh, {"fake": fake}, seed=0)
    assert sorted(calls) == [3, 11]


def test_points_are_refused_in_one_sentence(file: Path) -> None:
    ring = Ring(n=100, held_out=100).load()
    metric = FrechetInceptionDistance(weights=str(file))
    (remark,) = measure([metric], ring, {"fake": torch.zeros(20, 2)}, seed=0).remarks
    assert remark == (
        "metric 'frechet-inception-distance' could not be measured: inception-2015 reads images, "
        "(N, 1 or 3, height, width), and was given (100, 2)."
    )


def test_they_are_asked_for_with_the_weights_and_never_routine(core: Zoo, file: Path) -> None:
    kinds = {"frechet-inception-distance", "kernel-inception-distance", "inception-score"}
    assert kinds <= core.named("metric").keys()
    assert kinds.isdisjoint(metric.name for metric in core.metrics())
    metric = core.part("metric", f"kernel-inception-distance:weights={file},subsets=3")
    assert (metric.weights, metric.subsets) == (str(file), 3)
    with pytest.raises(OptionError, match="needs the option 'weights'. It is the path of the conv"):
        core.part("metric", "inception-score")
    with pytest.raises(OptionError, match="cannot be 'nowhere.safetensors': there is no such file"):
        core.part("metric", "inception-score:weights=nowhere.safetensors")
    with pytest.raises(OptionError, match="'weights' is no setting"):
        core.part("metric", "inception-score:weights")


def test_a_run_is_evaluated_by_them(zoo: Zoo, file: Path, tmp_path: Path) -> None:
    run = train("dcgan", data="digits", rounds=1, out=tmp_path / "run", zoo=zoo)
    name = f"inception-score:weights={file},splits=2"
    (score,) = evaluate(run.folder, n=4, metrics=[name], zoo=zoo)
    assert score.metric == "inception-score"
    assert score.options == {"rows": 50_000, "splits": 2}
