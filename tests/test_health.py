"""The watch tells collapse from health, says it once, and leaves training as it is."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
import torch
from safetensors.torch import load_file
from small import points
from torch import Tensor

from ganzoo.benchmark.contest import bench
from ganzoo.builtin.observers.health import Health, of_samples, of_scores
from ganzoo.builtin.observers.signals import (
    Judgement,
    Reference,
    judgement,
    likeness,
    missing,
    slope_of,
)
from ganzoo.engine.composition import compose
from ganzoo.errors import DivergedError
from ganzoo.parts.dataset import Data
from ganzoo.parts.rows import ResidentRows
from ganzoo.parts.space import Space
from ganzoo.training.train import train

if TYPE_CHECKING:
    from pathlib import Path

    from ganzoo.plugins.zoo import Zoo

SMALL = ["architecture.width=16", "batch=16", "data.n=200"]


def normal(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def clusters(n: int = 400, *, known: bool = True) -> Data:
    """Points around four corners, labelled by corner; half of the labels may be unknown."""
    label = torch.arange(n) % 4
    real = 5.0 * torch.stack([label % 2, label // 2], 1) + 0.1 * normal(n, 2)
    if not known:
        label = label.where(torch.arange(n) % 8 < 4, -1)
    rows = ResidentRows({"real": real, "label": label})
    space = Space(classes=4, names=("a", "b", "c", "d"), partial=not known)
    return Data("clusters", rows, rows, {"real": Space(shape=(2,)), "label": space})


# ------------------------------------------------------------------------------- of the samples


def test_likeness_is_the_ratio_of_mean_distances() -> None:
    real = normal(64, 3)
    assert likeness(real, real) == pytest.approx(1)
    assert likeness(0.25 * real + 7, real) == pytest.approx(0.25)
    assert likeness(real[:1].expand(64, -1), real) == pytest.approx(0, abs=1e-6)
    assert likeness(real, real[:1].expand(64, -1)) is None
    assert likeness(real[:5], real[:5]) is None
    assert likeness(torch.eye(9, 64), torch.eye(64)) == pytest.approx(1)  # of pairs of two


def test_samples_of_each_label_are_compared_with_each_other_alone() -> None:
    """One sample for each label: together they differ as the data do."""
    label = torch.arange(64) % 4
    centers = 10 * normal(4, 3)
    real = centers[label] + normal(64, 3)
    assert likeness(centers[label], real) == pytest.approx(1, abs=0.1)
    assert likeness(centers[label], real, (label, label)) == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("known", [True, False])
def test_classes_are_missing_by_the_nearest_labelled_row(*, known: bool) -> None:
    data = clusters(known=known)
    reference = Reference.of(data)
    assert reference.shares["label"].tolist() == pytest.approx([0.25] * 4, abs=0.05)
    real = data.train.column("real")
    label = torch.arange(len(real)) % 4
    made = real[label != 1][:256] + 0.01
    judge, shares = reference.judges["label"], reference.shares["label"]
    assert missing(made, judge, shares) == ["b"]
    assert missing(real[:256] + 0.01, judge, shares) == []
    assert missing(made[:16], judge, shares) == []  # by chance, perhaps
    assert missing(made + 3, judge, shares) == []  # like no class at all


def test_numbers_of_things_are_no_classes_to_count() -> None:
    data = clusters()
    spaces = {**data.spaces, "label": Space(classes=10**9)}
    assert not Reference.of(Data("customers", data.train, data.held_out, spaces)).judges


def test_modes_are_those_that_a_dataset_knows(zoo: Zoo) -> None:
    data = zoo.dataset("ring").load()
    reference = Reference.of(data)
    real = data.train.column("real", slice(0, 2000))
    mode = data.info["locate"](real)[0]  # type: ignore[operator]
    judge, shares = reference.judges["mode"], reference.shares["mode"]
    assert missing(real[(mode != 2) & (mode != 5)][:256], judge, shares) == ["2", "5"]
    assert missing(real[:256], judge, shares) == []
    assert missing(0.5 * real[mode == 2][:256], judge, shares) == []


def test_what_is_wrong_with_samples_is_a_sentence_of_each_kind() -> None:
    reference = Reference.of(clusters())
    real = reference.real
    assert of_samples({"fake": real}, reference) == {}
    assert of_samples({"fake": real[:1].expand(256, -1)}, reference) == {
        "alike": "samples are nearly all the same: they differ 0.0% as much as real rows.",
        "missing label": "3 of 4 classes of 'label' are missing among 256 samples: "
        f"{', '.join(n for i, n in enumerate('abcd') if i != reference.columns['label'][0])}.",
    }
    label = reference.columns["label"]
    same = 5.0 * torch.stack([label % 2, label // 2], 1)
    assert of_samples({"fake": same, "label": label}, reference) == {
        "alike": "samples of one label are nearly all the same: they differ 0.0% as much as real "
        "rows."
    }


def test_of_many_missing_classes_ten_are_named() -> None:
    label = torch.arange(600) % 12
    rows = ResidentRows({"real": 5.0 * label[:, None] + 0.1 * normal(600, 2), "label": label})
    spaces = {"real": Space(shape=(2,)), "label": Space(classes=12)}
    reference = Reference.of(Data("many", rows, rows, spaces))
    made = {"fake": rows.column("real")[:1].expand(256, -1)}
    assert of_samples(made, reference)["missing label"] == (
        "11 of 12 classes of 'label' are missing among 256 samples: 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, "
        "...."
    )


# -------------------------------------------------------------------------------- of the scores


def test_a_loss_without_gradients_has_no_slope() -> None:
    assert slope_of(torch.ones(2), [torch.ones(2)]) is None


def test_scores_that_explode_or_have_won_are_told_apart_from_a_critics() -> None:
    assert of_scores(Judgement(size=9.0, separated=1.0, slope=0.01)) == {}
    assert of_scores(Judgement(size=50.0, separated=1.0, slope=1.0)) == {}  # Wasserstein
    assert of_scores(Judgement(size=9.0, separated=0.99, slope=1e-4)) == {}
    assert of_scores(Judgement(size=2e4, separated=0.5, slope=None)) == {
        "scores": "the discriminator's scores explode: half of them exceed 2e+04."
    }
    assert of_scores(Judgement(size=9.0, separated=1.0, slope=1e-4)) == {
        "won": "the discriminator has won: it tells every sample from every real row, and its loss "
        "is flat there, so that neither player learns from the other."
    }


@pytest.mark.parametrize(
    ("variant", "data", "slope"),
    [("vanilla", "ring", 0.5), ("wgan-gp", "ring", 1.0), ("conditional", "digits", 0.5)],
)
def test_scores_are_judged_as_training_has_them_and_leave_no_trace(
    zoo: Zoo, variant: str, data: str, slope: float
) -> None:
    """An untrained discriminator scores near 0, where a logistic loss has the derivative 1/2."""
    game = compose(variant, data=data, zoo=zoo).game(seed=0)
    before = {name: value.clone() for name, value in game.state()[0].items()}
    judged = judgement(game, Reference.of(game.data))
    assert judged is not None
    assert judged.size < 1
    assert judged.slope == pytest.approx(slope, abs=0.1)
    after = game.state()[0]
    assert all(torch.equal(before[name], after[name]) for name in before)


# ------------------------------------------------------------------------------------- of a run


def watched(run: Any, *found: dict[str, str]) -> Health:
    """An observer that finds these things, one after the other."""
    health, coming = Health(run), iter(found)
    health.found = lambda: next(coming)  # type: ignore[method-assign]
    return health


def test_it_warns_of_what_lasts_once_until_it_is_well_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    game = SimpleNamespace(progress=0.0, rounds=0, spaces=points().spaces)
    run = SimpleNamespace(game=game, warnings={})
    bad, worse, well = {"alike": "bad."}, {"alike": "worse.", "won": "lost."}, dict[str, str]()
    health = watched(run, bad, worse, worse, well, bad, bad)
    told = []
    for rounds in (240, 300, 360, 420, 480, 540, 600):
        game.progress, game.rounds = rounds / 600, rounds
        health.saved(tmp_path)
        told.append((capsys.readouterr().err, {**run.warnings}))
    assert told == [
        ("", {}),
        ("", {}),
        ("warning: round 360: worse.\n", {"alike": "worse."}),
        ("warning: round 420: lost.\n", {"alike": "worse.", "won": "lost."}),
        ("", {}),
        ("", {}),
        ("warning: round 600: bad.\n", {"alike": "bad."}),
    ]


@pytest.mark.parametrize(
    ("rounds", "spaces", "told"),
    [(200, points().spaces, True), (199, points().spaces, False), (200, {}, False)],
)
def test_of_a_short_run_and_of_what_is_no_picture_it_says_nothing(
    tmp_path: Path, rounds: int, spaces: dict[str, Space], *, told: bool
) -> None:
    game = SimpleNamespace(progress=1.0, rounds=rounds, spaces=spaces)
    run = SimpleNamespace(game=game, warnings={})
    health = watched(run, {"alike": "bad."}, {"alike": "bad."})
    for _ in range(2):
        health.saved(tmp_path)
    assert bool(run.warnings) == told


def test_a_generator_that_does_not_learn_is_told_of_on_stderr_and_in_the_log(
    zoo: Zoo, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = [*SMALL, "optimizers.generator.lr=1e-7", "optimizers.discriminator.lr=2e-2"]
    run = train("vanilla", data="ring", rounds=250, out=tmp_path, settings=settings, zoo=zoo)
    assert {"alike", "won"} & run.warnings.keys()
    error = capsys.readouterr().err
    lines = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    told = [line["warnings"] for line in lines if "warnings" in line]
    assert told[-1] == [*run.warnings.values()]
    assert all(f": {sentence}\n" in error for sentence in told[0])


def test_it_watches_without_a_trace_and_no_run_ends_by_it(
    zoo: Zoo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def ran(name: str) -> dict[str, Tensor]:
        run = train(
            "vanilla", data="ring", rounds=220, out=tmp_path / name, settings=SMALL, zoo=zoo
        )
        return load_file(run.checkpoints()[-1])

    watched = ran("watched")
    monkeypatch.setattr(Health, "found", lambda _: 1 / 0)
    capsys.readouterr()
    without = ran("without")
    assert all(torch.equal(watched[name], without[name]) for name in watched)
    assert "warning" not in capsys.readouterr().err


def test_what_lasts_to_the_end_is_remarked_beside_a_benchmarks_results(
    zoo: Zoo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ganzoo.builtin.observers.health.ROUNDS", 0)
    monkeypatch.setattr(
        Health,
        "found",
        lambda self: {"won": "lost."} if self.run.game.variant.loss.name == "hinge" else {},
    )
    contenders = ["hinge@vanilla:loss=hinge", "vanilla"]
    (made,) = bench(
        contenders,
        rounds=6,
        evaluations=3,
        data="ring",
        settings=["batch=8"],
        out=tmp_path / "out",
        zoo=zoo,
    )
    assert "hinge: lost." in made.remarks
    assert not [remark for remark in made.remarks if "vanilla" in remark and "lost" in remark]


def test_a_rollback_takes_back_what_was_found_in_lost_rounds() -> None:
    run = SimpleNamespace(warnings={"won": "lost."})
    health = Health(run)
    health.before = {"won": "lost."}
    health.rolled_back(DivergedError("training diverged."))
    assert run.warnings == health.before == {}
