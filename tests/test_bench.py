"""Benchmarks: same data, same budget, every seed, best and last, whoever does the runs."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from math import inf
from pathlib import Path
from typing import Any

import pytest
import torch
from filelock import FileLock
from torch import Tensor

import ganzoo
from ganzoo.benchmark.compare import compare
from ganzoo.benchmark.contenders import contender
from ganzoo.benchmark.contest import bench, report
from ganzoo.benchmark.cost import cost_of, round_flops
from ganzoo.benchmark.folder import Bench
from ganzoo.benchmark.jobs import Job
from ganzoo.benchmark.results import Result, read
from ganzoo.benchmark.tables import rows_of
from ganzoo.benchmark.worker import Worker
from ganzoo.builtin.datasets.points import Ring
from ganzoo.builtin.metrics.modes import Modes
from ganzoo.engine.game import Game
from ganzoo.errors import InterruptedRunError, RunError, ZooError
from ganzoo.parts.dataset import Data
from ganzoo.parts.observer import Observer
from ganzoo.plugins.zoo import Zoo

SMALL: dict[str, Any] = {"data": "ring", "settings": ["batch=8"], "evaluations": 3}
MIX = "hinge@vanilla+loss=hinge+regularizer=r1+r1.weight=0.1"
TWO = "title: Two\ncontenders: [vanilla]\ndata: [ring, grid]\nbudget: {rounds: 2}\n"
MACHINE = (
    "rounds_per_second",
    "images_per_second",
    "peak_memory_mb",
    "first_sample_ms",
    "batch_sample_ms",
)


def quality(folder: Path) -> list[dict[str, Any]]:
    """The lines of a benchmark without what depends on the machine's speed."""
    lines = []
    for row in (folder / "results.jsonl").read_text().splitlines():
        fields = json.loads(row)
        fields.pop("seconds")
        for name in MACHINE:
            fields.get("cost", {}).pop(name, None)
        lines.append(fields)
    return lines


@pytest.fixture(scope="module")
def done(zoo: Zoo, tmp_path_factory: pytest.TempPathFactory) -> Bench:
    out = tmp_path_factory.mktemp("bench") / "out"
    names = [MIX, "vanilla", "dcgan", "broken@vanilla:optimizers.generator.lr=1e38", "vanilla/ring"]
    (made,) = bench(names, rounds=20, seeds=2, out=out, zoo=zoo, **SMALL)
    return made


def test_every_contender_is_trained_with_every_seed_and_scored_best_and_last(done: Bench) -> None:
    assert read(done.folder / "results.jsonl") == done.results
    for kind in ("best", "last"):
        found = [(r.contender, r.seed) for r in done.results if r.kind == kind]
        assert found == [
            ("hinge", 0),
            ("hinge", 1),
            ("vanilla", 0),
            ("vanilla", 1),
            ("vanilla/ring", 0),
        ]
    curve = [r.rounds for r in done.results if (r.kind, r.contender) == ("curve", "hinge")]
    assert curve == [7, 14, 20] * 2
    last = next(r for r in done.results if r.kind == "last")
    assert last.rounds == 20
    assert last.value("modes-captured") is not None


def test_what_was_trained_before_competes_by_its_name(done: Bench) -> None:
    (row,) = [row for row in rows_of(done) if row["contender"] == "vanilla/ring"]
    assert (row["rank"], row["seeds"], row["rounds"]) == ("", 1, "15000")
    assert float(row["high-quality ↑"]) > 0.95
    assert "too few seeds" in done.verdict()


def test_a_contender_that_cannot_finish_is_a_row_that_says_why(done: Bench) -> None:
    notes = {
        row["contender"]: row["note"]
        for row in rows_of(done)
        if not row.get("seeds") and row.get("note")
    }
    assert notes["dcgan"].startswith("refused (seeds 0, 1): architecture 'dcgan' builds images")
    assert notes["broken"].startswith("diverged (seeds 0, 1): training diverged: in round ")


def test_references_stand_beside_the_results(done: Bench) -> None:
    values = {r.kind: r.value("high-quality") or 0 for r in done.results}
    assert values["training-data"] > 0.98
    assert values["noise"] < 0.05
    assert {"untrained", "curve"} <= values.keys()


