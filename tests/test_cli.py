"""The command line answers in tables, JSON or one sentence, with the right exit code."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from ganzoo import cli
from ganzoo.cli import doctor

Command = Callable[..., tuple[int, str, str]]


@pytest.fixture
def ganzoo(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    def run(*words: str | Path) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["ganzoo", *map(str, words)])
        code: object = 0
        try:
            cli.main()
        except SystemExit as stop:
            code = stop.code or 0
        out, err = capsys.readouterr()
        assert isinstance(code, int)
        return code, out, err

    return run


TINY = ("--set", "architecture.width=8", "--set", "batch=8")


def test_help_imports_neither_torch_nor_a_plugin() -> None:
    code = (
        "import sys; sys.argv = ['ganzoo', '--help']\n"
        "from ganzoo.cli import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "print([m for m in sys.modules if m in ('torch', 'ganzoo.zoo') or 'ganzoo_' in m])\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "bench" in done.stdout
    assert done.stdout.rstrip().endswith("[]")


def test_list_and_plugins_print_tables_and_json(ganzoo: Command) -> None:
    code, out, _ = ganzoo("list")
    assert code == 0
    assert "wgan-gp" in out
    rows = json.loads(ganzoo("list", "--json")[1])
    assert {"dcgan", "vanilla", "wgan", "wgan-gp"} <= {row["variant"] for row in rows}
    plugins = json.loads(ganzoo("plugins", "--json")[1])
    assert all(row["status"] == "ok" for row in plugins)


def test_explain_prints_who_deals_and_who_reads(ganzoo: Command) -> None:
    code, out, _ = ganzoo("explain", "wgan-gp", "--loss", "hinge", "--set", "sampler.dim=7")
    assert code == 0
    assert "discriminator's turn, 5 a round: minimizes hinge + 10 gradient-penalty" in out
    told = json.loads(ganzoo("explain", "wgan-gp", "--json")[1])
    values = {row["value"]: row for row in told["wiring"] if row["player"] == "discriminator"}
    assert values["real"]["from"] == "data digits"
    assert values["z"]["from"] == "sampler gaussian"
    assert values["score"]["read_by"] == ["gradient-penalty"]


def test_train_sample_evaluate_and_resume(ganzoo: Command, tmp_path: Path) -> None:
    run = tmp_path / "run"
    train = ("train", "dcgan", "--out", run, *TINY)
    code, out, _ = ganzoo(*train, "--rounds", "3")
    assert (code, "3 rounds" in out) == (0, True)
    code, out, _ = ganzoo("sample", run, "-n", "4", "--out", tmp_path / "four.png")
    assert code == 0
    with Image.open(tmp_path / "four.png") as grid:
        assert grid.width == grid.height
    code, _, told = ganzoo("sample", run, "--given", "psi=0.7")
    offered = "truncation, z"
    assert (code, told) == (1, f"error: no sample is made from 'psi'; given may be: {offered}.\n")
    code, out, _ = ganzoo("evaluate", run, "-n", "50", "--json")
    scores = json.loads(out)
    assert {"frechet-distance", "coverage", "rarest-class"} <= {s["metric"] for s in scores}
    assert "against 445 held-out rows of digits" in ganzoo("evaluate", run, "-n", "50")[1]
    code, out, _ = ganzoo(*train, "--rounds", "5", "--resume")
    assert (code, "5 rounds" in out) == (0, True)


def test_how_data_were_understood_is_told_once_and_not_among_the_results(
    ganzoo: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for number in range(8):
        kind = tmp_path / "photos" / ("cat", "dog")[number % 2]
        kind.mkdir(parents=True, exist_ok=True)
        Image.new("L", (8, 8), 30 * number).save(kind / f"{number}.png")
    told = "2 classes: cat 4, dog 4; 2 held out."
    composed = ("vanilla", "--data", "folder:photos", "--set", "data.size=8", *TINY)
    for rounds, resume in (("1", ()), ("2", ("--resume",))):
        code, out, err = ganzoo("train", *composed, "--rounds", rounds, *resume)
        assert (code, out.count(told), err.count(told)) == (0, 0, 1)
    assert [run.name for run in (tmp_path / "runs").iterdir()] == ["vanilla-photos-0"]
    assert told in ganzoo("explain", *composed)[1]
    assert told in json.loads(ganzoo("explain", *composed, "--json")[1])["remarks"]


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("train", "dcgn"), "no variant 'dcgn'; did you mean 'dcgan'?"),
        (("train", "infogan-x", "--loss", "hinge"), "no variant 'infogan-x'"),
        (("train", "dcgan", "--data", "digitz"), "no dataset 'digitz'; did you mean 'digits'?"),
        (("train", "dcgan", "--loss", "hinje"), "no loss 'hinje'; did you mean 'hinge'?"),
        (("train", "dcgan", "--set", "batch=-1"), "option 'batch' of 'dcgan' cannot be -1"),
        (("train", "dcgan", "--set", "nonsense"), "'nonsense' is no setting"),
        (("train", "dcgan", "--data", "ring"), "architecture 'dcgan' builds images"),
        (("train", "vanilla", "--data", "ring", "--set", "data.std=0"), "option 'std' of 'ring'"),
        (("train", "dcgan", "--data", "folder:/nowhere"), "there is no folder /nowhere."),
        (("train", "dcgan", "--data", "folder"), "'folder' needs the option 'path'."),
        (("train", "dcgan", "--device", "warp"), "device 'warp' cannot be used here"),
        (
            ("explain", "dcgan", "--regularizer", "grad-penalty"),
            "no regularizer 'grad-penalty'; did",
        ),
        (("sample", "nowhere"), "nowhere holds no run"),
        (
            ("sample", "dcgan/fashion-mnits"),
            "no pretrained model 'dcgan/fashion-mnits'; did you mean",
        ),
        (("evaluate", "nowhere"), "nowhere holds no run"),
        (("bench", "dcgan", "dcgn", "--out", "b"), "no variant 'dcgn'"),
        (
            ("bench", "dcgan", "--rounds", "1", "--seconds", "1", "--out", "b"),
            "budget: give one budget",
        ),
        (("install", "dcgn"), "the registry knows no plugin 'dcgn'; did you mean 'dcgan'?"),
    ],
)
def test_what_the_user_can_mend_is_one_sentence_and_exit_code_1(
    ganzoo: Command,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    words: tuple[str, ...],
    sentence: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    code, out, err = ganzoo(*words)
    assert (code, out) == (1, "")
    assert err.startswith(f"error: {sentence}")
    assert err.count("\n") == 1
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "words",
    [
        ("train",),
        ("train", "dcgan", "--rounds", "0"),
        ("nonsense",),
        ("bench", "dcgan", "--rounds", "0"),
        ("bench", "dcgan", "--seeds", "0"),
    ],
)
def test_wrong_usage_is_exit_code_2(ganzoo: Command, words: tuple[str, ...]) -> None:
    assert ganzoo(*words)[0] == 2


def test_a_benchmark_that_nobody_finishes_is_exit_code_1_and_has_no_report(
    ganzoo: Command, tmp_path: Path
) -> None:
    code, out, err = ganzoo("bench", "dcgan", "--data", "ring", "--rounds", "1", "--out", tmp_path)
    assert code == 1
    assert "architecture 'dcgan' builds images" in err
    assert out.rstrip().endswith("Nobody finished.")
    assert not (tmp_path / "report.html").exists()


def test_a_benchmark_is_not_put_where_a_file_is(ganzoo: Command, tmp_path: Path) -> None:
    place = tmp_path / "notes"
    place.write_text("mine")
    code, _, err = ganzoo("bench", "vanilla", "--data", "ring", "--rounds", "1", "--out", place)
    assert (code, err) == (1, f"error: cannot make the folder {place}: File exists.\n")
    assert place.read_text() == "mine"


def test_missing_and_corrupt_data_are_one_sentence(
    ganzoo: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GANZOO_DATA", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))
    code, _, err = ganzoo("train", "dcgan", "--data", "mnist", "--out", tmp_path / "run")
    assert (code, err.count("\n")) == (1, 1)
    assert "set GANZOO_DATA" in err
    (tmp_path / "train-images-idx3-ubyte").write_bytes(b"\0\0\x08\x03garbage")
    code, _, err = ganzoo("train", "dcgan", "--data", "mnist", "--out", tmp_path / "run")
    assert (code, err.count("\n")) == (1, 1)
    assert "train-images-idx3-ubyte" in err
    assert not (tmp_path / "run").exists()


def test_the_clash_with_the_unrelated_project_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    assert doctor.clash() is None
    monkeypatch.setattr("importlib.metadata.distribution", lambda _: object())
    assert "pip uninstall ganzoo" in (doctor.clash() or "")


def test_the_doctor_finds_nothing_here_and_a_changed_weight_file_where_there_is_one(
    ganzoo: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    code, out, err = ganzoo("doctor")
    assert (code, err) == (0, "")
    assert "broken" not in out
    (tmp_path / "model.safetensors").write_bytes(b"something else")
    monkeypatch.setattr("ganzoo.plugins.sources.embedded_folder", lambda *_: tmp_path)
    code, out, err = ganzoo("doctor")
    assert code == 1
    assert "broken" in out
    assert "weights dcgan/fashion-mnist: dcgan/fashion-mnist: " in err
    assert "is not what was published" in err
