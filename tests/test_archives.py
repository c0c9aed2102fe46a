"""Published archives of colour images: read to the pixel, checked, and refused in a sentence.

The archives here hold a few random images in the published formats, and the table of checksums has
theirs.
"""

from __future__ import annotations

import io
import json
import sys
import tarfile
from hashlib import md5
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import numpy as np
import pyarrow as pa
import pytest
import scipy.io
import torch
from PIL import Image
from pyarrow import parquet

import ganzoo
from ganzoo.builtin.datasets.archived import as_sentence
from ganzoo.builtin.datasets.cifar import Cifar10, Cifar100
from ganzoo.builtin.datasets.faces import Celeba, Ffhq
from ganzoo.builtin.datasets.folder import Folder
from ganzoo.builtin.datasets.published import MD5, checked, found
from ganzoo.builtin.datasets.splits import held_by_path
from ganzoo.builtin.datasets.stl import Stl10
from ganzoo.builtin.datasets.svhn import Svhn
from ganzoo.errors import DataError
from ganzoo.parts.dataset import Data, Dataset
from ganzoo.pretrained.scores import default_n
from ganzoo.storage import tar
from ganzoo.storage.reading import MIB
from ganzoo.storage.tar import members

NAMES = tuple(f"kind {n}" for n in range(10))
ALL = (Cifar10(), Cifar100(), Stl10(), Svhn(), Celeba(), Ffhq())


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of $GANZOO_DATA; no other is searched with success."""
    monkeypatch.setenv("GANZOO_DATA", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    return tmp_path


def keep(path: Path, content: bytes, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Write a file as if it were the published one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    monkeypatch.setitem(MD5, path.name, md5(content).hexdigest())
    return path


def noise(seed: int, *shape: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


def tarred(files: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return out.getvalue()


def pixels(data: Data, split: str) -> np.ndarray:
    column = getattr(data, split).column("real")
    return ((column + 1) * 127.5).round().to(torch.uint8).numpy()


def error_of(dataset: Dataset, place: Path) -> str:
    with pytest.raises(DataError) as error:
        dataset.load()
    return str(error.value).replace(str(place), "PLACE")


# ------------------------------------------------------------------------------------------- CIFAR


def cifar_record(image: np.ndarray, *classes: int) -> bytes:
    """Classes, then all of red, of green and of blue, each row by row; an image is (32, 32, 3)."""
    planes = b"".join(image[:, :, channel].tobytes() for channel in range(3))
    return bytes(classes) + planes


def cifar_10() -> dict[str, bytes]:
    images = noise(0, 12, 32, 32, 3)
    batches = {
        f"data_batch_{n}.bin": b"".join(cifar_record(images[2 * n - 2 + i], n + i) for i in (0, 1))
        for n in (3, 1, 5, 2, 4)
    }
    files = {
        **batches,
        "batches.meta.txt": "\n".join([*NAMES, "", ""]).encode(),
        "test_batch.bin": cifar_record(images[10], 9) + cifar_record(images[11], 0),
        "readme.html": b"<html>",
    }
    return {f"cifar-10-batches-bin/{name}": content for name, content in files.items()}


def test_cifar_10_is_read_to_the_pixel(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    keep(place / "cifar-10" / "cifar-10-binary.tar.gz", tarred(cifar_10()), monkeypatch)
    data, images = Cifar10().load(), noise(0, 12, 32, 32, 3).transpose(0, 3, 1, 2)
    assert np.array_equal(pixels(data, "train"), images[:10])
    assert np.array_equal(pixels(data, "held_out"), images[10:])
    assert data.train.column("label").tolist() == [1, 2, 2, 3, 3, 4, 4, 5, 5, 6]
    assert data.held_out.column("label").tolist() == [9, 0]
    assert data.spaces["label"] == ganzoo.Space(classes=10, names=NAMES)
    assert data.info["classes"] == 10
    assert not data.train.fetched


def cifar_100() -> dict[str, bytes]:
    images = noise(1, 3, 32, 32, 3)
    files = {
        "train.bin": cifar_record(images[0], 3, 99) + cifar_record(images[1], 19, 0),
        "test.bin": cifar_record(images[2], 7, 50),
        "fine_label_names.txt": "\n".join(f"fine {n}" for n in range(100)).encode(),
        "coarse_label_names.txt": "\n".join(f"coarse {n}" for n in range(20)).encode(),
    }
    return {f"cifar-100-binary/{name}": content for name, content in files.items()}


@pytest.mark.parametrize("coarse", [False, True])
def test_cifar_100_has_fine_and_coarse_classes(
    place: Path, monkeypatch: pytest.MonkeyPatch, *, coarse: bool
) -> None:
    keep(place / "cifar-100-binary.tar.gz", tarred(cifar_100()), monkeypatch)
    data, images = Cifar100(coarse=coarse).load(), noise(1, 3, 32, 32, 3).transpose(0, 3, 1, 2)
    assert np.array_equal(pixels(data, "train"), images[:2])
    assert np.array_equal(pixels(data, "held_out"), images[2:])
    assert data.train.column("label").tolist() == ([3, 19] if coarse else [99, 0])
    assert data.held_out.column("label").tolist() == ([7] if coarse else [50])
    assert data.spaces["label"].classes == (20 if coarse else 100)
    assert data.spaces["label"].names[7] == ("coarse 7" if coarse else "fine 7")


@pytest.mark.parametrize(
    ("dataset", "pickled", "right"),
    [
        (Cifar10(), "cifar-10-python.tar.gz", "cifar-10-binary.tar.gz"),
        (Cifar10(), "cifar-10-batches-py", "cifar-10-binary.tar.gz"),
        (Cifar100(), "cifar-100-python.tar.gz", "cifar-100-binary.tar.gz"),
        (Cifar100(), "cifar-100-python", "cifar-100-binary.tar.gz"),
    ],
)
def test_pickles_are_refused_with_the_name_of_the_right_archive(
    place: Path, dataset: Dataset, pickled: str, right: str
) -> None:
    if pickled.endswith(".gz"):
        (place / pickled).write_bytes(b"")
    else:
        (place / pickled).mkdir()
    assert error_of(dataset, place) == (
        f"PLACE/{pickled} holds pickles, which can run any code and are never read: download "
        f"{right}, the binary version, from https://www.cs.toronto.edu/~kriz/cifar.html and put it "
        "beside."
    )


def test_the_binary_archive_beside_a_pickled_one_is_read(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (place / "cifar-10-python.tar.gz").write_bytes(b"")
    keep(place / "cifar-10-binary.tar.gz", tarred(cifar_10()), monkeypatch)
    assert len(Cifar10().load().train) == 10


# ------------------------------------------------------------------------------------------ STL-10


def stl_10(n: int = 2) -> dict[str, bytes]:
    """Each channel is stored column by column, as MATLAB and Fortran do."""
    images = noise(2, 3 * n, 96, 96, 3)
    stored = [np.stack([i[:, :, c].flatten(order="F") for c in range(3)]).tobytes() for i in images]
    files = {
        "test_X.bin": b"".join(stored[:n]),
        "test_y.bin": bytes([10] * n),
        "class_names.txt": "\n".join(NAMES).encode(),
        "train_X.bin": b"".join(stored[n : 2 * n]),
        "train_y.bin": bytes(range(1, n + 1)),
        "unlabeled_X.bin": b"".join(stored[2 * n :]),
    }
    return {f"stl10_binary/{name}": content for name, content in files.items()}


def test_stl_10_is_read_to_the_pixel_and_partly_labelled(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep(place / "stl10_binary.tar.gz", tarred(stl_10()), monkeypatch)
    monkeypatch.setattr("ganzoo.builtin.datasets.stl.CHUNK", 1)
    data, images = Stl10(size=96).load(), noise(2, 6, 96, 96, 3).transpose(0, 3, 1, 2)
    assert np.array_equal(pixels(data, "held_out"), images[:2])
    assert np.array_equal(pixels(data, "train"), images[2:])
    assert data.spaces["label"] == ganzoo.Space(classes=10, names=NAMES, partial=True)
    assert data.train.column("label").tolist() == [0, 1, 0, 0]
    assert data.train.column("label_known").tolist() == [True, True, False, False]
    assert data.held_out.column("label").tolist() == [9, 9]
    few = Stl10(size=96, unlabelled=False).load()
    assert np.array_equal(pixels(few, "train"), images[2:4])
    assert few.spaces["label"] == ganzoo.Space(classes=10, names=NAMES)


@pytest.mark.parametrize("size", [32, 48, 64])
def test_stl_10_is_resized_as_files_of_the_same_images_are(
    place: Path, monkeypatch: pytest.MonkeyPatch, size: Any
) -> None:
    keep(place / "stl10_binary.tar.gz", tarred(stl_10()), monkeypatch)
    folder = place / "files"
    folder.mkdir()
    for number, image in enumerate(noise(2, 6, 96, 96, 3)[:2]):
        Image.fromarray(image).save(folder / f"{number}.png")
    files = Folder(path=str(folder), size=size).load()
    expected = [pixels(files, split)[0] for split in ("train", "held_out")]
    found = pixels(Stl10(size=size).load(), "held_out")
    assert {image.tobytes() for image in found} == {image.tobytes() for image in expected}


# -------------------------------------------------------------------------------------------- SVHN


def matlab(images: np.ndarray, labels: list[int]) -> bytes:
    out = io.BytesIO()
    arrays = {"X": images.transpose(1, 2, 3, 0), "y": np.array(labels, np.uint8)[:, None]}
    scipy.io.savemat(out, arrays, do_compression=True)
    return out.getvalue()


@pytest.mark.parametrize("extra", [False, True])
def test_svhn_is_read_to_the_pixel(
    place: Path, monkeypatch: pytest.MonkeyPatch, *, extra: bool
) -> None:
    images = noise(3, 6, 32, 32, 3)
    files = {"train": ([0, 1, 2], [10, 1, 9]), "test": ([3], [10]), "extra": ([4, 5], [2, 10])}
    for name, (rows, labels) in files.items():
        keep(place / "svhn" / f"{name}_32x32.mat", matlab(images[rows], labels), monkeypatch)
    data, expected = Svhn(extra=extra).load(), images.transpose(0, 3, 1, 2)
    assert np.array_equal(pixels(data, "train"), expected[[0, 1, 2, 4, 5] if extra else [0, 1, 2]])
    assert np.array_equal(pixels(data, "held_out"), expected[[3]])
    assert data.train.column("label").tolist() == [0, 1, 9, *([2, 0] if extra else [])]
    assert data.held_out.column("label").tolist() == [0]
    assert data.spaces["label"].names == tuple("0123456789")


def test_svhn_needs_scipy(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("train", "test"):
        content = matlab(noise(3, 1, 32, 32, 3), [1])
        keep(place / f"{name}_32x32.mat", content, monkeypatch)
    monkeypatch.setitem(sys.modules, "scipy.io", None)
    assert error_of(Svhn(), place) == (
        "SVHN's .mat files are read by scipy: pip install 'ganzoo-core[svhn]'."
    )


def test_of_more_held_out_rows_ten_thousand_are_scored(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    many = np.zeros((10_003, 32, 32, 3), np.uint8)
    keep(place / "test_32x32.mat", matlab(many, [1] * len(many)), monkeypatch)
    keep(place / "train_32x32.mat", matlab(many[:2], [1, 2]), monkeypatch)
    data = Svhn().load()
    assert len(data.held_out) == 10_003
    assert default_n(data) == 10_000


# ------------------------------------------------------------------------------------------- faces


def encoded(image: np.ndarray) -> bytes:
    out = io.BytesIO()
    Image.fromarray(image).save(out, "png")  # read by its content, so that pixels can be compared
    return out.getvalue()


def celeba(place: Path, monkeypatch: pytest.MonkeyPatch) -> np.ndarray:
    """Seven images of 178 x 218 in a zip, and the table of their splits."""
    images = noise(4, 7, 218, 178, 3)
    out = io.BytesIO()
    with ZipFile(out, "w") as archive:
        archive.writestr("img_align_celeba/", b"")
        for number, image in enumerate(images, 1):
            archive.writestr(f"img_align_celeba/{number:06}.jpg", encoded(image))
    keep(place / "celeba" / "img_align_celeba.zip", out.getvalue(), monkeypatch)
    table = "".join(f"{n:06}.jpg {split}\n" for n, split in enumerate((0, 0, 1, 2, 0, 2, 0), 1))
    keep(place / "celeba" / "list_eval_partition.txt", table.encode(), monkeypatch)
    return images.transpose(0, 3, 1, 2)[:, :, 20:198]


@pytest.mark.parametrize("resident", ["yes", "no"])
def test_celeba_is_its_central_square_in_its_published_splits(
    place: Path, monkeypatch: pytest.MonkeyPatch, resident: Any
) -> None:
    images = celeba(place, monkeypatch)
    data = Celeba(size=178, resident=resident, workers=0).load()
    assert np.array_equal(pixels(data, "train"), images[[0, 1, 4, 6]])
    assert np.array_equal(pixels(data, "held_out"), images[[3, 5]])
    assert data.train.fetched == (set() if resident == "yes" else {"real"})
    assert data.spaces == {"real": ganzoo.Space(shape=(3, 178, 178), bounded=True)}
    assert data.remarks == ("6 images without classes; 2 held out.",)
    assert Celeba(workers=0).load().spaces["real"].shape == (3, 64, 64)


def test_celeba_unpacked_is_the_same_data(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    celeba(place, monkeypatch)
    archive = place / "celeba" / "img_align_celeba.zip"
    zipped = Celeba(resident="no", workers=0).load().sha256
    with ZipFile(archive) as opened:
        opened.extractall(place / "celeba")
    archive.unlink()
    assert Celeba(resident="no", workers=0).load().sha256 == zipped


def test_celeba_needs_its_published_table(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    celeba(place, monkeypatch)
    table = place / "celeba" / "list_eval_partition.txt"
    keep(table, b"000001.jpg 0\n000002.jpg 3\n", monkeypatch)
    assert error_of(Celeba(), place / "celeba") == (
        "PLACE/list_eval_partition.txt cannot be read in line 2: replace it with a fresh copy."
    )
    keep(table, b"000001.jpg 0\n\n", monkeypatch)
    assert error_of(Celeba(), place / "celeba") == (
        "PLACE/img_align_celeba.zip has no images of celeba to hold out: replace it by all of them."
    )
    table.unlink()
    assert error_of(Celeba(), place).startswith("no list_eval_partition.txt of celeba in PLACE/")


@pytest.mark.parametrize("zipped", [False, True])
def test_ffhq_holds_out_the_images_from_number_60000(place: Path, *, zipped: bool) -> None:
    images = {n: noise(n, 8, 8, 3) for n in (59_998, 59_999, 60_000, 69_999)}
    top = place / "ffhq" / "thumbnails128x128"
    for number, image in images.items():
        path = top / f"{number // 1000 * 1000:05}" / f"{number:05}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(encoded(image))
    if zipped:
        with ZipFile(f"{top}.zip", "w") as archive:
            for path in sorted(top.rglob("*.png")):
                archive.write(path, path.relative_to(top.parent))
        top.rename(place / "elsewhere")
    data = Ffhq(size=8).load()
    expected = np.stack([image.transpose(2, 0, 1) for image in images.values()])
    assert np.array_equal(pixels(data, "train"), expected[:2])
    assert np.array_equal(pixels(data, "held_out"), expected[2:])
    assert data.spaces.keys() == {"real"}


def test_ffhq_of_other_names_holds_out_a_tenth(place: Path) -> None:
    (place / "ffhq").mkdir()
    for number in range(20):
        (place / "ffhq" / f"{number}.png").write_bytes(encoded(noise(number, 8, 8, 3)))
    data = Ffhq(size=8).load()
    assert 1 <= len(data.held_out) <= 5
    assert len(data.train) + len(data.held_out) == 20


# ---------------------------------------------------------------------------- shards of the Hub


def shard(path: Path, images: np.ndarray, column: str, **columns: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    features = {name: {"names": list(NAMES), "_type": "ClassLabel"} for name in columns}
    table = pa.table({column: [{"bytes": encoded(i), "path": None} for i in images], **columns})
    metadata = {"huggingface": json.dumps({"info": {"features": features}})}
    parquet.write_table(table.replace_schema_metadata(metadata), path)


@pytest.mark.parametrize(
    ("dataset", "folder", "columns"),
    [
        (Cifar10(), "cifar-10/plain_text", {"img": "label"}),
        (Cifar10(), "cifar-10", {"img": "label"}),
        (Cifar100(), "cifar-100/cifar100", {"img": "fine_label"}),
        (Cifar100(coarse=True), "cifar-100/data", {"img": "coarse_label"}),
        (Svhn(), "svhn/cropped_digits", {"image": "label"}),
    ],
)
def test_shards_of_the_hub_are_read_in_the_place_of_an_archive(
    place: Path, dataset: Dataset, folder: str, columns: dict[str, str]
) -> None:
    images = noise(5, 5, 32, 32, 3)
    ((image, label),) = columns.items()
    for name, rows in (("train", [0, 1, 2]), ("test", [3, 4]), ("extra", [0])):
        path = place / folder / f"{name}-00000-of-00001.parquet"
        shard(path, images[rows], image, **{label: rows})
    if isinstance(dataset, Svhn):  # of another size, and not read
        shard(place / "svhn/full_numbers/train-0.parquet", noise(6, 1, 40, 50, 3), image)
    data = dataset.load()
    assert data.name == dataset.name
    assert np.array_equal(pixels(data, "train"), images[:3].transpose(0, 3, 1, 2))
    assert np.array_equal(pixels(data, "held_out"), images[3:].transpose(0, 3, 1, 2))
    assert data.held_out.column("label").tolist() == [3, 4]
    assert data.spaces["label"].names == NAMES
    assert not data.train.fetched


def test_celebas_shards_are_streamed_if_they_must(place: Path) -> None:
    images = noise(5, 4, 218, 178, 3)
    for name, rows in (("train", [0, 1]), ("valid", [2]), ("test", [3])):
        shard(place / "celeba/img_align+identity+attr" / f"{name}-0.parquet", images[rows], "image")
    square = images.transpose(0, 3, 1, 2)[:, :, 20:198]
    for resident in ("yes", "no"):
        data = Celeba(size=178, resident=resident, workers=0).load()
        assert np.array_equal(pixels(data, "train"), square[:2])
        assert np.array_equal(pixels(data, "held_out"), square[3:])
        assert bool(data.train.fetched) == (resident == "no")


def test_svhns_further_images_are_read_from_its_own_files_only(place: Path) -> None:
    shard(place / "svhn/train-0.parquet", noise(5, 2, 32, 32, 3), "image", label=[1, 2])
    assert error_of(Svhn(extra=True), place).startswith("no test_32x32.mat of svhn in PLACE/svhn,")


# ---------------------------------------------------------------------------- what is not published


@pytest.mark.parametrize("dataset", ALL, ids=lambda dataset: dataset.name)
def test_what_is_missing_is_told_with_its_site(dataset: Any, place: Path) -> None:
    told = error_of(dataset, place)
    file, site = {
        "cifar-10": ("cifar-10-binary.tar.gz", "https://www.cs.toronto.edu/~kriz/cifar.html"),
        "cifar-100": ("cifar-100-binary.tar.gz", "https://www.cs.toronto.edu/~kriz/cifar.html"),
        "stl-10": ("stl10_binary.tar.gz", "https://cs.stanford.edu/~acoates/stl10"),
        "svhn": ("test_32x32.mat", "http://ufldl.stanford.edu/housenumbers"),
        "celeba": ("img_align_celeba.zip", "https://mmlab.ie.cuhk.edu.hk/projects/CelebA.html"),
        "ffhq": ("thumbnails128x128", "https://github.com/NVlabs/ffhq-dataset"),
    }[dataset.name]
    more = " and list_eval_partition.txt" if dataset.name == "celeba" else ""
    assert told == (
        f"no {file} of {dataset.name} in PLACE/{dataset.name}, PLACE, "
        f"PLACE/home/.cache/ganzoo/{dataset.name}, /usr/share/datasets/{dataset.name}: download it"
        f"{more} from {site} and set GANZOO_DATA to the folder with its files."
    )


def test_an_archive_that_is_another_is_refused_before_it_is_parsed(place: Path) -> None:
    for dataset, file in (
        (Cifar10(), "cifar-10-binary.tar.gz"),
        (Stl10(), "stl10_binary.tar.gz"),
        (Svhn(), "test_32x32.mat"),
        (Celeba(), "img_align_celeba.zip"),
    ):
        right = MD5[file]
        for name in (file, "train_32x32.mat"):
            (place / name).write_bytes(b"another")
        assert error_of(dataset, place) == (
            f"PLACE/{file} is not the published file of {dataset.name} (md5 "
            f"{md5(b'another').hexdigest()}, not {right}): replace it with a fresh copy, or remove "
            "it."
        )


def test_all_of_an_archive_is_compared_and_the_first_folder_that_has_one_is_read(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep(place / "own" / "one.zip", bytes(3 * MIB), monkeypatch)
    assert checked("own", place / "own" / "one.zip", 4 * MIB) == place / "own" / "one.zip"
    (place / "own" / "one.zip").write_bytes(bytes(3 * MIB - 1) + b"1")
    with pytest.raises(DataError, match="is not the published file of own"):
        checked("own", place / "own" / "one.zip", 4 * MIB)
    (place / "two.zip").touch()
    assert found("own", ["two.zip", "one.zip"]) == place / "own" / "one.zip"
    assert found("own", ["one.zip", "two.zip"]) == place / "own" / "one.zip"
    assert found("own", ["three.zip"]) is None


def test_at_least_one_file_is_held_out_and_at_least_one_is_not() -> None:
    for share, held in ((0.0, 1), (1.0, 2)):
        assert int(held_by_path(["a.png", "b.png", "c.png"], share).sum()) == held


def test_what_is_no_file_is_one_sentence(place: Path) -> None:
    (place / "cifar-10-binary.tar.gz").mkdir()
    assert error_of(Cifar10(), place) == (
        "PLACE/cifar-10-binary.tar.gz cannot be read (Is a directory): replace it with a fresh "
        "copy."
    )


def changed(files: dict[str, bytes], name: str, content: bytes | None) -> dict[str, bytes]:
    path = next(path for path in files if path.endswith(name))
    kept = {k: v for k, v in files.items() if k != path}
    return kept if content is None else {**kept, path: content}


CIFAR, STL = "cifar-10-binary.tar.gz", "stl10_binary.tar.gz"
WRONG = [
    (Cifar10(), CIFAR, ("test_batch.bin", None), "it holds no cifar-10-batches-bin/test_batch.bin"),
    (
        Cifar10(),
        CIFAR,
        ("test_batch.bin", bytes(5)),
        "5 bytes are no whole records of 3,073",
    ),
    (Cifar10(), CIFAR, ("test_batch.bin", b""), "0 bytes are no whole records of 3,073"),
    (Cifar10(), CIFAR, ("test_batch.bin", bytes([10]) * 3073), "a class is none of 0 to 9"),
    (Cifar10(), CIFAR, ("meta.txt", b"cat\ncat\n"), "it names 1 classes, not 10"),
    (Stl10(), STL, ("test_y.bin", bytes([0, 1])), "a class is none of 1 to 10"),
    (Stl10(), STL, ("unlabeled_X.bin", b""), "it holds no images"),
    (Stl10(), STL, ("train_X.bin", bytes(5)), "5 bytes are no whole records of 27,648"),
    (Stl10(), STL, ("test_y.bin", bytes(1 << 21)), "stl10_binary/test_y.bin is too large"),
]


@pytest.mark.parametrize("wrong", WRONG, ids=lambda wrong: wrong[3])
def test_what_an_archive_cannot_hold_is_one_sentence(
    place: Path, monkeypatch: pytest.MonkeyPatch, wrong: Any
) -> None:
    dataset, file, change, why = wrong
    files = cifar_10() if file == CIFAR else stl_10()
    keep(place / file, tarred(changed(files, *change)), monkeypatch)
    assert error_of(dataset, place) == (
        f"PLACE/{file} cannot be read ({why}): replace it with a fresh copy."
    )


@pytest.mark.parametrize(
    ("images", "labels", "why"),
    [
        (noise(0, 2, 32, 32, 3), [1], "y has the shape (1, 1) for 2 images"),
        (noise(0, 1, 32, 32, 3), [0], "a class is none of 1 to 10"),
        (
            noise(0, 1, 32, 31, 3),
            [1],
            "X is torch.uint8 of shape (32, 31, 3, 1), no images of bytes",
        ),
    ],
)
def test_arrays_that_are_not_svhns_are_one_sentence(
    place: Path, monkeypatch: pytest.MonkeyPatch, images: np.ndarray, labels: list[int], why: str
) -> None:
    for name in ("train", "test"):
        keep(place / f"{name}_32x32.mat", matlab(images, labels), monkeypatch)
    assert error_of(Svhn(), place) == (
        f"PLACE/test_32x32.mat or PLACE/train_32x32.mat cannot be read ({why}): replace it with a "
        "fresh copy."
    )


def told(content: bytes, wanted: list[str], most: int = 1 << 20) -> str:
    with pytest.raises(DataError) as error, as_sentence(Path("FILE")):
        [file.read() for _, file, _ in members(io.BytesIO(content), wanted, most)]
    return str(error.value).removeprefix("FILE cannot be read ").split("): replace")[0]


def test_a_damaged_archive_is_one_sentence() -> None:
    whole = tarred({"a": noise(0, 4000).tobytes()})
    assert told(b"no archive", ["a"]).startswith("(Not a gzipped file")
    assert told(whole[:3000], ["a"]).startswith("(Compressed file ended")
    assert told(tarred({"a": bytes(1 << 21)}), ["a"]) == "(it unpacks to more than 1 MiB"
    assert told(tarred({"b": bytes(1 << 21)}), ["a"]) == "(it unpacks to more than 1 MiB"
    assert told(tarred({"../a": b"x"}), ["a"]) == "(it holds no a"


def test_only_regular_files_are_read_and_each_once() -> None:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as archive:
        link = tarfile.TarInfo("a")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)
    assert told(out.getvalue(), ["a"]) == "(it holds no a"
    with tarfile.open(fileobj=(out := io.BytesIO()), mode="w:gz") as archive:
        for _ in range(2):
            archive.addfile(tarfile.TarInfo("a"))
    assert told(out.getvalue(), ["a"]) == "(it holds a twice"
    assert tar.Limited(io.BytesIO(b"12345"), 5).read() == b"12345"


# ------------------------------------------------------------------------------------- in training


def test_one_flag_trains_on_an_archive(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    keep(place / "cifar-10" / "cifar-10-binary.tar.gz", tarred(cifar_10()), monkeypatch)
    out = place / "run"
    run = ganzoo.train("vanilla", data="cifar-10", settings=["batch=4"], rounds=1, out=out)
    assert run.game.data.name == "cifar-10"
    assert ganzoo.load(f"run:{out}").sample(2).shape == (2, 3, 32, 32)
