"""Streamed rows: a folder too large for memory trains bit for bit as a resident one does."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import pytest
import torch
from PIL import Image

import ganzoo
from ganzoo.builtin.datasets import splits
from ganzoo.builtin.datasets.folder import Folder
from ganzoo.builtin.datasets.given import Given, data_from
from ganzoo.engine.game import Game
from ganzoo.engine.scoring import measure
from ganzoo.engine.streams import Order
from ganzoo.errors import DataError
from ganzoo.parts.dataset import Data
from ganzoo.parts.metric import Direction, Metric
from ganzoo.parts.space import Space
from ganzoo.parts.streamed import StreamedRows

if TYPE_CHECKING:
    from ganzoo.plugins.zoo import Zoo

N, SIZE = 45, 8


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Noise in two subfolders, hence of two classes."""
    root = tmp_path_factory.mktemp("images")
    noise = np.random.default_rng(0).integers(0, 256, (N, SIZE, SIZE, 3), dtype=np.uint8)
    for number, pixels in enumerate(noise):
        path = root / ("cat", "dog")[number % 2] / f"{number:02}.png"
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(pixels).save(path)
    return root


def loaded(images: Path, resident: str, **options: Any) -> Data:
    return Folder(path=str(images), size=SIZE, resident=resident, **options).load()


def played(zoo: Zoo, data: Data, rounds: int) -> Game:
    variant = zoo.compose("dcgan", settings=["architecture.width=4", "batch=8", "ema=0.9"])
    game = Game(variant, data)
    for _ in range(rounds):
        game.round()
    return game


def tensors(game: Game) -> dict[str, torch.Tensor]:
    state, facts = game.state()
    return {**state, "position": torch.tensor(facts["position"])}


def same(one: Game, other: Game) -> bool:
    mine, its = tensors(one), tensors(other)
    return mine.keys() == its.keys() and all(torch.equal(mine[name], its[name]) for name in mine)


def children() -> set[int | None]:
    return {child.pid for child in multiprocessing.active_children()}


def gone(before: set[int | None]) -> bool:
    """Whether no process is left that was not there before, within ten seconds."""
    for _ in range(100):
        if children() <= before:
            return True
        time.sleep(0.1)
    return False


# ------------------------------------------------------------------------- equal to resident rows


def test_a_streamed_folder_has_the_rows_of_a_resident_one(images: Path) -> None:
    resident, streamed = loaded(images, "yes"), loaded(images, "no")
    for mine, its in ((streamed.train, resident.train), (streamed.held_out, resident.held_out)):
        assert len(mine) == len(its)
        rows = torch.tensor([0, 3, 1])
        for name in its.names:
            assert torch.equal(mine.column(name), its.column(name))
            assert torch.equal(mine.column(name, rows), its.column(name, rows))
            assert torch.equal(mine.column(name, slice(-2, None)), its.column(name)[-2:])
    assert streamed.spaces == resident.spaces
    assert streamed.spaces["label"].names == ("cat", "dog")


@pytest.mark.parametrize("workers", [0, 1, 2])
def test_training_is_bit_equal_whatever_the_number_of_workers(
    images: Path, zoo: Zoo, workers: int
) -> None:
    # 12 rounds of two batches of eight are more than four epochs.
    resident = played(zoo, loaded(images, "yes"), 12)
    streamed = played(zoo, loaded(images, "no", workers=workers), 12)
    assert same(streamed, resident)
    ahead = streamed.train._ahead  # type: ignore[attr-defined]
    # The first batch was read by the check of the composition.
    assert (ahead.served if ahead else 0) == (11 if workers else 0)


def test_a_resumed_game_plays_on_bit_for_bit(images: Path, zoo: Zoo) -> None:
    data = loaded(images, "no", workers=1)
    whole, half = played(zoo, data, 6), played(zoo, data, 3)
    state, facts = half.state()
    resumed = Game(half.variant, data)
    resumed.round()  # its workers now fetch what is not to come
    resumed.restore({name: value.clone() for name, value in state.items()}, facts)
    for _ in range(3):
        resumed.round()
    assert same(resumed, whole)


