"""A new plugin conforms as it is written, and each way of breaking it is told in one sentence."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ganzoo import cli
from ganzoo.errors import ZooError
from ganzoo.plugins.default import default_zoo, installed_zoo
from ganzoo.testing import conformance, new_plugin
from ganzoo.testing.new import FILES

Command = Callable[..., tuple[int, str, str]]
MODULE = "ganzoo_my_gan"
PASSED = """\
plugin ganzoo-my-gan 0.1.0 loads, and offers 1 architecture, 1 loss, 1 variant
architecture 'my-gan-mlp' is documented, and survives JSON
loss 'my-gan-loss' is documented, and survives JSON
variant 'my-gan' survives JSON, and its data are known
architecture 'my-gan-mlp' trains, repeats and resumes
loss 'my-gan-loss' trains, repeats and resumes
variant 'my-gan' trains, repeats and resumes
"""
WRITTEN = """\
ganzoo-my-gan is written. To install and check it:
  pip install ./ganzoo-my-gan
  ganzoo check my-gan
"""


@pytest.fixture
def ganzoo(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> Iterator[Command]:
    """The command line in an empty folder."""

    def run(*words: str) -> tuple[int, str, str]:
        installed_zoo.cache_clear()
        monkeypatch.setattr(sys, "argv", ["ganzoo", *words])
        with pytest.raises(SystemExit) as stop:
            cli.main()
        out, err = capsys.readouterr()
        return int(stop.value.code or 0), out, err

    monkeypatch.chdir(tmp_path)
    yield run
    installed_zoo.cache_clear()


@pytest.fixture
def module(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Path]:
    """The module of a new plugin, which is found by its entry point as if installed."""
    folder = new_plugin("my-gan", tmp_path)
    info = folder / "ganzoo_my_gan-0.1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: ganzoo-my-gan\nVersion: 0.1.0\n")
    (info / "entry_points.txt").write_text(f"[ganzoo]\nmy-gan = {MODULE}\n")
    monkeypatch.syspath_prepend(folder)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)  # a test changes the module
    yield folder / f"{MODULE}.py"
    sys.modules.pop(MODULE, None)


def test_a_new_plugin_passes_every_check_and_trains_on_points(
    ganzoo: Command, module: Path
) -> None:
    assert ganzoo("check", "my-gan") == (0, PASSED, "")
    code, out, _ = ganzoo("train", "my-gan", "--rounds", "2", "--out", "run")
    assert (code, out.partition(":")[0]) == (0, "my-gan · ring · seed 0")


def test_json_has_a_row_for_every_check(ganzoo: Command, module: Path) -> None:
    rows = json.loads(ganzoo("check", "my-gan", "--json")[1])
    assert [f"{row['checked']} {row['found']}" for row in rows] == PASSED.splitlines()
    assert {row["status"] for row in rows} == {"ok"}


PLUGIN, LOSS = "plugin ganzoo-my-gan 0.1.0", "loss 'my-gan-loss'"
BROKEN = {
    "undecorated": (
        "@ganzoo.hookimpl\ndef ganzoo_losses",
        "def ganzoo_losses",
        f"{PLUGIN} has 'ganzoo_losses' without @ganzoo.hookimpl, so it is not called.",
    ),
    "misspelt hook": (
        "def ganzoo_losses",
        "def ganzoo_loss",
        f"{PLUGIN} has an unknown hook 'ganzoo_loss'; did you mean 'ganzoo_losses'?",
    ),
    "import": (
        "import ganzoo\n",
        "import ganzoo\nimport not_there_at_all\n",
        (
            f"{PLUGIN} did not load: No module named 'not_there_at_all'. The rest of the zoo is "
            "unaffected."
        ),
    ),
    "data": (
        'data="ring"',
        'data="rings"',
        (
            "variant 'my-gan' names data that cannot be used: no dataset 'rings'; did you mean "
            "'ring'? Installed datasets: {datasets}."
        ),
    ),
    "architecture": (
        "return mlp_scorer(real, [self.width, self.width])",
        "return mlp_scorer(real, self.width)",
        (
            "architecture 'my-gan-mlp' composes with nothing: architecture 'my-gan-mlp' cannot "
            "build its discriminator: Value after * must be an iterable, not int."
        ),
    ),
    "misspelt method": (
        "def discriminator(self, real_score, fake_score)",
        "def discriminatr(self, real_score, fake_score)",
        (
            f"{LOSS} composes with nothing: {LOSS} has a method 'discriminatr', which nothing "
            "calls; did you mean 'discriminator'?"
        ),
    ),
    "infinite": (
        "return softplus(real_score - fake_score)",
        "return softplus(real_score - fake_score) / 0",
        (
            f"{LOSS} composes with nothing: the values that 'my-gan-loss' returns on the "
            "generator's turn are not finite before anything is trained."
        ),
    ),
    "state": (
        """\
    def discriminator(self, real_score, fake_score):
        return softplus(fake_score - real_score)
""",
        """\
    seen: list = []

    def discriminator(self, real_score, fake_score):
        self.seen.append(1)
        return softplus(fake_score - real_score) * len(self.seen)
