"""What anybody could have written is read in bounded time and memory, or is a sentence."""

from __future__ import annotations

import gzip
import os
from pathlib import Path

import pytest

from ganzoo.parts.plain_json import DEEPEST, json_of
from ganzoo.storage.reading import gunzipped, opened, read_bytes, read_text, require_file


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


def test_text_is_utf_8(tmp_path: Path) -> None:
    path = tmp_path / "text"
    path.write_bytes("ä".encode() + b"\xff")
    with pytest.raises(OSError, match="it is not UTF-8 at byte 2"):
        read_text(path, 8)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (gzip.compress(bytes(1001)), "it unpacks to more than 1,000 bytes"),
        (gzip.compress(bytes(600)) * 2, "it unpacks to more than 1,000 bytes"),
        (gzip.compress(b"") * 102, "its compressed data are of too many streams"),
        (gzip.compress(bytes(8))[:-9], "its compressed data are cut short"),
        (b"\x1f\x8b" + bytes(30), "its compressed data are damaged"),
    ],
)
def test_a_gzip_file_unpacks_to_no_more_than_it_may(content: bytes, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        gunzipped(content, 1000)


def test_a_gzip_file_is_read_as_gzip_reads_it() -> None:
    two = gzip.compress(b"one") + gzip.compress(b"two") + bytes(10)
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
    ["[" * DEEPEST + "]" * DEEPEST, "[" + "[]," * 99 + "1]", '["' + "[" * 99 + '"]'],
)
def test_json_may_be_wide_and_its_strings_may_hold_brackets(text: str) -> None:
    assert json_of(text) is not None


def test_a_pair_of_escapes_is_one_character() -> None:
    assert json_of('"\\ud83d\\ude00"') == "😀"
