"""The public names: all there, lazy, and never shadowed by a module of the same name."""

from __future__ import annotations

import importlib
import pkgutil
import subprocess
import sys
from pathlib import Path

import pytest

import ganzoo


@pytest.mark.parametrize("name", ganzoo.__all__)
def test_every_public_name_is_there(name: str) -> None:
    assert getattr(ganzoo, name) is not None


def test_no_module_takes_a_functions_place() -> None:
    for module in pkgutil.iter_modules(ganzoo.__path__):
        if module.name != "__main__":
            importlib.import_module(f"ganzoo.{module.name}")
    for name in ("train", "sample", "evaluate", "bench", "explain", "install"):
        assert callable(getattr(ganzoo, name)), name


def test_import_ganzoo_imports_neither_torch_nor_a_plugin() -> None:
    code = "import ganzoo, sys; print([m for m in sys.modules if m == 'torch' or 'ganzoo_' in m])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_no_line_of_the_core_names_a_variant() -> None:
    core = Path(ganzoo.__file__).parent
    names = ("wgan", "infogan", "gail", "vanilla", "ganzoo_dcgan")
    for path in core.rglob("*.py"):
        code = [line for line in path.read_text().splitlines() if '"""' not in line]
        for line in code:
            assert not any(name in line.lower() for name in names), f"{path.name}: {line}"
