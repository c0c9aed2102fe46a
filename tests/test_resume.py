"""A resumed run is the one that was begun: what is not said stays, and what differs is refused."""

from __future__ import annotations

import json
import shutil
import signal
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
import torch
from safetensors.torch import load_file

import ganzoo
from ganzoo import cli
from ganzoo.errors import OptionError, RunError, ZooError
from ganzoo.parts.observer import Observer
from ganzoo.training import checkpoint, threads
from ganzoo.training.interrupt import ending_as_ctrl_c, interruptible
from ganzoo.training.plan import plan_run
from ganzoo.training.run import Run
from ganzoo.training.threads import suitable_threads
from ganzoo.training.train import train

if TYPE_CHECKING:
    from torch import Tensor

    from ganzoo.plugins.zoo import Zoo

SMALL = ["mlp.width=8", "mlp.depth=1", "batch=16", "data.n=200", "data.held_out=100"]


def ran(zoo: Zoo, out: Path, **options: Any) -> Run:
    """A new run of four rounds, on points."""
    chosen = {"data": "ring", "settings": SMALL, "rounds": 4, "regularizers": ["r1"], **options}
    return train("vanilla", out=out, zoo=zoo, **chosen)


def again(zoo: Zoo, out: Path, variant: Any = None, **options: Any) -> Run:
    return train(variant, out=out, zoo=zoo, resume=True, **options)


