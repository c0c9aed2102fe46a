"""The benchmarks of speed run, count what they should, and write what they promise."""

from __future__ import annotations

import json
import math
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import engine_overhead
import gpu
import gpu_rows
import growth
import pytest
import torch
from growth_picture import BEYOND, short, slope
from peak import peak_memory
from peers import particlegan, playing
from peers.install import PEERS, commands
from timing import Ratio, Report, alternate, compare, flops, markdown, matrix_product, write
from torch import nn

BENCHMARKS = Path(__file__).parent.parent / "benchmarks"
linux = pytest.mark.skipif(sys.platform != "linux", reason="it reads /proc")

PLUGINS = [*Path(__file__).parents[1].glob("plugins/ganzoo-*")]


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


# ------------------------------------------------------------------------------------------ timing


def test_contenders_take_turns_and_each_goes_first() -> None:
    played: list[str] = []
    contenders = {name: lambda name=name: played.append(name) for name in "abc"}
    times = alternate(contenders, rounds=2, seconds=0, warm=1)
    assert "".join(played) == "abc" + "aabbcc" + "bbccaa" + "ccaabb"
    assert {name: len(took) for name, took in times.items()} == dict.fromkeys("abc", 3)


def test_a_turn_is_timed_by_the_clock_that_is_given() -> None:
    ticks = iter(range(100))
    times = alternate({"a": lambda: None}, rounds=4, seconds=0, clock=lambda: float(next(ticks)))
    assert times == {"a": [0.25] * 3}


def test_a_ratio_is_of_pairs_and_not_of_medians() -> None:
    ratio = Ratio.of([2.0, 20.0, 200.0], [1.0, 10.0, 100.0])
    assert ratio == Ratio(2.0, 2.0, 2.0)
    assert str(Ratio.of([1.0, 2.0, 3.0], [1.0] * 3)) == "2.00 (1.50 to 2.50)"


def test_operations_of_every_pass_are_counted() -> None:
    conv = nn.Conv2d(3, 5, 3)  # 8 x 8 pixels of 5 channels from 3 x 3 of 3, twice for each sum
    once = 2 * (8 * 8 * 5) * (3 * 3 * 3) * 2

    def penalized() -> None:
        sample = torch.ones(2, 3, 10, 10, requires_grad=True)
        (gradient,) = torch.autograd.grad(conv(sample).square().sum(), sample, create_graph=True)
        gradient.square().sum().backward(inputs=list(conv.parameters()))

    assert flops(lambda: conv(torch.ones(2, 3, 10, 10))) == once
    assert flops(lambda: conv(torch.ones(2, 3, 10, 10)).sum().backward()) == 2 * once
    # Forward, backward to the sample; then of both with respect to weights, and through them.
    assert flops(penalized) == 5 * once
    product, operations = matrix_product(16)
    assert flops(product) == operations == 2 * 16**3


def test_a_comparison_has_a_row_for_each_contender() -> None:
    product, _ = matrix_product(64)
    twice = lambda: (product(), product())  # noqa: E731
    rows = compare(
        {"one": product, "two": twice}, against="two", samples=4, seconds=0, rounds=50, side=64
    )
    assert [row["contender"] for row in rows] == ["one", "two"]
    assert [row["MFLOP a sample"] for row in rows] == [2 * 64**3 / 4e6, 4 * 64**3 / 4e6]
    assert rows[0]["times two"].middle > 1
    assert rows[1]["times two"] == Ratio(1.0, 1.0, 1.0)


def test_a_table_has_every_column_once_and_json_keeps_ratios(tmp_path: Path) -> None:
    rows = [{"a": 1234.5, "met": True}, {"a": 0.01234, "b": Ratio(1.0, 0.5, 2.0)}]
    assert markdown(rows).splitlines() == [
        "| a | met | b |",
        "| --- | --- | --- |",
        "| 1,234 | yes |  |",
        "| 0.0123 |  | 1.00 (0.50 to 2.00) |",
    ]
    write(tmp_path / "new" / "rows.json", {"rows": rows})
    read = json.loads((tmp_path / "new" / "rows.json").read_text())
    assert read["rows"][1]["b"] == {"middle": 1.0, "low": 0.5, "high": 2.0}


