"""Observers show and write what happened: exact pixels, whole logs, the first bad term."""

from __future__ import annotations

import json
import sys
from math import inf, nan
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from PIL import Image
from small import images, points, variant_of

from ganzoo.builtin.observers.diverged import Diverged
from ganzoo.builtin.observers.grid import FAKE, PAPER, REAL, SIDE, SampleGrid, drawn, scatter, tiles
from ganzoo.builtin.observers.log import LogFile
from ganzoo.builtin.observers.progress import ProgressBar
from ganzoo.engine.game import Game
from ganzoo.errors import DivergedError
from ganzoo.parts.observer import Observer
from ganzoo.parts.rows import ResidentRows
from ganzoo.testing import Plain
from ganzoo.training.meter import PlainLines, meter
from ganzoo.training.meter import clock as spelled
from ganzoo.training.run import Run
from ganzoo.training.train import train

if TYPE_CHECKING:
    from torch import Tensor

    from ganzoo.plugins.zoo import Zoo


def run(**facts: Any) -> Any:
    """As much of a run as an observer looks at."""
    return SimpleNamespace(**facts)


# -------------------------------------------------------------------------------------- pictures


def sheet(made: Tensor) -> np.ndarray[Any, Any]:
    """A grid before it was enlarged, each of its pixels checked to be a block of one colour."""
    n, _, height, width = made.shape
    columns = int(np.ceil(np.sqrt(n)))
    size = (int(np.ceil(n / columns)) * (height + 2) + 2, columns * (width + 2) + 2)
    pixels = np.asarray(tiles(made))
    factor = pixels.shape[0] // size[0]
    small = pixels[::factor, ::factor]
    assert small.shape == (*size, 3)
    assert np.array_equal(pixels, small.repeat(factor, 0).repeat(factor, 1))
    return small


def noise(n: int, *shape: int) -> tuple[Tensor, Tensor]:
    """Bytes, and the numbers in [-1, 1] that stand for them."""
    stream = torch.Generator().manual_seed(0)
    stored = torch.randint(256, (n, *shape), generator=stream, dtype=torch.uint8)
    return stored, ResidentRows({"real": stored}).column("real")


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize(("n", "columns"), [(1, 1), (4, 2), (5, 3), (9, 3)])
def test_each_image_of_a_grid_is_at_its_place_pixel_by_pixel(
    n: int, columns: int, channels: int
) -> None:
    """Grey for one channel and for two; the first three of four."""
    height, width = 9, 7
    stored, made = noise(n, channels, height, width)
    grid = sheet(made)
    expected = np.full_like(grid, 255)
    shown = [0, 1, 2] if channels >= 3 else [0, 0, 0]
    for i in range(n):
        top, left = 2 + i // columns * (height + 2), 2 + i % columns * (width + 2)
        expected[top : top + height, left : left + width] = stored[i, shown].permute(1, 2, 0)
    assert np.array_equal(grid, expected)


def test_every_byte_is_shown_as_itself() -> None:
    stored = torch.arange(256, dtype=torch.uint8).view(1, 1, 16, 16)
    grid = sheet(ResidentRows({"real": stored}).column("real"))
    assert np.array_equal(grid[2:18, 2:18, 0], stored[0, 0])


def test_values_beyond_the_range_are_black_and_white() -> None:
    made = torch.tensor([-7.0, -1.0, 1.0, 7.0]).repeat(16).view(1, 1, 8, 8)
    assert sheet(made)[2, 2:6, 0].tolist() == [0, 0, 255, 255]


def test_a_picture_is_enlarged_to_be_seen_and_never_made_smaller() -> None:
    assert tiles(torch.zeros(64, 1, 8, 8)).size == (492, 492)
    assert tiles(torch.zeros(64, 3, 128, 128)).size == (1042, 1042)


def pixel(drawn: Image.Image, x: int, y: int) -> Any:
    return drawn.getpixel((x, y))


def test_points_are_drawn_where_they_are_with_up_as_up() -> None:
    """The data spans [-1, 1], which the picture shows as the middle of [-1.3, 1.3]."""
    real = torch.tensor([[-1.0, -1.0], [1.0, 1.0]])
    drawn = scatter(torch.tensor([[0.0, 0.0], [0.0, 0.65]]), real)
    assert drawn.size == (SIDE, SIDE)
    middle, reach = SIDE // 2, SIDE / 2.6
    assert pixel(drawn, middle, middle) == FAKE
    assert pixel(drawn, middle, round(middle - 0.65 * reach)) == FAKE
    assert pixel(drawn, middle, round(middle + 0.65 * reach)) == PAPER
    assert pixel(drawn, round(middle - reach), round(middle + reach)) == REAL
    assert pixel(drawn, round(middle + reach), round(middle - reach)) == REAL
    assert pixel(drawn, round(middle + reach), round(middle + reach)) == PAPER


