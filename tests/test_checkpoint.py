"""A checkpoint that is damaged is told and never used: the one before it is taken."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from base64 import b64encode
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import torch
from safetensors.torch import load_file, save_file

import ganzoo
from ganzoo import cli
from ganzoo.benchmark.gallery import sample_files
from ganzoo.benchmark.jobs import Contest
from ganzoo.errors import OptionError, RunError, WeightsError, ZooError
from ganzoo.storage.files import replacing
from ganzoo.training import checkpoint
from ganzoo.training.checkpoint import DamagedError
from ganzoo.training.run import Run

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

SMALL = ["mlp.width=8", "mlp.depth=1", "batch=16", "data.n=200", "data.held_out=100", "ema=0.9"]
NEWEST, BEFORE = "00000004.safetensors", "00000002.safetensors"
MOMENT = "generator-optimizer.0.exp_avg"


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that was saved at its second round and its fourth, the last."""
    out = tmp_path_factory.mktemp("runs") / "whole"
    ganzoo.train("vanilla", data="ring", settings=SMALL, rounds=4, save_every=2, out=out)
    return out


@pytest.fixture
def run(whole: Path, tmp_path: Path) -> Path:
    """A copy of it."""
    shutil.copytree(whole, tmp_path / "run")
    return tmp_path / "run"


def newest(run: Path) -> Path:
    return run / "checkpoints" / NEWEST


def rewritten(path: Path, change: Callable[[dict[str, Tensor], dict[str, Any]], object]) -> None:
    """Write a checkpoint anew with something else in it, and the digest of that."""
    tensors, facts = contents(path)
    change(tensors, facts)
    checkpoint.write(path, tensors, facts)


def contents(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    with checkpoint.reading(path) as found:
        return found


def flipped(path: Path, place: int) -> None:
    blob = bytearray(path.read_bytes())
    blob[place] ^= 1
    path.write_bytes(blob)


def is_equal(one: Path, other: Path) -> bool:
    mine, its = load_file(one), load_file(other)
    return mine.keys() == its.keys() and all(torch.equal(mine[name], its[name]) for name in its)


# -------------------------------------------------------------------------- what is not the game's

FOREIGN: dict[str, tuple[Callable[[dict[str, Any], dict[str, Any]], object], str]] = {
    "moment of another shape": (
        lambda t, _: t.update({MOMENT: torch.zeros(3)}),
        f"'{MOMENT}' has shape (3,), not (8, 64)",
    ),
    "moment that is one number": (
        lambda t, _: t.update({MOMENT: torch.zeros(())}),
        f"'{MOMENT}' has shape (), not (8, 64)",
    ),
    "moment of another type": (
        lambda t, _: t.update({MOMENT: t[MOMENT].double()}),
        f"'{MOMENT}' has dtype torch.float64, not torch.float32",
    ),
    "moment that lacks": (lambda t, _: t.pop(MOMENT), f"'{MOMENT}' is missing"),
    "moment that is NaN": (
        lambda t, _: t[MOMENT].fill_(torch.nan),
        f"'{MOMENT}' is not a number",
    ),
    "moment of no optimizer": (
        lambda t, _: t.update({"generator-optimizer.0.more": torch.zeros(3)}),
        "it also has 'generator-optimizer.0.more'",
    ),
    "moment of no parameter": (
        lambda t, _: t.update({"generator-optimizer.99.step": torch.zeros(())}),
        "it also has 'generator-optimizer.99.step'",
    ),
    "step of another shape": (
        lambda t, _: t.update({"generator-optimizer.0.step": torch.zeros(2)}),
        "'generator-optimizer.0.step' has shape (2,), not ()",
    ),
    "random state of another size": (
        lambda t, _: t.update(random=t["random"][:100]),
        "'random' has shape (100,), not (5056,)",
    ),
    "random state of another type": (
        lambda t, _: t.update(latents=t["latents"].float()),
        "'latents' has dtype torch.float32, not torch.uint8",
    ),
    "random state that is none": (
        lambda t, _: t["random"].fill_(255),
        "'random' is no state of a random generator",
    ),
    "latents' state that is none": (
        lambda t, _: t["latents"].fill_(255),
        "'latents' is no state of a random generator",
    ),
    "infinite weight": (
        lambda t, _: t["generator.layers.0.0.bias"].fill_(torch.inf),
        "'generator.layers.0.0.bias' is not finite",
    ),
    "average that is NaN": (
        lambda t, _: t["average.layers.0.0.bias"].fill_(torch.nan),
        "'average.layers.0.0.bias' is not finite",
    ),
    "term that is no scalar": (
        lambda t, _: t.update({"generator-log.non-saturating": torch.zeros(2)}),
        "'generator-log.non-saturating' has shape (2,), not ()",
    ),
    "tensor of nothing": (lambda t, _: t.update(more=torch.zeros(2)), "it also has 'more'"),
    "steps of another player": (
        lambda _, f: f["steps"].update(encoder=1),
        "it counts steps of discriminator, encoder, generator, not of discriminator, generator",
    ),
    "position below zero": (
        lambda _, f: f.update(position=-1),
        "position: Input should be greater than or equal to 0",
    ),
    "rounds in words": (
        lambda _, f: f.update(rounds="four"),
        "rounds: Input should be a valid integer",
    ),
    "no plan": (lambda _, f: f.pop("plan"), "it has no 'plan'"),
}


@pytest.mark.parametrize(("change", "why"), FOREIGN.values(), ids=[*FOREIGN])
def test_what_is_not_the_games_is_refused_and_the_checkpoint_before_is_taken(
    run: Path, whole: Path, capsys: pytest.CaptureFixture[str], change: Any, why: str
) -> None:
    rewritten(newest(run), change)
    foreign = newest(run).read_bytes()
    assert ganzoo.train(out=run, resume=True).game.rounds == 4
    assert capsys.readouterr().err.splitlines()[0] == (
        f"warning: checkpoint {newest(run)} cannot be read: {why}; {BEFORE} is taken instead."
    )
    assert is_equal(newest(run), newest(whole))
    assert newest(run).with_suffix(".damaged").read_bytes() == foreign
    assert [path.name for path in checkpoint.kept_in(run)] == [BEFORE, NEWEST]


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("returns", "'returns' has shape (3,), not (2,)"),
        ("envs.episodes", "'episodes' has shape (3,), not (2,)"),
        (None, "it has no 'returns'"),
    ],
)
def test_a_part_refuses_what_is_not_its_own(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str | None, why: str
) -> None:
    run, part = tmp_path / "run", "part.sampler rollout"
    shutil.copytree(Path(__file__).parent / "data" / "0.1" / "gail", run)
    path = run / "checkpoints" / "00000008.safetensors"

    def change(tensors: dict[str, Tensor], _: object) -> None:
        tensors[f"{part}.{name}" if name else "unused"] = torch.zeros(3)
        if name is None:
            del tensors[f"{part}.returns"], tensors["unused"]

    rewritten(path, change)
    assert ganzoo.train(out=run, resume=True).game.rounds == 8
    assert capsys.readouterr().err.splitlines()[0] == (
        f"warning: checkpoint {path} cannot be read: {why}; 00000004.safetensors is taken instead."
    )


