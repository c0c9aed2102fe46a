"""The house keeps its shape: few rooms, guessable names, short modules, short functions."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from statistics import median

import ganzoo

CORE = Path(ganzoo.__file__).parent
NOT_COUNTED = {"__init__.py", "__main__.py", "py.typed", "__pycache__"}
STILL_LONG = ("benchmark/contest.py: bench", "cli/contests.py: bench", "engine/scoring.py: measure")
MODULES = sorted(path for path in CORE.rglob("*.py") if path.name != "__init__.py")


def length(path: Path) -> int:
    return len(path.read_text(encoding="utf-8").splitlines())


def test_the_top_has_few_entries() -> None:
    entries = {path.name for path in CORE.iterdir()} - NOT_COUNTED
    assert len(entries) <= 13, sorted(entries)


def test_no_room_is_named_like_a_public_function() -> None:
    # Importing ganzoo.train, a module, would put it in the place of ganzoo.train(), the function.
    rooms = {path.stem for path in CORE.iterdir()}
    assert rooms & set(ganzoo.__all__) == set()


def functions_over(limit: int) -> Iterator[str]:
    for path in MODULES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef) and node.end_lineno is not None:
                lines = node.end_lineno - node.lineno + 1
                if lines > limit:
                    yield f"{path.relative_to(CORE).as_posix()}: {node.name} has {lines} lines"


def test_modules_are_short() -> None:
    assert [str(path.relative_to(CORE)) for path in MODULES if length(path) > 300] == []


def test_functions_are_short() -> None:
    assert [long for long in functions_over(50) if not long.startswith(STILL_LONG)] == []


def test_the_median_module_is_short() -> None:
    assert median(map(length, MODULES)) <= 110