def test_each_run_says_what_it_cost(done: Bench) -> None:
    costs = {r.contender: r.cost for r in done.results if r.kind == "last"}
    mine = costs["vanilla"]
    assert mine is not None
    # One sample through 64 -> 128 -> 128 -> 128 -> 2: two operations a weight.
    assert mine.sample_flops == 2 * (64 * 128 + 128 * 128 * 2 + 128 * 2)
    assert mine.parameters["generator"] == 64 * 128 + 128 * 128 * 2 + 128 * 2 + 3 * 128 + 2
    assert mine.round_images == 8
    assert mine.peak_memory_mb > 50
    hinge = costs["hinge"]
    assert hinge is not None
    assert hinge.round_flops > mine.round_flops  # a gradient of a gradient


@pytest.mark.parametrize(("budget", "rounds"), [({"images": 81}, 11), ({"flops": None}, 7)])
def test_a_budget_of_images_or_operations_becomes_rounds(
    budget: dict[str, Any], rounds: int, zoo: Zoo, done: Bench, tmp_path: Path
) -> None:
    if "flops" in budget:
        cost = next(r.cost for r in done.results if (r.contender, r.kind) == ("vanilla", "last"))
        assert cost is not None
        budget = {"flops": 6.5 * cost.round_flops}
    (made,) = bench(["vanilla"], out=tmp_path / "b", zoo=zoo, **budget, **SMALL)
    assert [r.rounds for r in made.results if r.kind == "last"] == [rounds]


# ------------------------------------------------------------------------- whoever does the runs


def in_new_process(out: Path, *words: str, wait: bool = True) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "ganzoo", "bench", "vanilla", MIX, "--data", "ring"]
    command += ["--set", "batch=8", "--rounds", "240", "--seeds", "2", "--evaluations", "3"]
    command += ["--threads", "1", "--out", str(out), *words]
    running = subprocess.Popen(
        command,
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        # What is started in the background may have been told to ignore Ctrl-C.
        preexec_fn=lambda: signal.signal(  # noqa: PLW1509
            signal.SIGINT, signal.default_int_handler
        ),
    )
    if wait:
        _, err = running.communicate(timeout=120)
        assert running.returncode == 0, err
    return running


def test_one_process_two_ray_and_a_killed_one_that_goes_on_end_the_same(tmp_path: Path) -> None:
    one, two, killed, ray = (tmp_path / name for name in ("one", "two", "killed", "ray"))
    running = in_new_process(killed, "--processes", "1", wait=False)
    log = killed / "runs" / "vanilla-1" / "log.jsonl"
    while not log.exists() or len(log.read_text().splitlines()) < 6:
        assert running.poll() is None
        time.sleep(0.02)
    running.kill()
    running.communicate()
    assert not (killed / "results.jsonl").exists()
    held = read(killed / "runs" / "vanilla-1" / "results.jsonl")
    assert [r.kind for r in held][-1:] == ["curve"]  # and nobody goes on with it
    in_new_process(killed, "--processes", "1")
    in_new_process(one, "--processes", "1")
    in_new_process(two, "--processes", "2")
    in_new_process(ray, "--processes", "2", "--ray", "local")
    assert quality(one) == quality(two) == quality(ray) == quality(killed)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_and_sigterm_let_every_run_at_work_save(
    number: signal.Signals, tmp_path: Path
) -> None:
    running = in_new_process(tmp_path / "b", "--processes", "2", wait=False)
    logs = [tmp_path / "b" / "runs" / f"vanilla-{seed}" / "log.jsonl" for seed in (0, 1)]
    while not all(log.exists() and log.read_text() for log in logs):
        assert running.poll() is None
        time.sleep(0.02)
    running.send_signal(number)
    _, err = running.communicate(timeout=60)
    assert running.returncode == 130
    assert err.splitlines()[-1] == (
        "error: interrupted; every run is saved, and the same command resumes them."
    )
    assert all(list(log.parent.glob("checkpoints/*.safetensors")) for log in logs)