# --------------------------------------------------------------------------- what was not written


def test_no_flipped_byte_is_taken_for_what_was_written(run: Path) -> None:
    path = newest(run)
    tensors, facts = contents(path)
    blob = path.read_bytes()
    for place in range(0, len(blob), 97):
        path.write_bytes(blob)
        flipped(path, place)
        try:
            found, said = contents(path)
        except DamagedError:
            continue
        # A space in the header, or the name of the digest: what is held is what was written.
        assert all(torch.equal(found[name], tensors[name]) for name in tensors)
        assert {name: said[name] for name in facts} == facts


DAMAGES: dict[str, Callable[[Path], object]] = {
    "flipped byte": lambda path: flipped(path, -1000),
    "cut": lambda path: path.write_bytes(path.read_bytes()[:-100]),
    "cut in the header": lambda path: path.write_bytes(path.read_bytes()[:50]),
    "empty": lambda path: path.write_bytes(b""),
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=[*DAMAGES])
def test_every_command_tells_of_a_damaged_checkpoint_and_takes_the_one_before(
    run: Path, whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, damage: Any
) -> None:
    halfway = tmp_path / "halfway"
    shutil.copytree(whole, halfway)
    (halfway / "checkpoints" / NEWEST).unlink()
    damage(newest(run))
    alike = ["--data", "ring", "--rounds", "1"]
    alike += [word for setting in SMALL for word in ("--set", setting)]
    for words in (
        ("sample", str(run), "--out", str(tmp_path / "samples.npy")),
        ("evaluate", str(run)),
        ("export", str(run), "--out", str(tmp_path / "weights")),
        ("train", "vanilla", "--from", str(run), "--out", str(tmp_path / "next"), *alike),
        ("train", "--resume", "--out", str(run)),
    ):
        assert_warns(monkeypatch, words, run)
    assert is_equal(newest(run), newest(whole))
    ganzoo.export(halfway, tmp_path / "expected")
    for file in (tmp_path / "expected").iterdir():
        assert (tmp_path / "weights" / file.name).read_bytes() == file.read_bytes()


