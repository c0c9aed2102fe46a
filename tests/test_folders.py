"""Folders of images are understood as they were meant, or refused, and say what was understood."""

from __future__ import annotations

import json
import os
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from ganzoo.builtin.datasets import images, layout
from ganzoo.builtin.datasets.folder import Folder
from ganzoo.errors import DataError
from ganzoo.parts.dataset import Data

KINDS = ("cat", "dog")
EITHER = pytest.mark.parametrize("resident", ["yes", "no"])


def draw(path: Path, level: int = 200, size: int = 8) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("L", (size, size), level).save(path)
    return path


def classes(root: Path, *names: str, n: int = 4) -> None:
    """``n`` images in each folder; each image has a level of its own folder."""
    for level, name in enumerate(names):
        for number in range(n):
            draw(root / name / f"{number}.png", 100 + 10 * level)


def load(root: Path, **options: Any) -> Data:
    options = {"size": 8, "channels": 1, "workers": 0, **options}
    return Folder(path=str(root), **options).load()


def levels(data: Data) -> tuple[list[int], list[int]]:
    """The level of each image to train on, and of each that is held out."""
    train, held_out = (
        ((rows.column("real")[:, 0, 4, 4] + 1) * 127.5).round().int().tolist()
        for rows in (data.train, data.held_out)
    )
    return train, held_out


def error_of(root: Path, **options: Any) -> str:
    with pytest.raises(DataError) as error:
        load(root, **options)
    return str(error.value).replace(f"{root}", "ROOT")


# ----------------------------------------------------------------------------------------- layouts


@pytest.mark.parametrize(
    ("train", "test"), [("train", "test"), ("Training_set", "test1"), ("train2017", "val2017")]
)
@EITHER
def test_train_and_test_are_splits(tmp_path: Path, train: str, test: str, resident: str) -> None:
    classes(tmp_path, f"{train}/cat", f"{train}/dog", f"{test}/cat", f"{test}/dog")
    data = load(tmp_path, resident=resident)
    assert levels(data) == ([100] * 4 + [110] * 4, [120] * 4 + [130] * 4)
    assert data.train.column("label").tolist() == [0] * 4 + [1] * 4
    assert data.held_out.column("label").tolist() == [0] * 4 + [1] * 4
    assert data.spaces["label"].names == KINDS
    assert data.remarks == (f"2 classes: cat 8, dog 8; 8 held out ({test}).",)


def test_splits_need_no_classes_and_a_validation_split_is_not_trained_on(tmp_path: Path) -> None:
    classes(tmp_path, "test", "train", "val")
    data = load(tmp_path)
    assert levels(data) == ([110] * 4, [100] * 4)
    assert data.remarks == (
        "8 images without classes; 4 held out (test).",
        "4 images in 'val' are left out: val/0.png, val/1.png, val/2.png, 1 more.",
    )


def test_a_lone_folder_to_train_on_is_a_split_too(tmp_path: Path) -> None:
    classes(tmp_path, "train/cat", "train/dog")
    assert load(tmp_path).remarks == ("2 classes: cat 4, dog 4; 1 held out.",)


def test_a_class_may_be_called_like_a_split(tmp_path: Path) -> None:
    classes(tmp_path, "bus", "car", "train")
    assert load(tmp_path).spaces["label"].names == ("bus", "car", "train")


def test_splits_of_which_none_is_to_train_on_are_refused(tmp_path: Path) -> None:
    classes(tmp_path, "test", "val")
    assert error_of(tmp_path) == (
        "ROOT has the splits test, val, and none to train on: call one of them train, or name the "
        "folder to train on itself."
    )


def test_a_test_split_without_classes_is_left_out(tmp_path: Path) -> None:
    classes(tmp_path, "train/cat", "train/dog")
    draw(tmp_path / "test" / "1.png")
    data = load(tmp_path)
    assert {*data.train.column("label").tolist()} == {0, 1}
    assert data.remarks == (
        "2 classes: cat 4, dog 4; 1 held out.",
        "1 image beside the folders of classes is left out: test/1.png.",
        "No image of test is left, so others are held out.",
    )


