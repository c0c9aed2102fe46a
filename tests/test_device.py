"""Features and metrics on a device, by a stand-in for a GPU that refuses tensors of two devices."""

from __future__ import annotations

from threading import Barrier, Thread
from typing import TYPE_CHECKING, Any, ClassVar

import pytest
import torch
from elsewhere import DEVICE, Elsewhere, There
from ganzoo_dcgan import Dcgan
from small import LabelledPair, images, points, variant_of
from torch import Tensor

from ganzoo.builtin.metrics.features import Pixels
from ganzoo.builtin.metrics.fidelity import InceptionScore, quantized
from ganzoo.builtin.metrics.frechet import Frechet
from ganzoo.builtin.metrics.kernel import Kernel
from ganzoo.engine import featured
from ganzoo.engine.featured import measuring
from ganzoo.engine.game import Game
from ganzoo.engine.precision import BACKENDS, FullPrecision
from ganzoo.engine.scoring import measure, measure_game, measure_noise, measure_training_rows
from ganzoo.parts import moving
from ganzoo.parts.dataset import Data
from ganzoo.parts.features import has_float64, in_float64
from ganzoo.parts.metric import Direction, Metric
from ganzoo.parts.space import Space
from ganzoo.parts.streamed import StreamedRows
from ganzoo.pretrained.scores import measure_model

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ganzoo.engine.scores import Scores
    from ganzoo.plugins.zoo import Zoo


@pytest.fixture
def digits(zoo: Zoo) -> Data:
    data: Data = zoo.part("dataset", "digits").load()
    return data


def samples(n: int = 300) -> dict[str, Tensor]:
    stream = torch.Generator().manual_seed(1)
    return {
        "fake": torch.rand(n, 1, 8, 8, generator=stream) * 2 - 1,
        "label": torch.randint(10, (n,), generator=stream),
    }


def numbers(scores: Scores) -> dict[str, float]:
    return {score.metric: score.value for score in scores}


def on_both(call: Callable[..., Scores]) -> tuple[Scores, Scores]:
    """Scores that a call measures on the CPU, and on the stand-in."""
    here = call(device=torch.device("cpu"))
    with Elsewhere():
        return here, call(device=DEVICE)