@linux
def test_the_peak_of_memory_counts_what_is_given_back_and_children() -> None:
    with peak_memory() as peak:
        torch.ones(40 << 18).sum()  # 40 MiB
    assert 39 < peak.mib < 80  # the kernel counts pages a little late
    hold = f"b = bytearray({80 << 20}); import time; time.sleep(0.5)"
    with peak_memory() as peak:
        subprocess.run([sys.executable, "-c", hold], check=True)
    assert peak.children >= 80 << 20


# ------------------------------------------------------------------------------------------- gpu


def test_the_table_of_a_gpu_runs_on_a_cpu(tmp_path: Path, capsys) -> None:
    out = tmp_path / "gpu.json"
    code = gpu.main(["--device", "cpu", "--quick", "--out", str(out)])
    found, said = json.loads(out.read_text()), capsys.readouterr().out
    assert code == int(bool(found["missed"]))
    assert found["missed"] == [], said
    assert [row["case"] for row in found["speed"]] == ["vanilla, 1x28x28", "dcgan, 1x28x28"]
    for row in found["speed"]:
        assert row["eager fp32, rounds/s"] > 0
        assert row["eager bf16, rounds/s"] > 0
    assert all(row["frechet"] > 0 for row in found["dcgan trained"])
    assert "| case | rounds | apart | met |" in said


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_without_a_gpu_it_says_what_to_add(capsys) -> None:
    assert gpu.main([]) == 2
    told = "There is no GPU here; --device cpu --quick shows whether it runs.\n"
    assert capsys.readouterr().err == told


@pytest.mark.parametrize(("off", "met"), [(1e-7, True), (1e-5, False)])
def test_metrics_are_met_where_their_script_says_so(
    off: float, *, met: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    near = {"what": "features", "off": 1e-6, "most": 1e-4, "cpu": 2.0, "device": 0.5}
    found = [near, {"what": "frechet", "off": off, "most": 1e-6, "cpu": 1.0, "device": 0.25}]
    script = tmp_path / "metrics_device.py"
    script.write_text(
        "import sys\n"
        "with open(sys.argv[sys.argv.index('--out') + 1], 'w') as file:\n"
        f"    file.write({json.dumps(json.dumps({'found': found}))})\n"
        f"sys.exit({int(not met)})\n"
    )
    monkeypatch.setattr(gpu_rows, "METRICS", script)
    row = gpu_rows.metrics(gpu.settled(["--device", "cpu", "--quick"]))
    assert (row["worst"], row["off by"], row["met"]) == ("frechet", off, met)
    assert (row["cpu, s"], row["device, s"]) == (3.0, 0.75)
    script.write_text("import nothing_of_this_name\n")
    with pytest.raises(RuntimeError, match="No module named 'nothing_of_this_name'"):
        gpu_rows.metrics(gpu.settled(["--device", "cpu", "--quick"]))


def test_runs_are_alike_where_their_distances_are() -> None:
    eager = {"frechet": 10.0, "seconds": 90.0}
    assert gpu_rows.alike({"frechet": 11.0, "seconds": 18.0}, eager)["met"]
    assert not gpu_rows.alike({"frechet": 12.0, "seconds": 18.0}, eager)["met"]


def test_a_row_that_fails_is_told_and_the_next_goes_on(tmp_path: Path) -> None:
    report = Report(tmp_path / "gpu.json", {"gpu": "none"}, time.perf_counter() + 60)

    def fail() -> dict[str, object]:
        message = "no\nmemory"
        raise RuntimeError(message)

    report.add("speed", "one", fail)
    report.add("speed", "two", lambda: {"met": False})
    report.add("speed", "three", lambda: {"met": True})
    report.end = 0.0
    report.add("speed", "four", fail)
    assert report.missed == ["speed: one", "speed: two", "speed: four"]
    assert json.loads((tmp_path / "gpu.json").read_text())["speed"] == [
        {"case": "one", "failed": "RuntimeError: no"},
        {"case": "two", "met": False},
        {"case": "three", "met": True},
        {"case": "four", "left out": "no time was left"},
    ]


# ------------------------------------------------------------------------------------------ growth


@linux
def test_growth_is_measured_told_and_drawn(tmp_path: Path, capsys) -> None:
    out, picture = tmp_path / "growth.json", tmp_path / "growth.png"
    words = ["--quick", "--axes", "width", "streamed rows", "--out", str(out)]
    assert growth.main([*words, "--picture", str(picture)]) == 0
    found = json.loads(out.read_text())
    assert [(p["axis"], p["value"]) for p in found["points"]] == [
        ("width", 8),
        ("width", 16),
        ("streamed rows", 10_000),
        ("streamed rows", 100_000),
    ]
    assert all(p["seconds"] > 0 and p["MiB"] >= 0 for p in found["points"])
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert "| width | 8; 16 | a round |" in capsys.readouterr().out


def test_a_slope_is_the_power_between_the_last_three_points() -> None:
    points = [{"value": n, "seconds": 7 * n**2} for n in (10, 20, 40)]
    assert slope([{"value": 1, "seconds": 1e9}, *points], "seconds") == pytest.approx(2)


def test_ticks_are_short() -> None:
    assert [*map(short, (0.05, 8, 1024, 10_000, 10**7))] == ["0.05", "8", "1024", "10k", "10M"]


def test_what_is_beyond_memory_is_a_cell_of_the_table() -> None:
    name = growth.AXES[3].name
    points = [
        {"axis": name, "value": 10, "seconds": 1.0, "MiB": 2.0},
        {"axis": name, "value": 20, "seconds": 1.0, "MiB": 4.0},
        {"axis": name, "value": 40, "failed": BEYOND},
    ]
    (row,) = growth.table(points)
    assert row["MiB"] == "2; 4; beyond memory"
    assert row["slope of MiB"] == "1.00"


# ------------------------------------------------------------------------------------------- peers


def small_pair() -> playing.Pair:
    generator = nn.Sequential(nn.Linear(6, 3 * 8 * 8), nn.Tanh(), nn.Unflatten(1, (3, 8, 8)))
    critic = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Softplus(), nn.Flatten(), nn.Linear(4 * 36, 1))
    return playing.Pair(generator, critic, latent=6)


