"""A zip archive of a folder of images is that folder, and what is wrong with it is a sentence."""

from __future__ import annotations

import shutil
from io import BytesIO
from pathlib import Path
from typing import Any
from zipfile import ZIP_BZIP2, ZIP_DEFLATED, ZIP_STORED, ZipFile

import numpy as np
import pytest
import torch
from PIL import Image

from ganzoo.builtin.datasets import files
from ganzoo.builtin.datasets.files import ZipFiles
from ganzoo.builtin.datasets.folder import Folder
from ganzoo.errors import DataError, UnknownNameError
from ganzoo.parts.dataset import Data
from ganzoo.plugins.zoo import Zoo

EITHER = pytest.mark.parametrize("resident", ["yes", "no"])


def noise(seed: int) -> bytes:
    pixels = np.random.default_rng(seed).integers(0, 256, (8, 10, 3), dtype=np.uint8)
    out = BytesIO()
    Image.fromarray(pixels).save(out, "png")
    return out.getvalue()


def photos(folder: Path) -> Path:
    for number, name in enumerate(["train/cat", "train/dog", "test/cat", "test/dog"] * 2):
        path = folder / name / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(noise(number))
    (folder / "notes.txt").write_text("a note")
    return folder


def archive(path: Path, members: dict[str, bytes], how: int = ZIP_DEFLATED) -> Path:
    with ZipFile(path, "w", how) as made:
        for name, content in members.items():
            made.writestr(name, content)
    return path


def load(path: Path, **options: Any) -> Data:
    return Folder(path=str(path), **{"size": 8, "workers": 0, **options}).load()


@pytest.mark.parametrize("how", [ZIP_STORED, ZIP_DEFLATED])
@pytest.mark.parametrize("top", ["", "photos/"])
@EITHER
def test_a_zip_of_a_folder_is_the_same_data(
    tmp_path: Path, how: int, top: str, resident: str
) -> None:
    folder = photos(tmp_path / "photos")
    found = [path for path in folder.rglob("*") if path.is_file()]
    members = {top + str(path.relative_to(folder)): path.read_bytes() for path in found}
    beside = {f"{top}.DS_Store": b"", "__MACOSX/photos/._0.png": b"x", f"{top}train/": b""}
    zipped = load(archive(tmp_path / "photos.zip", {**members, **beside}, how), resident=resident)
    plain = load(folder, resident=resident)
    assert zipped.sha256 == plain.sha256
    assert zipped.remarks == plain.remarks
    for rows, others in ((zipped.train, plain.train), (zipped.held_out, plain.held_out)):
        for name in ("real", "label"):
            assert torch.equal(rows.column(name), others.column(name))
            numbers = torch.tensor([3, 0])
            assert torch.equal(rows.column(name, numbers), others.column(name, numbers))


def test_workers_read_an_archive_in_any_order(tmp_path: Path) -> None:
    path = archive(tmp_path / "a.zip", {f"{n:02}.png": noise(n) for n in range(20)})
    train = load(path, resident="no", workers=2).train
    batches = [torch.tensor([7, 1, 12]), torch.tensor([0, 12, 5])]
    train.ahead(iter(batches * 2))
    assert all(torch.equal(train.column("real", b), train.column("real")[b]) for b in batches)
    train.ahead(())


def test_metadata_in_an_archive_are_read(tmp_path: Path) -> None:
    table = b"file_name,label,split\na.png,emu,train\nb.png,owl,train\nc.png,emu,test\n"
    pictures = {f"{name}.png": noise(0) for name in "abc"}
    data = load(archive(tmp_path / "a.zip", {**pictures, "metadata.csv": table}))
    assert data.spaces["label"].names == ("emu", "owl")
    assert data.train.column("label").tolist() == [0, 1]
    assert len(data.held_out) == 1


def test_what_is_in_an_archive_is_never_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)
    names = ("../../out.png", "/etc/abs.png", "a.png", "b/c.png")
    path = archive(tmp_path / "a.zip", {name: noise(0) for name in names})
    assert [*ZipFiles(path).paths()] == ["a.png", "b/c.png", "etc/abs.png"]
    load(path)
    assert {*tmp_path.rglob("*")} == {path, work}


def error_of(path: Path, **options: Any) -> str:
    with pytest.raises(DataError) as error:
        load(path, **options)
    return str(error.value).replace(str(path), "PATH")


def test_an_archive_that_is_none_is_named(tmp_path: Path) -> None:
    path = tmp_path / "a.ZIP"
    path.write_bytes(b"no archive")
    sentence = "PATH cannot be read as a zip archive ({}): replace it with a fresh copy."
    assert error_of(path) == sentence.format("File is not a zip file")
    whole = archive(tmp_path / "b.zip", {"a.png": noise(0), "b.png": noise(1)}).read_bytes()
    path.write_bytes(whole[:-40])
    assert error_of(path) == sentence.format("File is not a zip file")
    path.unlink()
    assert error_of(path) == "there is no folder PATH."


def broken(path: Path, **changes: int) -> Path:
    """An archive of two pictures, whose entry of the first says something else."""
    members = {"a.png": noise(0), "b.png": noise(1)}
    content = bytearray(archive(path, members).read_bytes())
    at = content.index(b"PK\x01\x02")
    for place, name in ((8, "flags"), (10, "method"), (24, "size")):
        if name in changes:
            content[at + place : at + place + 2] = changes[name].to_bytes(2, "little")
    for place in range(40, 44) if changes.get("data") else ():
        content[place] ^= 255
    path.write_bytes(content)
    return path


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"flags": 1}, "it is encrypted"),
        ({"method": ZIP_BZIP2}, "it is neither stored nor deflated"),
        ({"size": 7}, "its data in the archive are damaged"),
        ({"size": 9999}, "its data in the archive are damaged"),
        ({"data": 1}, "its "),
    ],
)
@EITHER
def test_a_picture_that_cannot_be_read_is_named(
    tmp_path: Path, changes: dict[str, int], why: str, resident: str
) -> None:
    told = error_of(broken(tmp_path / "a.zip", **changes), resident=resident)
    assert told.startswith(f"PATH/a.png cannot be read as an image ({why}")
    assert told.endswith("): mend or remove it.")


def test_a_picture_unpacks_to_no_more_than_it_may(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = archive(tmp_path / "a.zip", {"a.png": bytes(2000), "b.png": noise(0)})
    monkeypatch.setattr(files, "MOST_MEMBER", 1000)
    assert error_of(path) == (
        "PATH/a.png cannot be read as an image (it is larger than 1,000 bytes): mend or remove it."
    )
    monkeypatch.setattr(files, "LONGEST_NAME", 4)
    assert error_of(path) == "PATH holds a file whose name takes more than 4 bytes."


def test_an_archive_given_without_its_dataset_is_told(
    core: Zoo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive(tmp_path / "a.zip", {"a.png": noise(0)})
    shutil.copy(tmp_path / "a.zip", tmp_path / "b.tar")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UnknownNameError, match="but a file is called so: write 'folder:a.zip'"):
        core.dataset("a.zip")
    with pytest.raises(UnknownNameError, match="^no dataset 'b.tar'"):
        core.dataset("b.tar")
    assert core.dataset("folder:a.zip").title == "a"
