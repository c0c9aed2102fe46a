"""The devices of a benchmark: each run has the next that is free, and its results say which."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from ganzoo.benchmark import cluster
from ganzoo.benchmark.cluster import RayCluster
from ganzoo.benchmark.contest import bench
from ganzoo.benchmark.devices import device_terms
from ganzoo.benchmark.jobs import Contest, Job
from ganzoo.benchmark.report import machines, words
from ganzoo.benchmark.runners import Server
from ganzoo.errors import OptionError, RunError
from tests.test_bench import SMALL, quality

if TYPE_CHECKING:
    from pathlib import Path

    from ganzoo.plugins.zoo import Zoo


def devices_of(folder: Path) -> set[str]:
    return {json.loads(path.read_text())["device"] for path in folder.glob("runs/*/run.json")}


def test_runs_are_spread_over_the_devices(
    zoo: Zoo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    places, init = [], Server.__init__

    def noted(self: Server, **options: Any) -> None:
        places.append(options["device"])
        init(self, **options)

    monkeypatch.setattr(Server, "__init__", noted)
    terms: dict[str, Any] = {**SMALL, "rounds": 1, "evaluations": 1, "seeds": 2, "threads": 1}
    (made,) = bench(["vanilla"], out=tmp_path / "b", devices=["cpu", "cpu:0"], **terms)
    assert made.contest.processes == 2
    assert places == ["cpu", "cpu:0"]
    found = devices_of(tmp_path / "b")  # one alone where the other was at work on the references
    assert found <= {*places}
    assert {r.plan.device for r in made.results if r.plan is not None} == found
    where = " or ".join(sorted(found))
    assert machines(made)[0].startswith(f"Device {where}, runs at a time: 2, ")
    command = words(made.contest, made.folder)
    assert command[command.index("--devices") + 1] == "cpu,cpu:0"
    # A resumed one may have others; without a word it keeps them.
    (again,) = bench(["vanilla"], out=tmp_path / "b", **terms)
    assert again.contest.devices == ("cpu", "cpu:0")
    (other,) = bench(["vanilla"], out=tmp_path / "b", devices="cpu:0", zoo=zoo, **terms)
    assert (other.contest.devices, other.contest.processes) == (("cpu:0",), 1)
    (single,) = bench(["vanilla"], out=tmp_path / "b", device="cpu:0", zoo=zoo, **terms)
    assert (single.contest.device, single.contest.devices) == ("cpu:0", ())
    bench(["vanilla"], out=tmp_path / "c", device="cpu", zoo=zoo, **terms)
    b, c = ([{**row, "plan": None} for row in quality(tmp_path / name)] for name in ("b", "c"))
    assert b == c


@pytest.mark.parametrize(
    ("terms", "message"),
    [
        (
            {"devices": ["cpu", "meta"]},
            "device 'meta' cannot be used here: name one of cpu, cuda, mps.",
        ),
        (
            {"devices": []},
            "the devices of a benchmark are of one kind, so that runs compare, not none.",
        ),
        ({"devices": ["cpu"], "device": "cpu"}, "give --devices or --device, not both."),
        (
            {"devices": ["cpu"], "ray": "local"},
            "give --devices or --ray, which gives each run a GPU of its own.",
        ),
    ],
)
def test_devices_that_cannot_be(terms: dict[str, Any], message: str, tmp_path: Path) -> None:
    with pytest.raises(Exception, match=r"^[^\n]*$") as error:
        bench(["vanilla"], out=tmp_path / "b", **terms)
    assert str(error.value) == message
    assert not (tmp_path / "b").exists()


def test_more_runs_at_a_time_than_devices_share_them() -> None:
    assert device_terms("auto", ["cpu", "cpu:0"], 3, None)["processes"] == 3
    assert device_terms("auto", ["cpu", "cpu:0"], 1, None)["processes"] == 2


def test_devices_of_two_kinds_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ganzoo.benchmark.devices.chosen_device", str)
    with pytest.raises(OptionError) as error:
        bench(["vanilla"], out=tmp_path / "b", devices=["cuda:1", "cpu"])
    assert str(error.value) == (
        "the devices of a benchmark are of one kind, so that runs compare, not cpu and cuda."
    )


def test_a_task_of_ray_has_a_gpu_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, done = [], []

    def remote(**options: Any) -> Any:
        asked.append(options)
        return lambda function: SimpleNamespace(remote=lambda job: done.append(job) or len(done))

    ray = SimpleNamespace(
        remote=remote,
        wait=lambda references, timeout: (references, []),
        get=lambda reference: {},
        shutdown=lambda: None,
        exceptions=SimpleNamespace(RayError=ValueError),
    )
    monkeypatch.setattr(cluster.RayCluster, "connected", lambda self, threads: ray)
    for device, gpus in (("cuda:1", 1), ("cpu", 0)):
        contest = Contest(contenders={"a": "vanilla"}, data="ring", device=device, threads=2)
        job = Job(contest=contest, contender="a", seed=0, folder=tmp_path)
        assert list(RayCluster(None, 1).run([job], lambda: None)) == [job]
        assert asked[-1] == {"num_cpus": 2, "num_gpus": gpus, "max_retries": 0}
        assert done[-1].place == device.partition(":")[0]


def test_a_benchmark_by_torchrun_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv("TORCHELASTIC_RUN_ID", "test")
    with pytest.raises(RunError) as error:
        bench(["vanilla"], data="ring", rounds=1, out=tmp_path)
    assert str(error.value) == (
        "a benchmark is one process, and torchrun has started several; run it without torchrun, "
        "with --devices (devices=...) for several GPUs."
    )
    assert not list(tmp_path.iterdir())