def test_a_run_of_a_streamed_folder_is_opened_and_resumed(
    images: Path, zoo: Zoo, tmp_path: Path
) -> None:
    def train(out: str, rounds: int, *, resident: str = "no", resume: bool = False) -> Game:
        settings = ["architecture.width=4", "batch=8", "data.size=8", f"data.resident={resident}"]
        return ganzoo.train(
            "dcgan",
            data=f"folder:{images}",
            settings=settings,
            rounds=rounds,
            out=tmp_path / out,
            resume=resume,
            zoo=zoo,
        ).game

    before = children()
    whole = train("whole", 6)
    assert gone(before)
    train("half", 3)
    assert same(train("half", 6, resume=True), whole)
    assert "workers" not in (tmp_path / "half" / "run.json").read_text()
    assert ganzoo.sample(tmp_path / "half", 3, zoo=zoo).shape == (3, 3, SIZE, SIZE)
    (score,) = ganzoo.evaluate(tmp_path / "half", n=20, metrics=["frechet"], zoo=zoo)
    assert score.n_real == N - len(whole.train)
    settings = ["architecture.width=4", "batch=8", "data.size=8", "data.resident=no"]
    options: dict[str, Any] = {"data": f"folder:{images}", "out": tmp_path / "half", "zoo": zoo}
    for workers in (0, 2):  # another number of them is no other run
        more = [*settings, f"data.workers={workers}"]
        ganzoo.train("dcgan", settings=more, rounds=6, resume=True, **options)
        other = {**options, "out": tmp_path / f"{workers}"}
        run = ganzoo.train("dcgan", settings=more, rounds=1, **other)
        assert run.game.train.workers == workers  # type: ignore[attr-defined]
    assert torch.equal(tensors(train("resident", 6, resident="yes"))["random"], whole.random.state)


