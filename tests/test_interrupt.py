"""A request to end is answered at any moment, in one sentence that says what is kept."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

import pytest
import torch

import ganzoo
from ganzoo import cli
from ganzoo.cli.ending import end_at_once
from ganzoo.engine.scoring import measure_game
from ganzoo.errors import InterruptedRunError
from ganzoo.parts.observer import Observer
from ganzoo.parts.streamed import Reader, loaded
from ganzoo.plugins.loading import Origin
from ganzoo.plugins.zoo import Zoo
from ganzoo.training import interrupt
from ganzoo.training.run import Run

if TYPE_CHECKING:
    from collections.abc import Callable

SMALL = ["mlp.width=8", "mlp.depth=1", "batch=16", "data.n=200", "data.held_out=100"]
REQUESTS = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]
AGAIN = "interrupted before it was done; the same command starts it again."


@pytest.fixture(autouse=True)
def _default_handlers() -> object:
    """As in an interpreter on a terminal."""
    before = {number: signal.getsignal(number) for number in REQUESTS}
    for number in REQUESTS:
        signal.signal(number, signal.default_int_handler)
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def asking_at(first: int, times: int = 1) -> Callable[[Run], Observer]:
    """An observer that asks the process to end when it is told of a round."""

    class Asks(Observer):
        name = "asks"

        def noted(self, round_: int, terms: object) -> None:
            for _ in range(times if round_ == first else 0):
                signal.raise_signal(signal.SIGINT)

    return Asks


def trained(out: Path, *observers: Callable[[Run], Observer], resume: bool = False) -> Run:
    return ganzoo.train(
        "vanilla",
        data="ring",
        settings=SMALL,
        rounds=6,
        save_every=3,
        out=out,
        observers=observers,
        resume=resume,
    )


# --------------------------------------------------------------------------------- the commands


@pytest.mark.parametrize("number", REQUESTS)
def test_before_its_imports_a_command_ends_at_once(number: int) -> None:
    code = (
        "import signal\nfrom ganzoo import cli\nclass Lost:\n"
        f" def __del__(self): signal.raise_signal({int(number)})\n"  # where exceptions are lost
        "cli.run = Lost\ncli.main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_DFL),  # not as under nohup
    )
    assert (done.returncode, done.stdout, done.stderr) == (130, "", f"error: {AGAIN}\n")


def test_a_command_ends_at_once_where_standard_error_is_gone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def gone(*_: object) -> int:
        raise OSError(errno.EIO, "Input/output error")

    ended: list[int] = []
    monkeypatch.setattr("os.write", gone)
    monkeypatch.setattr("os._exit", ended.append)
    end_at_once(signal.SIGHUP, None)
    assert ended == [130]


@pytest.mark.parametrize(
    ("error", "code", "told"),
    [
        (InterruptedRunError("interrupted after round 5."), 130, "interrupted after round 5."),
        (KeyboardInterrupt("interrupted at once."), 130, "interrupted at once."),
        (KeyboardInterrupt(), 130, AGAIN),
        (ganzoo.ZooError("wrong."), 1, "wrong."),
    ],
)
def test_the_exit_code_says_whether_it_was_asked_to_end(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    error: BaseException,
    code: int,
    told: str,
) -> None:
    def ends(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr("ganzoo.training.train.train", ends)
    monkeypatch.setattr(sys, "argv", ["ganzoo", "train", "vanilla"])
    before = [signal.getsignal(number) for number in REQUESTS]
    with pytest.raises(SystemExit) as stop:
        cli.main()
    assert stop.value.code == code
    assert capsys.readouterr() == ("", f"error: {told}\n")
    assert [signal.getsignal(number) for number in REQUESTS] == before


def test_a_plugin_that_interrupts_its_loading_is_named() -> None:
    bad = ModuleType("bad")

    def ganzoo_losses() -> list[object]:
        raise KeyboardInterrupt

    bad.ganzoo_losses = ganzoo.hookimpl(ganzoo_losses)  # type: ignore[attr-defined]
    with pytest.raises(
        KeyboardInterrupt, match=r"^interrupted while plugin bad 1\.0 was loaded\.$"
    ):
        Zoo([(Origin("bad", "bad", "1.0"), bad)])


# ------------------------------------------------------------------------------------- training


def test_the_round_after_which_a_run_is_saved_anyway_is_the_last(tmp_path: Path) -> None:
    with pytest.raises(InterruptedRunError, match=r"^interrupted after round 3, which is saved;"):
        trained(tmp_path, asking_at(1))


def test_a_second_request_says_what_is_kept(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt) as stop:
        trained(tmp_path, asking_at(1, times=2))
    rest = "and the same command with --resume goes on from there."
    assert str(stop.value) == (
        f"interrupted at once; {tmp_path} is kept as it was before its first round, {rest}"
    )
    with pytest.raises(KeyboardInterrupt) as stop:
        trained(tmp_path, asking_at(4, times=2), resume=True)
    assert str(stop.value) == (
        f"interrupted at once; {tmp_path} is kept as it was after round 3, {rest}"
    )
    assert trained(tmp_path, resume=True).game.rounds == 6


def test_scores_of_what_is_saved_are_cut_short(tmp_path: Path) -> None:
    zoo = ganzoo.default_zoo()
    run = trained(tmp_path / "run")
    longer = run.plan.model_copy(update={"rounds": 9})
    run = Run.resume(
        tmp_path / "run", longer, ganzoo.compose("vanilla", data="ring", settings=SMALL)
    )

    def scored(run: Run) -> None:
        signal.raise_signal(signal.SIGTERM)
        measure_game(run.game, zoo.metrics(), n=10**6, seed=0)  # takes minutes

    with pytest.raises(KeyboardInterrupt, match="is kept as it was after round 9, and"):
        run.train([], scored)


def test_a_long_round_is_waited_for_which_is_said(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for long, said in ((60.0, ""), (0.0, interrupt.WAITING)):
        monkeypatch.setattr(interrupt, "LONG", long)
        with interrupt.interruptible() as asked:
            signal.raise_signal(signal.SIGINT)
            end = time.monotonic() + 0.2
            while time.monotonic() < end and not said:
                time.sleep(0.01)
            time.sleep(0.05)
            assert asked()
        assert capsys.readouterr().err == said


# ------------------------------------------------------------------------------------- workers


class Numbers:
    """A source that takes a while, so that its worker is at work when it is asked to end."""

    def __len__(self) -> int:
        return 8

    def __getitem__(self, row: int) -> dict[str, torch.Tensor]:
        time.sleep(0.05)
        return {"real": torch.tensor([float(row), float(os.getpid())], dtype=torch.float64)}


def test_workers_outlive_what_their_whole_group_is_asked() -> None:
    space = ganzoo.parts.space.Space(shape=(2,))
    reader = Reader(Numbers(), {"real": space}, torch.arange(8), "numbers")
    batches = loaded(reader, iter(torch.arange(8).split(1)), 1)
    first = next(batches)
    assert isinstance(first, dict)
    worker = int(first["real"][0, 1])
    for number in REQUESTS:  # from another process, as a cluster or a terminal
        subprocess.run(["kill", f"-{int(number)}", str(worker)], check=True)
    rows = [batch["real"][0, 0].item() for batch in batches if isinstance(batch, dict)]
    assert rows == [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0]
