"""Several ranks play one game: as one process plays it, and nobody waits for one that is gone."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import torch
from ganzoo_vanilla import Mlp
from safetensors.torch import load_file
from torch import Tensor
from torch.nn import functional

from ganzoo.cli.tables import answer, results_only
from ganzoo.engine.game import Game
from ganzoo.engine.group import Group, take_up
from ganzoo.engine.shared_draws import SharedDraws
from ganzoo.errors import ComposeError, RunError
from ganzoo.parts.dataset import Data
from ganzoo.parts.space import Space
from ganzoo.parts.streamed import StreamedRows
from ganzoo.training.joining import check_device
from ganzoo.training.train import train
from tests.small import play, variant_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from ganzoo.plugins.zoo import Zoo

ROOT = Path(__file__).parents[1]
LOST = (
    "error: another rank ended or cannot be reached, so this one ends too; start all of them "
    "again, a training with --resume to go on from its last checkpoint.\n"
)


def started(*words: str) -> list[subprocess.Popen[str]]:
    """A command on two ranks, in the environment that ``torchrun`` gives them."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    given = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "WORLD_SIZE": "2"}
    given |= {"TORCHELASTIC_RUN_ID": "test", "OMP_NUM_THREADS": "1"}
    given |= {"PYTHONPATH": os.pathsep.join([str(ROOT), *filter(None, sys.path)])}
    return [
        subprocess.Popen(
            [sys.executable, *words],
            env={**os.environ, **given, "RANK": rank, "LOCAL_RANK": rank},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in "01"
    ]


def test_two_ranks_are_as_one_process(zoo: Zoo, tmp_path: Path) -> None:
    ranks = started("-m", "tests.in_ranks", str(tmp_path))
    told = [rank.communicate(timeout=240) for rank in ranks]
    assert [rank.returncode for rank in ranks] == [0, 0], told
    assert {path.name for path in tmp_path.glob("done*")} == {"done 0", "done 1"}
    one, two = tmp_path / "one", tmp_path / "shared"
    terms = {"data": "ring", "settings": ["batch=8"], "zoo": zoo, "device": "cpu"}
    train("vanilla", rounds=50, save_every=10, out=one, threads=1, **terms)
    files = [sorted(path.name for path in folder.rglob("*")) for folder in (one, two)]
    assert files[0] == files[1]
    mine, its = (load_file(path / "checkpoints/00000050.safetensors") for path in (one, two))
    for name, value in mine.items():
        assert torch.allclose(value.double(), its[name].double(), rtol=1e-4, atol=1e-5), name
    logs = [(path / "log.jsonl").read_text().splitlines() for path in (one, two)]
    assert [json.loads(row)["round"] for row in logs[0]][-1] == 50
    for row, other in zip(logs[0][-1:], logs[1][-1:], strict=True):
        assert {**json.loads(other), "seconds": 0} == pytest.approx(
            {**json.loads(row), "seconds": 0}, rel=1e-4
        )


def test_when_a_rank_is_killed_the_others_end_and_one_is_silent(tmp_path: Path) -> None:
    words = ["-m", "ganzoo", "train", "vanilla", "--data", "ring", "--set", "batch=8"]
    words += ["--rounds", "1000000", "--save-every", "10", "--device", "cpu"]
    first, second = started(*words, "--out", str(tmp_path / "run"))
    began = time.monotonic()
    while not list(tmp_path.glob("run/checkpoints/*.safetensors")):
        assert first.poll() is None, first.communicate()
        assert time.monotonic() < began + 120
        time.sleep(0.05)
    first.kill()
    out, err = second.communicate(timeout=120)
    first.communicate()
    assert (second.returncode, out, err) == (1, "", LOST)


class Second(Group):
    """Rank 1 of two, as far as it is by itself."""

    def __init__(self) -> None:
        self.rank, self.world, self.sync_batch_norm = 1, 2, False

    def averaged(self, grads: Any, terms: Any) -> Any:
        return grads, terms


def test_a_rank_reads_and_announces_its_own_rows_of_streamed_data(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    source = [{"real": torch.tensor([float(i), 0.0])} for i in range(20)]
    space = Space(shape=(2,))
    rows = StreamedRows(source, {"real": space}, index="", workers=0)
    game = Game(
        variant_of(Mlp(width=4)), Data("streamed", rows, rows, {"real": space}), ranks=Second()
    )
    announced, read = [], []
    column = StreamedRows.column

    def reading(self: StreamedRows, name: str, rows: Tensor) -> Tensor:
        read.append(rows.tolist())
        return column(self, name, rows)

    monkeypatch.setattr(StreamedRows, "column", reading)
    ahead = lambda _, batches: announced.append(next(iter(batches)).tolist())  # noqa: E731
    monkeypatch.setattr(StreamedRows, "ahead", ahead)
    whole = game.order.coming(8, [True, True])
    expected = [batch.tolist()[4:] for batch, _ in zip(whole, range(2), strict=False)]
    play(game, 1)
    assert announced == expected[:1] == read[:1]


def test_what_ranks_cannot_share_is_refused() -> None:
    step = "2 ranks cannot share a step of 3 samples evenly; set its size so that 2 divides it."
    with pytest.raises(ComposeError) as error:
        Second().dealt(None, {"z": torch.zeros(3, 2)})
    assert str(error.value) == step


# ---------------------------------------------------------------------------------- random numbers

DRAWS: dict[str, Callable[[int], Tensor]] = {
    "rand": lambda n: torch.rand(n, 1, 2),
    "randint": lambda n: torch.randint(1, 9, (n,)),
    "like": lambda n: torch.randn_like(torch.zeros(n, 3)),
    "twice": lambda n: torch.rand_like(torch.zeros(2 * n, 3)).view(2, n, 3).transpose(0, 1),
    "second": lambda n: torch.rand(3, n).T,
    "uniform": lambda n: torch.zeros(n, 2).uniform_(),
    "exponential": lambda n: torch.zeros(n, 2).exponential_(),
    "bernoulli": lambda n: torch.bernoulli(torch.full((n, 5), 0.5)),
    "normal": lambda n: torch.normal(torch.zeros(n, 3), 1.0),
    "dropout": lambda n: functional.dropout(torch.ones(n, 9)),
    "images": lambda n: functional.dropout(
        torch.ones(n, 3, 4, 4).to(memory_format=torch.channels_last)
    ),
}


@pytest.mark.parametrize("name", DRAWS)
def test_ranks_draw_for_the_whole_batch_and_keep_their_slice(name: str) -> None:
    draw, share = DRAWS[name], 5
    torch.manual_seed(0)
    whole, after = draw(2 * share), torch.rand(3)
    for rank in (0, 1):
        torch.manual_seed(0)
        with SharedDraws(rank, 2, share):
            mine = draw(share)
        assert torch.equal(mine, whole[rank * share :][:share])
        assert torch.equal(torch.rand(3), after)


def test_what_is_drawn_for_all_samples_is_the_same_on_all_ranks() -> None:
    torch.manual_seed(0)
    whole = torch.rand(()), torch.rand(3)
    for rank in (0, 1):
        torch.manual_seed(0)
        with SharedDraws(rank, 2, 5):
            assert torch.equal(torch.rand(()), whole[0])
            assert torch.equal(torch.rand(3, generator=None), whole[1])
            assert torch.rand(5, 2).untyped_storage().nbytes() == 5 * 2 * 4
            state, query = torch.get_rng_state(), torch.ones(5, 1, 2, 4)
            functional.scaled_dot_product_attention(query, query, query)  # without dropout
            assert torch.equal(torch.get_rng_state(), state)
            own = torch.Generator().manual_seed(1)
            mine = torch.rand(5, generator=own)
        assert torch.equal(mine, torch.rand(5, generator=torch.Generator().manual_seed(1)))


def test_draws_whose_number_depends_on_values_leave_ranks_in_step() -> None:
    drawn, after = [], []
    for rank in (0, 1):
        torch.manual_seed(0)
        with SharedDraws(rank, 2, 50):
            drawn.append(torch.poisson(torch.full((50,), 3.0 + 100 * rank)) - 100 * rank)
            drawn.append(torch.randperm(50))
        after.append(torch.rand(3))
    assert torch.equal(*after)
    assert not torch.equal(drawn[0], drawn[2])
    assert not torch.equal(drawn[1], drawn[3])


# ----------------------------------------------------------------------------------------- devices


@pytest.mark.parametrize(
    ("device", "message"),
    [
        ("mps", "several ranks train on cuda or cpu, not on mps."),
        ("cuda:1", "each rank has a GPU of its own; say --device cuda in place of cuda:1."),
        ("cuda", "there are more ranks than GPUs here, 1; start one for each GPU."),
    ],
)
def test_ranks_need_a_device_each(
    device: str, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    monkeypatch.setenv("LOCAL_RANK", "1")
    with pytest.raises(RunError) as error:
        check_device(device)
    assert str(error.value) == message


def test_rank_0_alone_prints(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TORCHELASTIC_RUN_ID", "test")
    for rank in "01":
        monkeypatch.setenv("RANK", rank)
        with results_only():
            answer(f"rank {rank}")
            print("told")  # noqa: T201
    assert capsys.readouterr() == ("rank 0\n", "told\n")


class Level:
    """A state of one tensor, which ``restore`` replaces."""

    def __init__(self, *, copies: bool) -> None:
        self.level, self.copies = torch.zeros(2), copies

    def state(self) -> dict[str, Tensor]:
        return {"level": self.level.clone() if self.copies else self.level}

    def restore(self, state: dict[str, Tensor]) -> None:
        self.level = state["level"]


@pytest.mark.parametrize("copies", [False, True])
def test_another_ranks_state_is_taken_up_in_place_where_that_does_it(copies: bool) -> None:  # noqa: FBT001
    state, its = Level(copies=copies), {"level": torch.ones(2)}
    place = state.level.data_ptr()
    take_up(state, its)
    assert torch.equal(state.level, torch.ones(2))
    assert (state.level.data_ptr() == place) is not copies