def test_a_class_that_is_only_tested_is_told(tmp_path: Path) -> None:
    classes(tmp_path, "test/emu", "train/cat", "train/dog")
    assert load(tmp_path).remarks[1:] == ("There is no image to train on of: emu.",)


@pytest.mark.parametrize(
    ("stray", "sentence"),
    [
        ("cover.png", "1 image beside the folders of classes is left out: cover.png."),
        ("notes.txt", "Files that are no images are left out: .txt 1."),
        (".DS_Store", None),
        (".hidden.png", None),
    ],
)
def test_a_stray_file_takes_no_label_away(tmp_path: Path, stray: str, sentence: str | None) -> None:
    classes(tmp_path, *KINDS)
    draw(tmp_path / "some.png").rename(tmp_path / stray)
    data = load(tmp_path)
    assert data.spaces["label"].names == KINDS
    assert data.remarks[1:] == ((sentence,) if sentence else ())


def test_a_few_folders_beside_many_images_are_no_classes(tmp_path: Path) -> None:
    classes(tmp_path, "old", "new", n=1)
    for number in range(3):
        draw(tmp_path / f"{number}.png")
    assert load(tmp_path).remarks == (
        "5 images without classes; 1 held out.",
        "Folders are not read as classes, because most images are in none.",
    )


def test_folders_within_a_single_one_are_told(tmp_path: Path) -> None:
    classes(tmp_path, "photos/cat", "photos/dog")
    assert load(tmp_path).remarks == (
        "8 images without classes; 2 held out.",
        "All images are in 'photos'; to read its folders as classes, name it itself.",
    )
    assert len(load(tmp_path / "photos").remarks) == 1
    classes(tmp_path / "other", "photos/cat")
    assert load(tmp_path / "other").remarks == ("4 images without classes; 2 held out.",)


def test_of_many_classes_some_are_named(tmp_path: Path) -> None:
    classes(tmp_path, *"abcdefghi", n=2)
    assert load(tmp_path).remarks == (
        "9 classes: a 2, b 2, c 2, d 2, e 2, f 2, g 2, h 2, 1 more; 4 held out.",
    )


def test_links_are_followed_but_not_in_circles(tmp_path: Path) -> None:
    classes(tmp_path / "elsewhere", *KINDS)
    root = tmp_path / "root"
    classes(root, "ant")
    for name in KINDS:
        (root / name).symlink_to(tmp_path / "elsewhere" / name)
    (root / "ant" / "up").symlink_to(root)
    (root / "gone").symlink_to(tmp_path / "nowhere")
    assert load(root).remarks == (
        "3 classes: ant 4, cat 4, dog 4; 1 held out.",
        "Links that lead nowhere are left out: gone.",
    )


def test_what_was_held_out_by_0_1_still_is(tmp_path: Path) -> None:
    for number in range(12):
        draw(tmp_path / KINDS[number % 2] / f"{number}.png", number)
    assert levels(load(tmp_path, held_out=0.3))[1] == [0, 10, 8, 11, 5, 7]


def test_a_folder_that_cannot_be_read_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    classes(tmp_path, *KINDS)
    scandir = os.scandir

    def denied(folder: str) -> Any:
        if str(folder).endswith("dog"):
            raise PermissionError(13, "Permission denied")
        return scandir(folder)

    monkeypatch.setattr(layout.os, "scandir", denied)
    assert error_of(tmp_path) == "the folder ROOT/dog cannot be read: Permission denied."


def test_names_that_are_not_utf_8_are_escaped(tmp_path: Path) -> None:
    for name in (b"caf\xe9", b"tea"):
        folder = tmp_path / os.fsdecode(name)
        for number in range(3):
            draw(folder / f"{number}.png")
    draw(tmp_path / os.fsdecode(b"\xff.png"))
    for resident in ("yes", "no"):
        data = load(tmp_path, resident=resident)
        assert data.spaces["label"].names == ("caf\\xe9", "tea")
        assert data.remarks[1:] == (
            "1 image beside the folders of classes is left out: \\xff.png.",
        )
        assert len(data.sha256) == 64
        json.dumps(data.remarks).encode()


