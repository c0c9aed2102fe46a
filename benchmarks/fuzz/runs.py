"""Targets that ganzoo writes itself, and that may come from elsewhere or from a disk's fault."""

from __future__ import annotations

import json
import shutil
from functools import cache
from io import BytesIO
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
from fuzz.edits import as_json, damaged, lines, rewritten
from fuzz.tensors import files
from fuzz.texts import zoo
from fuzz.trial import Target
from hypothesis import strategies as st
from PIL import Image

from ganzoo.benchmark.contest import opened, report
from ganzoo.benchmark.folder import Bench
from ganzoo.benchmark.jobs import Contest, jobs_of
from ganzoo.benchmark.pictures import grid_picture, snapshot_picture
from ganzoo.benchmark.progress import share_of
from ganzoo.benchmark.results import Cost, Result, ResultsFile, line
from ganzoo.builtin.observers.log import LogFile
from ganzoo.parts.metric import Score
from ganzoo.pretrained.opening import load
from ganzoo.training.plan import Plan, composed_in
from ganzoo.training.run import Run

OLDER = Path(__file__).parents[2] / "tests" / "data" / "0.1"
"""Runs of 0.1, whose checkpoints have no digest that would refuse every edit."""
RUNS = ("vanilla", "infogan", "gail")
CONTEST = Contest(contenders={"a": "vanilla", "b": "vanilla:loss=hinge"}, data="ring")


def whole(pattern: str, *runs: str) -> list[bytes]:
    return [path.read_bytes() for run in runs for path in sorted((OLDER / run).glob(pattern))]


# -------------------------------------------------------------------------------------------- runs


def read_weights(blob: bytes, folder: Path) -> object:
    (folder / "model.safetensors").write_bytes(blob)
    model = load(f"dir:{folder}", offline=True, zoo=zoo())
    drawn = model.values(2) if "z" in model.spaces else {}  # a policy would play whole episodes
    return drawn, model.card, repr(model)


def read_checkpoint(blob: bytes, folder: Path) -> object:
    shutil.copy(OLDER / "vanilla" / "run.json", folder)
    (folder / "checkpoints").mkdir()
    (folder / "checkpoints" / "00000008.safetensors").write_bytes(blob)
    return Run.open(folder, zoo())


def plans() -> list[Any]:
    return [json.loads((OLDER / run / "run.json").read_bytes()) for run in RUNS]


def read_plan(blob: bytes, folder: Path) -> object:
    (folder / "run.json").write_bytes(blob)
    share_of(folder)
    return composed_in(folder, zoo())