def test_a_folder_is_streamed_where_it_would_not_fit(
    images: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert not loaded(images, "auto").train.fetched
    monkeypatch.setattr(splits, "RESIDENT_BYTES", N * SIZE * SIZE * 3 - 1)
    assert loaded(images, "auto").train.fetched == {"real"}
    assert "resident" not in Folder(path="x").spec()
    assert Folder(path="x", resident="no").spec()["resident"] == "no"


def test_a_streamed_folders_sha256_is_of_paths_and_sizes(images: Path, tmp_path: Path) -> None:
    sha256 = loaded(images, "no").sha256
    assert sha256 != loaded(images, "yes").sha256
    copy = tmp_path / "copy"
    subprocess.run(["cp", "-r", str(images), str(copy)], check=True)
    assert loaded(copy, "no").sha256 == sha256
    Image.new("RGB", (SIZE, SIZE)).save(copy / "cat" / "00.png")
    assert loaded(copy, "no").sha256 != sha256
    assert Folder(path=str(images), size=16, resident="no").load().sha256 != sha256


# -------------------------------------------------------------------------- what is fetched, when


class Counted:
    """A source that notes which rows were read."""

    def __init__(self, n: int = 40) -> None:
        self.n, self.read = n, list[int]()

    def __len__(self) -> int:
        return self.n

    def __getitem__(self, row: int) -> dict[str, Any]:
        self.read.append(row)
        return {"real": torch.tensor([row, -row]).float(), "label": row % 3}


SPACES = {"real": Space(shape=(2,)), "label": Space(classes=3)}


def streamed(source: Any, workers: int = 0, **options: Any) -> StreamedRows:
    return StreamedRows(source, SPACES, index="", workers=workers, **options)


def test_turns_that_do_not_read_the_data_fetch_nothing(zoo: Zoo) -> None:
    source = Counted()
    rows = streamed(source)
    variant = zoo.compose("vanilla", settings=["architecture.width=8", "batch=8", "sampler.dim=2"])
    game = Game(variant, Data("counted", rows, rows, SPACES))
    assert game.fetching == {"discriminator"}
    game.round()
    source.read.clear()
    game.round()
    order = Order(40, 0, torch.device("cpu"))
    order.take(16)
    assert source.read == order.take(8).tolist()  # and not the generator's eight


def test_what_comes_is_known_without_moving() -> None:
    order = Order(10, 0, torch.device("cpu"))
    order.take(7)
    coming = order.coming(4, [True, False, True])
    ahead = [next(coming) for _ in range(6)]
    assert order.position == 7
    taken = [order.take(4) for _ in range(9)]
    read = [batch for i, batch in enumerate(taken) if i % 3 != 1]
    assert torch.equal(torch.stack(ahead), torch.stack(read))
    assert list(order.coming(4, [False, False])) == []


def test_a_batch_serves_all_its_columns_and_other_rows_are_read_at_once() -> None:
    source = Counted()
    rows = streamed(source, chosen=torch.arange(20, 40), resident={"known": torch.arange(20)})
    some = torch.tensor([3, 0])
    assert rows.column("real", some).tolist() == [[23, -23], [20, -20]]
    assert rows.column("label", some).tolist() == [23 % 3, 20 % 3]
    assert rows.column("known", some).tolist() == [3, 0]
    assert source.read == [23, 20]
    assert len(rows) == 20
    assert rows.names == ("real", "label", "known")
    assert rows.fetched == {"real", "label"}


def test_batches_that_were_announced_and_not_read_are_dropped() -> None:
    rows = streamed(Counted(), workers=1)
    order = Order(40, 0, torch.device("cpu"))
    batches = [torch.arange(at, at + 4) for at in range(0, 40, 4)]
    rows.ahead(iter(batches))
    assert rows.column("real", batches[2])[:, 0].tolist() == [8, 9, 10, 11]
    assert rows.column("real", torch.tensor([39]))[:, 0].tolist() == [39]
    assert rows.column("real", batches[3])[:, 0].tolist() == [12, 13, 14, 15]
    assert rows._ahead is not None
    assert rows._ahead.served == 2
    rows.ahead(order.coming(4, [True]))  # another order: fetching starts anew
    first = order.take(4)
    assert torch.equal(rows.column("real", first)[:, 0], first.float())
    assert rows._ahead.served == 1
    rows.ahead(())


def test_a_sampler_with_an_order_of_its_own_does_not_start_workers_each_round() -> None:
    rows = streamed(Counted(), workers=1)
    for start in range(3):
        rows.ahead(iter([torch.tensor([start])] * 3))
        assert (rows._ahead is not None) == (start == 0)
    rows.ahead(())
    rows.ahead(iter([torch.tensor([5])] * 3))
    assert rows._ahead is not None
    rows.ahead(())


def test_reading_ahead_draws_nothing_from_torchs_random_generator() -> None:
    rows = streamed(Counted(), workers=1)
    before = torch.get_rng_state()
    rows.ahead(iter([torch.arange(4)] * 3))
    rows.column("real", torch.arange(4))
    rows.ahead(())
    assert torch.equal(torch.get_rng_state(), before)


def test_many_rows_are_read_by_the_workers() -> None:
    source = Counted(3000)
    found = streamed(source, workers=1).column("real")
    assert found[:, 0].tolist() == list(range(3000))
    assert source.read == []  # not in this process


def test_workers_end_with_the_rows_and_with_the_hint() -> None:
    before = children()
    rows = streamed(Counted(), workers=2)
    for end in ("hint", "delete"):
        rows.ahead(iter([torch.arange(4)] * 20))
        rows.column("real", torch.arange(4))
        assert len(children() - before) == 2
        if end == "hint":
            rows.ahead(())
        else:
            del rows
        assert gone(before)


def test_streamed_rows_are_scored_against_as_many_as_are_asked_for() -> None:
    source = Counted(200)
    rows = streamed(source)
    data = Data("counted", rows, rows, SPACES)

    class Seen(Metric):
        rows: int = 50
        better: ClassVar[dict[str, Direction]] = {"frechet-distance": "lower"}

        def measure(self, real: torch.Tensor, fake: torch.Tensor) -> dict[str, float]:
            return {"frechet-distance": float(real[:, 0].sum()) + len(fake)}

    first, again = (measure([Seen()], data, {"fake": torch.zeros(60, 2)}, seed=0) for _ in "ab")
    assert first == again
    assert len(source.read) == len({*source.read}) == 50
    assert (first[0].n_real, first[0].n_fake) == (50, 50)
    assert first[0].value == sum(source.read) + 50


# ------------------------------------------------------------------------------------ what breaks


@pytest.mark.parametrize("workers", [0, 1])
def test_a_file_that_cannot_be_read_is_named_when_its_turn_comes(
    images: Path, tmp_path: Path, zoo: Zoo, workers: int
) -> None:
    copy = tmp_path / "copy"
    subprocess.run(["cp", "-r", str(images), str(copy)], check=True)
    data = loaded(copy, "no", workers=workers)
    game = played(zoo, data, 1)
    reader: Any = data.train.reader  # type: ignore[attr-defined]
    broken = copy / os.fsdecode(reader.source.paths[reader.chosen[game.order.take(8)[5]]])
    game.order.position -= 8
    broken.write_bytes(broken.read_bytes()[:50])
    game.train.ahead(())  # what was fetched before the file broke
    with pytest.raises(DataError) as caught:
        game.round()
    assert str(caught.value).startswith(f"{broken} cannot be read as an image (")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("item", "sentence"),
    [
        ({"label": 0}, "cannot be read: no 'real'."),
        ({"real": torch.zeros(3), "label": 0}, "has 'real' of shape (3,), not (2,)."),
        ({"real": torch.zeros(2), "label": 3}, "has the label 3; there are 3 classes, 0 to 2."),
        (ValueError("the disk is gone"), "cannot be read: the disk is gone."),
    ],
)
def test_a_row_that_is_not_as_its_spaces_say_is_named(item: Any, sentence: str) -> None:
    class Broken(Counted):
        def __getitem__(self, row: int) -> dict[str, Any]:
            if row == 7 and isinstance(item, Exception):
                raise item
            return item if row == 7 else super().__getitem__(row)

    for workers in (0, 1):
        rows = streamed(Broken(), workers)
        rows.ahead(iter([torch.arange(4), torch.arange(4, 8)]))
        assert len(rows.column("real", torch.arange(4))) == 4
        with pytest.raises(DataError) as caught:
            rows.column("real", torch.arange(4, 8))
        assert str(caught.value) == f"row 7 of the data {sentence}"


