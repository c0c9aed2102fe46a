"""A metric that cannot measure, or says little, has a remark; the others are measured."""

from __future__ import annotations

import sys
from math import inf
from typing import TYPE_CHECKING, Any, ClassVar

import pytest
import torch
from small import points
from torch import Tensor

from ganzoo.builtin.datasets.points import Ring
from ganzoo.builtin.metrics.features import Pixels
from ganzoo.builtin.metrics.frechet import Frechet
from ganzoo.builtin.metrics.histogram import Histogram
from ganzoo.builtin.metrics.kernel import Kernel
from ganzoo.builtin.metrics.modes import Modes
from ganzoo.builtin.metrics.prdc import Prdc
from ganzoo.engine.chosen import scored_rows, some
from ganzoo.engine.scoring import measure
from ganzoo.errors import ZooError
from ganzoo.parts.dataset import Data
from ganzoo.parts.metric import Direction, Metric
from ganzoo.parts.rows import ResidentRows
from ganzoo.parts.space import Space
from ganzoo.pretrained.scores import evaluate
from ganzoo.training.train import train

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from ganzoo.plugins.zoo import Zoo

ALL = (Frechet(), Kernel(subsets=1), Prdc())


def own_images(held_out: int) -> Data:
    """Noise of 4 x 4 pixels, so many of them held out."""
    stream = torch.Generator().manual_seed(0)
    rows = [
        ResidentRows({"real": torch.randint(256, (n, 1, 4, 4), generator=stream).byte()})
        for n in (60, held_out)
    ]
    spaces = {"real": Space(shape=(1, 4, 4), bounded=True)}
    return Data("own", *rows, spaces, {"features": Pixels()})


def images(n: int) -> dict[str, Tensor]:
    return {"fake": torch.rand(n, 1, 4, 4, generator=torch.Generator().manual_seed(1)) * 2 - 1}


UNMEASURED = "metric '{}' could not be measured: it needs {}."
DOUBTED = "the numbers of '{}' mean little here: they take {}."


@pytest.mark.parametrize(
    ("held_out", "samples", "left_out", "remarks"),
    [
        (400, 400, set(), []),
        (
            3,
            400,
            {"prdc"},
            [
                UNMEASURED.format(
                    "prdc", "6 held-out rows, and there are 3; hold out more of the data"
                ),
                DOUBTED.format(
                    "frechet", "17 held-out rows, and there are 3; hold out more of the data"
                ),
                DOUBTED.format(
                    "kernel", "100 held-out rows, and there are 3; hold out more of the data"
                ),
            ],
        ),
        (
            120,
            27,
            set(),
            [
                DOUBTED.format("kernel", "100 samples, and there are 27; draw more of them"),
                DOUBTED.format(
                    "prdc",
                    "400 held-out rows and as many samples, and there are 120 and 27; hold out "
                    "more of the data and draw more of them",
                ),
            ],
        ),
        (
            1,
            1,
            {"frechet", "kernel", "prdc"},
            [
                UNMEASURED.format(
                    name,
                    f"{needed} held-out rows and as many samples, and there are 1; hold out more "
                    "of the data and draw more of them",
                )
                for name, needed in (("frechet", 2), ("kernel", 2), ("prdc", 6))
            ],
        ),
    ],
)
def test_a_metric_with_too_few_rows_is_left_out_or_doubted_by_the_short_side(
    held_out: int, samples: int, left_out: set[str], remarks: list[str]
) -> None:
    scores = measure(ALL, own_images(held_out), images(samples), seed=0)
    assert scores.left_out.keys() == left_out
    measured = {name for metric in ALL if metric.name not in left_out for name in metric.better}
    assert {score.metric for score in scores} == measured
    assert scores.remarks == remarks


def test_rows_that_an_option_withholds_are_asked_of_the_option() -> None:
    scores = measure([Prdc(rows=5)], own_images(400), images(400), seed=0)
    assert scores.remarks == [
        UNMEASURED.format(
            "prdc",
            "6 held-out rows and as many samples, and there are 5; raise its option 'rows'",
        )
    ]


def test_metrics_of_classes_and_modes_take_ten_rows_for_each() -> None:
    assert Histogram().enough({"fake_logits": torch.zeros(3, 10)}) == 100
    ring = Ring(n=200, held_out=100).load()
    for n, remarked in ((79, True), (80, False)):
        scores = measure([Modes()], ring, {"fake": torch.zeros(n, 2)}, seed=0)
        assert bool(scores.remarks) is remarked
        assert {score.metric for score in scores} == set(Modes.better)


