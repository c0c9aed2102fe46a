"""Every command beside a plugin that misbehaves: results are whole, and the culprit is named."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Any, TypeAlias

import pytest
from misbehaving import CLOCK

from ganzoo import cli
from ganzoo.plugins.default import installed_zoo
from ganzoo.plugins.registry import PLURALS
from ganzoo.training.train import train

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    Told: TypeAlias = Callable[..., tuple[Any, str]]

HOOKS = [f"ganzoo_{plural}" for plural in PLURALS.values()]
STAGES = ["import", *HOOKS, "ganzoo_commands", "measure"]
ACTS = {
    "prints": "print('{[')",
    "sleeps": "CLOCK.sleep(5)",
    "exits": "sys.exit(3)",
    "raises": "raise ValueError('no')",
    "is odd": "raise BaseException('no')",
}
MODULE = """
import sys
import ganzoo
from misbehaving import CLOCK

def act(stage):
    if stage == {stage!r}:
        {act}

act("import")

class Bad(ganzoo.Metric):
    better = {{"bad": "higher"}}

    def measure(self, fake):
        act("measure")
        return {{"bad": 1.0}}

class Kept(ganzoo.Loss):
    def discriminator(self, real_score, fake_score):
        return fake_score - real_score

    def generator(self, fake_score):
        return -fake_score

    def remarks(self, game):
        act("remarks")
        return ()

def offering(hook):
    def offers():
        act(hook)
        return {{"ganzoo_metrics": [Bad], "ganzoo_losses": [Kept]}}.get(hook, [])
    return ganzoo.hookimpl(offers)

for hook in {hooks}:
    globals()[hook] = offering(hook)

@ganzoo.hookimpl
def ganzoo_commands(cli):
    act("ganzoo_commands")
"""


def install(folder: Path, stage: str, act: str) -> None:
    """Write a plugin that does something in one stage of its life."""
    info = folder / "ganzoo_bad-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: ganzoo-bad\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[ganzoo]\nbad = ganzoo_bad\n")
    module = MODULE.format(stage=stage, act=act, hooks=HOOKS)
    (folder / "ganzoo_bad.py").write_text(module)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small run of points."""
    out = tmp_path_factory.mktemp("run")
    installed_zoo.cache_clear()
    settings = ["architecture.width=8", "batch=8"]
    train("vanilla", data="ring:200", rounds=1, out=out, settings=[*settings, "data.held_out=100"])
    return out


@pytest.fixture
def beside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Iterator[Callable[[str, str], Told]]:
    """Install a plugin that does something in a stage; returns what runs a command with --json.

    That returns the answer, and standard error.
    """

    def told(*words: str) -> tuple[Any, str]:
        monkeypatch.setattr(sys, "argv", ["ganzoo", *words, "--json"])
        with suppress(SystemExit):
            cli.main()
        out, err = capfd.readouterr()
        return json.loads(out), err

    def installed(stage: str, act: str) -> Told:
        install(tmp_path, stage, ACTS[act])
        monkeypatch.syspath_prepend(tmp_path)
        monkeypatch.delitem(sys.modules, "ganzoo_bad", raising=False)
        return told

    monkeypatch.setattr("ganzoo.plugins.isolation.time", CLOCK)
    installed_zoo.cache_clear()
    yield installed
    installed_zoo.cache_clear()


@pytest.mark.parametrize("act", ACTS)
@pytest.mark.parametrize("stage", STAGES)
def test_every_command_answers_beside_a_plugin_that_misbehaves(
    stage: str, act: str, beside: Callable[[str, str], Told], run: Path
) -> None:
    told = beside(stage, act)
    variants, _ = told("list")
    assert {"vanilla", "dcgan"} <= {row["variant"] for row in variants}
    losses, _ = told("parts", "loss")
    breaks = act not in {"prints", "sleeps"}
    kept = not breaks or stage not in {"import", "ganzoo_losses"}
    assert ("kept" in {row["part"] for row in losses}) is kept
    assert told("explain", "vanilla", "--data", "ring:100")[0]["turns"]
    scores, remarks = told("evaluate", str(run), "-n", "80")
    measured = not breaks or stage not in {"import", "ganzoo_metrics", "measure"}
    numbers = {score["metric"] for score in scores}
    assert (("bad" in numbers), "balanced-quality" in numbers) == (measured, True)
    assert ("metric 'bad' of ganzoo_bad could not be measured: " in remarks) is (
        breaks and stage == "measure"
    )
    plugins, _ = told("plugins")
    status = {row["plugin"]: row["status"] for row in plugins}
    if stage == "measure" or act == "prints":
        assert status["bad"] == "ok"
    elif act == "sleeps":
        where = "in its import" if stage == "import" else f"in {stage}"
        assert status["bad"] == f"ok; slow: it takes 5.0 s to load, 5.0 s of it {where}"
    else:
        assert ("did not load: " if stage == "import" else f"failed in {stage}: ") in status["bad"]
    assert status["vanilla"] == "ok"


def test_the_installation_is_checked_beside_it(beside: Callable[[str, str], Told]) -> None:
    told = beside("ganzoo_models", "exits")
    found, err = told("doctor")
    assert [row["checked"] for row in found if row["status"] != "ok"] == ["plugin bad"]
    assert "failed in ganzoo_models: it called sys.exit(3)." in err
    assert told("hub", "verify", "vanilla/ring")[0]


def test_a_benchmark_answers_beside_it_too(tmp_path: Path) -> None:
    install(tmp_path, "measure", ACTS["prints"])
    words = "bench vanilla --data ring --rounds 1 --seeds 1 --set data.n=100 --json"
    path = os.pathsep.join([str(tmp_path), *sys.path])
    done = subprocess.run(
        [sys.executable, "-m", "ganzoo", *words.split(), "--out", str(tmp_path / "b")],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=True,
    )
    scored = [score["metric"] for result in json.loads(done.stdout) for score in result["scores"]]
    assert "bad" in scored


def test_a_part_that_ends_a_command_is_named(
    beside: Callable[[str, str], Told], capfd: pytest.CaptureFixture[str]
) -> None:
    told = beside("remarks", "exits")
    with pytest.raises(json.JSONDecodeError):
        told("explain", "vanilla", "--data", "ring:100", "--loss", "kept")
    with suppress(SystemExit):
        cli.main()
    assert capfd.readouterr() == (
        "",
        "error: ganzoo_bad called sys.exit(3), which ended the command.\n",
    )