def test_a_run_whose_process_dies_is_a_row_and_the_others_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "ganzoo_dies.py").write_text(
        "import os, ganzoo\n"
        "class Dies(ganzoo.Observer):\n"
        "    name = 'dies'\n"
        "    def noted(self, first, terms):\n"
        "        if 'hinge' in str(self.run.folder): os.kill(os.getpid(), 9)\n"
        "@ganzoo.hookimpl\n"
        "def ganzoo_observers(): return [Dies]\n"
    )
    info = tmp_path / "ganzoo_dies-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: ganzoo-dies\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[ganzoo]\ndies = ganzoo_dies\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    in_new_process(tmp_path / "b")
    ended = {
        (r.contender, r.seed): r
        for r in read(tmp_path / "b" / "results.jsonl")
        if r.kind in {"died", "last"}
    }
    assert {key: r.kind for key, r in ended.items()} == {
        ("vanilla", 0): "last",
        ("vanilla", 1): "last",
        ("hinge", 0): "died",
        ("hinge", 1): "died",
    }
    assert ended["hinge", 0].error == (
        "its process died by signal 9; too little memory is a usual cause. The same command tries "
        "it again."
    )
    monkeypatch.delenv("PYTHONPATH")
    in_new_process(tmp_path / "b")
    in_new_process(tmp_path / "unbroken")
    assert quality(tmp_path / "b") == quality(tmp_path / "unbroken")


