"""An empty path is refused: to the system it would be the working directory."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

import ganzoo
from ganzoo import cli
from ganzoo.benchmark.compare import compare
from ganzoo.errors import OptionError
from ganzoo.plugins.install import install
from ganzoo.pretrained.render import write_samples
from ganzoo.pretrained.reproduce import reproduce
from ganzoo.testing.new import new_plugin
from ganzoo.training.run import Run

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

SENTENCE = "a path must not be empty; write '.' for the working directory."
CALLS: dict[str, Callable[[], Any]] = {
    "train": lambda: ganzoo.train("vanilla", data="ring", rounds=1, out=""),
    "resume": lambda: ganzoo.train(resume=True, out=" "),
    "start": lambda: ganzoo.train("vanilla", data="ring", rounds=1, start=""),
    "start run": lambda: ganzoo.train("vanilla", data="ring", rounds=1, start="run:"),
    "open": lambda: Run.open("", ganzoo.default_zoo()),
    "sample": lambda: ganzoo.sample(""),
    "evaluate": lambda: ganzoo.evaluate(""),
    "load": lambda: ganzoo.load("run:"),
    "cache": lambda: ganzoo.load("vanilla/ring", cache_dir=""),
    "compare one": lambda: compare("", "b", "c"),
    "install": lambda: install("dcgan", find_links=""),
    "export": lambda: ganzoo.export("", "a"),
    "write": lambda: write_samples("vanilla/ring", out=""),
    "bench": lambda: ganzoo.bench(["vanilla"], data="ring", rounds=1, out=""),
    "report": lambda: ganzoo.report(""),
    "compare": lambda: compare("a", "b", ""),
    "reproduce": lambda: reproduce("vanilla/ring", ""),
    "new": lambda: new_plugin("some-new-gan", ""),
}


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("call", CALLS)
def test_in_python(call: str, here: Path) -> None:
    with pytest.raises(OptionError) as error:
        CALLS[call]()
    assert str(error.value) == SENTENCE
    assert not any(here.iterdir())


@pytest.mark.parametrize(
    "command",
    [
        "train vanilla --data ring --rounds 1 --out",
        "sample vanilla/ring --out",
        "export run --out",
        "bench vanilla --data ring --rounds 1 --out",
        "report",
        "compare a b --out",
        "reproduce vanilla/ring --out",
        "hub fetch --all --to",
        "install dcgan --find-links",
    ],
)
def test_on_the_command_line(
    command: str, here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["ganzoo", *command.split(), ""])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert (ended.value.code, capsys.readouterr().err) == (1, f"error: {SENTENCE}\n")
    assert not any(here.iterdir())


def test_an_option_that_is_a_path_is_shown_as_one(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["ganzoo", "train", "--help"])
    with pytest.raises(SystemExit):
        cli.main()
    assert "--out PATH" in " ".join(capsys.readouterr().out.split())
