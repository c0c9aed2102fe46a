"""Mutation testing of a random sample: ``python -m tools.mutants --n 60 --seed 0``.

Puts one fault at a time (see ``operators.py``) into a copy of the tree, and runs the tests that
execute its line, until one fails. Prints how many faults were found, with the 95 % interval of the
sample (Wilson), and every one that was not.

Which test executes which line is measured first, by coverage, and kept in ``--covered``; delete
that file after changing tests. Of a line's tests the fastest run, up to ``--budget`` seconds. Each
mutant has a process of its own, forked from one that has imported torch but not ganzoo.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from collections import defaultdict
from concurrent.futures import ProcessPoolExecutor
from contextlib import suppress
from importlib import import_module
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import pytest
from coverage import Coverage
from scipy.stats import binomtest

from tools.mutants.operators import Mutant, mutants

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

ROOT = Path(__file__).parents[2]
PRELOADED = ("torch", "pydantic", "sklearn.metrics", "typer", "rich.table")
LEFT_OUT = (".git", ".venv*", ".*_cache", "runs", "demo", "build", "dist")
PROCESSES = 2
SLACK = 4
"""A mutant's tests may take this many times what they take without it, and ``GRACE`` seconds."""
GRACE = 15
FORK = get_context("fork")

Covered: TypeAlias = "dict[str, Any]"
"""``seconds`` of each test, and for each file and line the tests that execute it."""
ON_IMPORT = ""
"""What coverage calls the time when no test runs."""


# ----------------------------------------------------------------------------- a process of its own


def apart(tree: Path, run: Callable[[], int], limit: float | None = None) -> int | None:
    """What ``run`` returns in a forked process with ganzoo from a tree; None if it is too slow."""

    def child() -> None:
        os.setsid()
        os.chdir(tree)
        sys.dont_write_bytecode = limit is not None
        roots = [str(tree), *map(str, tree.glob("plugins/*"))]
        sys.path[:0] = roots
        os.environ |= {"PYTHONPATH": ":".join(roots), "OMP_NUM_THREADS": "1"}
        if limit is not None:
            os.environ["PYTHONDONTWRITEBYTECODE"] = "1"
        quiet = os.open(os.devnull, os.O_RDWR)
        for stream in range(3):
            os.dup2(quiet, stream)
        os._exit(run())

    process = FORK.Process(target=child)
    process.start()
    process.join(limit)
    in_time = process.exitcode is not None
    assert process.pid is not None
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)  # and whatever the tests left running
    process.join()
    return process.exitcode if in_time else None


class Chosen:
    """A pytest plugin: only some tests run, the fastest first."""

    def __init__(self, seconds: Mapping[str, float]) -> None:
        self.seconds = seconds

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Drop the other tests, and sort these."""
        mine = [item for item in items if item.nodeid in self.seconds]
        items[:] = sorted(mine, key=lambda item: self.seconds[item.nodeid])


class Timed:
    """A pytest plugin: each test is a context of coverage, and its seconds are noted."""

    def __init__(self, coverage: Coverage) -> None:
        self.coverage, self.seconds = coverage, defaultdict[str, float](float)
        self.failed: list[str] = []

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        """Name the context that a test's lines are noted under."""
        self.coverage.switch_context(item.nodeid)
        return (yield)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note the seconds of a test, and whether it failed."""
        self.seconds[report.nodeid] += report.duration
        if report.failed:
            self.failed.append(report.nodeid)


def pytest_run(files: list[str], plugin: object) -> int:
    """Run test files with a plugin, up to the first failure if tests were chosen."""
    stop = ["-x"] if isinstance(plugin, Chosen) else []
    options = ["-q", "-n0", "-p", "no:cacheprovider", "-p", "no:terminalreporter"]
    return int(pytest.main([*options, *stop, *files], plugins=[plugin]))


# ----------------------------------------------------------------------------------- which tests


def measure(tree: Path, tests: list[str]) -> Covered:
    """Run the tests of a tree once, and note what each executes."""
    found = tree / ".covered.json"

    def run() -> int:
        coverage = Coverage(data_file=None, source=["ganzoo"], config_file=False)
        plugin = Timed(coverage)
        coverage.start()
        pytest_run(tests, plugin)
        coverage.stop()
        data, lines = coverage.get_data(), {}
        for file in data.measured_files():
            contexts = data.contexts_by_lineno(file)
            lines[str(Path(file).relative_to(tree))] = {
                line: sorted(names) for line, names in contexts.items()
            }
        result = {"seconds": plugin.seconds, "lines": lines, "failed": plugin.failed}
        found.write_text(json.dumps(result))
        return 0

    apart(tree, run)
    return json.loads(found.read_text())  # type: ignore[no-any-return]


def tests_of(mutant: Mutant, covered: Covered, budget: float) -> dict[str, float]:
    """The tests of a mutant's statement, or of its file if that runs on import, with seconds."""
    lines, seconds = covered["lines"].get(mutant.file, {}), covered["seconds"]
    touched = map(str, range(mutant.first, mutant.last + 1))
    names = {name for line in touched for name in lines.get(line, ())}
    if names == {ON_IMPORT}:
        names = {name for tests in lines.values() for name in tests}
    chosen: dict[str, float] = {}
    for name in sorted(names - {ON_IMPORT, *covered["failed"]}, key=lambda name: seconds[name]):
        if sum(chosen.values()) < budget:
            chosen[name] = seconds[name]
    return chosen