def test_generated_points_lie_over_real_ones_and_only_two_coordinates_are_drawn() -> None:
    real = torch.tensor([[-1.0, -1.0, 5.0], [1.0, 1.0, -5.0], [0.0, 0.0, 100.0]])
    drawn = scatter(torch.tensor([[0.0, 0.0, -900.0]]), real)
    assert pixel(drawn, SIDE // 2, SIDE // 2) == FAKE


@pytest.mark.parametrize("far", [50.0, 1e30, inf, nan])
def test_points_far_off_leave_the_picture_as_it_is(far: float) -> None:
    real = torch.tensor([[-1.0, -1.0], [1.0, 1.0]])
    drawn = np.asarray(scatter(torch.full((3, 2), far), real))
    assert not (drawn == FAKE).all(-1).any()


def test_all_points_drawn_are_within_the_scatter() -> None:
    real = torch.randn(500, 2, generator=torch.Generator().manual_seed(0))
    drawn = np.asarray(scatter(real[:0], real))
    rows, columns = np.nonzero((drawn == REAL).all(-1))
    for line in (rows, columns):
        assert line.min() > 0
        assert line.max() < SIDE - 1


def test_pictures_of_a_run_are_of_the_same_latents_each_time(tmp_path: Path) -> None:
    game = Game(variant_of(Plain()), images())
    observer = SampleGrid(run(folder=tmp_path, game=game))
    for name in ("00000001", "00000002"):
        observer.saved(Path(f"{name}.safetensors"))
    game.round()
    observer.saved(Path("00000003.safetensors"))
    written = [path.read_bytes() for path in sorted((tmp_path / "samples").iterdir())]
    assert len(written) == 3
    assert written[0] == written[1] != written[2]
    with Image.open(tmp_path / "samples" / "00000001.png") as shown:
        expected = tiles(game.sample(64)["fake"])
        assert shown.size == expected.size


def test_a_run_on_points_is_shown_over_its_held_out_points() -> None:
    game = Game(variant_of(Plain()), points())
    shown = np.asarray(drawn(game.frozen(), lambda: game.data))
    assert (shown == REAL).all(-1).any()
    assert (shown == FAKE).all(-1).any()


# ------------------------------------------------------------------------------------------- log


def lines(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]


def logging(folder: Path, rounds: int) -> LogFile:
    return LogFile(
        run(folder=folder, game=SimpleNamespace(rounds=rounds), seconds=1.23456, signals={})
    )


def test_a_line_holds_the_last_round_the_seconds_and_each_terms_mean(tmp_path: Path) -> None:
    log = logging(tmp_path, 0)
    log.noted(1, {"discriminator/hinge": [1.0, 3.0], "generator/hinge": [-1.0, 0.0]})
    log.noted(3, {"discriminator/hinge": [5.0], "generator/hinge": [2.0]})
    log.finished(None)
    assert lines(tmp_path) == [
        {"round": 2, "seconds": 1.235, "discriminator/hinge": 2.0, "generator/hinge": -0.5},
        {"round": 3, "seconds": 1.235, "discriminator/hinge": 5.0, "generator/hinge": 2.0},
    ]


def test_the_signals_of_parts_stand_behind_the_terms_as_they_are(
    tmp_path: Path, clock: list[float], capfd: pytest.CaptureFixture[str]
) -> None:
    log = logging(tmp_path, 0)
    log.run.signals["ada/p"] = 0.25
    log.noted(1, {"generator/hinge": [-1.0, 0.0]})
    log.finished(None)
    assert lines(tmp_path) == [
        {"round": 2, "seconds": 1.235, "generator/hinge": -0.5, "ada/p": 0.25}
    ]
    bar = ProgressBar(shown := watched())
    shown.signals["ada/p"] = 0.25
    clock[0] += 11
    bar.noted(1, play(shown, 50, 2.0))
    assert capfd.readouterr().err.endswith("d:1.25  g:-0.5  ada/p:0.25\n")


def test_a_line_is_there_as_soon_as_it_is_noted(tmp_path: Path) -> None:
    log = logging(tmp_path, 0)
    log.noted(1, {"generator/hinge": [1.0]})
    assert [line["round"] for line in lines(tmp_path)] == [1]
    log.finished(None)


def test_a_resumed_log_drops_what_will_be_played_again_and_goes_on(tmp_path: Path) -> None:
    log = logging(tmp_path, 0)
    for first in (1, 3, 5):
        log.noted(first, {"generator/hinge": [1.0, 1.0]})
    log.finished(None)
    log = logging(tmp_path, 4)
    log.noted(5, {"generator/hinge": [7.0, 7.0]})
    log.finished(None)
    assert [(line["round"], line["generator/hinge"]) for line in lines(tmp_path)] == [
        (2, 1.0),
        (4, 1.0),
        (6, 7.0),
    ]


@pytest.mark.parametrize(
    "junk",
    [
        b"\xff\xfe\n",
        b"\0\0\0\n",
        b"\n",
        b"[" * 10_000 + b"\n",
        b'{"round": 1e400}\n',
        b'{"round": "1"}\n',
        b'{"seconds": 1}\n',
        b"[]\n",
        b'{"round": 1' + b" " * (2 << 20) + b"}\n",  # a line of two MiB
        b'{"round": 2}',  # cut off where it looks whole; the next line would be joined to it
        b'{"roun',
    ],
)
def test_a_resumed_log_drops_what_is_no_line(tmp_path: Path, junk: bytes) -> None:
    kept = b'{"round": 2}\n'
    (tmp_path / "log.jsonl").write_bytes(kept + junk)
    logging(tmp_path, 4).finished(None)
    assert (tmp_path / "log.jsonl").read_bytes() == kept


def test_a_broken_and_resumed_run_logs_each_round_once(zoo: Zoo, tmp_path: Path) -> None:
    small = ["architecture.width=8", "batch=8"]
    for rounds, resume in ((30, False), (70, True)):
        out = tmp_path / "run"
        train("vanilla", rounds=rounds, out=out, settings=small, zoo=zoo, resume=resume)
    rounds_logged = [line["round"] for line in lines(tmp_path / "run")]
    assert rounds_logged == sorted(set(rounds_logged))
    assert 30 in rounds_logged
    assert rounds_logged[-1] == 70


# -------------------------------------------------------------------------------------- diverged


def divergence(first: int, terms: dict[str, list[float]], kept: Path | None = None) -> str:
    with pytest.raises(DivergedError) as error:
        Diverged(run(last_checkpoint=lambda: kept)).noted(first, terms)
    return str(error.value)


def test_large_terms_are_no_divergence_until_float32_cannot_tell_them_apart() -> None:
    Diverged(run(last_checkpoint=lambda: None)).noted(1, {"generator/hinge": [1e7, -1e7]})
    assert "'hinge' is -2e+08" in divergence(1, {"generator/hinge": [1e7, -2e8]}, None)


def test_the_first_bad_round_and_its_term_are_named_with_the_checkpoint() -> None:
    terms = {
        "discriminator/hinge": [1.0, 1.0, 1.0, nan],
        "discriminator/r1": [1.0, 1.0, inf, nan],
        "generator/hinge": [1.0, 1.0, 1.0, nan],
    }
    assert divergence(41, terms, Path("runs/a/checkpoints/40")) == (
        "training diverged: in round 43 the discriminator's 'r1' is inf; the last checkpoint is "
        f"{Path('runs/a/checkpoints/40')}. A lower learning rate usually helps, in a new run with "
        f"--from {Path('runs/a')}."
    )


def test_in_one_round_the_discriminator_who_plays_first_is_named_first() -> None:
    terms = {"generator/hinge": [nan], "discriminator/hinge": [-inf]}
    assert divergence(1, terms) == (
        "training diverged: in round 1 the discriminator's 'hinge' is -inf; there was no "
        "checkpoint yet. A lower learning rate usually helps."
    )


# -------------------------------------------------------------------------------------- progress


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The time, which passes only when a test says so."""
    now = [100.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    return now


def watched(rounds: int = 0) -> Any:
    game = SimpleNamespace(rounds=rounds, progress=rounds / 100)
    return run(game=game, seconds=0.0, title="a [title]", signals={})


def play(of: Any, rounds: int, seconds: float) -> dict[str, list[float]]:
    of.game.rounds, of.game.progress, of.seconds = rounds, rounds / 100, seconds
    return {"discriminator/hinge": [9.0, 1.25], "generator/hinge": [9.0, -0.5]}


def test_without_a_terminal_there_is_a_line_every_ten_seconds(
    clock: list[float], capfd: pytest.CaptureFixture[str]
) -> None:
    """Of a resumed run, whose first twenty rounds are no part of its speed."""
    resumed = watched(rounds=20)
    bar = ProgressBar(resumed)
    for second in range(25):
        clock[0] += 1
        bar.noted(1, play(resumed, 21 + second, 1.0 + second))
    bar.finished(None)
    out, err = capfd.readouterr()
    assert out == ""
    assert err.splitlines() == [
        "a [title]: 30%, round 30, 1.0 rounds/s, 1:10 left, d:1.25  g:-0.5",
        "a [title]: 40%, round 40, 1.0 rounds/s, 1:00 left, d:1.25  g:-0.5",
    ]


def test_the_time_left_of_a_longer_budget_is_of_what_is_left(zoo: Zoo, tmp_path: Path) -> None:
    """A run that was finished is not where its old budget ended, but halfway."""
    seen: list[float] = []

    class Watch(Observer):
        def __init__(self, run: Any) -> None:
            super().__init__(run)
            seen.append(run.game.progress)

    options: dict[str, Any] = {"out": tmp_path / "run", "zoo": zoo}
    train("vanilla", data="ring", rounds=2, **options)
    train(resume=True, rounds=4, observers=[Watch], **options)
    assert seen == [0.5]


def test_a_short_run_without_a_terminal_prints_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    bar = ProgressBar(short := watched())
    bar.noted(1, play(short, 100, 1.0))
    bar.finished(None)
    assert capfd.readouterr() == ("", "")


def test_a_bar_shows_the_share_done_and_each_terms_last_value(
    monkeypatch: pytest.MonkeyPatch, clock: list[float], capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "200")
    bar = ProgressBar(shown := watched())
    clock[0] += 2
    bar.noted(1, play(shown, 50, 2.0))
    bar.finished(ValueError())
    out, err = capsys.readouterr()
    for words in ("a [title]", "50%", "round 50", "25.0 rounds/s", "0:02 left", "d:1.25  g:-0.5"):
        assert words in err
    assert out == ""


def test_in_a_notebook_the_bar_is_html_that_changes_in_its_place(
    monkeypatch: pytest.MonkeyPatch, clock: list[float], capfd: pytest.CaptureFixture[str]
) -> None:
    displayed: list[str] = []

    def display(bar: Any, *, display_id: bool) -> Any:
        assert display_id
        displayed.append(bar._repr_html_())
        return SimpleNamespace(update=lambda bar: displayed.append(bar._repr_html_()))

    kernel = SimpleNamespace(get_ipython=lambda: SimpleNamespace(kernel=object()))
    monkeypatch.setitem(sys.modules, "IPython", kernel)
    monkeypatch.setitem(sys.modules, "IPython.display", SimpleNamespace(display=display))
    bar = ProgressBar(shown := watched())
    for rounds in range(1, 9):  # ten a second are drawn as four at most
        clock[0] += 0.1
        bar.noted(1, play(shown, rounds, rounds / 10))
    bar.finished(None)
    assert len(displayed) == 1 + 2 + 1
    assert displayed[0].startswith("<div><b>a [title]</b> <progress max='1' value='0.0000'>")
    assert "8%  round 8  10.0 rounds/s  0:09 left  d:1.25  g:-0.5</div>" in displayed[-1]
    assert capfd.readouterr() == ("", "")


def test_ipython_on_a_terminal_is_no_notebook(monkeypatch: pytest.MonkeyPatch) -> None:
    shell = SimpleNamespace(get_ipython=lambda: SimpleNamespace(kernel=None))
    for module in (shell, SimpleNamespace(get_ipython=lambda: None)):
        monkeypatch.setitem(sys.modules, "IPython", module)
        assert isinstance(meter("a title"), PlainLines)


@pytest.mark.parametrize(("seconds", "shown"), [(6.6, "0:07"), (750, "12:30"), (3723, "1:02:03")])
def test_a_duration_is_read_as_a_clock_shows_it(seconds: float, shown: str) -> None:
    assert spelled(seconds) == shown


# ------------------------------------------------------------------------------------- observers


class Noting(Observer):
    """Writes down all it is told."""

    name = "noting"
    told: list[tuple[Any, ...]]

    def __init__(self, run: Run) -> None:
        super().__init__(run)
        type(self).told = []

    def noted(self, first: int, terms: dict[str, list[float]]) -> None:
        self.told += [("noted", first, len(next(iter(terms.values()))))]

    def saved(self, checkpoint: Path) -> None:
        self.told += [("saved", checkpoint.stem)]

    def finished(self, error: BaseException | None) -> None:
        self.told += [("finished", error)]


def test_an_observer_is_told_of_every_round_once_each_checkpoint_and_the_end(
    zoo: Zoo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(type(zoo), "observers", lambda _: [Noting])
    train(
        "vanilla",
        rounds=50,
        save_every=45,
        out=tmp_path / "run",
        zoo=zoo,
        settings=["architecture.width=8", "batch=8"],
    )
    told = Noting.told
    assert [fact for fact in told if fact[0] == "noted"] == [
        ("noted", 1, 20),
        ("noted", 21, 20),
        ("noted", 41, 5),
        ("noted", 46, 5),
    ]
    assert [fact[1] for fact in told if fact[0] == "saved"] == ["00000045", "00000050"]
    assert told[-1] == ("finished", None)
