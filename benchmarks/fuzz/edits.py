"""Inputs to try a parser with: whole ones with some edits, of their bytes or of their structure."""

from __future__ import annotations

import copy
import gzip
import json
from typing import TYPE_CHECKING, Any

import yaml
from hypothesis import strategies as st

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from hypothesis.strategies import DrawFn, SearchStrategy

MOST_EDITS = 5
MOST_BYTES = 256
"""The longest piece that is cut out, put in or repeated."""
NUMBERS = (0, 1, 2, 7, 127, 128, 255, 256, 65535, 2**31 - 1, 2**31, 2**32 - 1, 2**53, 2**63 - 1)
"""Where types, signs and sizes end."""
MARKS = (
    b"\0", b"\n", b"\r\n", b"\xff\xfe", b"\xef\xbb\xbf", b"\xed\xa0\x80", b"\xc3", b"\x1f\x8b",
    b"[" * 100_000, b'{"a":' * 5000, b"9" * 5000,
)  # fmt: skip
"""Ends of texts, byte order marks, what is no UTF-8, and what goes on for very long."""
TEXTS = ("", "\0", "\ud800", "nan", "../x", "~nobody", "a\nb", "x" * 10_000, "1e999", "{}", "%s")
NOTHING = object()
"""Stands for no value, in place of one that is removed."""


def deep(levels: int) -> Any:
    """Lists in lists."""
    found: list[Any] = []
    for _ in range(levels):
        found = [found]
    return found


KINDS: dict[type, SearchStrategy[Any]] = {
    type(None): st.none(),
    bool: st.booleans(),
    int: st.sampled_from([*NUMBERS, *(-n for n in NUMBERS), 2**63, 2**64, 10**400]),
    float: st.floats(),
    str: st.one_of(st.sampled_from(TEXTS), st.text(max_size=12)),
}
SCALARS: SearchStrategy[Any] = st.one_of(*KINDS.values())
VALUES: SearchStrategy[Any] = st.one_of(
    SCALARS,
    st.lists(SCALARS, max_size=4),
    st.dictionaries(st.sampled_from(["part", "name", "", "x"]), SCALARS, max_size=3),
    st.sampled_from([deep(20), deep(100)]),
)
"""What JSON can say, and some of what it should not."""


# ------------------------------------------------------------------------------------------- bytes


@st.composite
def places(draw: DrawFn, length: int) -> int:
    """A place among so many bytes: near the start, where headers are, as often as anywhere."""
    near = st.integers(0, min(length, 64))
    return draw(st.one_of(near, st.integers(0, length), near.map(lambda back: length - back)))


@st.composite
def damaged(draw: DrawFn, wholes: Sequence[bytes], words: Sequence[bytes] = ()) -> bytes:
    """One of some whole inputs with a few edits of its bytes; ``words`` are put in now and then."""
    blob = bytearray(draw(st.sampled_from(wholes)))
    known = [*words, *MARKS]
    for _ in range(draw(st.integers(0, MOST_EDITS))):
        at = draw(places(len(blob)))
        kind = draw(st.sampled_from(["word", "number", "byte", "cut", "repeat", "end", "splice"]))
        if kind == "word":
            blob[at:at] = draw(st.sampled_from(known))
        elif kind == "number":
            width, order = (
                draw(st.sampled_from([1, 2, 4, 8])),
                draw(st.sampled_from(["big", "little"])),
            )
            number = draw(st.sampled_from(NUMBERS)) % 256**width
            blob[at : at + width] = number.to_bytes(width, order)
        elif kind == "byte":
            blob[at : at + 1] = bytes([draw(st.integers(0, 255))])
        elif kind == "cut":
            del blob[at : at + draw(st.integers(1, MOST_BYTES))]
        elif kind == "repeat":
            piece = blob[at : at + draw(st.integers(1, MOST_BYTES))]
            blob[at:at] = piece * draw(st.sampled_from([1, 2, 30]))
        elif kind == "end":
            del blob[at:]
        else:
            other = draw(st.sampled_from(wholes))
            blob[at:] = other[draw(places(len(other))) :]
    return bytes(blob)


def zipped(inputs: SearchStrategy[bytes]) -> SearchStrategy[bytes]:
    """Inputs as gzip packs them."""
    return inputs.map(lambda blob: gzip.compress(blob, 1, mtime=0))


# ----------------------------------------------------------------------------------- JSON and YAML


def nodes(tree: Any) -> Iterator[tuple[Any, Any]]:
    """Each place in nested dicts and lists, as its container and its key in it."""
    for key in list(tree) if isinstance(tree, dict) else range(len(tree)):
        yield tree, key
        if isinstance(tree[key], (dict, list)):
            yield from nodes(tree[key])


@st.composite
def edited(draw: DrawFn, wholes: Sequence[Any], values: SearchStrategy[Any] = VALUES) -> Any:
    """One of some JSON values with a few edits: of values, of keys, of what there is of each."""
    root = [copy.deepcopy(draw(st.sampled_from(wholes)))]
    for _ in range(draw(st.integers(0, MOST_EDITS))):
        found = list(nodes(root))
        if not found:
            break
        holder, key = draw(st.sampled_from(found))
        kind = draw(st.sampled_from(["set", "like", "like", "move", "drop", "add"]))
        if kind == "set":
            holder[key] = copy.deepcopy(draw(values))
        elif kind == "like":  # so that what checks types is passed
            holder[key] = copy.deepcopy(draw(KINDS.get(type(holder[key]), values)))
        elif kind == "move":
            other, name = draw(st.sampled_from(found))
            holder[key] = copy.deepcopy(other[name])
        elif kind == "drop":
            del holder[key]
        elif isinstance(holder, dict):
            holder[draw(st.text(max_size=8))] = copy.deepcopy(draw(values))
        else:
            holder.append(copy.deepcopy(draw(values)))
    return root[0] if root else None


def as_json(value: Any) -> bytes:
    """A value as JSON, half characters and numbers that are none included."""
    return json.dumps(value, ensure_ascii=False).encode("utf-8", "surrogatepass")


def as_yaml(value: Any) -> bytes:
    """A value as YAML."""
    return yaml.safe_dump(value, sort_keys=False).encode("utf-8", "surrogatepass")


def rewritten(
    wholes: Sequence[Any], written: Callable[[Any], bytes], words: Sequence[bytes] = ()
) -> SearchStrategy[bytes]:
    """Texts of some values, edited as values or as texts."""
    texts = damaged([written(whole) for whole in wholes], words)
    return st.one_of(edited(wholes).map(written), edited(wholes).map(json_of), texts)


def json_of(value: Any) -> bytes:
    """A value as JSON of ASCII alone, in which half a character is an escape."""
    return json.dumps(value).encode()


def lines(wholes: Sequence[Any]) -> SearchStrategy[bytes]:
    """Files of one JSON value a line: edited, repeated, and with some bytes of their own."""
    line = st.one_of(
        rewritten(wholes, as_json), st.sampled_from([*map(as_json, wholes), b"", b"\0", b"[]"])
    )
    ends = st.sampled_from([b"\n", b"\n", b"", b"\r\n", b"\0\n", b"\xff"])
    return st.tuples(st.lists(line, max_size=4), ends).map(
        lambda told: told[1].join([*told[0], b""])
    )
