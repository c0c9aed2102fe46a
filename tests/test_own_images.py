"""docs/own-images.md as it is written: from a folder of images to a scored sheet of samples."""

from __future__ import annotations

import re
import shlex
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from ganzoo import cli
from ganzoo.plugins.default import installed_zoo
from ganzoo.plugins.zoo import Zoo

PAGE = (Path(__file__).parent.parent / "docs" / "own-images.md").read_text()
DATASETS = (Path(__file__).parent.parent / "docs" / "datasets.md").read_text()

SMALLER = {"--rounds 2000": "--rounds 2", "architecture.width=16": "architecture.width=4"}


@pytest.fixture
def tutorial(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.chdir(tmp_path)
    installed_zoo.cache_clear()
    yield
    installed_zoo.cache_clear()


def commands() -> Iterator[tuple[str, str]]:
    """Each command on the page, and what it prints there."""
    for block in re.findall(r"^```\n(\$ .*?)^```$", PAGE, re.MULTILINE | re.DOTALL):
        yield from re.findall(r"^\$ (.*)\n((?:(?!\$ ).*\n)*)", block, re.MULTILINE)


def run(words: str, capsys: pytest.CaptureFixture[str]) -> str:
    """What a command prints, with its errors."""
    program, *arguments = shlex.split(words)
    if program == "rm":
        shutil.rmtree(arguments[-1])
        return ""
    sys.argv = ["ganzoo", *arguments]
    with pytest.raises(SystemExit) as stop:
        cli.main()
    out, err = capsys.readouterr()
    assert stop.value.code == 0, err
    return err + out


@pytest.mark.usefixtures("tutorial")
def test_the_whole_page_runs(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", [])
    (drawing,) = re.findall(r"^```python\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    exec(compile(drawing, "own-images.md", "exec"), {})
    assert len(list(Path("shapes").rglob("*.png"))) == 60
    printed = {}
    for words, output in commands():
        for large, small in SMALLER.items():
            words = words.replace(large, small)  # noqa: PLW2901
        printed[words] = run(words, capsys)
        # Numbers are another matter after so few rounds: lines must begin as on the page.
        for line in filter(str.strip, output.splitlines()):
            begins = re.split(r"  +-?\d| \d+ rounds|─", line.strip())[0]
            assert begins in printed[words], line
    (scores,) = (told for words, told in printed.items() if words.startswith("ganzoo evaluate"))
    assert scores.count("mean little here") == 4
    for name in ("circles", "squares", "sheet"):
        with Image.open(f"{name}.png") as picture:
            assert picture.mode == "RGB"
    assert not Path("shapes").exists()


def test_every_option_of_every_dataset_is_in_its_page(core: Zoo) -> None:
    for name, dataset in core.named("dataset").items():
        assert f"`{name}`" in DATASETS
        for option, field in dataset.model_fields.items():
            default = "" if field.is_required() or field.default == "" else f"`{field.default}` "
            assert f"| `{name}.{option}` | {default}| {field.description} |" in DATASETS
