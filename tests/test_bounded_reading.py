"""What anybody could have written is read in bounded time and memory, or is a sentence."""

from __future__ import annotations

import gzip
import os
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

import ganzoo
from ganzoo.benchmark.folder import contest_in
from ganzoo.benchmark.suite import load_suite
from ganzoo.builtin.datasets import idx, images, shards
from ganzoo.builtin.datasets.files import FolderFiles, files_below
from ganzoo.builtin.datasets.idx import read_idx
from ganzoo.builtin.datasets.images import decoded
from ganzoo.builtin.datasets.metadata import in_order, rows
from ganzoo.builtin.datasets.scale import ROWS, SIXTEEN_BITS
from ganzoo.builtin.datasets.shards import Shards, read
from ganzoo.builtin.datasets.shards import opened as opened_shard
from ganzoo.builtin.metrics.fidelity import read as read_network
from ganzoo.errors import ZooError
from ganzoo.parts.plain_json import DEEPEST, json_of
from ganzoo.plugins.sources import source
from ganzoo.storage import reading
from ganzoo.storage.hub import Client
from ganzoo.storage.paths import exists, home, is_file, is_folder, real
from ganzoo.storage.reading import gunzipped, opened, read_bytes, read_text, require_file
from ganzoo.training import checkpoint
from ganzoo.training.plan import plan_in

if TYPE_CHECKING:
    from ganzoo.plugins.zoo import Zoo


def trap(folder: Path, kind: str) -> Path:
    """A path that is no file of at most 8 bytes, of a kind."""
    path = folder / kind
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "device":
        path.symlink_to("/dev/zero")
    elif kind == "loop":
        path.symlink_to(path)
    elif kind == "folder":
        path.mkdir()
    elif kind == "large":
        path.write_bytes(bytes(9))
    return path


REASONS = {
    "pipe": "it is a named pipe, not a file",
    "device": "it is a device, not a file",
    "loop": "Too many levels of symbolic links",
    "folder": "Is a directory",
    "large": "it is larger than 8 bytes",
    "missing": "No such file or directory",
    "null\0byte": "no file can have this name",
}


@pytest.mark.parametrize("read", [read_bytes, read_text, require_file])
@pytest.mark.parametrize("kind", REASONS)
def test_only_a_regular_file_of_a_limited_size_is_read(
    kind: str, read: object, tmp_path: Path
) -> None:
    with pytest.raises(OSError) as caught:  # noqa: PT011  (its strerror is compared)
        read(trap(tmp_path, kind), 8)  # type: ignore[operator]
    assert caught.value.strerror == REASONS[kind]


def test_a_file_of_just_the_size_is_read_and_a_missing_one_is_told_apart(tmp_path: Path) -> None:
    (tmp_path / "eight").write_bytes(b"12345678")
    assert read_bytes(tmp_path / "eight", 8) == b"12345678"
    with pytest.raises(FileNotFoundError):
        read_bytes(tmp_path / "nine", 8)


def test_a_file_that_grows_is_read_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(b"one\n")
    with opened(path, 100) as (file, size):
        path.write_bytes(b"one\ntwo\n")
        assert file.read(size) == b"one\n"


def test_no_more_is_read_than_was_there_at_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "log"
    path.write_bytes(b"one\n")
    monkeypatch.setattr(reading, "require", lambda *_: path.write_bytes(b"one\ntwo\n"))
    assert read_bytes(path, 100) == b"one\n"


