"""The processes of runs: what one does reaches no other, and each is noted as it ended."""

from __future__ import annotations

import os
import resource
import threading
from pathlib import Path

import pytest

from ganzoo.benchmark import runners
from ganzoo.benchmark.contest import bench
from ganzoo.benchmark.folder import Bench
from ganzoo.errors import InterruptedRunError
from ganzoo.plugins.zoo import Zoo
from tests.test_bench import SMALL, quality

PRINTS = """import os, sys, ganzoo
class Prints(ganzoo.Observer):
    name = "prints"
    def noted(self, first, terms):
        print(0, flush=True)  # no exit code of a run
        os.write(1, b"7\\n")
        with open(self.run.folder / "process", "w") as file:
            file.write(f"{os.getpid()} {os.getppid()} {sys.flags.safe_path}")
@ganzoo.hookimpl
def ganzoo_observers(): return [Prints]
"""


def installed(folder: Path, name: str, code: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A plugin on the path of new processes alone."""
    (folder / f"ganzoo_{name}.py").write_text(code)
    info = folder / f"ganzoo_{name}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: ganzoo-{name}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[ganzoo]\n{name} = ganzoo_{name}\n")
    monkeypatch.syspath_prepend(str(folder))


@pytest.mark.parametrize("fork", [True, False])
def test_every_run_has_a_process_of_its_own_whose_prints_are_no_exit_codes(
    *, fork: bool, zoo: Zoo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    installed(tmp_path, "prints", PRINTS, monkeypatch)
    monkeypatch.setattr(runners, "can_fork", lambda _: fork)
    terms = {"rounds": 3, "seeds": 2 if fork else 1, "threads": 1, **SMALL}
    (made,) = bench(["vanilla"], out=tmp_path / "b", **terms)
    seen = [path.read_text().split() for path in (tmp_path / "b").glob("runs/*/process")]
    assert len({child for child, _, _ in seen}) == terms["seeds"]
    assert len({parent for _, parent, _ in seen}) == 1
    assert (os.getpid() in {int(parent) for _, parent, _ in seen}) is not fork
    assert {safe for _, _, safe in seen} == {"True"}
    assert [r.kind for r in made.results if r.kind in {"last", "died"}] == ["last"] * terms["seeds"]
    bench(["vanilla"], out=tmp_path / "c", zoo=zoo, **terms)
    assert quality(tmp_path / "b") == quality(tmp_path / "c")


def test_the_peak_memory_of_a_run_is_not_that_of_the_benchmark(tmp_path: Path) -> None:
    large = bytearray(600 * 2**20)
    large[:: 2**12] = b"1" * len(large[:: 2**12])
    mine = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 2**20
    (made,) = bench(["vanilla"], rounds=3, out=tmp_path, threads=1, **SMALL)
    (cost,) = [r.cost for r in made.results if r.cost is not None]
    assert 50 < cost.peak_memory_mb < mine - 100


def test_a_server_that_is_killed_takes_one_run_with_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = PRINTS.replace(
        "with open", "os.kill(os.getppid(), 9) if self.run.plan.seed == 0 else 0\n        with open"
    )
    installed(tmp_path, "prints", code, monkeypatch)
    (made,) = bench(["vanilla"], rounds=400, seeds=2, threads=1, out=tmp_path / "b", **SMALL)
    ends = {r.seed: r.kind for r in made.results if r.kind in {"last", "died"}}
    assert ends == {0: "died", 1: "last"}


def test_a_cluster_that_asks_every_process_to_end_lets_the_run_save(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asks = "[os.kill(process, 15) for process in (os.getppid(), os.getpid())]\n        with open"
    installed(tmp_path, "prints", PRINTS.replace("with open", asks), monkeypatch)
    terms = {"rounds": 400, "threads": 1, **SMALL}
    with pytest.raises(InterruptedRunError, match="interrupted; every run is saved"):
        bench(["vanilla"], out=tmp_path / "b", **terms)
    (saved,) = (tmp_path / "b").glob("runs/vanilla-0/checkpoints/*.safetensors")
    assert 0 < int(saved.stem) < 400


def test_a_benchmark_may_run_in_any_thread(zoo: Zoo, tmp_path: Path) -> None:
    made: list[Bench] = []

    def run() -> None:
        made.extend(bench(["vanilla"], rounds=2, out=tmp_path, zoo=zoo, **SMALL))

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert made[0].finished