# ---------------------------------------------------------------------------------------- metadata


def table(root: Path, ending: str, rows: list[dict[str, Any]]) -> None:
    if ending == "jsonl":
        text = "\n".join(map(json.dumps, rows))
    else:
        lines = [rows[0].keys(), *(row.values() for row in rows)]
        text = "\n".join(",".join("" if v is None else str(v) for v in line) for line in lines)
    (root / f"metadata.{ending}").write_text(text + "\n")


@pytest.mark.parametrize("ending", ["csv", "jsonl"])
@pytest.mark.parametrize(
    ("given", "names"),
    [(["dog", "cat"], ["cat", "dog"]), ([10, 9], ["9", "10"]), ([2024, "new"], ["2024", "new"])],
)
def test_metadata_give_labels(
    tmp_path: Path, ending: str, given: list[Any], names: list[str]
) -> None:
    labels = [given[number % 2] for number in range(6)]
    rows = [{"file_name": f"{i}.png", "label": label} for i, label in enumerate(labels)]
    for number in range(7):
        draw(tmp_path / f"{number}.png", 100 + number)
    table(tmp_path, ending, rows)
    data = load(tmp_path)
    assert [*data.spaces["label"].names] == names
    for level, label in zip(levels(data)[0], data.train.column("label").tolist(), strict=True):
        assert names[label] == str(labels[level - 100])
    assert data.remarks == (
        f"2 classes: {names[0]} 3, {names[1]} 3; 1 held out.",
        "1 image that the metadata do not name is left out: 6.png.",
    )


@pytest.mark.parametrize("ending", ["csv", "jsonl"])
def test_metadata_give_splits_and_labels_that_are_not_known(tmp_path: Path, ending: str) -> None:
    said = [("train", "cat"), ("train", None), ("test", "dog"), ("unused", "cat"), ("train", "dog")]
    rows = [{"file_name": f"{i}.png", "split": s, "label": c} for i, (s, c) in enumerate(said)]
    for number in range(5):
        draw(tmp_path / f"{number}.png", 100 + number)
    table(tmp_path, ending, rows)
    data = load(tmp_path)
    assert levels(data) == ([100, 101, 104], [102])
    assert data.spaces["label"].partial
    assert data.train.column("label_known").tolist() == [True, False, True]
    assert data.remarks == (
        "2 classes: cat 1, dog 2; of no known class 1; 1 held out (test).",
        "1 image in 'unused' is left out: 3.png.",
    )


def test_metadata_may_be_in_the_folders_of_splits(tmp_path: Path) -> None:
    for split, level in (("train", 100), ("test", 110)):
        for number in range(2):
            draw(tmp_path / split / f"{number}.png", level)
        rows = [{"file_name": f"{number}.png", "label": KINDS[number]} for number in range(2)]
        table(tmp_path / split, "csv", rows)
    data = load(tmp_path)
    assert levels(data) == ([100, 100], [110, 110])
    assert data.remarks == ("2 classes: cat 2, dog 2; 2 held out (test).",)


def test_a_table_about_something_else_is_not_read(tmp_path: Path) -> None:
    classes(tmp_path, *KINDS)
    table(tmp_path, "csv", [{"author": "me"}])
    table(tmp_path, "jsonl", [{"file_name": "cat/0.png"}])
    first, *others = load(tmp_path).remarks
    assert first == "2 classes: cat 4, dog 4; 1 held out."
    assert [remark.replace(f"{tmp_path}/", "") for remark in others] == [
        "metadata.jsonl is not read, because metadata.csv is beside it.",
        "metadata.csv is not read: it has no column 'file_name'.",
    ]


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (
            '{"file_name": "gone.png"}\n{"file_name": "a.txt"}',
            (
                "the metadata of ROOT name 2 files that are not there or are no images: a.txt, "
                "gone.png."
            ),
        ),
        (
            '{"file_name": "0.png", "label": 1}\n{"file_name": "./0.png", "label": 2}',
            "the metadata of 0.png contradict each other: its label has two values.",
        ),
        (
            '{"file_name": "0.png"}\n{"file_name"',
            (
                "ROOT/metadata.jsonl cannot be read in line 2: Expecting ':' delimiter: line 1 "
                "column 13 (char 12)."
            ),
        ),
        (
            '{"file_name": "0.png", "label": [1]}',
            (
                "ROOT/metadata.jsonl cannot be read in line 1: its label [1] is neither a text nor "
                "a number."
            ),
        ),
    ],
)
def test_metadata_that_are_wrong_are_refused(tmp_path: Path, content: str, sentence: str) -> None:
    draw(tmp_path / "0.png")
    (tmp_path / "metadata.jsonl").write_text(content)
    assert error_of(tmp_path) == sentence


