"""A plugin written for another version of the core is refused by name, before it is imported."""

from __future__ import annotations

import sys
import tomllib
from importlib.metadata import entry_points, version
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ganzoo._version import __version__
from ganzoo.errors import UnknownNameError
from ganzoo.plugins.requirement import unmet
from ganzoo.plugins.zoo import Zoo

if TYPE_CHECKING:
    from collections.abc import Callable
    from importlib.metadata import EntryPoint

    Installed = Callable[..., EntryPoint]

ROOT = Path(__file__).parent.parent
MODULE = """
import ganzoo
class Margin(ganzoo.Loss):
    def generator(self, fake_score):
        return -fake_score
@ganzoo.hookimpl
def ganzoo_losses():
    return [Margin]
"""


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Installed:
    """Install a plugin that requires these distributions; returns its entry point."""

    def made(*requires: str) -> EntryPoint:
        info = tmp_path / "ganzoo_older-0.1.0.dist-info"
        info.mkdir()
        lines = ["Metadata-Version: 2.1", "Name: ganzoo-older", "Version: 0.1.0"]
        lines += [f"Requires-Dist: {requirement}" for requirement in requires]
        (info / "METADATA").write_text("\n".join(lines) + "\n")
        (info / "entry_points.txt").write_text("[ganzoo]\nolder = ganzoo_older\n")
        (tmp_path / "ganzoo_older.py").write_text(MODULE)
        monkeypatch.syspath_prepend(tmp_path)
        monkeypatch.delitem(sys.modules, "ganzoo_older", raising=False)
        return entry_points(group="ganzoo")["older"]

    return made


def test_a_plugin_for_an_older_core_is_one_sentence_and_is_not_imported(
    installed: Installed,
) -> None:
    zoo = Zoo([installed("torch>=2", "ganzoo-core<0.2")])
    (fault,) = zoo.broken["older"]
    assert str(fault) == (
        f"plugin ganzoo-older 0.1.0 needs ganzoo-core <0.2, and this is {__version__}: upgrade one "
        "of the two."
    )
    assert "ganzoo_older" not in sys.modules
    assert "hinge" in zoo.parts("loss")
    with pytest.raises(UnknownNameError):
        zoo.find("loss", "margin")


@pytest.mark.parametrize(
    "requires",
    [(), ("ganzoo-core",), ("Ganzoo.Core[report]>=0.2,<0.3",), ("ganzoo-core<0.1; extra == 'x'",)],
)
def test_a_plugin_whose_requirement_is_met_or_absent_loads(
    installed: Installed, requires: tuple[str, ...]
) -> None:
    zoo = Zoo([installed(*requires)])
    assert zoo.broken == {}
    assert "margin" in zoo.parts("loss")


def needs(plugin: EntryPoint, running: str = __version__) -> list[str]:
    assert plugin.dist is not None
    return [need.text for need in unmet(plugin.dist, running)]


def test_one_minor_version_is_one_level(installed: Installed) -> None:
    plugin = installed("ganzoo-core>=0.2,<0.3")
    assert [needs(plugin, running) for running in ("0.2.0", "0.2.1rc1", "0.2.7")] == 3 * [[]]
    assert [needs(plugin, running) for running in ("0.1.9", "0.3.0")] == [
        [f"ganzoo-core >=0.2,<0.3, and this is {running}: upgrade one of the two."]
        for running in ("0.1.9", "0.3.0")
    ]


def test_a_requirement_that_cannot_be_read_is_passed_over(installed: Installed) -> None:
    (need,) = needs(installed("ganzoo-core (>=0.1", "ganzoo-core<0.2"))
    assert need.startswith("ganzoo-core <0.2, ")


@pytest.mark.parametrize(
    "requires",
    [
        "ganzoo-core>=99",
        "Ganzoo.Core [report,parquet] >= 99",
        "ganzoo-core>=99; python_version >= '3.11'",
        "ganzoo_core>=99; extra != 'x' and sys_platform != 'none'",
    ],
)
def test_every_spelling_of_a_requirement_is_read(installed: Installed, requires: str) -> None:
    assert needs(installed(requires)) == [
        f"ganzoo-core >=99, and this is {__version__}: upgrade one of the two."
    ]


@pytest.mark.parametrize(
    "requires",
    [
        "ganzoo-core @ https://example.org/ganzoo_core-99-py3-none-any.whl",
        "ganzoo-core>=99; python_version < '3'",
        "ganzoo-core>=99; extra == 'gpu'",
        "no-such-project; extra == 'gpu'",
        "torch @ file:///torch.whl",
        "torch>=2,!=2.0.0",
    ],
)
def test_what_does_not_apply_or_names_no_version_is_met(
    installed: Installed, requires: str
) -> None:
    assert needs(installed(requires)) == []


def test_what_another_project_lacks_is_told_and_the_plugin_is_tried(installed: Installed) -> None:
    zoo = Zoo([installed("torch>=99", "No.Such_Project[extra]>=1,<2", "ganzoo-core")])
    assert list(map(str, zoo.broken["older"])) == [
        f"plugin ganzoo-older 0.1.0 needs {need}"
        for need in (
            f"torch >=99, and {version('torch')} is installed: upgrade one of the two.",
            (
                'no-such-project >=1,<2, which is not installed: run "pip install '
                "'no-such-project>=1,<2'\"."
            ),
        )
    ]
    assert "margin" in zoo.parts("loss")


def test_core_and_its_plugins_name_one_version() -> None:
    major, minor, _ = __version__.split(".")
    level = f">={major}.{minor},<{major}.{int(minor) + 1}"
    projects = [
        tomllib.loads(path.read_text(encoding="utf-8"))["project"]
        for path in sorted(ROOT.glob("plugins/*/pyproject.toml"))
    ]
    core = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert [p["name"] for p in projects if f"ganzoo-core{level}" not in p["dependencies"]] == []
    extra = core["optional-dependencies"]["zoo"]
    assert sorted(extra) == [f"{project['name']}{level}" for project in projects]
    assert f"\nversion: {__version__}\n" in (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert f"\n## {__version__}" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