# ---------------------------------------------------------------------------- metrics that fail


class Failing(Metric):
    """Fails as it is told to."""

    better: ClassVar[dict[str, Direction]] = {"one": "higher", "other": "higher"}
    how: ClassVar[Callable[[], dict[str, float]]]

    def measure(self, fake: Tensor) -> dict[str, float]:
        return type(self).how()


def raises(error: BaseException) -> Callable[[], Any]:
    def function() -> None:
        raise error

    return function


OWN = "metric 'failing' could not be measured: "
BY = f"metric 'failing' of {__name__.partition('.')[0]} could not be measured: "


@pytest.mark.parametrize(
    ("how", "remark"),
    [
        (lambda: {}["x"], f"{BY}KeyError: 'x'."),
        (sys.exit, f"{BY}it called sys.exit()."),
        (raises(ZooError("it needs a map.")), f"{OWN}it needs a map."),
        (lambda: None, f"{BY}AttributeError: 'NoneType' object has no attri"),
        (lambda: {"third": 1.0}, f"{BY}KeyError: 'third'."),
        (lambda: {"one": "much"}, f"{BY}TypeError: must be real number, not"),
        (lambda: {"one": inf}, f"{OWN}'one' came out as inf, which is no number to compare."),
        (
            lambda: {"one": 1.0, "other": inf},
            "'other' came out as inf, which is no number to compare.",
        ),
    ],
)
def test_a_metric_that_fails_is_left_out_by_name(
    how: Callable[[], Any], remark: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Failing, "how", staticmethod(how), raising=False)
    ring = Ring(n=200, held_out=100).load()
    scores = measure([Failing(), Modes()], ring, {"fake": torch.zeros(80, 2)}, seed=0)
    assert {score.metric for score in scores} - {"one"} == set(Modes.better)
    (told,) = scores.remarks
    assert told.startswith(remark)


def test_ctrl_c_in_a_metric_is_ctrl_c(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Failing, "how", staticmethod(raises(KeyboardInterrupt())), raising=False)
    with pytest.raises(KeyboardInterrupt):
        measure([Failing()], points(), {"fake": torch.zeros(8, 2)}, seed=0)


# -------------------------------------------------------------------------- metrics asked for


def test_a_metric_that_is_named_must_measure(
    zoo: Zoo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = ["architecture.width=8", "batch=8"]
    run = train("vanilla", rounds=1, out=tmp_path, zoo=zoo, settings=small)
    assert evaluate(run, n=5, zoo=zoo).left_out.keys() == {"prdc"}
    with pytest.raises(ZooError) as error:
        evaluate(run, n=5, zoo=zoo, metrics=["frechet", "prdc"])
    assert str(error.value) == UNMEASURED.format(
        "prdc", "6 samples, and there are 5; draw more of them"
    )
    monkeypatch.setattr("ganzoo.builtin.metrics.frechet.frechet_distance", lambda *_: {}["x"])
    with pytest.raises(ZooError, match=r"^metric 'frechet' of ganzoo could not be measured: Key"):
        evaluate(run, n=500, zoo=zoo, metrics=["frechet"])


class Fetched(ResidentRows):
    """Rows that say that they are streamed."""

    @property
    def fetched(self) -> frozenset[str]:
        return frozenset({"real"})


def test_of_streamed_rows_those_that_the_seed_chooses_are_scored_and_kept() -> None:
    rows = Fetched({"real": torch.arange(50.0)})
    first, again = (scored_rows(rows, 10, 0) for _ in range(2))
    assert first is again
    assert len(scored_rows(rows, 5, 0)) == 5
    assert not torch.equal(scored_rows(rows, 5, 1).column("real"), first.column("real")[:5])
    assert scored_rows(rows, 50, 0) is rows


def test_the_same_rows_of_every_column_are_measured() -> None:
    numbers = torch.arange(50)
    chosen = some({"real": numbers, "label": numbers}, 10, seed=0)
    assert torch.equal(chosen["real"], chosen["label"])
    assert len(chosen["real"].unique()) == 10
    assert torch.equal(some({"real": numbers}, 50, seed=0)["real"], numbers)