# ------------------------------------------------------------------------------------ each mutant


def judge(mutant: Mutant, tests: dict[str, float]) -> tuple[Mutant, str]:
    """Put a fault into this process's copy of the tree, and say what the tests make of it."""
    if not tests:
        return mutant, "survived, executed by no test"
    target, files = COPY / mutant.file, sorted({name.partition("::")[0] for name in tests})
    original = target.read_bytes()
    for compiled in (target.parent / "__pycache__").glob(f"{target.stem}.*.pyc"):
        compiled.unlink()  # it might pass for that of the mutant, of the same size and second
    target.write_text(mutant.source(COPY))
    try:
        limit = GRACE + SLACK * sum(tests.values())
        code = apart(COPY, lambda: pytest_run(files, Chosen(tests)), limit)
    finally:
        target.write_bytes(original)
    if code == pytest.ExitCode.NO_TESTS_COLLECTED:
        return mutant, "killed, its tests are no longer collected"
    return mutant, {None: "killed, too slow", 0: "survived"}.get(code, "killed")


COPY = ROOT
"""This process's own copy of the tree."""


def ready(tree: Path) -> None:
    """Make a process ready to judge mutants: a copy of its own."""
    global COPY  # noqa: PLW0603  (one for each process of the pool)
    COPY = tree.with_name(f"copy-{os.getpid()}")
    shutil.copytree(tree, COPY, symlinks=True)


# ---------------------------------------------------------------------------------------- report


def report(judged: list[tuple[Mutant, str]], total: int, tree: Path) -> None:
    """Print the score and the survivors."""
    survivors = sorted(pair for pair in judged if pair[1].startswith("survived"))
    for mutant, verdict in survivors:
        print(f"\n{mutant.file}:{mutant.first} {verdict}\n{mutant.diff(tree)}")
    killed, n = len(judged) - len(survivors), len(judged)
    interval = binomtest(killed, n).proportion_ci(method="wilson")
    print(
        f"\n{killed} of {n} mutants killed ({killed / n:.1%}, 95 % interval {interval.low:.1%} to "
        f"{interval.high:.1%}); a random sample of {total}."
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sources", nargs="*", default=["ganzoo/engine", "ganzoo/parts"])
    parser.add_argument("--n", type=int, default=60, help="mutants in the sample")
    parser.add_argument("--seed", type=int, default=0, help="which sample")
    parser.add_argument("--tests", nargs="+", default=["tests", "plugins"])
    parser.add_argument("--covered", type=Path, default=Path(".mutants_cache/covered.json"))
    parser.add_argument("--budget", type=float, default=60, help="seconds of tests for a mutant")
    chosen = parser.parse_args()
    files = [f for s in chosen.sources for f in ([s] if s.endswith(".py") else sorted_in(s))]
    every = [mutant for file in files for mutant in mutants(ROOT, file)]
    sample = random.Random(chosen.seed).sample(every, min(chosen.n, len(every)))
    for name in PRELOADED:
        import_module(name)
    with tempfile.TemporaryDirectory(prefix="mutants-") as folder:
        tree = Path(folder) / "tree"
        shutil.copytree(ROOT, tree, symlinks=True, ignore=shutil.ignore_patterns(*LEFT_OUT))
        if not chosen.covered.exists():
            covered = measure(tree, chosen.tests)
            chosen.covered.parent.mkdir(exist_ok=True, parents=True)
            chosen.covered.write_text(json.dumps(covered))
        covered = json.loads(chosen.covered.read_text())
        if covered["failed"]:
            print("left out, since they fail without a mutant:", *covered["failed"], sep="\n  ")
        with ProcessPoolExecutor(PROCESSES, FORK, ready, (tree,)) as pool:
            start = time.monotonic()
            tests = [tests_of(mutant, covered, chosen.budget) for mutant in sample]
            judged = []
            for mutant, verdict in pool.map(judge, sample, tests):
                judged.append((mutant, verdict))
                print(
                    f"{len(judged)}/{len(sample)} {time.monotonic() - start:.0f} s "
                    f"{mutant.file}:{mutant.first} {verdict}",
                    file=sys.stderr,
                )
        report(judged, len(every), tree)


def sorted_in(folder: str) -> list[str]:
    """The modules of a folder, relative to the root."""
    return sorted(str(path.relative_to(ROOT)) for path in (ROOT / folder).rglob("*.py"))


if __name__ == "__main__":
    main()
