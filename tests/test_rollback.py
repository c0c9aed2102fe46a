"""A run that diverges is rolled back, where that is asked for, and is still the same every time."""

from __future__ import annotations

import json
import re
from itertools import count
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, ClassVar

import ganzoo_vanilla
import pytest
import torch
from misbehaving import offered
from safetensors.torch import load_file
from torch import Tensor

from ganzoo.engine.composition import compose
from ganzoo.errors import DivergedError
from ganzoo.parts.observer import Observer
from ganzoo.parts.part import Regularizer
from ganzoo.plugins.loading import Origin
from ganzoo.training.plan import plan_run
from ganzoo.training.run import Run
from ganzoo.training.train import train

if TYPE_CHECKING:
    from pathlib import Path

    from ganzoo.plugins.zoo import Zoo

SMALL = ["architecture.width=8", "batch=8", "data.n=100"]


class Cursed(Regularizer):
    """Is NaN for some latents from a round on, or for all from a share of the budget on."""

    name = "cursed"
    latents: ClassVar[set[float]] = set()
    seen: ClassVar[list[float]] = []
    after: ClassVar[float] = 2.0

    def generator(self, z: Tensor, progress: float) -> Tensor:
        self.seen.append(float(z[0, 0]))
        lost = self.seen[-1] in self.latents or progress >= self.after
        return torch.full((len(z),), torch.nan if lost else 0.0)


class Killed(BaseException):
    pass


class Kills(Observer):
    """Ends the run at the first thing it is told of after a round, as ``kill -9`` would."""

    name = "kills"

    def __init__(self, run: Any, event: str, rounds: int) -> None:
        super().__init__(run)
        self.event, self.rounds = event, rounds

    def _told(self, event: str) -> None:
        if event == self.event and self.run.game.rounds >= self.rounds:
            raise Killed

    def saved(self, checkpoint: Path) -> None:
        self._told("saved")

    def noted(self, first: int, terms: dict[str, list[float]]) -> None:
        self._told("noted")

    def rolled_back(self, error: DivergedError) -> None:
        self._told("rolled_back")


@pytest.fixture(autouse=True)
def _well(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Cursed, "latents", set())
    monkeypatch.setattr(Cursed, "seen", [])
    monkeypatch.setattr(Cursed, "after", 2.0)


@pytest.fixture(scope="module")
def zoo() -> Zoo:
    vanilla = (Origin("vanilla", "ganzoo-vanilla", "0.2.0"), ganzoo_vanilla)
    return offered("regularizer", Cursed, beside=(vanilla,))


def ran(zoo: Zoo, out: Path, rounds: int = 60, **more: Any) -> Run:
    options = {"save_every": 10, "regularizers": ["cursed"], "settings": SMALL, **more}
    return train("vanilla", data="ring", rounds=rounds, out=out, zoo=zoo, **options)


def curse(zoo: Zoo, out: Path, diverges: int, rounds: int = 60, **more: Any) -> None:
    """Let the run that is given diverge in a round, by the latents that it has then."""
    ran(zoo, out, rounds, **more)
    Cursed.latents.add(Cursed.seen[diverges])  # before the first is the composition check's


def last(out: Path) -> dict[str, Tensor]:
    return load_file(max((out / "checkpoints").glob("*.safetensors")))


