"""Threads of one process: each has the bits that it has alone, and leaves nothing behind."""

from __future__ import annotations

import os
import select
import signal
import threading
import time
from contextlib import ExitStack, suppress
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, TypeVar

import matplotlib as mpl
import pytest
import torch
from small import equal, points, variant_of, weights
from torch import Tensor, nn

import ganzoo
from ganzoo.benchmark import plots
from ganzoo.engine.game import Game
from ganzoo.engine.heads import discriminator_heads
from ganzoo.engine.streams import DefaultRandom
from ganzoo.errors import RunError
from ganzoo.parts.observer import Observer
from ganzoo.parts.part import Architecture
from ganzoo.parts.space import Space
from ganzoo.parts.streamed import StreamedRows
from ganzoo.plugins import default
from ganzoo.plugins.isolation import PROCESS, isolated
from ganzoo.storage import download
from ganzoo.storage.files import remove_leftovers, replacing
from ganzoo.storage.lock import locked
from ganzoo.training.computing import computing_on
from ganzoo.training.interrupt import interruptible
from ganzoo.training.threads import available_threads

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from ganzoo.plugins.zoo import Zoo
    from ganzoo.training.run import Run

Value = TypeVar("Value")
LIMIT = 20
"""Seconds after which a test that waits for itself fails."""
COMPUTED_ON: dict[int, set[int]] = {}
"""The numbers of torch's threads that forwards saw, by Python thread."""


