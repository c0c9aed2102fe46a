"""Targets that people bring: images, tables, shards, IDX files and demonstrations."""

from __future__ import annotations

import gzip
from importlib.resources import files as package_files
from io import BytesIO
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from fuzz import tensors
from fuzz.edits import damaged, json_of, lines, zipped
from fuzz.trial import Target
from ganzoo_gail.datasets import Demonstrations
from hypothesis import strategies as st
from PIL import Image
from pyarrow import parquet

from ganzoo.builtin.datasets.files import FolderFiles
from ganzoo.builtin.datasets.folder import Folder
from ganzoo.builtin.datasets.idx import read_idx
from ganzoo.builtin.datasets.metadata import metadata
from ganzoo.builtin.datasets.parquet import Parquet

if TYPE_CHECKING:
    from hypothesis.strategies import DrawFn, SearchStrategy


# --------------------------------------------------------------------------------------------- IDX


def idx_file(*shape: int) -> bytes:
    sides = b"".join(side.to_bytes(4, "big") for side in shape)
    return bytes([0, 0, 8, len(shape)]) + sides + bytes(i % 256 for i in range(prod(shape)))


def idx_inputs() -> SearchStrategy[bytes]:
    wholes = [idx_file(5), idx_file(2, 3, 3), idx_file(1, 28, 28)]
    packed = [gzip.compress(whole, mtime=0) for whole in [*wholes, bytes(10**8)]]
    return st.one_of(damaged(wholes), zipped(damaged(wholes)), damaged(packed))


def read_an_idx(blob: bytes, folder: Path) -> object:
    path = folder / "train-images-idx3-ubyte"
    path.write_bytes(blob)
    return read_idx(path)


# ------------------------------------------------------------------------------------------ images


FORMS = {
    "png": ("RGB", "L", "RGBA", "P", "I;16", "1", "LA"),
    "jpeg": ("RGB", "L", "CMYK"),
    "gif": ("P",),
    "tiff": ("RGB", "I;16", "F", "L"),
    "bmp": ("RGB",),
    "webp": ("RGB", "RGBA"),
    "ppm": ("RGB", "L"),
    "ico": ("RGBA",),
    "tga": ("RGB",),
    "pcx": ("RGB",),
    "jpeg2000": ("RGB",),
    "sgi": ("RGB",),
    "dds": ("RGBA",),
    "icns": ("RGBA",),
    "avif": ("RGB",),
}
ENDINGS = {"jpeg2000": "jp2"}


def picture(kind: str, mode: str) -> bytes | None:
    """A small picture as a file; None where this pillow cannot write it."""
    out = BytesIO()
    image = Image.linear_gradient("L").resize((16, 16)).convert("RGB" if mode == "I;16" else mode)
    image = image.convert("L").convert("I;16") if mode == "I;16" else image
    try:
        image.save(out, kind.upper())
    except (OSError, KeyError, ValueError):
        return None
    return out.getvalue()


def pictures() -> list[tuple[str, bytes]]:
    made = [(kind, picture(kind, mode)) for kind, modes in FORMS.items() for mode in modes]
    return [(ENDINGS.get(kind, kind), blob) for kind, blob in made if blob]


def image_inputs() -> SearchStrategy[bytes]:
    """Images, each with the ending of its name in front; some ends are another format's."""
    endings = sorted({ending.encode() for ending, _ in pictures()})
    inputs = [
        damaged([blob for ending, blob in pictures() if ending.encode() == chosen]).map(
            lambda blob, chosen=chosen: chosen + b" " + blob
        )
        for chosen in endings
    ]
    bombs = [pgm(100_000, 100_000), pgm(2**31 - 1, 1), pgm(9_999, 9_999)]
    return st.one_of(*inputs, st.sampled_from(bombs))


def pgm(width: int, height: int) -> bytes:
    """A picture whose header says that it is large."""
    return b"ppm P5 %d %d 255\n" % (width, height)


def read_images(blob: bytes, folder: Path) -> object:
    ending, _, content = blob.partition(b" ")
    name = "".join(c for c in ending.decode("ascii", "ignore") if c.isalnum())[:8] or "png"
    Image.new("L", (16, 16)).save(folder / "a.png")
    (folder / f"b.{name}").write_bytes(content)
    data = Folder(path=str(folder), size=8).load()
    streamed = Folder(path=str(folder), size=8, resident="no", workers=0).load()
    return [rows.column("real") for rows in (data.train, streamed.train, streamed.held_out)]


