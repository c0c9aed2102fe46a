"""Wheels, new environments and a third party's plugin: really installed, used by flags alone."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
import sysconfig
import tomllib
import venv
import zipfile
from pathlib import Path
from textwrap import dedent

import pytest

import ganzoo
from ganzoo.plugins.registry import registry

ROOT = Path(__file__).parent.parent
PLUGINS = sorted((ROOT / "plugins").iterdir())
PLUGIN = '''
"""Third-party parts: a hinge with a margin, and a penalty on scores, as a stranger would write."""

import ganzoo
from torch.nn.functional import relu


class MarginHinge(ganzoo.Loss):
    margin: float = 2.0

    def discriminator(self, real_score, fake_score):
        return relu(self.margin - real_score) + relu(self.margin + fake_score)

    def generator(self, fake_score):
        return -fake_score


class NearZero(ganzoo.Regularizer):
    def discriminator(self, real_score):
        return real_score.square()


@ganzoo.hookimpl
def ganzoo_losses():
    return [MarginHinge]


@ganzoo.hookimpl
def ganzoo_regularizers():
    return [NearZero]
'''
PROJECT = """
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"

[project]
name = "ganzoo-margin"
version = "1.0"
dependencies = ["ganzoo-core"]

[project.entry-points.ganzoo]
margin = "ganzoo_margin"
"""


def made(out: Path, *projects: Path) -> None:
    """Source distributions, and wheels made from them, as 'make dist' does."""
    for project in projects:
        command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", out, project]
        subprocess.run(command, check=True, capture_output=True)


def pip_wheel(out: Path, *sources: Path) -> None:
    command = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation"]
    subprocess.run([*command, "-w", out, *sources], check=True, capture_output=True)


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("wheels")
    made(out, ROOT, *PLUGINS)
    return out


def wheel_of(folder: Path, name: str, version: str, files: dict[str, str]) -> Path:
    """A wheel with these files."""
    info = f"{name}-{version}.dist-info"
    files |= {
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    files[f"{info}/RECORD"] = "".join(f"{path},,\n" for path in [*files, f"{info}/RECORD"])
    made = folder / f"{name}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(made, "w") as archive:
        for path, text in files.items():
            archive.writestr(path, text)
    return made


class Room:
    """A new environment with every package of this one except ganzoo's own."""

    def __init__(self, folder: Path) -> None:
        venv.create(folder, with_pip=True)
        self.bin = folder / "bin"
        packages = folder / "lib" / f"python{sysconfig.get_python_version()}" / "site-packages"
        for entry in Path(sysconfig.get_path("purelib")).iterdir():
            if "ganzoo" not in entry.name and not (packages / entry.name).exists():
                (packages / entry.name).symlink_to(entry)

    def run(self, command: str, *words: str | Path, code: int = 0, **env: str) -> str:
        # PYTHONPATH would put whichever checkout the tests run in before what is installed here.
        inherited = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
        done = subprocess.run(
            [self.bin / command, *words],
            env={**inherited, **env},
            capture_output=True,
            text=True,
            check=False,
            cwd=self.bin,
        )
        assert done.returncode == code, done.stderr
        return done.stdout if code == 0 else done.stderr


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory, wheels: Path) -> Room:
    made = Room(tmp_path_factory.mktemp("room"))
    made.run("pip", "install", "-q", "--no-deps", *wheels.glob("ganzoo_core-*.whl"))
    return made


def test_what_is_tracked_is_in_the_wheels(wheels: Path) -> None:
    assert len(list(wheels.glob("*.tar.gz"))) == len(list(wheels.glob("*.whl"))) == 1 + len(PLUGINS)
    for project in (ROOT, *PLUGINS):
        package = project.name.replace("-", "_") if project != ROOT else "ganzoo"
        listed = ["git", "-C", project, "ls-files", package]
        tracked = subprocess.run(listed, check=True, capture_output=True, text=True)
        distribution = package if project != ROOT else "ganzoo_core"
        (wheel,) = wheels.glob(f"{distribution}-*.whl")
        with zipfile.ZipFile(wheel) as archive:
            assert set(tracked.stdout.split()) <= set(archive.namelist()), wheel.name