def test_a_worker_that_is_killed_is_an_error() -> None:
    before = children()
    rows = streamed(Slow(), workers=1)
    rows.ahead(iter([torch.arange(4)] * 20))
    (worker,) = children() - before
    assert worker is not None
    os.kill(worker, signal.SIGKILL)
    with pytest.raises(DataError, match=r"^a worker that fetches rows has stopped: DataLoader"):
        rows.column("real", torch.arange(4))


def test_workers_leave_ctrl_c_to_the_training_process() -> None:
    before = children()
    rows = streamed(Slow(), workers=1)
    batches = [torch.arange(at, at + 2) for at in range(0, 20, 2)]
    rows.ahead(iter(batches))
    (worker,) = children() - before
    assert worker is not None
    time.sleep(1)  # it has started, and reads
    os.kill(worker, signal.SIGINT)
    for batch in batches[:2]:
        assert rows.column("real", batch)[:, 0].tolist() == batch.tolist()
    assert children() - before == {worker}


class Slow(Counted):
    def __getitem__(self, row: int) -> dict[str, Any]:
        time.sleep(1)
        return super().__getitem__(row)


def test_ctrl_c_saves_the_round_and_leaves_no_process(images: Path, tmp_path: Path) -> None:
    words = ["train", "dcgan", "--data", f"folder:{images}", "--rounds", "100000"]
    for setting in ("architecture.width=4", "batch=8", "data.size=8", "data.resident=no"):
        words += ["--set", setting]
    command = [sys.executable, "-m", "ganzoo", *words, "--out", str(tmp_path / "run")]
    run = subprocess.Popen(command, stderr=subprocess.PIPE, start_new_session=True, text=True)
    log = tmp_path / "run" / "log.jsonl"
    for _ in range(300):
        if log.exists() and log.read_text().count("\n") > 2:
            break
        time.sleep(0.1)
    os.killpg(run.pid, signal.SIGINT)  # as a terminal does: the workers get it too
    _, errors = run.communicate(timeout=60)
    assert "interrupted after round" in errors, errors
    assert "Traceback" not in errors
    assert list((tmp_path / "run" / "checkpoints").glob("*.safetensors"))
    for _ in range(50):
        try:
            os.killpg(run.pid, 0)
        except ProcessLookupError:
            return
        time.sleep(0.1)
    pytest.fail("a process is left")