def side_by_side(calls: Sequence[Callable[[], Value]]) -> list[Value]:
    """What calls return that begin at the same time, each in a thread; raises what one raised."""
    begin, found = threading.Barrier(len(calls)), {}

    def run(number: int) -> None:
        begin.wait(LIMIT)
        try:
            found[number] = calls[number]()
        except BaseException as error:  # noqa: BLE001  (raised again below)
            found[number] = error

    threads = [threading.Thread(target=run, args=(i,), daemon=True) for i in range(len(calls))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(LIMIT)
    assert len(found) == len(calls), "a thread waits for another without end"
    for value in found.values():
        if isinstance(value, BaseException):
            raise value
    return [found[number] for number in range(len(calls))]


def overlapping(enter: Callable[[Callable[[], object]], Value]) -> list[Value]:
    """What ``enter`` returns in two threads, of which the second comes while the first is inside.

    Inside, it calls what it is given. That waits for the other thread: the first for the second to
    be inside too, the second for the first to have left; a moment only, if the place is for one.
    """
    first_inside, second_inside, first_left = (threading.Event() for _ in range(3))

    def meet_second() -> None:
        first_inside.set()
        second_inside.wait(0.1)

    def outstay_first() -> None:
        second_inside.set()
        first_left.wait(0.1)

    def first() -> Value:
        try:
            return enter(meet_second)
        finally:
            first_left.set()

    def second() -> Value:
        first_inside.wait(LIMIT)
        return enter(outstay_first)

    return side_by_side([first, second])


@pytest.fixture(autouse=True)
def _untouched() -> Iterator[None]:
    """After every test, this thread's random numbers and thread counts are what they were."""
    before, threads = torch.get_rng_state(), torch.get_num_threads()
    yield
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.get_num_threads() == threads
    assert side_by_side([torch.get_num_threads]) == [threads]  # of threads to come


class Dropping(Architecture):
    """Both networks drop values, and let other threads go on while they compute."""

    def generator(self, z: Space, real: Space) -> nn.Module:
        return Drawing(nn.Linear(z.size, 16), Noisy(), Pause(), nn.Linear(16, real.size))

    def discriminator(self, real: Space) -> nn.Module:
        layers = (nn.Linear(real.size, 16), Pause(), nn.Dropout(), nn.Linear(16, 1), nn.Flatten(0))
        return nn.Sequential(*layers)


class Drawing(nn.Sequential):
    def forward(self, z: Tensor) -> Tensor:
        return super().forward(z)


class Noisy(nn.Module):
    """Draws numbers, in eval mode too, before and after a pause."""

    def forward(self, values: Tensor) -> Tensor:
        first = torch.rand_like(values)
        time.sleep(0.0002)
        return values + first - torch.rand_like(values)


class Pause(nn.Module):
    def forward(self, values: Tensor) -> Tensor:
        time.sleep(0.0002)
        COMPUTED_ON.setdefault(threading.get_ident(), set()).add(torch.get_num_threads())
        return values


def game(seed: int = 0) -> Game:
    return Game(variant_of(Dropping(), ema=0.9), points(), seed=seed)


def trained(zoo: Zoo, out: Path, **options: Any) -> Run:
    defaults: dict[str, Any] = {"data": points(), "rounds": 10, "save_every": 10, "device": "cpu"}
    return ganzoo.train(variant_of(Dropping()), out=out, zoo=zoo, **{**defaults, **options})


# --------------------------------------------------------------------------------- random numbers


def test_eight_threads_sample_what_one_does() -> None:
    frozen = game().frozen()

    def samples(seed: int) -> Tensor:
        return frozen.sample(300, seed=seed)["fake"]

    alone = [samples(seed) for seed in range(8)]
    for _ in range(3):
        beside = side_by_side([lambda seed=seed: samples(seed) for seed in range(8)])
        assert all(map(torch.equal, alone, beside))


def test_four_trainings_in_threads_have_the_weights_that_they_have_alone(
    zoo: Zoo, tmp_path: Path
) -> None:
    counts = [1, 2, 1, 3]

    def weights_of(folder: str, seed: int) -> dict[str, Tensor]:
        COMPUTED_ON.pop(threading.get_ident(), None)
        run = trained(zoo, tmp_path / folder / str(seed), seed=seed, threads=counts[seed])
        # The composition is checked, before, on the threads of the caller.
        assert COMPUTED_ON[threading.get_ident()] == {1, counts[seed]}
        return weights(run.game)

    alone = [weights_of("alone", seed) for seed in range(4)]
    beside = side_by_side([lambda seed=seed: weights_of("beside", seed) for seed in range(4)])
    assert all(map(equal, alone, beside))
    assert not equal(alone[0], alone[1])


def test_sampling_beside_a_training_changes_neither() -> None:
    frozen, alone, beside = game().frozen(), game(seed=1), game(seed=1)

    def play(played: Game) -> dict[str, Tensor]:
        for _ in range(20):
            played.round()
        return weights(played)

    def sample() -> dict[str, Tensor]:
        return [frozen.sample(9, seed=4) for _ in range(20)][-1]

    expected = play(alone), sample()
    assert all(map(equal, expected, side_by_side([lambda: play(beside), sample])))


def test_a_thread_that_fails_on_a_lease_lets_the_others_go_on() -> None:
    random = DefaultRandom(torch.device("cpu"))

    def fail() -> None:
        with random.leased():
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        side_by_side([fail])
    with random.leased():
        pass


def test_scores_of_one_game_in_threads_are_those_of_one(zoo: Zoo, tmp_path: Path) -> None:
    run = trained(zoo, tmp_path, data="ring", settings={"data.n": 200, "data.held_out": 100})
    rows, played = run.game.data.held_out, run.game
    heads = discriminator_heads(played, rows)
    for found in side_by_side([lambda: discriminator_heads(played, rows) for _ in range(6)]):
        assert equal(heads, found)
    assert played.nets["discriminator"].training
    scores = {score.metric: score.value for score in ganzoo.evaluate(run, n=80, zoo=zoo)}
    for others in side_by_side([lambda: ganzoo.evaluate(run, n=80, zoo=zoo) for _ in range(4)]):
        assert {score.metric: score.value for score in others} == scores


# ------------------------------------------------------------------------------- torch's threads


def test_trainings_that_overlap_leave_no_number_of_threads_behind() -> None:
    def compute(together: Callable[[], object]) -> tuple[int, int]:
        with computing_on(3):
            together()
            inside = torch.get_num_threads()
        return inside, torch.get_num_threads()

    assert overlapping(compute) == [(3, 1), (3, 1)]


def test_how_many_threads_suit_a_game_does_not_depend_on_other_trainings(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("os.sched_getaffinity", lambda _: set(range(8)), raising=False)
    monkeypatch.setattr("ganzoo.training.threads.quota", lambda: None)
    with computing_on(5):
        assert available_threads() == 5
        assert side_by_side([available_threads]) == [1]


# --------------------------------------------------------------------------------------- plugins


def test_threads_that_ask_for_the_zoo_at_once_get_one(
    zoo: Zoo, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = []

    def slow(_points: object) -> object:
        made.append(object())
        time.sleep(0.05)
        return made[-1]

    monkeypatch.setattr(default, "Zoo", slow)
    default.installed_zoo.cache_clear()
    try:
        found = side_by_side([default.default_zoo] * 8)
    finally:
        default.installed_zoo.cache_clear()
    assert found == made * 8
    assert len(made) == 1


def test_plugins_that_threads_load_at_once_leave_the_process_as_it_was(tmp_path: Path) -> None:
    output, folder = os.fstat(1), Path.cwd()

    def load(together: Callable[[], object]) -> tuple[str, ...]:
        def hook() -> None:
            os.chdir(tmp_path)
            together()

        return isolated(hook).changed

    assert overlapping(load) == [("the working directory",)] * 2
    assert Path.cwd() == folder
    assert os.path.samestat(os.fstat(1), output)


def test_plots_that_threads_draw_at_once_leave_matplotlib_as_it_was(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    size, figure, meeting = mpl.rcParams["font.size"], plots.Figure, {}

    def slow(**options: Any) -> plots.Figure:
        meeting[threading.get_ident()]()
        return figure(**options)

    def draw(together: Callable[[], object]) -> dict[str, str]:
        meeting[threading.get_ident()] = together
        return plots.learning_curves([], "score", {})

    monkeypatch.setattr(plots, "Figure", slow)
    one, other = overlapping(draw)
    assert one == other
    assert mpl.rcParams["font.size"] == size


def test_a_plugin_is_not_blamed_for_a_training_in_the_main_thread() -> None:
    loading, training = threading.Event(), threading.Event()

    def hook() -> None:
        loading.set()
        training.wait(LIMIT)

    changed: list[str] = []
    thread = threading.Thread(target=lambda: changed.extend(isolated(hook).changed))
    thread.start()
    loading.wait(LIMIT)
    with interruptible():
        training.set()
        thread.join(LIMIT)
    assert changed == []


def test_threads_that_download_count_each_byte_once(monkeypatch: pytest.MonkeyPatch) -> None:
    class Slow(list[object]):
        def __contains__(self, hook: object) -> bool:
            found = super().__contains__(hook)
            time.sleep(0.02)
            return found

    session = SimpleNamespace(event_hooks={"request": Slow(), "response": []})
    monkeypatch.setattr(download, "get_session", lambda: session)
    monkeypatch.setattr(download, "hf_hub_download", lambda *_, **__: "file")
    side_by_side([lambda: download.download("org/repo", "file", timeout=1, most=1)] * 4)
    assert [len(hooks) for hooks in session.event_hooks.values()] == [1, 1]


# ----------------------------------------------------------------------------------------- files


def test_threads_may_write_one_file_at_once(tmp_path: Path) -> None:
    path = tmp_path / "written"
    writing, cleared = threading.Barrier(5), threading.Barrier(5)

    def write(text: str) -> None:
        with replacing(path) as temporary:
            temporary.write_text(text)
            writing.wait(LIMIT)
            cleared.wait(LIMIT)

    def clear() -> None:
        writing.wait(LIMIT)
        remove_leftovers(tmp_path)  # none of these: their threads are still writing
        cleared.wait(LIMIT)

    side_by_side([clear, *(lambda text=text: write(text * 1000) for text in "abcd")])
    assert path.read_text() in {text * 1000 for text in "abcd"}
    assert [*tmp_path.iterdir()] == [path]


def test_a_folder_is_for_one_thread_at_a_time(zoo: Zoo, tmp_path: Path) -> None:
    begun, refused = threading.Event(), threading.Event()

    class Waiting(Observer):
        name = "waiting"

        def noted(self, first: int, terms: dict[str, list[float]]) -> None:
            begun.set()
            refused.wait(LIMIT)

    def second() -> str:
        begun.wait(LIMIT)
        try:
            with pytest.raises(RunError) as error:
                trained(zoo, tmp_path, rounds=11, resume=True)
        finally:
            refused.set()
        return str(error.value)

    run, sentence = side_by_side([lambda: trained(zoo, tmp_path, observers=[Waiting]), second])
    assert sentence == (
        f"another process or thread is at work in {tmp_path}; wait for it, or choose another --out."
    )
    assert run.game.rounds == 10
    assert trained(zoo, tmp_path, rounds=11, resume=True).game.rounds == 11


def test_another_thread_may_let_go_of_a_folder(tmp_path: Path) -> None:
    held = ExitStack()
    held.enter_context(locked(tmp_path))
    thread = threading.Thread(target=held.close)
    thread.start()
    thread.join()
    with locked(tmp_path):
        pass


def test_rows_that_another_thread_reads_meanwhile_are_not_taken_for_ones_own(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    source = [{"real": torch.tensor([float(i)])} for i in range(8)]
    rows = StreamedRows(source, {"real": Space(shape=(1,))}, index="", workers=0)
    mine, others, same = torch.tensor([1, 2]), torch.tensor([5]), torch.equal
    expected = rows.column("real", mine)

    def interrupted(one: Tensor, other: Tensor) -> bool:
        found = same(one, other)
        monkeypatch.setattr(torch, "equal", same)
        rows.column("real", others)
        return found

    monkeypatch.setattr(torch, "equal", interrupted)
    assert rows.column("real", mine).tolist() == expected.tolist()


# ----------------------------------------------------------------------------------------- forks


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no forks")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_a_fork_samples_the_same_though_another_thread_trained_and_loaded() -> None:
    frozen = game().frozen()
    expected = frozen.sample(5, seed=1)["fake"]
    with computing_on(2):  # its second thread is not in the fork
        torch.ones(10**6).sum()
    held, forked = threading.Event(), threading.Event()

    def hold() -> None:
        with PROCESS.held(), DefaultRandom(torch.device("cpu")).leased():
            held.set()
            forked.wait(LIMIT)

    thread = threading.Thread(target=hold)
    thread.start()
    held.wait(LIMIT)
    told, tell = os.pipe()
    child = os.fork()
    if child == 0:
        with suppress(BaseException):
            same = torch.equal(frozen.sample(5, seed=1)["fake"], expected)
            os.write(tell, b"same" if same and isolated(int).value == 0 else b"other")
        os._exit(0)
    forked.set()
    thread.join(LIMIT)
    answered, *_ = select.select([told], [], [], LIMIT / 4)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    assert answered, "the fork waits for a thread that it does not have"
    assert os.read(told, 10) == b"same"
    os.close(told)
    os.close(tell)