def equal(one: dict[str, Tensor], other: dict[str, Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def rollbacks(run: Run) -> list[tuple[int, int]]:
    """From which round to which."""
    return [(found.diverged, found.rounds) for found in run.plan.rollbacks]


def test_a_run_that_diverges_at_round_500_ends_well(
    zoo: Zoo, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    curse(zoo, tmp_path / "well", 500, 500, save_every=150)
    capsys.readouterr()
    run = ran(zoo, tmp_path / "a", 600, save_every=150, on_divergence="rollback")
    assert run.game.rounds == 600
    assert run.game.is_finite()
    sentence = "training diverged: in round 500 the generator's 'cursed' is nan"
    assert (
        f"warning: {sentence}; the run goes back to round 450, and on with other random numbers "
        "(rollback 1 of 3).\n"
    ) in capsys.readouterr().err
    assert rollbacks(run) == [(510, 450)]
    assert run.played.endswith(" s in all, rolled back from round 510 to 450")
    plan = json.loads((tmp_path / "a" / "run.json").read_text())
    assert plan["rollbacks"] == [{"diverged": 510, "rounds": 450}]
    lines = [json.loads(line) for line in (tmp_path / "a" / "log.jsonl").read_text().splitlines()]
    rounds = [line["round"] for line in lines]
    assert rounds == sorted(rounds)
    assert [line for line in lines if "diverged" in line] == [
        {"round": 450, "seconds": lines[rounds.index(450)]["seconds"], "diverged": sentence}
    ]


def test_undisturbed_it_is_the_run_that_would_have_stopped(zoo: Zoo, tmp_path: Path) -> None:
    ran(zoo, tmp_path / "stop")
    ran(zoo, tmp_path / "rollback", on_divergence="rollback")
    assert equal(last(tmp_path / "stop"), last(tmp_path / "rollback"))


def test_after_a_rollback_every_random_number_is_another(zoo: Zoo, tmp_path: Path) -> None:
    curse(zoo, tmp_path / "well", 25)
    before = Cursed.seen[21:]
    run = ran(zoo, tmp_path / "a", on_divergence="rollback")
    again = Cursed.seen[-40:]
    assert not {*before} & {*again}
    well = Run.open(tmp_path / "well", zoo).game
    assert run.game.order.position == well.order.position
    assert not torch.equal(run.game.order.take(50), well.order.take(50))
    assert not torch.equal(run.game.random.state, well.random.state)


def test_three_times_at_most_and_further_back_where_a_checkpoint_does_not_help(
    zoo: Zoo, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Cursed.after = 0.6
    with pytest.raises(DivergedError) as error:
        ran(zoo, tmp_path, on_divergence="rollback")
    run = Run.open(tmp_path, zoo)
    assert rollbacks(run) == [(40, 30), (40, 20), (40, 30)]
    kept = tmp_path / "checkpoints" / "00000030.safetensors"
    assert str(error.value) == (
        "training diverged: in round 37 the generator's 'cursed' is nan; the last checkpoint is "
        f"{kept}. A lower learning rate usually helps, in a new run with --from {tmp_path}. The "
        "run was rolled back 3 times, which is the most."
    )
    assert re.findall(r"rollback \d of 3", capsys.readouterr().err) == [
        f"rollback {number} of 3" for number in (1, 2, 3)
    ]
    lines = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    told = [line["round"] for line in lines if "diverged" in line]
    assert told == [30, 20, 30, 40]  # each rollback, and the end
    with pytest.raises(DivergedError, match=r"The run was rolled back 3 times, which is the most."):
        train(out=tmp_path, resume=True, zoo=zoo)


@pytest.mark.parametrize(("event", "rounds"), [("rolled_back", 0), ("noted", 28), ("saved", 30)])
def test_a_run_killed_after_a_rollback_ends_bit_for_bit_as_it_would_have(
    zoo: Zoo, tmp_path: Path, event: str, rounds: int
) -> None:
    curse(zoo, tmp_path / "well", 25)
    whole = ran(zoo, tmp_path / "whole", on_divergence="rollback")
    with pytest.raises(Killed):
        ran(
            zoo,
            tmp_path / "killed",
            on_divergence="rollback",
            observers=[lambda run: Kills(run, event, rounds)],
        )
    resumed = train(out=tmp_path / "killed", resume=True, zoo=zoo)
    assert equal(last(tmp_path / "whole"), last(tmp_path / "killed"))
    assert rollbacks(resumed) == rollbacks(whole) == [(30, 20)]


def test_a_run_killed_while_it_is_rolled_back_diverges_again_and_is_rolled_back_the_same_way(
    zoo: Zoo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    curse(zoo, tmp_path / "well", 25)
    ran(zoo, tmp_path / "whole", on_divergence="rollback")

    def killed(*_: Any) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr("ganzoo.training.rollback.state.restart", killed)
        with pytest.raises(Killed):
            ran(zoo, tmp_path / "killed", on_divergence="rollback")
    assert rollbacks(train(out=tmp_path / "killed", resume=True, zoo=zoo)) == [(30, 20)]
    assert equal(last(tmp_path / "whole"), last(tmp_path / "killed"))


def test_before_the_first_checkpoint_it_begins_anew(zoo: Zoo, tmp_path: Path) -> None:
    curse(zoo, tmp_path / "well", 5)
    run = ran(zoo, tmp_path / "a", on_divergence="rollback")
    assert rollbacks(run) == [(10, 0)]
    assert run.game.rounds == 60


def test_a_run_that_stopped_may_be_resumed_with_rollback(zoo: Zoo, tmp_path: Path) -> None:
    curse(zoo, tmp_path / "well", 25)
    with pytest.raises(DivergedError, match="in round 25"):
        ran(zoo, tmp_path / "a")
    run = train(out=tmp_path / "a", resume=True, on_divergence="rollback", zoo=zoo)
    assert rollbacks(run) == [(30, 20)]
    assert run.plan.on_divergence == "rollback"
    assert train(out=tmp_path / "a", rounds=70, resume=True, zoo=zoo).plan.rollbacks


def test_a_budget_in_seconds_ends_too(
    zoo: Zoo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By a clock that is one second on at each look; seconds of lost rounds do not count."""
    ticks = count()
    clock = SimpleNamespace(perf_counter=lambda: next(ticks))
    monkeypatch.setattr("ganzoo.training.run.time", clock)
    Cursed.after = 0.5
    composition = compose("vanilla", data="ring", regularizers=["cursed"], settings=SMALL, zoo=zoo)
    plan = plan_run(composition, seconds=30, on_divergence="rollback")
    with pytest.raises(DivergedError, match=r"The run was rolled back 3 times, which is the most."):
        Run.create(tmp_path, plan, composition).train([*zoo.observers()])
