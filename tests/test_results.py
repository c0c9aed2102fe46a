"""A benchmark's files are read for what they are, or refused in one sentence; none fills memory."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image

from ganzoo.benchmark.contest import folders_in
from ganzoo.benchmark.folder import contest_in
from ganzoo.benchmark.pictures import SMALL_BYTES, grid_picture, snapshot_picture
from ganzoo.benchmark.progress import share_of
from ganzoo.benchmark.results import MOST_BYTES, Result, ResultsFile, line, read
from ganzoo.errors import RunError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

WHOLE = line(Result(contender="a", kind="last", rounds=8)).encode()
OTHER = line(Result(contender="a", kind="last", rounds=8, seed=1)).encode()


def refused(reader: Callable[[Path], object], path: Path) -> str:
    with pytest.raises(RunError) as error:
        reader(path)
    return str(error.value)


# ----------------------------------------------------------------------------------------- results


def test_a_line_that_is_repeated_counts_once(tmp_path: Path) -> None:
    path = tmp_path / "results.jsonl"
    path.write_bytes(WHOLE + OTHER + WHOLE)
    assert [result.seed for result in read(path)] == [0, 1]


def test_text_within_a_line_does_not_end_it(tmp_path: Path) -> None:
    told = Result(contender="a", kind="failed", error="first\u2028second\x85third\r")
    ResultsFile(tmp_path).add(told)
    assert read(tmp_path / "results.jsonl") == [told]


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (b"\xff\n", "Invalid JSON: expected value at line 1 column 1"),
        (b'{"contender": "\xc3(", "kind": "last"}\n', "invalid unicode code point"),
        (b"\0\n", "Invalid JSON: expected value"),
        (b"\n", "Invalid JSON: EOF while parsing"),
        (b"[" * 10_000 + b"\n", "recursion limit exceeded"),
        (b'{"contender": "a", "kind": ["last"]}\n', "kind: Input should be"),
        (b'{"contender": "a", "kind": "last", "seed": 1e400}\n', "seed: Input should be"),
        (b'{"contender": "a", "kind": "last", "rounds": 1' + b"0" * 400 + b"}\n", "rounds: Input"),
        (b'{"contender": "a", "kind": "last", "seconds": 1e308}\n', "seconds: Input should be"),
        (b'{"contender": "a", "kind": "last", "seconds": NaN}\n', "seconds: Input should be"),
        (b'{"contender": "a", "kind": "last", "' + b"x" * 9000 + b'": 1}\n', "x" * 100),
    ],
)
def test_a_line_that_is_no_result_is_named(tmp_path: Path, content: bytes, fault: str) -> None:
    path = tmp_path / "results.jsonl"
    path.write_bytes(WHOLE + content)
    told = refused(read, path)
    assert told.startswith(f"{path}, line 2, is not a result of this version of ganzoo (")
    assert told.endswith("); upgrade ganzoo-core, or choose another --out.")
    assert fault in told


def test_results_that_would_fill_the_memory_are_not_read(tmp_path: Path) -> None:
    path = tmp_path / "results.jsonl"
    with path.open("wb") as file:
        file.truncate(MOST_BYTES + 1)
    assert refused(read, path) == f"{path} cannot be read: it is larger than 16 MiB."


# ---------------------------------------------------------------------------------------- contests


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b'{"format": 2}', "was written by an older version"),
        (b'{"format": 1e400}', "is not a contest of this version"),
        (b'{"format": "2"}', "is not a contest of this version"),
        (b"[" * 10_000, "is not a contest of this version"),
        (b"\xff\xfe{}", "is not a contest of this version"),
        (b"[]", "is not a contest of this version"),
    ],
)
def test_a_file_that_is_no_contest_is_refused(tmp_path: Path, content: bytes, told: str) -> None:
    (tmp_path / "contest.json").write_bytes(content)
    assert told in refused(contest_in, tmp_path)


@pytest.mark.parametrize(
    "content",
    [b'"abc"', b'["../x"]', b'["a\\u0000b"]', b"[1]", b"{}", b"[" * 10_000, b'[""]', b"\xff"],
)
def test_the_folders_of_a_suite_are_names_in_it(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "suite.json"
    path.write_bytes(content)
    assert refused(folders_in, tmp_path) == f"{path} cannot be read; choose another --out."


# ---------------------------------------------------------------------------------------- progress


PLAN = b'{"rounds": 8, "seconds": null}'


@pytest.mark.parametrize(
    ("log", "plan", "share"),
    [
        (b'{"round": 4, "seconds": 1}\n', PLAN, 0.5),
        (b'{"round": 99, "seconds": 1}\n', PLAN, 0.99),
        (b'{"round": -4, "seconds": 1}\n', PLAN, 0.0),
        (b'{"round": 4, "seconds": 1}\n', b'{"rounds": 0, "seconds": 0}', 0.0),
        (b'{"round": 1%s}\n' % (b"0" * 400), PLAN, 0.0),
        (b'{"round": "4"}\n', PLAN, 0.0),
        (b"null\n", PLAN, 0.0),
        (b'{"x": 4}\n', PLAN, 0.0),
        (b"\xff\n", PLAN, 0.0),
        (b"[" * 1999 + b"\n", PLAN, 0.0),
        (b'{"round": 4, "seconds": 1}\n', b"[]", 0.0),
        (b'{"round": 4, "seconds": 1}\n', b"\xff", 0.0),
        (b"", PLAN, 0.0),
    ],
)
def test_progress_never_fails_because_of_a_file(
    tmp_path: Path, log: bytes, plan: bytes, share: float
) -> None:
    (tmp_path / "log.jsonl").write_bytes(log)
    (tmp_path / "run.json").write_bytes(plan)
    assert share_of(tmp_path) == share


# ---------------------------------------------------------------------------------------- pictures


def scene(path: Path, **changed: Any) -> Path:
    points = np.zeros((3, 2), np.float32)
    limits = np.array([[-1.0, -1.0], [1.0, 1.0]])
    arrays = {"fake": points, "real": points, "limits": limits, **changed}
    np.savez_compressed(path, **{n: array for n, array in arrays.items() if array is not None})
    return path


@pytest.mark.parametrize(
    ("changed", "fault"),
    [
        ({"fake": np.zeros((3, 3))}, "its 'fake' is float64 of shape (3, 3)"),
        ({"real": np.zeros((0, 2))}, "its 'real' is float64 of shape (0, 2)"),
        ({"limits": np.zeros(())}, "its 'limits' is float64 of shape ()"),
        ({"limits": np.array([["a", "b"]] * 2)}, "its 'limits' is <U1 of shape (2, 2)"),
        ({"features": np.zeros((6, 2), complex)}, "its 'features' is complex128 of shape (6, 2)"),
        ({"fake": np.array([[None, {}]])}, "Object arrays cannot be loaded"),
        ({"fake": None}, "fake is not a file in the archive"),
        ({"landscape": np.zeros((3000, 3000))}, "it unpacks to more than 16 MiB"),
    ],
)
def test_a_snapshot_is_of_points_or_refused(
    tmp_path: Path, changed: dict[str, Any], fault: str
) -> None:
    path = scene(tmp_path / "1.npz", **changed)
    told = refused(snapshot_picture, path)
    assert told.startswith(f"{path} is no snapshot of points (")
    assert fault in told
    assert told.endswith("): remove it.")


@pytest.mark.parametrize("damage", [b"", b"PK\x03\x04", b"x" * 99, None])
def test_a_broken_snapshot_is_refused(tmp_path: Path, damage: bytes | None) -> None:
    path = scene(tmp_path / "1.npz")
    path.write_bytes(path.read_bytes()[:-30] if damage is None else damage)
    assert f"{path} is no snapshot of points (" in refused(snapshot_picture, path)


def test_a_grid_that_is_no_image_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "1.png"
    path.write_bytes(b"x" * (SMALL_BYTES + 1))
    told = refused(grid_picture, path)
    assert told == f"{path} cannot be read as an image (cannot identify image): remove it."


@pytest.mark.parametrize("mode", ["1", "P", "LA", "I;16"])
def test_a_grid_of_any_mode_is_shown(tmp_path: Path, mode: str) -> None:
    noise = np.random.default_rng(0).integers(256, size=(160, 160), dtype=np.uint8)
    image = Image.fromarray(noise).convert("L" if mode == "1" else mode)
    image = image.resize((480, 480)).convert(mode)
    image.save(tmp_path / "1.png", compress_level=0)
    assert grid_picture(tmp_path / "1.png").startswith("data:image/webp;base64,")