""",
        (
            f"{LOSS} ends with different weights when the same seed is run twice; state that "
            "changes belongs to the game: return it from start(self, game)."
        ),
    ),
}
"""What is right in the module, what is wrong in its place, and what is said of that."""

WIDENING = "real, [next(widths)])\n\n\nwidths = iter(range(1, 999))\n\n\n"
"""An architecture that builds another network each time."""


@pytest.mark.parametrize(("right", "wrong", "sentence"), BROKEN.values(), ids=list(BROKEN))
def test_a_plugin_broken_in_one_way_fails_with_the_right_sentence(
    ganzoo: Command, module: Path, right: str, wrong: str, sentence: str
) -> None:
    text = module.read_text()
    assert text.count(right) == 1
    module.write_text(text.replace(right, wrong))
    code, out, err = ganzoo("check", "my-gan", "--json")
    said = sentence.format(datasets=", ".join(default_zoo().named("dataset")))
    *before, last = json.loads(out)
    assert (code, err, last["found"]) == (1, f"error: {said}\n", said)
    assert [row["status"] for row in before] == ["ok"] * len(before)
    assert last["status"] == "broken"
    code, out, err = ganzoo("check", "my-gan")
    assert (code, len(out.splitlines()), err) == (1, len(before), f"error: {said}\n")


@pytest.mark.parametrize(
    ("right", "wrong", "broken"),
    [
        ("softplus(real_score - fake_score)", "real_score / 0", "loss 'my-gan-loss'"),
        ("real, [self.width, self.width])\n\n\n", WIDENING, "architecture 'my-gan-mlp'"),
    ],
    ids=["loss", "architecture"],
)
def test_pytest_has_a_test_for_each_check_and_only_what_is_broken_fails(
    module: Path, right: str, wrong: str, broken: str
) -> None:
    text = module.read_text()
    assert text.count(right) == 1
    module.write_text(text.replace(right, wrong))
    test = conformance("my-gan")
    (mark,) = test.pytestmark
    failed = []
    for check in mark.args[1]:
        try:
            test(check)
        except AssertionError:
            failed.append(str(check))
    assert len(mark.args[1]) == len(PASSED.splitlines())
    trains = "trains, repeats and resumes"
    assert failed == [f"{broken} {trains}", f"variant 'my-gan' {trains}"]


def test_the_files_of_a_new_plugin_are_well_formed(ganzoo: Command, tmp_path: Path) -> None:
    code, out, _ = ganzoo("new", "my-gan")
    assert (code, out) == (0, WRITTEN)
    folder = tmp_path / "ganzoo-my-gan"
    written = sorted(path for path in folder.rglob("*") if path.is_file())
    assert len(written) == len(FILES)
    assert [path for path in written if "$" in path.read_text().replace("${{ ", "")] == []
    ruff = [sys.executable, "-m", "ruff"]
    for words in (["format", "--check", "--line-length", "100"], ["check"]):
        command = [*ruff, *words, "--isolated", "--no-cache", folder]
        subprocess.run(command, check=True, capture_output=True)
    assert list(tmp_path.iterdir()) == [folder]


MALFORMED = (
    "a plugin cannot be named '{}'; write lower-case letters, digits and hyphens, a letter first, "
    "as in 'my-gan'."
)
TAKEN = "there is a {} '{}' already; choose another name."


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        *(
            (name, MALFORMED.format(name))
            for name in ("", "My-Gan", "my_gan", "my--gan", "2-gans", "../up")
        ),
        ("a\n", MALFORMED.format("a\\n")),
        ("ganzoo-mine", "'ganzoo-' is put before the name: run 'ganzoo new mine'."),
        ("core", TAKEN.format("plugin", "core")),
        ("gail", TAKEN.format("plugin", "gail")),
        ("wgan", TAKEN.format("variant", "wgan")),
    ],
)
def test_a_name_that_no_new_plugin_can_have_is_refused(
    name: str, sentence: str, tmp_path: Path
) -> None:
    with pytest.raises(ZooError) as error:
        new_plugin(name, tmp_path)
    assert str(error.value) == sentence
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_there_stays_as_it_is(ganzoo: Command, tmp_path: Path) -> None:
    mine = tmp_path / "ganzoo-my-gan"
    mine.mkdir()
    said = "error: ganzoo-my-gan is there already; choose another name, or remove it.\n"
    assert ganzoo("new", "my-gan") == (1, "", said)
    assert list(tmp_path.rglob("*")) == [mine]


def test_what_is_not_installed_is_told_with_the_command_that_installs_it(
    ganzoo: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    code, _, err = ganzoo("check", "gali")
    assert code == 1
    assert err.startswith("error: no plugin 'gali' is installed; did you mean 'gail'? Installed")
    monkeypatch.setattr("ganzoo.testing.plugin.entry_points", lambda group: ())
    said = "error: plugin 'gail' is not installed: run 'ganzoo install gail'.\n"
    assert ganzoo("check", "gail") == (1, "", said)
    said = "error: no plugin 'my-gan' is installed. Installed plugins: none.\n"
    assert ganzoo("check", "my-gan") == (1, "", said)
    new_plugin("my-gan", tmp_path)
    said = "error: plugin 'my-gan' is not installed: run 'pip install ./ganzoo-my-gan'.\n"
    assert ganzoo("check", "my-gan") == (1, "", said)