def test_text_is_utf_8(tmp_path: Path) -> None:
    path = tmp_path / "text"
    path.write_bytes("ä".encode() + b"\xff")
    with pytest.raises(OSError, match="it is not UTF-8 at byte 2"):
        read_text(path, 8)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (gzip.compress(bytes(1001), mtime=0), "it unpacks to more than 1,000 bytes"),
        (gzip.compress(bytes(600), mtime=0) * 2, "it unpacks to more than 1,000 bytes"),
        (gzip.compress(b"", mtime=0) * 102, "its compressed data are of too many streams"),
        (gzip.compress(bytes(8), mtime=0)[:-9], "its compressed data are cut short"),
        (b"\x1f\x8b" + bytes(30), "its compressed data are damaged"),
    ],
)
def test_a_gzip_file_unpacks_to_no_more_than_it_may(content: bytes, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        gunzipped(content, 1000)


def test_what_is_too_much_is_never_unpacked() -> None:
    bomb = gzip.compress(bytes(1 << 22), mtime=0)
    tracemalloc.start()
    with pytest.raises(ValueError, match="it unpacks to more than 1 KiB"):
        gunzipped(bomb, 1 << 10)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1 << 20


def test_a_gzip_file_is_read_as_gzip_reads_it() -> None:
    two = gzip.compress(b"one", mtime=0) + gzip.compress(b"two", mtime=0) + bytes(10)
    assert gunzipped(two, 6) == gzip.decompress(two) == b"onetwo"


DEEP = "it is nested more than 64 levels deep"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("[" * 100_000, DEEP),
        ('{"a":' * 65 + "1" + "}" * 65, DEEP),
        ("[" * 65 + "]" * 65, DEEP),
        ('["\\"", ' * 65, DEEP),
        (b"\xff", "can't decode byte 0xff"),
        ('["\\ud800"]', "surrogates not allowed"),
        ('["\\uD800"]', "surrogates not allowed"),
        ('"' + '\\"' * 100_000 + "[" * 65, "Unterminated string"),
        ("9" * 5000, "Exceeds the limit"),
        ("", "Expecting value"),
    ],
)
def test_json_that_cannot_be_worked_with_is_a_value_error(text: str | bytes, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        json_of(text)


@pytest.mark.parametrize(
    "text",
    [
        "[" * DEEPEST + "]" * DEEPEST,
        "[[]," + "[" * (DEEPEST - 1) + "]" * DEEPEST,
        "[" + "[]," * 99 + "1]",
        '["' + "[" * 99 + '"]',
    ],
)
def test_json_may_be_wide_and_its_strings_may_hold_brackets(text: str) -> None:
    assert json_of(text) is not None


def test_a_pair_of_escapes_is_one_character() -> None:
    assert json_of('"\\ud83d\\ude00"') == "😀"


# ------------------------------------------------------------------------------- what reads files


def told(read: Callable[[], object], path: Path) -> str:
    with pytest.raises(ZooError) as caught:
        read()
    return str(caught.value).replace(str(path), "PATH")


READERS: dict[str, Callable[[Path, Zoo], object]] = {
    "suite": lambda path, _: load_suite(str(path)),
    "idx": lambda path, _: read_idx(path),
    "metadata": lambda path, _: list(rows(FolderFiles(path.parent), path.name)),
    "network": lambda path, _: read_network(path),
    "shard": lambda path, _: opened_shard(path, os.getpid()),
    "plan": lambda path, _: plan_in(path.parent),
    "contest": lambda path, _: contest_in(path.parent),
    "checkpoint": lambda path, _: read_checkpoint(path),
    "weights": lambda path, _: source(f"dir:{path.parent}", Client(), zoo=_).read("generator"),
}
NAMES = {
    "suite": "s.yaml",
    "plan": "run.json",
    "contest": "contest.json",
    "metadata": "metadata.csv",
    "weights": "model.safetensors",
}


@pytest.mark.parametrize("kind", ["pipe", "loop", "folder"])
@pytest.mark.parametrize("reader", READERS)
def test_what_is_no_file_is_one_sentence_of_every_reader(
    reader: str, kind: str, tmp_path: Path, zoo: Zoo
) -> None:
    path = trap(tmp_path, kind).rename(tmp_path / NAMES.get(reader, "file"))
    if kind == "loop":
        path.unlink()
        path.symlink_to(path)
    sentence = told(lambda: READERS[reader](path, zoo), path)
    assert REASONS[kind] in sentence
    assert "PATH" in sentence
    assert sentence.count("\n") == 0


def read_checkpoint(path: Path) -> None:
    with checkpoint.reading(path):
        pass


def test_a_gzipped_dataset_unpacks_to_a_limit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "train-images-idx3-ubyte.gz"
    path.write_bytes(gzip.compress(bytes(8 << 20), mtime=0))
    assert path.stat().st_size < 9000
    monkeypatch.setattr(idx, "MOST", 1 << 20)
    assert told(lambda: read_idx(path), path) == (
        "PATH cannot be read (it unpacks to more than 1 MiB): replace it with a fresh copy."
    )


@pytest.mark.parametrize(
    ("dims", "message"),
    [
        ((1 << 31, 28, 28), "PATH holds 17 bytes where its header says 1,683,627,180,048:"),
        ((0, 28, 28), "PATH holds nothing:"),
        ((255,) * 3, "PATH holds 17 bytes where its header says 16,581,391:"),
    ],
)
def test_a_header_that_claims_more_than_there_is_is_believed_in_nothing(
    dims: tuple[int, ...], message: str, tmp_path: Path
) -> None:
    path = tmp_path / "idx"
    sizes = b"".join(size.to_bytes(4, "big") for size in dims)
    path.write_bytes(b"\0\0\x08" + bytes([len(dims)]) + sizes + b"x")
    assert told(lambda: read_idx(path), path) == f"{message} replace it with a fresh copy."


# ---------------------------------------------------------------------------- folders and pictures


def test_links_that_multiply_are_one_sentence(tmp_path: Path) -> None:
    for level in range(9):
        (tmp_path / f"{level}").mkdir()
        for link in range(10):
            (tmp_path / f"{level}" / f"to-{link}").symlink_to(tmp_path / f"{level + 1}")
    sentence = told(lambda: list(files_below(str(tmp_path / "0"))), tmp_path)
    assert sentence.endswith("is reached by more than 64 paths.")


def test_folders_lie_at_a_limited_depth(tmp_path: Path) -> None:
    (tmp_path / "/".join("d" * 66)).mkdir(parents=True)
    sentence = told(lambda: list(files_below(str(tmp_path))), tmp_path)
    assert sentence.endswith("lies more than 64 folders deep.")


def test_postscript_is_never_run_whatever_its_name(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 8 8\n%%EndComments\nshowpage\n")
    assert told(lambda: decoded(path, str(path), 8, 3, {}), path) == (
        "PATH cannot be read as an image (cannot identify image): mend or remove it."
    )


def test_a_picture_file_is_of_limited_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.png"
    Image.new("L", (8, 8)).save(path)
    monkeypatch.setattr(images, "MOST", 8)
    assert "it is larger than 8 bytes" in told(lambda: decoded(path, str(path), 8, 3, {}), path)


def test_values_are_scaled_in_parts_to_the_same_bytes() -> None:
    values = np.random.default_rng(0).integers(0, 65536, (ROWS + 3, 5))
    whole = (values / (65535 / 255)).round().clip(0, 255).astype(np.uint8)
    assert np.array_equal(SIXTEEN_BITS.to_bytes(values), whole)


def test_a_row_group_is_of_limited_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    table = pytest.importorskip("pyarrow").table
    parquet.write_table(table({"image": [bytes(100)] * 1000}), tmp_path / "a.parquet")
    assert (tmp_path / "a.parquet").stat().st_size < 2000
    assert len(Shards(tmp_path, ["a.parquet"], "image", 8, 3).content(0)[0]) == 100
    monkeypatch.setattr(shards, "MOST_GROUP", 64 << 10)
    made = Shards(tmp_path, ["a.parquet"], "image", 8, 3)
    read.cache_clear()
    assert told(lambda: made.content(0), tmp_path) == (
        "PATH/a.parquet has a row group of more than 64 KiB: write it again with a smaller "
        "row_group_size."
    )
    monkeypatch.setattr(shards, "MOST_ROWS", 999)
    assert told(lambda: Shards(tmp_path, ["a.parquet"], "image", 8, 3), tmp_path) == (
        "PATH holds 1,000 rows; at most 999 are read."
    )


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("metadata.csv", b"file_name\n\xff", "PATH cannot be read in line 1: 'utf-8' codec"),
        ("metadata.jsonl", b"[" * 1000, "PATH cannot be read in line 1: it is nested more than 64"),
        ("metadata.csv", b"file_name\n" + b"x" * 200_000, "PATH cannot be read in line"),
    ],
)
def test_metadata_that_anybody_wrote_are_one_sentence(
    name: str, content: bytes, message: str, tmp_path: Path
) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    assert told(lambda: list(rows(FolderFiles(tmp_path), name)), path).startswith(message)