def assert_warns(monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], run: Path) -> None:
    """Assert that a command succeeds and warns once."""
    from io import StringIO

    monkeypatch.setattr(sys, "argv", ["ganzoo", *words])
    monkeypatch.setattr(sys, "stderr", said := StringIO())
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert not ended.value.code, said.getvalue()
    warnings = [line for line in said.getvalue().splitlines() if "cannot be read" in line]
    assert len(warnings) == 1, words
    assert warnings[0].startswith(f"warning: checkpoint {newest(run)} cannot be read: ")
    assert warnings[0].endswith(f"; {BEFORE} is taken instead.")


def test_a_finished_generator_outlives_its_checkpoint(run: Path) -> None:
    finished = (run / "model.safetensors").read_bytes()
    flipped(newest(run), -1)
    ganzoo.sample(run, 2)
    assert (run / "model.safetensors").read_bytes() == finished


def test_where_no_checkpoint_is_whole_the_newest_is_named(run: Path) -> None:
    for path in checkpoint.kept_in(run):
        flipped(path, -1)
    wrong = f"checkpoint {newest(run)} cannot be read: its bytes are not those that were written."
    for call in (
        lambda: ganzoo.evaluate(run),
        lambda: ganzoo.train(out=run, resume=True),
        lambda: Run.open(run, ganzoo.default_zoo()),
    ):
        with pytest.raises(RunError) as error:
            call()
        assert str(error.value) == wrong
    assert [path.name for path in checkpoint.kept_in(run)] == [BEFORE, NEWEST]


def test_a_damaged_best_checkpoint_is_refused_and_changes_nothing(run: Path) -> None:
    opened = Run.open(run, ganzoo.default_zoo())
    best = opened.save(run / "best.safetensors")
    before = {name: value.clone() for name, value in opened.game.state()[0].items()}
    rewritten(best, lambda tensors, _: tensors.update({MOMENT: torch.zeros(3)}))
    with pytest.raises(DamagedError, match=f"'{MOMENT}' has shape"):
        opened.load(best)
    assert all(torch.equal(value, before[name]) for name, value in opened.game.state()[0].items())


def test_a_checkpoint_of_other_options_is_refused_and_not_passed_over(run: Path) -> None:
    rewritten(newest(run), lambda _, facts: facts["plan"].update(seed=1))
    with pytest.raises(RunError, match=r"is of a run with seed 1, not 0 as in run.json\.$"):
        ganzoo.train(out=run, resume=True)


def test_a_checkpoint_without_a_digest_is_read(run: Path, whole: Path) -> None:
    """As versions before this one wrote it."""
    tensors, facts = contents(newest(run))
    save_file(tensors, newest(run), {"ganzoo": json.dumps(facts)})
    opened = Run.open(run, ganzoo.default_zoo())
    expected = load_file(newest(whole))
    assert all(torch.equal(value, expected[name]) for name, value in opened.game.state()[0].items())


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float64, torch.int64, torch.bool])
def test_every_type_and_shape_of_tensors_has_a_digest(tmp_path: Path, dtype: torch.dtype) -> None:
    game = ganzoo.compose("vanilla", data="ring", settings=SMALL).game()
    _, facts = game.state()
    shapes = [(), (0,), (2, 3)]
    tensors = {f"{i}": torch.ones(shape, dtype=dtype) for i, shape in enumerate(shapes)}
    tensors["turned"] = torch.arange(6).view(2, 3).to(dtype).T
    checkpoint.write(tmp_path / "some.safetensors", tensors, facts)
    found, said = contents(tmp_path / "some.safetensors")
    assert said == facts
    assert all(torch.equal(found[name], value) for name, value in tensors.items())


def test_weight_files_that_are_not_finite_are_refused(run: Path, tmp_path: Path) -> None:
    for wrong in (torch.nan, torch.inf):
        rewritten(newest(run), lambda t, _, wrong=wrong: t["discriminator.head.bias"].fill_(wrong))
        (run / "checkpoints" / BEFORE).unlink(missing_ok=True)
        ganzoo.export(run, tmp_path / "weights")
        with pytest.raises(WeightsError) as error:
            _ = ganzoo.load(f"dir:{tmp_path / 'weights'}").discriminator
        assert str(error.value) == (
            f"the discriminator of 'dir:{tmp_path / 'weights'}' cannot be used: 'head.bias' is not "
            "finite."
        )