def plan(out: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((out / "run.json").read_text())
    return found


def last(out: Path) -> dict[str, Tensor]:
    return load_file(max((out / "checkpoints").glob("*")))


class Ends(Observer):
    """Ends the training at the first checkpoint, as a crash would."""

    name = "ends"

    def saved(self, checkpoint: Path) -> None:
        raise RuntimeError(checkpoint)


# ----------------------------------------------------------------------- what is not said again


def test_a_killed_run_ends_where_it_was_to_end(
    zoo: Zoo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = {"rounds": 60, "save_every": 20, "seed": 3, "threads": 1}
    with monkeypatch.context() as patch:
        patch.setattr(type(zoo), "observers", lambda _: [Ends])
        with pytest.raises(RuntimeError):
            ran(zoo, tmp_path, **options)
    begun = plan(tmp_path)
    assert again(zoo, tmp_path).game.rounds == 60
    assert plan(tmp_path) == begun
    assert {name: begun[name] for name in options} == options


def test_what_is_said_again_is_as_good_as_nothing(zoo: Zoo, tmp_path: Path) -> None:
    settings = [*SMALL, "generator_loss=minimax"]
    ran(zoo, tmp_path, loss="hinge", optimizer="sgd", settings=settings, seed=2)
    begun = plan(tmp_path)
    again(
        zoo,
        tmp_path,
        "vanilla",
        data="ring",
        loss="hinge",
        architecture="mlp",
        regularizers=["r1"],
        optimizer="sgd",
        sampler="gaussian",
        settings=["batch=16", "data.n=200"],
        seed=2,
        device="cpu",
        rounds=4,
    )
    assert plan(tmp_path) == begun


def test_what_may_change_is_changed_alone(zoo: Zoo, tmp_path: Path) -> None:
    ran(zoo, tmp_path)
    begun = plan(tmp_path)
    again(zoo, tmp_path, rounds=6, save_every=5, threads=2)
    assert plan(tmp_path) == {**begun, "rounds": 6, "save_every": 5, "threads": 2}


def test_a_budget_in_seconds_is_kept_too_and_rounds_take_its_place(
    zoo: Zoo, tmp_path: Path
) -> None:
    composition = ganzoo.compose("vanilla", data="ring", settings=SMALL, zoo=zoo)
    run = Run.create(tmp_path, plan_run(composition, seconds=1e-9), composition)
    run.train([])
    assert again(zoo, tmp_path).game.rounds == run.game.rounds == 1
    assert again(zoo, tmp_path, rounds=3).game.rounds == 3
    assert plan(tmp_path)["seconds"] is None


@pytest.mark.parametrize(
    ("options", "different"),
    [
        ({"seed": 1}, "seed 0, not 1"),
        ({"loss": "hinge"}, "loss non-saturating, not hinge"),
        ({"regularizers": []}, "regularizers r1, not none"),
        ({"settings": ["r1.weight=2"]}, "r1.weight 1.0, not 2.0"),
        ({"settings": ["mlp.width=9"]}, "architecture.width 8, not 9"),
        ({"settings": ["ema=0.5", "data.n=300"]}, "ema 0.999, not 0.5 and data.n 200, not 300"),
        (
            {"settings": ["optimizers.generator.lr=0.1"]},
            "optimizers.generator.lr 0.001, not 0.1",
        ),
        ({"data": "grid"}, "data ring, not grid"),
        ({"start": "vanilla/ring"}, "from none, not vanilla/ring"),
    ],
)
def test_what_differs_is_named_with_both_values(
    zoo: Zoo, tmp_path: Path, options: dict[str, Any], different: str
) -> None:
    ran(zoo, tmp_path)
    begun = plan(tmp_path)
    with pytest.raises(RunError) as error:
        again(zoo, tmp_path, **options)
    assert str(error.value) == (
        f"{tmp_path} holds a run with {different}; leave out what differs, or choose another --out."
    )
    assert plan(tmp_path) == begun


def test_another_variant_or_none_at_all_is_one_sentence(zoo: Zoo, tmp_path: Path) -> None:
    ran(zoo, tmp_path)
    other = f"{tmp_path} holds a run of 'vanilla', not of 'dcgan'; choose another --out."
    for variant, out, sentence in (
        ("dcgan", tmp_path, other),
        ("vanila", tmp_path, "no variant 'vanila'; did you mean 'vanilla'?"),
        (None, None, "name the folder of the run to resume, by --out."),
    ):
        with pytest.raises(ZooError) as error:
            train(variant, out=out, resume=True, zoo=zoo)
        assert str(error.value).startswith(sentence)
    with pytest.raises(OptionError, match="^name a variant to train, or resume the run in a fold"):
        train(zoo=zoo)


def test_a_dataset_that_needs_an_option_keeps_it(zoo: Zoo, tmp_path: Path) -> None:
    from PIL import Image

    (tmp_path / "pictures").mkdir()
    for i in range(24):
        Image.new("L", (8, 8), 10 * i).save(tmp_path / "pictures" / f"{i}.png")
    data = f"folder:{tmp_path / 'pictures'}"
    settings = ["mlp.width=8", "batch=4"]
    train("vanilla", data=data, settings=settings, rounds=1, out=tmp_path / "run", zoo=zoo)
    resumed = again(zoo, tmp_path / "run", rounds=2, settings=["batch=4"])
    assert resumed.plan.data["path"] == str(tmp_path / "pictures")
    with pytest.raises(RunError, match="holds a run with data.path "):
        again(zoo, tmp_path / "run", data=f"folder:{tmp_path}")


def test_data_that_have_changed_are_refused_and_nothing_is_lost(zoo: Zoo, tmp_path: Path) -> None:
    images = torch.randint(256, (40, 8, 8), dtype=torch.uint8)
    train("vanilla", data=images, settings=["batch=4"], rounds=1, out=tmp_path, zoo=zoo)
    begun = plan(tmp_path)
    with pytest.raises(RunError, match=r"^the data of .* have changed since it was saved; resume"):
        again(zoo, tmp_path, data=images.flip(0))
    with pytest.raises(ZooError, match="given from Python and are not kept with it: pass them ag"):
        again(zoo, tmp_path)
    assert plan(tmp_path) == begun
    assert again(zoo, tmp_path, data=images, rounds=2).game.rounds == 2


def test_a_file_of_data_that_has_changed_is_refused(
    zoo: Zoo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran(zoo, tmp_path)
    draw = zoo.find("dataset", "ring").draw
    monkeypatch.setattr(zoo.find("dataset", "ring"), "draw", lambda *a: draw(*a) + 1)
    with pytest.raises(RunError) as error:
        again(zoo, tmp_path)
    assert str(error.value) == (
        f"the data of {tmp_path} have changed since it was saved; resume it with the data that it "
        "had, or choose another --out."
    )


@pytest.mark.parametrize(
    ("option", "sentence"),
    [
        ({"rounds": float("nan")}, "option 'rounds' of 'run' cannot be nan: "),
        ({"rounds": float("inf")}, "option 'rounds' of 'run' cannot be inf: "),
        ({"rounds": 0}, "option 'rounds' of 'run' cannot be 0: "),
        ({"threads": 0}, "option 'threads' of 'run' cannot be 0: "),
        ({"save_every": -1}, "option 'save_every' of 'run' cannot be -1: "),
    ],
)
def test_a_number_that_is_none_is_one_sentence(
    zoo: Zoo, tmp_path: Path, option: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(OptionError) as error:
        ran(zoo, tmp_path / "new", **option)
    assert str(error.value).startswith(sentence)
    assert not (tmp_path / "new").exists()
    ran(zoo, tmp_path / "old")
    with pytest.raises(OptionError) as error:
        again(zoo, tmp_path / "old", **option)
    assert str(error.value).startswith(sentence)


def test_the_command_needs_the_folder_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def ganzoo_says(*words: str) -> str:
        monkeypatch.setattr(sys, "argv", ["ganzoo", "train", *words, "--out", str(tmp_path)])
        with pytest.raises(SystemExit):
            cli.main()
        return "".join(capsys.readouterr())

    settings = [word for setting in SMALL for word in ("--set", setting)]
    ganzoo_says("vanilla", "--data", "ring", "--rounds", "7", "--seed", "5", *settings)
    assert ganzoo_says("--resume").startswith("vanilla · ring · seed 5: 7 rounds in ")
    assert "seed 5: 8 rounds in" in ganzoo_says("vanilla", "--resume", "--rounds", "8")
    assert "name a VARIANT to train, or --resume the run in" in ganzoo_says()


# ----------------------------------------------------------------------------- one at a time


def test_two_trainings_in_one_folder_are_refused(
    zoo: Zoo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = []

    class Rival(Observer):
        """Trains in the same folder while a run is at work there."""

        name = "rival"

        def finished(self, error: BaseException | None) -> None:
            for resume in (False, True):
                with pytest.raises(RunError) as refused:
                    train("vanilla", out=self.run.folder, resume=resume, zoo=zoo)
                said.append(str(refused.value))

    with monkeypatch.context() as patch:
        patch.setattr(type(zoo), "observers", lambda _: [Rival])
        ran(zoo, tmp_path)
        again(zoo, tmp_path, rounds=6)
    held = f"{tmp_path} already holds a run; add --resume, or choose another --out."
    busy = (
        f"another process or thread is at work in {tmp_path}; wait for it, or choose another --out."
    )
    assert said == [held, busy, held, busy]
    assert again(zoo, tmp_path, rounds=7).game.rounds == 7  # it is free again


def test_a_folder_is_taken_from_the_first_writing_on(zoo: Zoo, tmp_path: Path) -> None:
    composition = ganzoo.compose("vanilla", data="ring", settings=SMALL, zoo=zoo)
    first = Run.create(tmp_path, plan_run(composition, rounds=2), composition)
    busy = "another process or thread is at work in .*; wait for it, or choose another --out."
    with pytest.raises(RunError, match=busy):
        Run.resume(tmp_path, plan_run(composition, rounds=3), composition)
    (tmp_path / "run.json").unlink()  # two that begin at once see no run
    with pytest.raises(RunError, match=busy):
        Run.create(tmp_path, plan_run(composition, rounds=3), composition)
    first.train([])
    second = Run.create(tmp_path / "other", plan_run(composition, rounds=2), composition)
    second.train([])
    assert torch.equal(first.game.sample(2)["fake"], second.game.sample(2)["fake"])


def test_a_run_that_is_refused_lets_go_of_its_folder(zoo: Zoo, tmp_path: Path) -> None:
    ran(zoo, tmp_path)
    with pytest.raises(RunError, match="already played 4 rounds, more than 2"):
        again(zoo, tmp_path, rounds=2)
    assert again(zoo, tmp_path, rounds=5).game.rounds == 5


# ------------------------------------------------------------------------------ asked to end


class Asks(Observer):
    """Asks the process to end in the round that is played next."""

    name = "asks"
    number: int

    def noted(self, first: int, terms: dict[str, list[float]]) -> None:
        if first == 1:
            signal.raise_signal(self.number)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_each_request_to_end_saves_the_round(
    zoo: Zoo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    former = signal.signal(number, signal.default_int_handler)  # it may be ignored, as under nohup
    before = signal.getsignal(number)
    monkeypatch.setattr(Asks, "number", number, raising=False)
    with monkeypatch.context() as patch:
        patch.setattr(type(zoo), "observers", lambda _: [Asks])
        with pytest.raises(RunError, match="^interrupted after round 4, which is saved; the same"):
            ran(zoo, tmp_path / "stopped", rounds=40)
    assert signal.getsignal(number) == before
    signal.signal(number, former)
    again(zoo, tmp_path / "stopped")
    ran(zoo, tmp_path / "whole", rounds=40)
    stopped, whole = last(tmp_path / "stopped"), last(tmp_path / "whole")
    assert all(torch.equal(stopped[name], whole[name]) for name in whole)


def test_a_second_request_of_a_kind_stops_at_once() -> None:
    with ending_as_ctrl_c(), interruptible() as asked:
        assert not asked()
        signal.raise_signal(signal.SIGTERM)
        signal.raise_signal(signal.SIGINT)  # as a parent passes it on
        assert asked()
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGTERM)


def test_a_request_that_is_ignored_stays_so() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with interruptible() as asked:
            signal.raise_signal(signal.SIGHUP)
            assert not asked()
    finally:
        signal.signal(signal.SIGHUP, before)


# -------------------------------------------------------------------------------- elsewhere


def made_on_gpu(out: Path) -> None:
    """Let a run of a CPU look as if a GPU had trained it: plans, and longer and shorter states."""
    path = max((out / "checkpoints").glob("*"))
    with checkpoint.reading(path) as (tensors, facts):
        facts["plan"]["device"] = "cuda"
        tensors["latents"] = torch.arange(16, dtype=torch.uint8)
        tensors["random"] = torch.cat([tensors["random"], tensors["latents"]])
        checkpoint.write(path, tensors, facts)
    (out / "run.json").write_text(json.dumps({**plan(out), "device": "cuda"}))


@pytest.mark.skipif(torch.cuda.is_available(), reason="a GPU is here")
def test_a_run_of_a_gpu_goes_on_without_one_if_that_is_asked_for(
    zoo: Zoo, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ran(zoo, tmp_path)
    made_on_gpu(tmp_path)
    before = last(tmp_path)
    sentence = (
        f"{tmp_path} was trained on the device 'cuda', which is not here; add --device cpu to go "
        "on without it."
    )
    for call in (lambda: again(zoo, tmp_path), lambda: Run.open(tmp_path, zoo)):
        with pytest.raises(RunError) as error:
            call()
        assert str(error.value) == sentence
    opened = Run.open(tmp_path, zoo, device="cpu")
    state, _ = opened.game.state()
    for name, value in before.items():
        if name not in {"random", "latents"}:
            assert torch.equal(state[name], value), name
    one = again(zoo, tmp_path, device="cpu", rounds=6)
    assert capsys.readouterr().err.splitlines()[0] == (
        "The run moves from 'cuda' to 'cpu' after round 4; its random streams start anew from its "
        "seed and that round, since their states have another form there."
    )
    assert plan(tmp_path)["device"] == "cpu"
    assert plan(tmp_path)["moves"] == [{"rounds": 4, "old": "cuda", "new": "cpu"}]
    assert again(zoo, tmp_path, rounds=7).game.rounds == 7
    assert len(plan(tmp_path)["moves"]) == 1
    opened.plan = one.plan
    opened.train([])  # from the same round: the same streams
    mine, its = opened.game.state()[0], one.game.state()[0]
    assert all(torch.equal(mine[name], value) for name, value in its.items())


@pytest.mark.parametrize(
    ("device", "sentence"),
    [
        ("gpu", "device 'gpu' cannot be used here: name one of cpu, cuda, mps."),
        ("cuda:x", "device 'cuda:x' cannot be used here: "),
        ("", "device '' cannot be used here: name one of cpu, cuda, mps."),
        (torch.device("meta"), "device 'meta' cannot be used here: name one of cpu, cuda, mps."),
    ],
)
def test_a_device_that_there_is_not_is_one_sentence(
    zoo: Zoo, tmp_path: Path, device: Any, sentence: str
) -> None:
    with pytest.raises(RunError) as error:
        ran(zoo, tmp_path / "new", device=device)
    assert str(error.value).startswith(sentence)
    ran(zoo, tmp_path / "old", device=torch.device("cpu"))
    with pytest.raises(RunError) as error:
        again(zoo, tmp_path / "old", device=device)
    assert str(error.value).startswith(sentence)


# ---------------------------------------------------------------------------------- threads


def work(parameters: int, batch: int) -> Any:
    """A game of a size."""
    return SimpleNamespace(params={"generator": [torch.empty(parameters)]}, batch=batch)


def test_small_steps_have_one_thread_and_large_ones_what_is_available(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("torch.get_num_threads", lambda: 8)
    monkeypatch.setattr("os.sched_getaffinity", lambda _: set(range(6)))
    monkeypatch.setattr("ganzoo.training.threads.quota", lambda: None)
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS"):
        monkeypatch.delenv(name, raising=False)
    assert suitable_threads(work(70_000, 256)) == 1
    assert suitable_threads(work(700_000, 64)) == 6
    for allowed, count in ((2.5, 2), (0.4, 1), (64.0, 6)):
        monkeypatch.setattr("ganzoo.training.threads.quota", lambda allowed=allowed: allowed)
        assert suitable_threads(work(700_000, 64)) == count
    monkeypatch.setenv("OMP_NUM_THREADS", "8")
    assert suitable_threads(work(70_000, 256)) == suitable_threads(work(700_000, 64)) == 8


@pytest.mark.parametrize(
    ("membership", "files", "cores"),
    [
        ("0::/", {"cpu.max": "150000 100000\n"}, 1.5),
        ("0::/", {"cpu.max": "max 100000\n"}, None),
        ("0::/a/b", {"a/cpu.max": "50000 100000", "a/b/cpu.max": "max 100000"}, 0.5),
        (
            "12:memory:/a\n4:cpu,cpuacct:/a",
            {"cpu/a/cpu.cfs_quota_us": "300000", "cpu/a/cpu.cfs_period_us": "100000"},
            3.0,
        ),
        (
            "4:cpu:/a",
            {"cpu/a/cpu.cfs_quota_us": "-1", "cpu/a/cpu.cfs_period_us": "100000"},
            None,
        ),
        ("0::/nowhere", {}, None),
        (None, {}, None),
    ],
)
def test_the_limit_of_a_control_group_is_found(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    membership: str | None,
    files: dict[str, str],
    cores: float | None,
) -> None:
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    if membership is not None:
        (tmp_path / "membership").write_text(membership)
    monkeypatch.setattr(threads, "CGROUPS", tmp_path)
    monkeypatch.setattr(threads, "MEMBERSHIP", tmp_path / "membership")
    assert threads.quota() == cores


def test_the_threads_that_were_chosen_are_recorded_and_kept(zoo: Zoo, tmp_path: Path) -> None:
    assert ran(zoo, tmp_path / "default").plan.threads == 1
    assert ran(zoo, tmp_path / "two", threads=2).plan.threads == 2
    assert again(zoo, tmp_path / "two", rounds=5).plan.threads == 2
    assert again(zoo, tmp_path / "two", rounds=6, threads=1).plan.threads == 1


# ------------------------------------------------------------------------------ where it goes on


def test_a_resumed_run_says_where_it_goes_on(
    zoo: Zoo, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    train("vanilla", data="ring", rounds=2, out=tmp_path, zoo=zoo)
    capsys.readouterr()
    train(resume=True, rounds=4, out=tmp_path, zoo=zoo)
    assert f"{tmp_path} goes on after round 2.\n" in capsys.readouterr().err
    (tmp_path / "model.safetensors").unlink()
    shutil.rmtree(tmp_path / "checkpoints")
    train(resume=True, rounds=4, out=tmp_path, zoo=zoo)
    told = f"{tmp_path} goes on from its start, since it was not saved yet.\n"
    assert told in capsys.readouterr().err


def test_a_finished_run_without_its_checkpoints_is_not_begun_again(
    zoo: Zoo, tmp_path: Path
) -> None:
    train("vanilla", data="ring", rounds=2, out=tmp_path, zoo=zoo)
    shutil.rmtree(tmp_path / "checkpoints")
    log = (tmp_path / "log.jsonl").read_bytes()
    with pytest.raises(RunError) as refused:
        train(resume=True, rounds=4, out=tmp_path, zoo=zoo)
    assert str(refused.value) == (
        f"{tmp_path} is a finished run whose checkpoints are gone, so it cannot go on; sample it, "
        "or train in another --out."
    )
    assert (tmp_path / "log.jsonl").read_bytes() == log