def test_a_release_is_whole(wheels: Path, tmp_path: Path) -> None:
    """From the wheels alone: every weight file, samples, and a contest."""
    room = Room(tmp_path / "room")
    here = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(wheels)}
    room.run("pip", "install", "-q", "ganzoo-core[zoo]", **here)
    place = room.run("python", "-c", "import ganzoo; print(ganzoo.__file__)")
    assert Path(place).is_relative_to(tmp_path)
    rows = json.loads(room.run("ganzoo", "hub", "verify", "--all", "--json"))
    assert {(row["where"], row["status"]) for row in rows} == {("embedded", "ok")}
    told = room.run("python", "-c", LOAD.format("conditional/fashion-mnist"))
    assert told.strip() == "(3, 1, 28, 28)"
    grid = tmp_path / "points.png"
    room.run("ganzoo", "sample", "wgan-gp/ring", "--out", grid)
    assert grid.stat().st_size > 0
    contest = ("bench", "vanilla", "wgan-gp", "--data", "ring", "--rounds", "1")
    results = json.loads(room.run("ganzoo", *contest, "--out", tmp_path / "b", "--json"))
    assert {row["contender"] for row in results} >= {"vanilla", "wgan-gp"}


def test_versions_of_plugins_are_the_registrys() -> None:
    versions = {}
    for project in PLUGINS:
        facts = tomllib.loads((project / "pyproject.toml").read_text())["project"]
        versions[facts["name"]] = facts["version"]
    assert {item.distribution: item.version for item in registry().plugins.values()} == versions
    core = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert core["version"] == ganzoo.__version__


def test_plugins_are_installed_by_registry_name_and_then_used(room: Room, wheels: Path) -> None:
    sentence = "error: no variant 'wgan-gp'. It is in ganzoo-wgan-gp: run 'ganzoo install wgan-gp'."
    assert room.run("ganzoo", "train", "wgan-gp", code=1).strip() == sentence
    room.run("ganzoo", "install", "wgan-gp", "dcgan", "--find-links", wheels)
    status = {
        row["plugin"]: row["status"] for row in json.loads(room.run("ganzoo", "plugins", "--json"))
    }
    assert (status["wgan-gp"], status["dcgan"], status["vanilla"]) == ("ok", "ok", "not installed")
    assert "3 rounds" in room.run(
        "ganzoo", "train", "wgan-gp", "--rounds", "3", "--out", room.bin / "run"
    )


LOAD = "import ganzoo; print(tuple(ganzoo.load('{}').sample(3).shape))"


def test_pretrained_weights_come_in_the_wheel_of_their_plugin(room: Room, wheels: Path) -> None:
    room.run("ganzoo", "install", "dcgan", "--find-links", wheels)
    there = room.run("python", "-c", LOAD.format("dcgan/fashion-mnist"))
    assert there.strip() == "(3, 1, 28, 28)"
    told = room.run("python", "-c", LOAD.format("conditional/fashion-mnist"), code=1)
    assert told.strip().endswith("not installed: run 'ganzoo install conditional'.")


def test_what_pip_cannot_find_is_one_sentence(room: Room, tmp_path: Path) -> None:
    told = room.run("ganzoo", "install", "vanilla", "--find-links", tmp_path, code=1)
    assert told.startswith("error: pip could not install ganzoo-vanilla==0.2.0: No matching")
    assert told.count("\n") == 1


def test_a_strangers_parts_combine_with_every_plugins_by_flags_alone(
    room: Room, wheels: Path, tmp_path: Path
) -> None:
    room.run("ganzoo", "install", "wgan-gp", "dcgan", "--find-links", wheels)
    (tmp_path / "ganzoo_margin").mkdir()
    (tmp_path / "ganzoo_margin" / "__init__.py").write_text(PLUGIN)
    (tmp_path / "pyproject.toml").write_text(dedent(PROJECT))
    pip_wheel(tmp_path / "out", tmp_path)
    room.run("pip", "install", "-q", "--no-deps", *(tmp_path / "out").iterdir())
    rows = {row["plugin"]: row for row in json.loads(room.run("ganzoo", "plugins", "--json"))}
    assert (rows["margin"]["status"], rows["margin"]["registry"]) == ("ok", "no")
    flags = (
        "--loss",
        "margin-hinge",
        "--regularizer",
        "near-zero",
        "--regularizer",
        "gradient-penalty",
    )
    options = (
        "--set",
        "near-zero.weight=0.001",
        "--set",
        "margin-hinge.margin=1",
        "--set",
        "batch=8",
    )
    for variant in ("dcgan", "wgan-gp"):
        out = tmp_path / variant
        room.run("ganzoo", "train", variant, "--rounds", "2", "--out", out, *flags, *options)
        plan = json.loads((out / "run.json").read_text())["variant"]
        assert plan["loss"] == {"part": "margin-hinge", "margin": 1.0}
        assert [part["part"] for part in plan["regularizers"]] == ["near-zero", "gradient-penalty"]