# ------------------------------------------------------------------------------------------ tables


IMAGES = ["a.png", "b.png", "x/c.png"]
CSV = (
    b",",
    b'"',
    b'""',
    b"file_name",
    b"label",
    b"split",
    b"train",
    b"\r",
    b"x" * 200_000,
    b"../a.png",
)


def table_inputs() -> SearchStrategy[bytes]:
    tables = [
        b"file_name,label,split\na.png,0,train\nb.png,1,test\nx/c.png,1,train\n",
        b'file_name,label\na.png,"a,b"\nb.png,\n',
    ]
    rows: list[Any] = [{"file_name": name, "label": 1, "split": "train"} for name in IMAGES]
    return st.one_of(
        damaged(tables, CSV).map(lambda blob: b"csv " + blob),
        lines(rows).map(lambda blob: b"jsonl " + blob),
    )


def read_table(blob: bytes, folder: Path) -> object:
    ending, _, content = blob.partition(b" ")
    (folder / f"metadata.{'csv' if ending == b'csv' else 'jsonl'}").write_bytes(content)
    return metadata(FolderFiles(folder), ["x"], IMAGES)


# ------------------------------------------------------------------------------------------ shards


@st.composite
def shards(draw: DrawFn) -> bytes:
    """Valid shards, of other columns than they should have."""
    content = picture("png", "RGB")
    columns: list[Any] = [
        [{"bytes": content, "path": "x"}, {"bytes": content, "path": None}] * 3,
        [content] * 6,
        [content, None, b"", b"x", content, content],
        ["text"] * 6,
        [0, 1, 2, 0, 1, 2],
        [0, -1, 2**62, None, 1, 1],
        [True, False] * 3,
        [1.5, None] * 3,
        [None] * 6,
        [[1], [2, 3]] * 3,
        ["b", "a", None, "", "\0", "b"],
        [],
    ]
    names = draw(st.lists(st.sampled_from(["image", "label", "", "a.b"]), max_size=3, unique=True))
    length = draw(st.sampled_from([6, 6, 2, 1, 0]))
    made = {name: draw(st.sampled_from(columns))[:length] for name in ["image", *names]}
    made = {
        name: column if len(column) == length else [None] * length for name, column in made.items()
    }
    table = pa.table(made)
    if draw(st.booleans()):
        table = table.replace_schema_metadata({b"huggingface": draw(st.sampled_from(TOLD))})
    return written(table, draw(st.sampled_from([1, 2, 100])))


def named(names: Any) -> bytes:
    return json_of({"info": {"features": {"label": {"names": names}}}})


TOLD = [named(["a", "b", "c"]), named("abc"), named([1, None, {}]), named(3), b"[]", b"\xff", b"{}"]
"""What the Hub's library says of columns."""


def written(table: pa.Table, rows: int) -> bytes:
    out = BytesIO()
    parquet.write_table(table, out, row_group_size=rows)
    return out.getvalue()


def shard_inputs() -> SearchStrategy[bytes]:
    content = picture("png", "RGB")
    table = pa.table({"image": [{"bytes": content}] * 4, "label": [0, 1, 1, 0]})
    return st.one_of(shards(), damaged([written(table, 2)]))


def read_shards(blob: bytes, folder: Path) -> object:
    (folder / "0.parquet").write_bytes(blob)
    data = Parquet(path=str(folder), size=8, workers=0).load()
    return [rows.column("real") for rows in (data.train, data.held_out)]


# ---------------------------------------------------------------------------------- demonstrations


def demonstrations() -> list[bytes]:
    experts = Path(str(package_files("ganzoo_gail"))) / "experts"
    return [
        (experts / f"{name}.safetensors").read_bytes()
        for name in ("mountain-car-task", "pendulum-task", "mountain-car-fixed")
    ]


def read_demonstrations(blob: bytes, folder: Path) -> object:
    path = folder / "demos.safetensors"
    path.write_bytes(blob)
    data = Demonstrations(path=str(path), trajectories=1).load()
    return data.train.column("real"), data.held_out.column("real")


TARGETS = [
    Target("idx", idx_inputs, read_an_idx),
    Target("images", image_inputs, read_images),
    Target("metadata", table_inputs, read_table),
    Target("parquet", shard_inputs, read_shards),
    Target("demonstrations", lambda: tensors.files(demonstrations()), read_demonstrations),
]
