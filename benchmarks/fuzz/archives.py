"""Targets that are archives: of published images, and of anybody's.

Published ones are compared with their checksum first; here they are parsed whatever it is.
"""

from __future__ import annotations

import gzip
import tarfile
from io import BytesIO
from typing import TYPE_CHECKING
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile

import numpy as np
import scipy.io
from fuzz.datasets import picture
from fuzz.edits import damaged, zipped
from fuzz.trial import Target
from hypothesis import strategies as st

from ganzoo.builtin.datasets import stl
from ganzoo.builtin.datasets.archived import MOST, as_sentence
from ganzoo.builtin.datasets.cifar import Cifar10
from ganzoo.builtin.datasets.faces import partition
from ganzoo.builtin.datasets.folder import Folder
from ganzoo.builtin.datasets.published import checked
from ganzoo.builtin.datasets.stl import Stl10
from ganzoo.builtin.datasets.svhn import read as read_mat
from ganzoo.storage.reading import MIB

if TYPE_CHECKING:
    from pathlib import Path

    from hypothesis.strategies import SearchStrategy

    from ganzoo.builtin.datasets.archived import Archived

NAMES = b"\n".join(b"class %d" % number for number in range(10))
WORDS = (b"000000000100 0000000", b"77777777777", b"\x80" + bytes(6) + b"\xff" * 5, b"30 path=a\n")
"""Sizes in headers of tar, and a record of pax."""


def tar_of(files: dict[str, bytes], form: int) -> bytes:
    out = BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=form) as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, BytesIO(content))
    return out.getvalue()


def tar_inputs(files: dict[str, bytes]) -> SearchStrategy[bytes]:
    long = {**files, "x" * 300: b"x"}
    forms = (tarfile.PAX_FORMAT, tarfile.GNU_FORMAT, tarfile.USTAR_FORMAT)
    wholes = [tar_of(files, form) for form in forms] + [tar_of(long, form) for form in forms[:2]]
    packed = [gzip.compress(whole, 1, mtime=0) for whole in [*wholes, wholes[0] + bytes(10**8)]]
    return st.one_of(zipped(damaged(wholes, WORDS)), damaged(packed))


def cifar_inputs() -> SearchStrategy[bytes]:
    record = bytes([3]) + bytes(3072)
    files = dict.fromkeys((*Cifar10.training, Cifar10.testing), record)
    files["batches.meta.txt"] = NAMES
    return tar_inputs({f"{Cifar10.folder}/{name}": content for name, content in files.items()})


def stl_inputs() -> SearchStrategy[bytes]:
    image = bytes(3 * stl.SIDE**2)
    files = {f"{name}_X.bin": image for name in ("train", "test", "unlabeled")}
    files |= {"train_y.bin": b"\1", "test_y.bin": b"\x0a", "class_names.txt": NAMES}
    return tar_inputs({stl.FOLDER + name: content for name, content in files.items()})


def matlab_inputs() -> SearchStrategy[bytes]:
    wholes = []
    for packed in (False, True):
        out = BytesIO()
        arrays = {"X": np.zeros((32, 32, 3, 2), np.uint8), "y": np.array([[1], [10]], np.uint8)}
        scipy.io.savemat(out, arrays, do_compression=packed)
        wholes.append(out.getvalue())
    return damaged(wholes)


def read_archive(dataset: Archived, blob: bytes, folder: Path) -> object:
    path = folder / "archive"
    path.write_bytes(blob)
    with as_sentence(path):
        return dataset.contents(path)


def read_matlab(blob: bytes, folder: Path) -> object:
    # Some damaged files crash scipy, so it must be given none but the published ones.
    path = folder / "test_32x32.mat"
    path.write_bytes(blob)
    return read_mat(checked("svhn", path, MOST))


def read_stl(blob: bytes, folder: Path) -> object:
    # Only the published archive unpacks to more.
    stl.MOST_UNPACKED = 256 * MIB
    return read_archive(Stl10(), blob, folder)


def zip_inputs() -> SearchStrategy[bytes]:
    content = picture("png", "RGB") or b""
    wholes = []
    for how in (ZIP_STORED, ZIP_DEFLATED):
        out = BytesIO()
        with ZipFile(out, "w", how) as archive:
            for name in ("train/cat/a.png", "train/dog/b.png", "test/cat/c.png", "test/dog/d.png"):
                archive.writestr(name, content)
            archive.writestr("metadata.csv", "file_name,label\n")
        wholes.append(out.getvalue())
    bomb = BytesIO()
    with ZipFile(bomb, "w", ZIP_DEFLATED) as archive:
        archive.writestr("a.png", bytes(10**8))
        archive.writestr("b.png", content)
    words = (b"PK\1\2", b"PK\3\4", b"PK\5\6", b"PK\6\6", b"PK\6\7", b"../a.png", b"\1\0\x10\0")
    return damaged([*wholes, bomb.getvalue()], words)


def read_zip(blob: bytes, folder: Path) -> object:
    path = folder / "a.zip"
    path.write_bytes(blob)
    data = Folder(path=str(path), size=8).load()
    streamed = Folder(path=str(path), size=8, resident="no", workers=0).load()
    return [rows.column("real") for rows in (data.train, streamed.train, streamed.held_out)]


def partition_inputs() -> SearchStrategy[bytes]:
    return damaged([b"000001.jpg 0\n000002.jpg 1\n000003.jpg 2\n"], [b" 2", b" 3", b"a b c\n"])


def read_partition(blob: bytes, folder: Path) -> object:
    path = folder / "list_eval_partition.txt"
    path.write_bytes(blob)
    return partition(path)


TARGETS = [
    Target("cifar", cifar_inputs, lambda blob, folder: read_archive(Cifar10(), blob, folder)),
    Target("stl", stl_inputs, read_stl),
    Target("svhn", matlab_inputs, read_matlab),
    Target("zip", zip_inputs, read_zip),
    Target("partition", partition_inputs, read_partition),
]