def test_a_new_plugin_is_installed_and_conforms_by_three_commands(room: Room) -> None:
    room.run("ganzoo", "new", "fresh")
    built = ("--no-deps", "--no-build-isolation")  # without a network
    room.run("pip", "install", "-q", *built, "./ganzoo-fresh")
    said = room.run("ganzoo", "check", "fresh").splitlines()
    assert said[0].startswith("plugin ganzoo-fresh 0.1.0 loads")
    assert said[-1] == "variant 'fresh' trains, repeats and resumes"


def test_a_plugin_that_cannot_be_imported_breaks_nothing(room: Room, tmp_path: Path) -> None:
    (tmp_path / "ganzoo_margin").mkdir()
    (tmp_path / "ganzoo_margin" / "__init__.py").write_text("import not_there_at_all\n")
    project = PROJECT.replace("ganzoo-margin", "ganzoo-broken").replace("margin =", "broken =")
    (tmp_path / "pyproject.toml").write_text(
        project + '\n[tool.hatch.build.targets.wheel]\npackages = ["ganzoo_margin"]\n'
    )
    pip_wheel(tmp_path / "out", tmp_path)
    site = tmp_path / "site"
    room.run("pip", "install", "-q", "--no-deps", "--target", site, *(tmp_path / "out").iterdir())
    done = subprocess.run(
        [room.bin / "ganzoo", "plugins", "--json"],
        env={"PYTHONPATH": str(site), "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    rows = {row["plugin"]: row["status"] for row in json.loads(done.stdout)}
    assert rows["broken"] == (
        "plugin ganzoo-broken 1.0 did not load: No module named 'not_there_at_all'. "
        "The rest of the zoo is unaffected."
    )
    assert rows["core"] == "ok"


STRANGERS = {
    "ganzoo/__init__.py": "from .version import __version__\n",
    "ganzoo/version.py": "__version__ = '0.0.1'\n",
    **{
        path: text
        for name in ("gan", "dcgan", "wgan", "wgan_gp")
        for path, text in (
            (f"ganzoo/{name}/__init__.py", f"from .{name} import *\n"),
            (f"ganzoo/{name}/{name}.py", ""),
        )
    },
    "tests/__init__.py": "",
}
"""What the unrelated project ganzoo 0.0.1 installs."""


def test_the_unrelated_projects_files_are_told_with_what_mends_them(
    wheels: Path, tmp_path: Path
) -> None:
    room = Room(tmp_path / "room")
    here = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(wheels), "PIP_YES": "1"}
    room.run("pip", "install", "-q", "--no-deps", "ganzoo-core", "ganzoo-dcgan", **here)
    assert "broken" not in room.run("ganzoo", "doctor")
    room.run("pip", "install", "-q", wheel_of(tmp_path, "ganzoo", "0.0.1", STRANGERS), **here)
    for words in (("doctor",), ("list",), ("train", "dcgan"), ("--help",)):
        told = room.run("ganzoo", *words, code=1)
        assert told.startswith("error: another project named ganzoo is installed and overwrites")
        assert told.count("\n") == 1
    first, second = re.findall(r"'(pip [^']*)'", told)
    room.run(*shlex.split(second), **here)  # ours alone is back, and works
    assert "core" in room.run("ganzoo", "plugins")
    assert "the name ganzoo: another project" in room.run("ganzoo", "doctor", code=1)
    room.run(*shlex.split(first), **here)  # which takes ours with it
    told = room.run("ganzoo", "list", code=1)
    assert told.startswith("error: ganzoo/__init__.py is missing or another project's")
    assert told.count("\n") == 1
    assert re.findall(r"'(pip [^']*)'", told) == [second]
    room.run(*shlex.split(second), **here)
    assert "broken" not in room.run("ganzoo", "doctor")
    assert room.run("python", "-c", LOAD.format("dcgan/fashion-mnist")).strip() == "(3, 1, 28, 28)"