# ----------------------------------------------------------------------------------- the folder


def test_checkpoints_and_pictures_are_in_the_order_of_their_numbers(run: Path) -> None:
    for count, name in ((99_999_998, "99999998"), (100_000_000, "100000000")):
        copy = Path(shutil.copy(newest(run), run / "copy.safetensors"))
        rewritten(copy, lambda _, facts, count=count: facts.update(rounds=count, progress=0.5))
        copy.rename(run / "checkpoints" / f"{name}.safetensors")
    (run / "checkpoints" / "best.safetensors").touch()
    (run / "run.json").write_text(
        (run / "run.json").read_text().replace('"rounds": 4', '"rounds": 100000001')
    )
    opened = Run.open(run, ganzoo.default_zoo())
    assert opened.game.rounds == 100_000_000
    opened.train([])
    kept = [path.name for path in checkpoint.kept_in(run)]
    assert kept == ["100000000.safetensors", "100000001.safetensors"]


def test_a_checkpoint_under_another_name_is_none_of_its_round(
    run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    newest(run).rename(run / "checkpoints" / "00000100.safetensors")
    opened = Run.open(run, ganzoo.default_zoo())
    assert opened.game.rounds == int(Path(BEFORE).stem)
    told = "00000100.safetensors cannot be read: it is of round 4, not of the one in its name; "
    assert told in capsys.readouterr().err


def test_what_is_no_file_under_a_checkpoints_name_is_damaged(
    run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    os.mkfifo(run / "checkpoints" / "00000009.safetensors")
    (run / "checkpoints" / "00000010.safetensors").mkdir()
    assert Run.open(run, ganzoo.default_zoo()).game.rounds == 4
    told = capsys.readouterr().err.splitlines()
    assert [line.partition("cannot be read: ")[2] for line in told] == [
        "Is a directory; 00000004.safetensors is taken instead.",
        "it is a named pipe, not a file; 00000004.safetensors is taken instead.",
    ]
    assert ganzoo.sample(run, n=1).shape[0] == 1


def test_pictures_are_in_the_order_of_their_numbers(run: Path) -> None:
    shutil.rmtree(run / "samples")
    (run / "samples").mkdir()
    for name in ("100000000", "99999999", "notes"):
        (run / "samples" / f"{name}.png").write_bytes(name.encode())
    assert [path.stem for path in sample_files(run)] == ["99999999", "100000000"]
    shown = Run.open(run, ganzoo.default_zoo())._repr_html_()
    assert b64encode(b"100000000").decode() in shown


@pytest.mark.parametrize("threads", [0, 100_000])
def test_threads_that_would_end_the_process_are_refused(tmp_path: Path, threads: int) -> None:
    with pytest.raises(OptionError, match=f"^option 'threads' of 'run' cannot be {threads}: Input"):
        ganzoo.train("vanilla", data="ring", rounds=1, threads=threads, out=tmp_path / "run")
    with pytest.raises(OptionError, match="^threads: Input should be "):
        Contest.of({"contenders": {"a": "vanilla"}, "data": "ring", "threads": threads})
    assert not (tmp_path / "run").exists()


def test_a_lost_plan_is_told(run: Path) -> None:
    (run / "run.json").unlink()
    lost = (
        f"{run} holds checkpoints, but not the {run / 'run.json'} that says what they are of; put "
        "it back, or choose another folder."
    )
    for call in (
        lambda: ganzoo.train("vanilla", data="ring", out=run),
        lambda: ganzoo.train("vanilla", data="ring", out=run, resume=True),
        lambda: ganzoo.sample(run, 2),
        lambda: ganzoo.train("vanilla", data="ring", start=run, out=run / "next"),
    ):
        with pytest.raises(RunError) as error:
            call()
        assert str(error.value) == lost


@pytest.mark.parametrize(
    ("fields", "what"),
    [
        ({"threads": 100_000}, "threads: Input should be less than or equal to 1024"),
        ({"device": "gpu"}, "device: String should match pattern"),
        ({"device": "cuda:x"}, "device: String should match pattern"),
        ({"rounds": None, "seconds": None}, "it has neither rounds nor seconds"),
        ({"seed": -1}, "seed: Input should be greater than or equal to 0"),
        ({"rounds": "many"}, "rounds: Input should be a valid integer"),
        ([], "Input should be an object"),
    ],
)
def test_a_damaged_plan_says_which_file_and_field(run: Path, fields: Any, what: str) -> None:
    plan = json.loads((run / "run.json").read_text())
    (run / "run.json").write_text(json.dumps({**plan, **fields} if fields else fields))
    for call in (lambda: ganzoo.train(out=run, resume=True), lambda: ganzoo.sample(run, 2)):
        with pytest.raises(ZooError) as error:
            call()
        assert str(error.value).startswith(
            f"{run / 'run.json'} is damaged, or of another version: {what}"
        )


def test_parts_of_no_kind_are_parts_that_are_not_known(run: Path) -> None:
    plan = json.loads((run / "run.json").read_text())
    (run / "run.json").write_text(json.dumps({**plan, "own": {"network x": "a.B"}}))
    with pytest.raises(
        RunError, match=r"^this run has parts .* no plugin offers: network x \(a.B\)"
    ):
        ganzoo.sample(run, 2)


@pytest.mark.parametrize(
    ("group", "fields", "what"),
    [
        ("variant", {"batch": "x"}, "option 'batch' of 'vanilla' cannot be 'x': Input should be a"),
        ("variant", {"architecture": {"part": "nope"}}, "no architecture 'nope'. Installed archit"),
        ("data", {"n": "q"}, "option 'n' of 'ring' cannot be 'q': Input should be a valid intege"),
    ],
)
def test_a_damaged_part_of_a_plan_says_which_file_and_option(
    run: Path, group: str, fields: dict[str, object], what: str
) -> None:
    plan = json.loads((run / "run.json").read_text())
    (run / "run.json").write_text(json.dumps({**plan, group: {**plan[group], **fields}}))
    for call in (
        lambda: ganzoo.train(out=run, resume=True),
        lambda: ganzoo.sample(run, 2),
        lambda: Run.open(run, ganzoo.default_zoo()),
    ):
        with pytest.raises(ZooError) as error:
            call()
        assert str(error.value).startswith(f"{run / 'run.json'} cannot be used here: {what}")


def test_what_killed_processes_left_is_removed_when_a_run_is_taken_up(run: Path) -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    with replacing(run / "own") as own:  # this is what they are called
        own.touch()
    left = [
        run / f".run.json.{ended.pid}.part",
        run / "checkpoints" / f".{NEWEST}.{ended.pid}.part",
        run / "samples" / f".00000004.png.{10**30}.part",
        run / own.name.replace("own", "notes"),
    ]
    others = [run / f".samples.npy.{os.getppid()}.part", run / "notes.part", run / ".1.part.png"]
    others.append(run / "another" / left[0].name)
    (run / "another").mkdir()
    for path in (*left, *others):
        path.touch()
    ganzoo.sample(run, 2)
    Run.open(run, ganzoo.default_zoo())
    assert all(path.exists() for path in left)  # who only reads holds no lock
    ganzoo.train(out=run, resume=True)
    assert not any(path.exists() for path in left)
    assert all(path.exists() for path in others)


def test_what_a_killed_process_left_of_a_file_is_removed_when_the_file_is_written(
    tmp_path: Path,
) -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    left = tmp_path / f".a[1].png.{ended.pid}-7.part"
    others = [tmp_path / f".b.png.{ended.pid}-7.part", tmp_path / f".a[1].png.{os.getppid()}.part"]
    for path in (left, *others):
        path.touch()
    with replacing(tmp_path / "a[1].png") as temporary:
        temporary.touch()
    assert not left.exists()
    assert all(path.exists() for path in others)


def test_a_checkpoint_that_is_not_there_is_told_apart(tmp_path: Path) -> None:
    with pytest.raises(RunError) as error, checkpoint.reading(tmp_path / "none"):
        pass
    assert str(error.value) == f"there is no checkpoint {tmp_path / 'none'}."


def test_a_lack_of_memory_is_no_damage(run: Path) -> None:
    with pytest.raises(MemoryError), checkpoint.reading(newest(run)):
        raise MemoryError


def test_a_digest_is_of_names_forms_and_facts_too() -> None:
    tensors: dict[str, Tensor] = {"a": torch.zeros(2, 3)}
    others: list[tuple[dict[str, Tensor], dict[str, Any]]] = [
        ({"b": torch.zeros(2, 3)}, {}),
        ({"a": torch.zeros(3, 2)}, {}),
        ({"a": torch.zeros(2, 3, dtype=torch.int32)}, {}),
        (tensors, {"rounds": 1}),
    ]
    found = {checkpoint.digest(*other) for other in [(tensors, {}), *others]}
    assert len(found) == 1 + len(others)