# ------------------------------------------------------------------------------------------- scale


def save(root: Path, kind: str, *of_images: list[float]) -> None:
    """Images of single levels, each a list of the values in its rows, as TIFF."""
    root.mkdir(exist_ok=True)
    for number, values in enumerate(of_images):
        rows = np.repeat(np.array(values, dtype=kind)[:, None], len(values), 1)
        Image.fromarray(rows).save(root / f"{number}.tiff")


@pytest.mark.parametrize(
    ("kind", "span", "scale"),
    [
        ("float32", (0, 1), "[0, 1]: 0 is black, 1 is white"),
        ("float32", (-1, 1), "[-1, 1]: -1 is black, 1 is white"),
        ("float32", (0, 255), "[0, 255]: 0 is black, 255 is white"),
        ("int32", (0, 255), "8 bits: 0 is black, 255 is white"),
        ("int32", (0, 65535), "16 bits: 0 is black, 65535 is white"),
        ("uint16", (0, 65535), "16 bits: 0 is black, 65535 is white"),
        ("uint16", (0, 4095), "12 bits: 0 is black, 4095 is white"),
        ("uint16", (0, 255), "8 bits: 0 is black, 255 is white"),
    ],
)
@EITHER
def test_the_scale_is_that_of_all_images(
    tmp_path: Path, kind: str, span: tuple[int, int], scale: str, resident: str
) -> None:
    darkest, brightest = span
    # One image alone would tell another scale, wherever one could.
    dim = darkest + (brightest - darkest) / 5
    save(tmp_path, kind, [darkest] * 8, [dim] * 8, [brightest] * 8)
    data = load(tmp_path, resident=resident)
    assert sorted(chain(*levels(data))) == [0, 51, 255]
    words = {"float32": "floats", "int32": "32 bits", "uint16": "16 bits"}[kind]
    assert data.remarks[1:] == (
        f"3 images of {words} have values from {darkest} to {brightest}, and are read as {scale}.",
    )


@pytest.mark.parametrize(
    ("kind", "values", "told"),
    [
        ("float32", [0, 1.5], "of floats, from 0 to 1.5"),
        ("float32", [-100, 255], "of floats, from -100 to 255"),
        ("int32", [0, 2**31 - 1], "of 32 bits, from 0 to 2.14748e+09"),
        ("int32", [-5, 100], "of 32 bits, from -5 to 100"),
    ],
)
@EITHER
def test_a_scale_that_cannot_be_told_is_refused(
    tmp_path: Path, kind: str, values: list[float], told: str, resident: str
) -> None:
    save(tmp_path, kind, [0, 100 if kind == "int32" else 1], values)
    known = "0 to 255 or 0 to 65535" if kind == "int32" else "[0, 1], [-1, 1] or [0, 255]"
    remedy = f"save such images with values in {known}."
    expected = f"ROOT/1.tiff is {told}, which fits no usual scale: {remedy}"
    assert error_of(tmp_path, resident=resident) == expected


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
@EITHER
def test_values_that_are_not_finite_are_refused(
    tmp_path: Path, value: float, resident: str
) -> None:
    save(tmp_path, "float32", [0, 1], [0, value])
    assert error_of(tmp_path, resident=resident) == (
        "ROOT/1.tiff cannot be read as an image (a value is not a finite number): mend or remove "
        "it."
    )


