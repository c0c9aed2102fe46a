"""The house keeps its shape: few rooms, guessable names, short modules, short functions."""

from __future__ import annotations

import ast
import inspect
import re
import runpy
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path
from statistics import median

import pytest
from torch.optim.optimizer import register_optimizer_step_pre_hook

import ganzoo
from ganzoo import cli
from ganzoo.engine.step import Step

CORE = Path(ganzoo.__file__).parent
ROOT = CORE.parent
PAGE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
NOT_COUNTED = {"__init__.py", "__main__.py", "py.typed", "__pycache__"}
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
    assert list(functions_over(50)) == []


UNBOUNDED = re.compile(
    r"\.read_(bytes|text)\(|\.open\((\"rb?\"|\)|encoding|newline)|(?<![.\w])(?<!def )open\(|"
    r"os\.open\(|json\.loads?\(|gzip\.|yaml\.(safe_)?load\(|np\.load\(|Image\.open\(|safe_open\(|"
    r"ParquetFile\(|safetensors\.torch\.load"
)
"""What reads all that there is, however much."""
READ_OTHERWISE = {
    "storage/reading.py": "it is the bounded reader",
    "storage/files.py": "what was just written",
    "parts/plain_json.py": "what is known to be shallow",
    "parts/settings.py": "what is known to be shallow",
    "storage/strict_yaml.py": "what is known to be shallow",
    "storage/weight_file.py": "bytes of a limited size",
    "builtin/metrics/fidelity.py": "bytes of a limited size",
    "builtin/metrics/features.py": "this package's own file",
    "plugins/registry.py": "this package's own file",
    "plugins/sources.py": "a plugin's own file",
    "benchmark/suite.py": "this package's own file",
    "testing/new.py": "this package's own file",
    "pretrained/registration.py": "this checkout's own file",
    "testing/form.py": "JSON that was just made",
    "testing/training.py": "JSON that was just made",
    "pretrained/publish.py": "JSON that was just made",
    "training/notebook.py": "a picture that was just made",
    "benchmark/cluster.py": "files that were just made",
    "training/threads.py": "the system's own files",
    "training/plan.py": "the system's own files",
    "builtin/datasets/shards.py": "a file that was looked at before",
    "training/checkpoint.py": "a file that was looked at before",
    "builtin/datasets/images.py": "a file that was looked at before",
    "builtin/datasets/fetch.py": "images whose md5 is checked",
    "training/start.py": "a checkpoint that was just read",
    "benchmark/pictures.py": "bytes of a limited size",
}
"""The modules that may use them, and for what."""


def test_what_could_be_anybodys_is_read_by_the_bounded_reader() -> None:
    texts = {path: path.read_text(encoding="utf-8") for path in MODULES}
    found = {
        path.relative_to(CORE).as_posix() for path, text in texts.items() if UNBOUNDED.search(text)
    }
    assert found == READ_OTHERWISE.keys()


def unexplained_imports(path: Path) -> Iterator[str]:
    """Imports inside functions with no comment on their line or above their block."""
    text = path.read_text(encoding="utf-8")
    lines = text.splitlines()
    for function in ast.walk(ast.parse(text)):
        if not isinstance(function, ast.FunctionDef):
            continue
        for node in ast.walk(function):
            if isinstance(node, (ast.Import, ast.ImportFrom)):
                first = node.lineno - 1
                while re.match(r"\s+(import |from |try:)", lines[first - 1]):
                    first -= 1  # one comment is enough for a block of imports
                if "#" not in lines[node.lineno - 1] + lines[first - 1]:
                    yield f"{path.relative_to(ROOT).as_posix()}:{node.lineno}"


def test_an_import_inside_a_function_says_why() -> None:
    # The command line says it once for all of its modules, in its own docstring.
    modules = [path for path in MODULES if CORE / "cli" not in path.parents]
    sources = [*modules, *ROOT.glob("plugins/*/ganzoo_*/*.py")]
    assert [place for path in sources for place in unexplained_imports(path)] == []


def test_the_median_module_is_short() -> None:
    assert median(map(length, MODULES)) <= 110


def test_the_picture_is_of_the_imports_as_they_are() -> None:
    drawn = runpy.run_path(str(ROOT / "tools" / "architecture_picture.py"))["picture"]()
    shown = (ROOT / "docs" / "architecture.svg").read_text(encoding="utf-8")
    assert shown == drawn, "run: python tools/architecture_picture.py"


def test_every_file_and_room_that_the_page_names_is_there() -> None:
    named = re.findall(r"`(ganzoo/[\w./]+)`", PAGE)
    assert [path for path in named if not (ROOT / path).exists()] == []
    rooms = {path.stem for path in CORE.iterdir()} - {Path(name).stem for name in NOT_COUNTED}
    listed = re.findall(r"^\| `(\w+)` \|", PAGE, re.MULTILINE)
    assert sorted(listed) == sorted(rooms - {"_version"})


def test_the_walk_to_the_optimizers_step_is_the_one_of_a_real_stack(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    section = PAGE.partition("## From `ganzoo train`")[2].partition("\n## ")[0]
    walk = re.findall(r"^\d\. `ganzoo/([\w./]+)`", section, re.MULTILINE)
    assert len(walk) <= 6
    stacks = []

    def note(*_: object) -> None:
        files = [Path(frame.filename) for frame in traceback.extract_stack()]
        inside = [path.relative_to(CORE).as_posix() for path in files if CORE in path.parents]
        stacks.append(list(dict.fromkeys(inside)))

    hook = register_optimizer_step_pre_hook(note)
    words = ["ganzoo", "train", "vanilla", "--rounds", "1", "--out", str(tmp_path / "run")]
    monkeypatch.setattr(sys, "argv", words)
    try:
        with pytest.raises(SystemExit):
            cli.main()
    finally:
        hook.remove()
    *checks, first, _ = stacks  # one step of each player, after as many of the composition check
    assert len(checks) == 2
    assert first == walk[:-1]
    assert walk[-1] == Path(inspect.getfile(Step)).relative_to(CORE).as_posix()