@pytest.mark.parametrize("case", playing.RULES)
def test_ganzoo_and_the_plain_loop_do_the_same_work(case: str) -> None:
    pair, rule, data = small_pair(), playing.RULES[case], playing.floats(32, 3, side=8)
    peer = {"peer": playing.plain(pair, rule, data, 4)}
    before = [param.clone() for param in pair.generator.parameters()]
    rows = playing.contest(peer, pair, rule, data, batch=4, seconds=0, side=64)
    assert [row["contender"] for row in rows][:3] == ["peer", "plain loop", "ganzoo"]
    assert rows[1]["MFLOP a sample"] == pytest.approx(rows[2]["MFLOP a sample"], rel=0.01)
    assert all(map(torch.equal, before, pair.generator.parameters()))  # each plays a copy


def test_engine_overhead_runs(tmp_path: Path, capsys) -> None:
    engine_overhead.main(["--quick", "--out", str(tmp_path / "overhead.json")])
    found = json.loads((tmp_path / "overhead.json").read_text())
    said = capsys.readouterr().out
    for case in engine_overhead.CASES:
        assert math.isfinite(found[case]["overhead"])
        assert f"{case}: {found[case]['overhead']:+.1%} (quartiles" in said


def test_the_hundred_gaussians_are_scored_along_the_way(tmp_path: Path) -> None:
    real = particlegan.coverage(particlegan.points(20_000, torch.Generator().manual_seed(0)))
    assert real[0] == 100
    assert real[1] == pytest.approx(1 - math.exp(-4.5), abs=0.003)  # within 3 std in the plane
    assert particlegan.coverage(torch.zeros(20_000, 2)) == (0, 0.0)  # between four centers
    out = tmp_path / "points.json"
    words = ["--contenders", "ganzoo", "--seeds", "1", "--seconds", "0.1", "--out", str(out)]
    particlegan.main(words)
    assert [row["seconds"] for row in json.loads(out.read_text())["rows"]] == [0.025, 0.05, 0.1]


def test_a_peer_is_installed_with_ganzoo_at_the_versions_of_this_repository() -> None:
    for name, peer in PEERS.items():
        first, ours, theirs = commands(name)
        assert first[0] == ours[0] == "-c"
        assert Path(first[1]).name == "constraints.txt"
        assert "torch" in first
        assert sum(word == "-e" for word in ours) == 1 + len(PLUGINS)  # and the core
        assert theirs == ["--no-deps", "--no-build-isolation", *peer.pinned]


def test_a_peer_that_is_not_known_is_refused() -> None:
    words = [sys.executable, str(BENCHMARKS / "peers"), "torchgum"]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (2, f"name one of {', '.join(PEERS)}.\n")