def test_every_metric_of_features_measures_on_a_device_what_it_measures_on_the_cpu(
    zoo: Zoo, digits: Data, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(featured, "PART", 100)  # several parts go to the device
    small = "parzen:rows=40", "kernel:subsets=2,size=99", "prdc:rows=200", "class-prdc:least=20"
    metrics = [zoo.part("metric", name) for name in small]
    metrics += [metric for metric in zoo.metrics() if f"{metric.name}:" not in str(small)]
    metrics = [metric for metric in metrics if metric.on_device]
    names = {metric.name for metric in metrics}
    assert names >= {"frechet", "kernel", "prdc", "histogram", "parzen", "intra-frechet"}
    here, there = on_both(lambda device: measure(metrics, digits, samples(), seed=0, device=device))
    assert there.left_out == here.left_out == {}
    assert {score.metric for score in here} >= {"frechet-distance", "coverage", "label-accuracy"}
    assert numbers(there) == pytest.approx(numbers(here), rel=1e-6)


class Seen(Metric):
    """Says where its tensors are."""

    better: ClassVar[dict[str, Direction]] = {"seen": "lower"}

    def measure(
        self, real_features: Tensor, fake_features: Tensor, label: Tensor, fake: Tensor
    ) -> dict[str, float]:
        values = (real_features, fake_features, label, fake)
        return {"seen": float(sum(isinstance(value, There) for value in values))}


class SeenThere(Seen):
    """The same, of one that says that it computes where they are."""

    on_device = True
    better: ClassVar[dict[str, Direction]] = {"seen-there": "lower"}

    def measure(
        self, real_features: Tensor, fake_features: Tensor, label: Tensor, fake: Tensor
    ) -> dict[str, float]:
        return {"seen-there": super().measure(real_features, fake_features, label, fake)["seen"]}


def test_a_metric_sees_all_its_tensors_on_the_device_or_all_on_the_cpu(digits: Data) -> None:
    _, there = on_both(
        lambda device: measure([Seen(), SeenThere()], digits, samples(), seed=0, device=device)
    )
    assert numbers(there) == {"seen": 0, "seen-there": 4}


class Beside(Metric):
    """The same of rows and the samples that are made from them."""

    paired = True
    on_device = True
    better: ClassVar[dict[str, Direction]] = {"beside": "lower"}

    def measure(self, real: Tensor, fake: Tensor) -> dict[str, float]:
        return {"beside": float(sum(isinstance(value, There) for value in (real, fake)))}


def test_a_metric_of_pairs_sees_them_on_the_device() -> None:
    game = Game(variant_of(LabelledPair()), points())
    frozen, made = game.frozen(), game.sample(20)
    _, there = on_both(
        lambda device: measure([Beside()], game.data, made, seed=0, frozen=frozen, device=device)
    )
    assert numbers(there) == {"beside": 2}


class OnTheCpu(Pixels):
    """An extractor that answers on the CPU, as all did in 0.1."""

    sha256 = "0" * 64
    calls = 0

    def __call__(self, images: Tensor) -> tuple[Tensor, None]:
        OnTheCpu.calls += 1
        return super().__call__(images.cpu())


def test_real_features_are_kept_for_each_device_wherever_an_extractor_answers() -> None:
    data = images(40)
    data = Data("own", data.train, data.held_out, data.spaces, {"features": OnTheCpu()})
    fake = {"fake": samples(60)["fake"]}
    for _ in range(2):
        here, there = on_both(
            lambda device: measure([Frechet(), Kernel()], data, fake, seed=0, device=device)
        )
        assert numbers(there) == pytest.approx(numbers(here), rel=1e-9)
        assert len(numbers(here)) == 2
    assert OnTheCpu.calls == 2 + 4


def test_an_extractor_sees_parts_on_the_device_and_what_it_makes_stays_there(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(featured, "PART", 25)
    seen: list[tuple[type, int]] = []

    class Noting(Pixels):
        def __call__(self, images: Tensor) -> Any:
            seen.append((type(images), len(images)))
            features = images.cpu().flatten(1)
            return features, features.sum(1)

    with Elsewhere():
        features, logits = featured.extracted(Noting(), samples(60)["fake"], DEVICE)
    assert seen == [(There, 25), (There, 25), (There, 10)]
    assert isinstance(features, There)
    assert isinstance(logits, There)


@pytest.mark.parametrize("reference", [measure_training_rows, measure_noise])
def test_what_is_scored_for_scale_is_scored_on_the_device(
    reference: Callable[..., Scores], digits: Data
) -> None:
    here, there = on_both(
        lambda device: reference([SeenThere(), Frechet()], digits, seed=0, n=100, device=device)
    )
    assert numbers(there) == pytest.approx({**numbers(here), "seen-there": 4}, rel=1e-6)


def test_a_game_and_a_model_are_scored_where_they_are(digits: Data) -> None:
    game = Game(variant_of(Dcgan(width=8)), digits)
    game.frozen()  # made on the CPU: the stand-in draws no random numbers
    here = measure_game(game, [SeenThere(), Frechet()], n=100, seed=0)
    game.device = DEVICE
    with Elsewhere():
        there = measure_game(game, [SeenThere(), Frechet()], n=100, seed=0)
    assert numbers(there) == pytest.approx({**numbers(here), "seen-there": 4}, rel=1e-6)

    class Model:
        frozen, judge, device = game.frozen(), None, DEVICE

    with Elsewhere():
        model: Any = Model()
        again = measure_model(model, [SeenThere(), Frechet()], digits, n=100, seed=0)
    assert numbers(again) == numbers(there)


def test_the_canonical_metrics_compute_on_the_device() -> None:
    metric = InceptionScore.model_construct(splits=3)
    logits, fake = torch.randn(60, 7).double(), samples(5)["fake"]
    with Elsewhere():
        found = metric.measure(There(logits), seed=0)
        levels = quantized(There(fake))
        assert isinstance(levels, There)
        assert torch.equal(levels.cpu(), quantized(fake))
    assert found == metric.measure(logits, seed=0)


def test_a_device_without_float64_leaves_scoring_to_the_cpu(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert measuring(DEVICE) == DEVICE
    has_float64.cache_clear()

    def refuse(*_: Any, **__: Any) -> None:
        message = "Cannot convert a MPS Tensor to float64 dtype as the MPS framework doesn't ..."
        raise TypeError(message)

    with Elsewhere(), monkeypatch.context() as patch:
        patch.setattr(torch, "zeros", refuse)
        assert measuring(DEVICE) == torch.device("cpu")
        values = in_float64(There(torch.ones(2)))
        assert (type(values), values.dtype) == (Tensor, torch.float64)
    has_float64.cache_clear()


# ----------------------------------------------------------------------------------- streamed rows


class Labelled:
    """A source of images of bytes and their labels."""

    def __len__(self) -> int:
        return 20

    def __getitem__(self, row: int) -> dict[str, Any]:
        return {"real": torch.full((1, 4, 4), row, dtype=torch.uint8), "label": row % 3}


class Bus(Elsewhere):
    """Notes what moves from the CPU to the stand-in."""

    def __init__(self) -> None:
        super().__init__()
        self.moves: list[tuple[torch.dtype, torch.Size]] = []

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        made = super().__torch_dispatch__(func, types, args, kwargs)
        if isinstance(made, There) and args and type(args[0]) is Tensor:
            self.moves.append((made.dtype, made.shape))
        return made


def test_a_streamed_batch_moves_once_as_it_is_stored() -> None:
    """Images as bytes, a quarter of what networks read; all columns, whichever is named first."""
    spaces = {"real": Space(shape=(1, 4, 4), bounded=True), "label": Space(classes=3)}
    here = StreamedRows(Labelled(), spaces, index="", workers=0)
    numbers = torch.tensor([7, 3])
    here.column("real", numbers)  # the copy must not have this batch, which is elsewhere
    with Bus() as bus:
        there = here.to(DEVICE)
        label, real = there.column("label", numbers), there.column("real", numbers)
        there.column("real", numbers)
        assert isinstance(label, There)
        assert isinstance(real, There)
        moved = {name: value.cpu() for name, value in (("real", real), ("label", label))}
    assert bus.moves == [(torch.uint8, (2, 1, 4, 4)), (torch.int64, (2,))]
    for name, values in moved.items():
        assert torch.equal(values, here.column(name, numbers))


def test_batches_for_a_gpu_are_fetched_into_pinned_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    pins: list[bool] = []
    monkeypatch.setattr("ganzoo.parts.streamed.Ahead", lambda *_, pin: pins.append(pin))
    rows = StreamedRows(Labelled(), {"label": Space(classes=3)}, index="", workers=1)
    for device in ("cpu", "cuda"):
        rows.to(torch.device(device)).ahead([torch.arange(2)])
    assert pins == [False, True]


class Column:
    """Notes what is asked of a column on its way to a GPU."""

    def __init__(self, calls: list[str], *, pinned: bool) -> None:
        self.calls, self.pinned = calls, pinned

    def is_pinned(self) -> bool:
        return self.pinned

    def pin_memory(self) -> Column:
        self.calls.append("pin")
        return Column(self.calls, pinned=True)

    def to(self, device: torch.device, *, non_blocking: bool) -> Column:
        assert self.pinned
        assert non_blocking
        self.calls.append(f"to {device}")
        return self

    def record_stream(self, stream: Any) -> None:
        self.calls.append(f"kept for {stream.name}")


def test_a_gpu_copies_a_batch_on_another_stream_than_it_computes_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    calls: list[str] = []

    class Stream:
        def __init__(self, name: str) -> None:
            self.name = name

        def wait_stream(self, other: Stream) -> None:
            calls.append(f"{self.name} waits for {other.name}")

        def __enter__(self) -> None:
            calls.append(f"on {self.name}")

        def __exit__(self, *_: object) -> None:
            calls.append("off")

    monkeypatch.setattr(torch.cuda, "current_stream", lambda _: Stream("computing"))
    monkeypatch.setattr(torch.cuda, "stream", lambda stream: stream)
    monkeypatch.setattr(moving, "copying", lambda _: Stream("copying"))
    batch: Any = {"real": Column(calls, pinned=False), "label": Column(calls, pinned=True)}
    moving.moved(batch, torch.device("cuda"))
    moves = ["on copying", "pin", "to cuda", "to cuda", "off"]
    assert calls == [*moves, "computing waits for copying", *2 * ["kept for computing"]]


# ---------------------------------------------------------------------------------- full precision


def precisions() -> list[str]:
    return [backend.fp32_precision for backend in BACKENDS]


@pytest.fixture
def rounding() -> Iterator[list[str]]:
    """The settings where a user lets a GPU round to TF32."""
    before = precisions()
    BACKENDS[0].fp32_precision = "tf32"
    yield precisions()
    for backend, precision in zip(BACKENDS, before, strict=True):
        backend.fp32_precision = precision


def test_no_product_is_rounded_to_tf32_while_a_metric_measures(
    digits: Data, rounding: list[str]
) -> None:
    seen = []

    class Looks(Frechet):
        def measure(self, real_features: Tensor, fake_features: Tensor) -> dict[str, float]:
            seen.extend(precisions())
            message = "it raises, too"
            raise ValueError(message)

    measure([Looks()], digits, samples(), seed=0)
    assert seen == ["ieee"] * 3
    assert precisions() == rounding


def test_the_last_thread_out_puts_the_setting_back(rounding: list[str]) -> None:
    exact, inside, out = FullPrecision(), Barrier(2), Barrier(2)

    def other() -> None:
        with exact:
            inside.wait(10)
            out.wait(10)

    thread = Thread(target=other)
    thread.start()
    with exact:
        inside.wait(10)
    assert precisions() == ["ieee"] * 3
    out.wait(10)
    thread.join()
    assert precisions() == rounding