def test_images_of_other_bits_lie_beside_those_of_eight(tmp_path: Path) -> None:
    save(tmp_path, "uint16", [65535] * 8, [0] * 8)
    save(tmp_path / "more", "uint8", [100] * 8)
    assert sorted(chain(*levels(load(tmp_path)))) == [0, 100, 255]


@pytest.mark.parametrize("brightest", [1, 15, 16])  # of a mask; of 12 bits in 16; of neither
def test_images_that_are_almost_black_are_told(tmp_path: Path, brightest: int) -> None:
    for number in range(4):
        draw(tmp_path / f"{number}.png", brightest)
    told = f"No pixel is brighter than {brightest} of 255: the images are almost black."
    assert load(tmp_path).remarks[1:] == ((told,) if brightest < 16 else ())


def test_what_is_done_to_images_is_told(tmp_path: Path) -> None:
    draw(tmp_path / "grey.png", size=20)
    draw(tmp_path / "small.png", size=8)
    assert load(tmp_path, channels=3).remarks[1:] == (
        (
            "Images of 8 to 20 pixels a side are cropped to their central squares and resized to "
            "8 x 8 (data.size)."
        ),
        "All images are grey, and are read as RGB; data.channels=1 reads them as grey.",
    )
    Image.new("RGB", (8, 8), "red").save(tmp_path / "grey.png")
    assert load(tmp_path).remarks[1:] == ("Colours become grey (data.channels=1).",)
    assert load(tmp_path, channels=3).remarks[1:] == ()


# ---------------------------------------------------------------------------------- broken images


def test_all_broken_images_are_one_error(tmp_path: Path) -> None:
    whole = draw(tmp_path / "whole.png").read_bytes()
    draw(tmp_path / "other.png")
    for number in range(4):
        (tmp_path / f"empty {number}.png").write_bytes(b"")
    (tmp_path / "half.png").write_bytes(whole[:50])
    (tmp_path / "text.png").write_text("no image")
    assert error_of(tmp_path, resident="yes") == (
        "6 images below ROOT cannot be read, empty 0.png (cannot identify image), empty 1.png "
        "(cannot identify image), empty 2.png (cannot identify image), empty 3.png (cannot "
        "identify image), text.png (cannot identify image), 1 more: mend or remove them."
    )
    # Of streamed files only the headers are read, which half.png has.
    assert error_of(tmp_path, resident="no").startswith("5 images below ROOT cannot be read, empty")


def test_an_image_of_a_rare_format_is_refused_whatever_its_reader_raises(tmp_path: Path) -> None:
    draw(tmp_path / "whole.png")
    Image.new("RGBA", (16, 16)).save(tmp_path / "flags.dds")
    blob = bytearray((tmp_path / "flags.dds").read_bytes())
    blob[80:84] = bytes(4)  # the flags of its pixels' format
    (tmp_path / "flags.dds").write_bytes(blob)
    for resident in ("yes", "no"):
        assert error_of(tmp_path, resident=resident) == (
            "ROOT/flags.dds cannot be read as an image (Unknown pixel format flags 0): mend or "
            "remove it."
        )


def test_an_image_of_too_many_pixels_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(images, "PIXEL_LIMIT", 8 * 8)
    draw(tmp_path / "fine.png")
    draw(tmp_path / "large.png", size=9)
    assert error_of(tmp_path) == (
        "ROOT/large.png cannot be read as an image (9 x 9 pixels are too many): mend or remove it."
    )


def test_scales_are_part_of_what_streamed_images_are(tmp_path: Path) -> None:
    save(tmp_path, "uint16", [0, 4000], [0, 4000])
    dim = load(tmp_path, resident="no").sha256
    save(tmp_path, "uint16", [0, 65535], [0, 4000])
    assert load(tmp_path, resident="no").sha256 != dim
    assert torch.equal(
        load(tmp_path, resident="no").train.column("real"), load(tmp_path).train.column("real")
    )