def test_a_script_that_runs_one_at_its_top_is_not_run_again_by_its_processes(
    tmp_path: Path,
) -> None:
    (tmp_path / "script.py").write_text(
        "import ganzoo\n"
        "print('once')\n"
        "made, = ganzoo.bench(['vanilla'], data='ring', rounds=3, evaluations=1, out='b')\n"
        "print([r.kind for r in made.results])\n"
    )
    done = subprocess.run(
        [sys.executable, "script.py"], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    kinds = ["training-data", "noise", "untrained", "curve", "last", "best"]
    assert done.stdout == f"once\n{kinds}\n"


def test_two_commands_do_not_work_in_one_folder(zoo: Zoo, tmp_path: Path) -> None:
    bench(["vanilla"], rounds=2, out=tmp_path, zoo=zoo, **SMALL)
    with (
        FileLock(tmp_path / ".lock"),
        pytest.raises(
            RunError, match=f"another process or thread is at work in {tmp_path}; wait for it"
        ),
    ):
        bench(["vanilla"], rounds=2, out=tmp_path, zoo=zoo, **SMALL)


def test_where_nothing_is_left_nobody_is_asked_to_do_it(done: Bench) -> None:
    done.prepare()
    done.run(Nobody(), on_result=lambda _: None, report=lambda: None)


class Nobody:
    """A runner that cannot run."""

    def run(self, jobs: Sequence[Job], report: Callable[[], None]) -> Iterator[Job]:
        raise AssertionError(jobs)


def test_a_number_that_is_none_is_left_out_and_the_others_are_kept(
    zoo: Zoo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    measured = Modes.measure

    def broken(self: Modes, fake: Tensor, locate: Any, modes: int) -> dict[str, float]:
        found = measured(self, fake, locate, modes)
        return {**found, "reverse-kl": inf if fake.abs().max() > 9 else found["reverse-kl"]}

    monkeypatch.setattr(Modes, "measure", broken)
    names = ["wide@vanilla:optimizers.generator.lr=0.3,ema=0", "vanilla"]
    (made,) = bench(names, rounds=20, out=tmp_path, zoo=zoo, **SMALL)
    last = {r.contender: r for r in made.results if r.kind == "last"}
    assert (last["wide"].value("reverse-kl"), last["wide"].value("balanced-quality")) == (None, 0)
    assert None not in (last["vanilla"].value(name) for name in Modes.better)
    assert read(tmp_path / "results.jsonl") == made.results


def test_a_regularizer_that_is_played_every_few_steps_counts_as_often(zoo: Zoo) -> None:
    data = zoo.dataset("ring").load()
    texts = ["vanilla", "vanilla:regularizer=r1", "vanilla:regularizer=r1,r1.every=4"]
    plain, always, lazy = (round_flops(Game(contender(text, zoo), data)) for text in texts)
    assert plain < lazy < always
    assert 4 * lazy == 3 * plain + always


def test_what_is_not_said_again_is_as_the_folder_has_it(zoo: Zoo, tmp_path: Path) -> None:
    (first,) = bench(["vanilla"], rounds=2, threads=1, out=tmp_path, zoo=zoo, **SMALL)
    before = torch.get_num_threads()
    (again,) = bench(["vanilla"], rounds=2, out=tmp_path, zoo=zoo, **SMALL)
    assert again.contest == first.contest
    assert torch.get_num_threads() == before
    (more,) = bench(["vanilla"], rounds=2, processes=3, out=tmp_path, zoo=zoo, **SMALL)
    assert (more.contest.processes, more.contest.threads) == (3, 1)
    (last,) = bench(["vanilla"], rounds=2, out=tmp_path, zoo=zoo, **SMALL)
    assert last.contest == more.contest
    with pytest.raises(RunError, match=r"another --out. \(threads 1 there, 3 here.\)"):
        bench(["vanilla"], rounds=2, threads=3, out=tmp_path, zoo=zoo, **SMALL)


def test_a_mix_of_any_length_has_a_folder(zoo: Zoo, tmp_path: Path) -> None:
    name = "vanilla" + 30 * "+r1.weight=0.1" + "+regularizer=r1"
    (made,) = bench([name], rounds=2, out=tmp_path, zoo=zoo, **SMALL)
    assert made.finished


class Stops(Observer):
    """Presses Ctrl-C in the middle of the second contender."""

    name = "stops"

    def noted(self, first: int, terms: dict[str, list[float]]) -> None:
        if "hinge" in str(self.run.folder) and first == 8:
            signal.raise_signal(signal.SIGINT)


def test_an_interrupted_contest_goes_on_to_the_same_results(
    zoo: Zoo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def contest(out: str) -> None:
        bench(["vanilla", MIX], rounds=20, out=tmp_path / out, zoo=zoo, **SMALL)

    with monkeypatch.context() as patch:
        patch.setattr(type(zoo), "observers", lambda _: [Stops])
        with pytest.raises(InterruptedRunError, match="interrupted after round"):
            contest("stopped")
    assert "vanilla" in (tmp_path / "stopped" / "report.html").read_text()
    contest("stopped")
    contest("whole")
    assert quality(tmp_path / "stopped") == quality(tmp_path / "whole")


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (MemoryError(), "MemoryError: no message"),
        (SystemExit(3), "SystemExit: 3"),
        (GeneratorExit("gone"), "GeneratorExit: gone"),
    ],
)
def test_whatever_a_contender_raises_is_a_row(
    error: BaseException,
    sentence: str,
    zoo: Zoo,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    real = Worker.compete

    def compete(self: Worker, variant: Any) -> None:
        if variant.loss.name == "hinge":
            raise error
        real(self, variant)

    monkeypatch.setattr(Worker, "compete", compete)
    (made,) = bench([MIX, "vanilla"], rounds=3, out=tmp_path / "b", zoo=zoo, **SMALL)
    (failed,) = [r for r in made.results if r.kind == "failed"]
    assert (failed.contender, failed.error) == ("hinge", sentence)
    assert [r.contender for r in made.results if r.kind == "last"] == ["vanilla"]


def test_counting_operations_changes_no_draw(zoo: Zoo, tmp_path: Path) -> None:
    run = ganzoo.train(
        "vanilla", data="ring", rounds=3, settings=["batch=8"], out=tmp_path / "a", zoo=zoo
    )
    counted = ganzoo.train(
        "vanilla", data="ring", rounds=2, settings=["batch=8"], out=tmp_path / "b", zoo=zoo
    )
    assert round_flops(counted.game) > 0
    assert cost_of(counted).parameters == cost_of(run).parameters
    counted.game.round()
    mine, its = run.game.sample(4)["fake"], counted.game.sample(4)["fake"]
    assert mine.equal(its)


# ------------------------------------------------------------------------------------- bad input


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (
            {"rounds": 3, "seconds": 1.0},
            "budget: give one budget of rounds, images, seconds, flops",
        ),
        ({"rounds": 3, "seeds": 0}, "seeds: there must be at least one"),
        ({"rounds": 3, "suite": "points"}, "a suite has contenders of its own"),
        ({"rounds": 3, "evaluations": 0}, "evaluations: Input should be greater than 0"),
    ],
)
def test_terms_that_make_no_sense_are_refused_before_anything_is_written(
    change: dict[str, Any], sentence: str, zoo: Zoo, tmp_path: Path
) -> None:
    with pytest.raises(ZooError, match=sentence):
        bench(["vanilla"], out=tmp_path / "b", zoo=zoo, **{"data": "ring", **change})
    assert not (tmp_path / "b").exists()