def logged() -> list[Any]:
    rows = (OLDER / "vanilla" / "log.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(row) for row in rows]


def read_log(blob: bytes, folder: Path) -> object:
    """A resumed run and a benchmark's progress never fail because of a log."""
    (folder / "log.jsonl").write_bytes(blob)
    shutil.copy(OLDER / "vanilla" / "run.json", folder)
    share_of(folder)
    run: Any = SimpleNamespace(folder=folder, game=SimpleNamespace(rounds=5), seconds=1.0)
    LogFile(run).finished(None)
    return None


# -------------------------------------------------------------------------------------- benchmarks


@cache
def results() -> list[Result]:
    """A line of each kind that a finished run has."""
    spec = zoo().variant("vanilla").spec()
    plan = Plan(variant=spec, data={"part": "ring"}, rounds=8)
    cost = Cost(
        parameters={"generator": 3},
        round_images=8,
        round_flops=9,
        sample_flops=9,
        rounds_per_second=1,
        images_per_second=2,
        peak_memory_mb=3,
        first_sample_ms=4,
        batch_sample_ms=5,
    )
    score = Score(
        metric="modes-captured",
        value=7.0,
        better="higher",
        options={},
        data="ring",
        data_sha256="0" * 64,
        split="held-out",
        n_fake=100,
        seed=0,
    )
    told = {"contender": "a", "scores": (score,), "rounds": 8, "seconds": 1.0}
    return [
        Result(**told, kind="curve"),
        Result(**told, kind="last", plan=plan, cost=cost, remarks=("It is a test.",)),
        Result(**told, kind="best"),
        Result(contender="a", kind="diverged", error="it did."),
    ]


def read_results(blob: bytes, folder: Path) -> object:
    """The results of one run, and the report of the benchmark that it is in."""
    (folder / "contest.json").write_text(CONTEST.model_dump_json(), encoding="utf-8")
    for job in jobs_of(CONTEST, folder, zoo())[1:]:
        job.folder.mkdir(parents=True)
        text = "".join(map(line, results()[:3])).replace('"a"', json.dumps(job.contender))
        (job.folder / "results.jsonl").write_text(text, encoding="utf-8")
    (job.folder / "results.jsonl").write_bytes(blob)
    ResultsFile(job.folder)
    return report(folder, zoo=zoo())


def read_contest(blob: bytes, folder: Path) -> object:
    (folder / "contest.json").write_bytes(blob)
    bench = Bench.open(folder, zoo())
    return bench.verdict(), bench.remarks, bench.contest.conflict(CONTEST)


def read_suite_folders(blob: bytes, folder: Path) -> object:
    (folder / "suite.json").write_bytes(blob)
    (folder / "ring").mkdir()
    (folder / "ring" / "contest.json").write_text(CONTEST.model_dump_json(), encoding="utf-8")
    return opened(folder, zoo())


def snapshots() -> list[bytes]:
    stream = np.random.default_rng(0)
    forms = {
        "fake": (9, 2),
        "real": (9, 2),
        "limits": (2, 2),
        "landscape": (4, 4),
        "features": (18, 2),
    }
    found = []
    for names in (forms, ["fake", "real", "limits"]):
        out = BytesIO()
        arrays: Any = {name: stream.normal(size=forms[name]).astype(np.float32) for name in names}
        np.savez(out, **arrays)
        found.append(out.getvalue())
    return found


def read_snapshot(blob: bytes, folder: Path) -> object:
    (folder / "00000001.npz").write_bytes(blob)
    return snapshot_picture(folder / "00000001.npz")


def grid_pictures() -> list[bytes]:
    """Pictures that are too large to be shown as they are."""
    stream = np.random.default_rng(0)
    found = []
    for mode, sides in (("L", ()), ("RGB", (3,)), ("1", ()), ("P", ())):
        noise = stream.integers(256, size=(160, 160, *sides), dtype=np.uint8)
        out = BytesIO()
        Image.fromarray(noise).convert(mode).save(out, "PNG", compress_level=0)
        found.append(out.getvalue())
    return found


def read_grid_picture(blob: bytes, folder: Path) -> object:
    (folder / "00000001.png").write_bytes(blob)
    return grid_picture(folder / "00000001.png")


def result_lines() -> st.SearchStrategy[bytes]:
    return lines([json.loads(line(result)) for result in results()])


def contests() -> st.SearchStrategy[bytes]:
    return rewritten([json.loads(CONTEST.model_dump_json())], as_json)


TARGETS = [
    Target("weights", lambda: files(whole("weights/*.safetensors", *RUNS)), read_weights),
    Target("checkpoint", lambda: files(whole("checkpoints/*", "vanilla")), read_checkpoint),
    Target("plan", lambda: rewritten(plans(), as_json), read_plan),
    Target("log", lambda: lines(logged()), read_log),
    Target("results", result_lines, read_results),
    Target("contest", contests, read_contest),
    Target(
        "suite-folders", lambda: rewritten([["ring"], ["ring", "b"]], as_json), read_suite_folders
    ),
    Target("snapshot", lambda: damaged(snapshots()), read_snapshot),
    Target("grid-picture", lambda: damaged(grid_pictures()), read_grid_picture),
]
