"""The mutation tool: which faults it puts into a module, and that it finds the tests for them."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest
from mutants.operators import mutants

ROOT = Path(__file__).parents[1]


def mutated(tmp_path: Path, source: str) -> set[str]:
    """The mutants of a source, as Python writes them."""
    (tmp_path / "module.py").write_text(source)
    found = [mutant.source(tmp_path) for mutant in mutants(tmp_path, "module.py")]
    assert len({*found}) == len(found)
    return {ast.unparse(ast.parse(text)) for text in found}


@pytest.mark.parametrize(
    ("source", "faults"),
    [
        ("x = a < b", {"x = a <= b", "x = a >= b"}),
        ("x = a == b", {"x = a != b"}),
        ("x = a is None", {"x = a is not None"}),
        ("x = a in b", {"x = a not in b"}),
        ("x = a + b * c", {"x = a - b * c", "x = a + b / c"}),
        ("x = a and b", {"x = a or b"}),
        ("x = not a", {"x = a"}),
        ("x = -a", {"x = a"}),
        ("x = True", {"x = False"}),
        ("x = 1.5", {"x = 2.5"}),
        ("x = 'a'", {"x = 'XXa'"}),
        ("f(a, b=c)", {"f(a)", "pass"}),
        ("x += a", {"x -= a", "pass"}),
        ("x.y = a", {"pass"}),
        ("for x in y:\n    z = x", {"for x in ():\n    z = x"}),
        ("while a:\n    break", {"while not a:\n    break", "while a:\n    pass"}),
        ("x = a if b else c", {"x = a if not b else c"}),
        ("x = [a for a in b if c]", {"x = [a for a in b if not c]"}),
        ("def f(a):\n    return a", {"def f(a):\n    return None"}),
        ("@f\ndef g():\n    x", {"@lambda it: it\ndef g():\n    x", "@f\ndef g():\n    pass"}),
    ],
)
def test_each_operator_makes_these_faults(tmp_path: Path, source: str, faults: set[str]) -> None:
    assert mutated(tmp_path, source) == faults


@pytest.mark.parametrize(
    "source",
    [
        '"""A docstring."""',
        "if TYPE_CHECKING:\n    x = 1",
        "__all__ = ['a']",
        "def f(a: int = b, *c: 'x') -> Literal[1]:\n    pass",
        "x = f'{a + 1} of them'",
        "class A(Protocol):\n    x = 1",
        "import a",
    ],
)
def test_what_no_test_could_notice_is_left_as_it_is(tmp_path: Path, source: str) -> None:
    assert mutated(tmp_path, source) == set()


def test_a_prose_argument_is_no_fault(tmp_path: Path) -> None:
    assert mutated(tmp_path, "x = Field(ge=a, description='words')") == {
        "x = Field(description='words')"
    }


MODULE = """
def larger(a, b):
    return a if a > b else b


def never(a):
    return a + 1
"""
TESTS = """
from ganzoo.sample import larger


def test_larger():
    assert (larger(1, 2), larger(2, 1)) == (2, 2)
"""


def test_the_score_counts_what_tests_notice_and_lists_the_rest(tmp_path: Path) -> None:
    """Of a small tree: one boundary is equivalent, and one function is executed by no test."""
    tool = tmp_path / "tools" / "mutants"
    tool.mkdir(parents=True)
    for name in ("__main__.py", "operators.py"):
        (tool / name).write_text((ROOT / "tools" / "mutants" / name).read_text())
    for folder, name, text in (
        ("ganzoo", "__init__.py", ""),
        ("ganzoo", "sample.py", MODULE),
        ("tests", "test_sample.py", TESTS),
    ):
        (tmp_path / folder).mkdir(exist_ok=True)
        (tmp_path / folder / name).write_text(text)
    found = subprocess.run(
        [sys.executable, "-m", "tools.mutants", "ganzoo/sample.py", "--tests", "tests"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": ""},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert "ganzoo/sample.py:3 survived\n-    return a if a > b else b\n" in found
    assert "+    return a if (a >= b) else b" in found
    assert "ganzoo/sample.py:7 survived, executed by no test\n-    return a + 1" in found
    assert "3 of 7 mutants killed (42.9%, 95 % interval 15.8% to 75.0%)" in found
    assert (tmp_path / "ganzoo" / "sample.py").read_text() == MODULE