# ----------------------------------------------------------------------------- given from Python


class Pairs:
    """A map-style dataset of images and classes, as torchvision's are."""

    classes = ("even", "odd")

    def __len__(self) -> int:
        return 30

    def __getitem__(self, row: int) -> tuple[Image.Image, int]:
        return Image.new("RGB", (8, 8), (row, 0, 255 - row)), row % 2


def test_a_torch_dataset_is_streamed(zoo: Zoo) -> None:
    data = data_from(Pairs())
    assert data.train.fetched == {"real", "label"}
    assert data.spaces["real"] == Space(shape=(3, 8, 8), bounded=True)
    assert data.spaces["label"] == Space(classes=2, names=("even", "odd"))
    assert (len(data.train), len(data.held_out)) == (27, 3)
    rows = data.train.reader.chosen  # type: ignore[attr-defined]
    assert torch.equal(data.train.column("label"), rows % 2)
    assert torch.equal(data.train.column("real")[:, 0, 0, 0], rows.float() / 127.5 - 1)
    assert data_from(Pairs()).sha256 == data.sha256
    columns = {
        "real": np.stack([np.asarray(Pairs()[i][0]) for i in range(30)]),
        "label": torch.arange(30) % 2,
    }
    assert same(played(zoo, data, 3), played(zoo, data_from(columns), 3))


def test_a_memory_mapped_array_is_streamed(zoo: Zoo, tmp_path: Path) -> None:
    array = np.random.default_rng(0).integers(0, 256, (30, 8, 8), dtype=np.uint8)
    np.save(tmp_path / "images.npy", array)
    data = data_from(np.load(tmp_path / "images.npy", mmap_mode="r"))
    assert data.train.fetched == {"real"}
    assert data.spaces["real"].shape == (1, 8, 8)
    assert same(played(zoo, data, 3), played(zoo, data_from(array), 3))


def test_a_dataset_that_does_not_say_its_classes_is_asked_for_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delattr(Pairs, "classes")
    with pytest.raises(
        DataError, match=r"^rows of the given Pairs have a 'label', but it does not"
    ):
        data_from(Pairs())
    monkeypatch.setattr(Pairs, "spaces", {"real": Space(shape=(3, 8, 8))}, raising=False)
    assert data_from(Pairs()).train.names == ("real",)


def test_what_was_given_cannot_be_read_again() -> None:
    with pytest.raises(DataError, match=r"^this run's data were given from Python .* pass them"):
        Given(sha256="0" * 64).load()
    assert Given(sha256="0" * 64).spec() == {"part": "given", "sha256": "0" * 64}