def test_another_contest_is_not_mixed_in(done: Bench, zoo: Zoo) -> None:
    before = (done.folder / "results.jsonl").read_bytes()
    with pytest.raises(RunError, match="holds another contest; choose another --out"):
        bench(["vanilla"], rounds=2, out=done.folder, zoo=zoo, **SMALL)
    assert (done.folder / "results.jsonl").read_bytes() == before


@pytest.mark.parametrize("what", ["contest", "results"])
def test_results_of_a_newer_version_are_left_as_they_are(
    what: str, zoo: Zoo, tmp_path: Path
) -> None:
    bench(["vanilla"], rounds=2, out=tmp_path, zoo=zoo, **SMALL)
    path = (
        tmp_path / "contest.json"
        if what == "contest"
        else tmp_path / "runs/vanilla-0/results.jsonl"
    )
    newer = (
        path.read_text().replace('"format": 3', '"format": 4').replace('"kind"', '"how": 1, "kind"')
    )
    path.write_text(newer)
    with pytest.raises(RunError, match="of this version of ganzoo.*upgrade ganzoo-core"):
        bench(["vanilla"], rounds=2, out=tmp_path, zoo=zoo, **SMALL)
    assert path.read_text() == newer


def test_a_line_that_a_crash_has_torn_is_made_again(zoo: Zoo, tmp_path: Path) -> None:
    (made,) = bench(["vanilla"], rounds=4, out=tmp_path, zoo=zoo, **SMALL)
    whole = quality(tmp_path)
    path = made.jobs[1].folder / "results.jsonl"
    path.write_text(path.read_text()[:-20])
    bench(["vanilla"], rounds=4, out=tmp_path, zoo=zoo, **SMALL)
    assert quality(tmp_path) == whole


def test_a_folder_without_results_is_not_reported(zoo: Zoo, tmp_path: Path) -> None:
    with pytest.raises(RunError, match="holds no benchmark"):
        report(tmp_path, zoo=zoo)


# --------------------------------------------------------------------------------------- compare


def test_two_benchmarks_of_the_same_terms_are_joined(done: Bench, zoo: Zoo, tmp_path: Path) -> None:
    bench(
        ["vanilla", "lsgan@vanilla+loss=least-squares"],
        rounds=20,
        seeds=2,
        out=tmp_path / "b",
        zoo=zoo,
        **SMALL,
    )
    (joined,) = compare(done.folder, tmp_path / "b", tmp_path / "joined", zoo=zoo)
    names = [row["contender"] for row in rows_of(joined) if row.get("seeds")]
    assert sorted(names) == ["b/vanilla", "hinge", "lsgan", "out/vanilla", "vanilla/ring"]
    text = (tmp_path / "joined" / "report.html").read_text()
    assert f"--out {done.folder.name}" in text
    assert "--seeds 2 --evaluations 3 --processes 1 --set batch=8 --device cpu --out b" in text


def test_contests_of_two_suites_are_told_by_the_suites(zoo: Zoo, tmp_path: Path) -> None:
    (tmp_path / "s.yaml").write_text(TWO)
    for name, batch in (("a", 8), ("b", 4)):
        settings = [f"batch={batch}"]
        bench(suite=str(tmp_path / "s.yaml"), out=tmp_path / name, zoo=zoo, settings=settings)
    joined = compare(tmp_path / "a", tmp_path / "b", tmp_path / "joined", zoo=zoo)
    for made in joined:
        seeds = {row["contender"]: row["seeds"] for row in rows_of(made) if row.get("seeds")}
        assert seeds == {"a/vanilla": 1, "b/vanilla": 1}
    with pytest.raises(ZooError, match="are the same folder; there is nothing to compare"):
        compare(tmp_path / "a", tmp_path / "a", tmp_path / "twice", zoo=zoo)
    with pytest.raises(RunError, match="a holds a benchmark; choose another --out"):
        compare(tmp_path / "a", tmp_path / "b", tmp_path / "a", zoo=zoo)


