"""Inputs in the form of safetensors: a header of JSON, before the bytes of the tensors it names."""

from __future__ import annotations

import json
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np
from fuzz.edits import damaged, edited, json_of
from hypothesis import strategies as st

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hypothesis.strategies import DrawFn, SearchStrategy

KEY = "ganzoo"
DTYPES = {
    "F64": np.float64, "F32": np.float32, "F16": np.float16, "I64": np.int64, "I32": np.int32,
    "I16": np.int16, "I8": np.int8, "U8": np.uint8, "BOOL": np.bool_, "U64": np.uint64,
}  # fmt: skip
OTHERS = {"BF16": 2, "F8_E4M3": 1, "F8_E5M2": 1, "U16": 2, "U32": 4, "C64": 8, "F4": 1, "XX": 3}
"""Types that numpy does not have, or nobody, by their bytes."""
FILLS = (0, 1, 2, 3, -1, 1e30, 127, 255, float("nan"), float("inf"), float("-inf"))


def taken_apart(blob: bytes) -> tuple[dict[str, Any], bytes]:
    """The header and the data of a whole file; JSON in its metadata as a value."""
    size = int.from_bytes(blob[:8], "little")
    header = json.loads(blob[8 : 8 + size])
    metadata = header.get("__metadata__", {})
    if KEY in metadata:
        metadata[KEY] = json.loads(metadata[KEY])
        metadata[KEY].pop("sha256", None)  # by itself it would refuse every edit
    return header, blob[8 + size :]


def put_together(header: Any, data: bytes) -> bytes:
    """A file; metadata that are no text become JSON."""
    if isinstance(header, dict) and isinstance(metadata := header.get("__metadata__"), dict):
        texts = {k: v if isinstance(v, str) else json.dumps(v) for k, v in metadata.items()}
        header = {**header, "__metadata__": texts}
    text = json_of(header)
    return len(text).to_bytes(8, "little") + text + data


@st.composite
def arrays(draw: DrawFn, shape: Sequence[int]) -> tuple[str, list[int], bytes]:
    """A tensor: of a shape, or of one that is not quite it, of any type, with any numbers."""
    sides = list(shape)
    for _ in range(draw(st.sampled_from([0, 0, 1, 2]))):
        at = draw(st.integers(0, len(sides)))
        sides[at : at + draw(st.integers(0, 1))] = [draw(st.sampled_from([0, 1, 2, 3, 10]))]
    if prod(sides) > 10**6:
        sides = [1]
    dtype = draw(st.sampled_from([*DTYPES, "F32", "I64", "U8", *OTHERS]))
    if dtype in OTHERS:
        return dtype, sides, bytes(prod(sides) * OTHERS[dtype])
    values = draw(st.lists(st.sampled_from(FILLS), min_size=1, max_size=6))
    with np.errstate(all="ignore"):
        filled = np.resize(np.array(values), sides).astype(DTYPES[dtype])
    return dtype, sides, filled.tobytes()


@st.composite
def refilled(draw: DrawFn, wholes: Sequence[bytes]) -> bytes:
    """A valid file of some file's metadata, some of whose tensors have other forms and numbers."""
    header, data = taken_apart(draw(st.sampled_from(wholes)))
    metadata = header.pop("__metadata__", {})
    metadata = draw(st.one_of(st.just(metadata), edited([metadata])))
    names = sorted(header)
    chosen = draw(st.sets(st.sampled_from(names), max_size=3)) if names else set()
    made: dict[str, Any] = {}
    blob = b""
    for name in names:
        start, end = header[name]["data_offsets"]
        dtype, shape, raw = header[name]["dtype"], header[name]["shape"], data[start:end]
        if name in chosen:
            dtype, shape, raw = draw(arrays(shape))
        made[name] = {
            "dtype": dtype,
            "shape": shape,
            "data_offsets": [len(blob), len(blob) + len(raw)],
        }
        blob += raw
    return put_together({"__metadata__": metadata, **made}, blob)


def files(wholes: Sequence[bytes]) -> SearchStrategy[bytes]:
    """Files of tensors, edited in their bytes, in their headers, and in their tensors."""
    apart = [taken_apart(whole) for whole in wholes]
    data = st.sampled_from([data for _, data in apart])
    headers = edited([header for header, _ in apart])
    return st.one_of(damaged(wholes), st.builds(put_together, headers, data), refilled(wholes))