def test_classes_named_by_long_numbers_are_in_the_order_of_the_alphabet() -> None:
    assert in_order({"9" * 5000, "1", "10"}) == ["1", "10", "9" * 5000]


# --------------------------------------------------------------------------------- names of paths


@pytest.mark.parametrize("name", ["x" * 5000, "~nobody-of-this-name/x", "a\0b", "x/" * 3000])
def test_nothing_is_at_a_path_that_no_file_can_have(name: str) -> None:
    assert not exists(name)
    assert not is_file(name)
    assert not is_folder(name)
    assert home(name) == Path(name)
    assert real(name).parts[-1] == Path(name).parts[-1]


@pytest.mark.parametrize("name", ["x" * 5000, "~nobody-of-this-name/x", "a\0b", "x/" * 3000])
def test_a_name_that_no_file_can_have_is_one_sentence(name: str, zoo: Zoo) -> None:
    for spelling in (name, f"dir:{name}", f"run:{name}", f"hub:{name}"):
        told(lambda spelling=spelling: ganzoo.load(spelling, zoo=zoo), Path(name))  # type: ignore[misc]
    told(lambda: zoo.part("dataset", {"part": "folder", "path": name}).load(), Path(name))  # type: ignore[attr-defined]
    told(lambda: load_suite(f"{name}.yaml"), Path(name))