def test_a_suite_half_done_is_reported_in_its_order(zoo: Zoo, tmp_path: Path) -> None:
    (tmp_path / "s.yaml").write_text(TWO)
    out, terms = tmp_path / "out", {"zoo": zoo, "settings": ["batch=8"]}
    bench(suite=str(tmp_path / "s.yaml"), out=out, **terms)  # type: ignore[arg-type]
    assert [made.contest.data for made in report(out, zoo=zoo)] == ["ring", "grid"]
    for path in (out / "ring").rglob("results.jsonl"):
        path.unlink()
    assert [made.contest.data for made in report(out, zoo=zoo)] == ["grid"]
    with pytest.raises(RunError, match="holds another benchmark; choose another --out"):
        bench(["vanilla"], rounds=2, out=out, zoo=zoo, **SMALL)


def test_benchmarks_of_different_terms_are_not(done: Bench, zoo: Zoo, tmp_path: Path) -> None:
    bench(["vanilla"], rounds=4, out=tmp_path / "b", zoo=zoo, **SMALL)
    with pytest.raises(ZooError, match="cannot be compared: budget 20 rounds, not 4 rounds"):
        compare(done.folder, tmp_path / "b", tmp_path / "joined", zoo=zoo)
    assert not (tmp_path / "joined").exists()


def test_a_score_of_another_protocol_is_not_ranked_and_the_row_says_why(done: Bench) -> None:
    lines = (done.folder / "runs" / "vanilla-0" / "results.jsonl").read_text()
    changed = [Result.model_validate_json(row) for row in lines.splitlines()]
    last = next(r for r in changed if r.kind == "last")
    scores = tuple(score.model_copy(update={"n_fake": 9}) for score in last.scores)
    odd = [*done.results, last.model_copy(update={"contender": "odd", "scores": scores})]

    class Odd(Bench):
        @property
        def results(self) -> list[Result]:
            return odd

    (row,) = [
        r for r in rows_of(Odd(done.contest, done.folder, done.zoo)) if r["contender"] == "odd"
    ]
    assert row["rank"] == ""
    assert "was measured with n_fake 9, not 2500" in row["note"]


def test_a_run_loads_its_data_once_and_sets_up_two_games(
    zoo: Zoo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    counts = {"load": 0, "game": 0}
    load, game = Ring.load, Game.__init__

    def loaded(self: Ring) -> Data:
        counts["load"] += 1
        return load(self)

    def started(self: Game, *args: Any, **options: Any) -> None:
        counts["game"] += 1
        game(self, *args, **options)

    monkeypatch.setattr(Ring, "load", loaded)
    monkeypatch.setattr(Game, "__init__", started)
    bench(["vanilla"], rounds=4, seeds=2, out=tmp_path, zoo=zoo, **SMALL)
    # One load to see that it can be, one for all runs; one game to train, one to count operations.
    assert counts == {"load": 2, "game": 4}


def test_a_folder_of_an_older_version_is_refused_in_one_sentence(zoo: Zoo, tmp_path: Path) -> None:
    bench(["vanilla"], rounds=2, out=tmp_path, zoo=zoo, **SMALL)
    path = tmp_path / "contest.json"
    path.write_text(path.read_text().replace('"format": 3', '"format": 2'))
    with pytest.raises(RunError) as error:
        report(tmp_path, zoo=zoo)
    assert str(error.value) == (
        f"{path} was written by an older version of ganzoo; choose another --out, or use that "
        "version."
    )


def test_a_job_arrives_at_another_process_as_it_was(done: Bench) -> None:
    for job in done.jobs:
        assert Job.model_validate_json(job.model_dump_json()) == job
