"""Arguments of public functions, by their names, which mean the same in all of them."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from numbers import Integral, Real
from typing import Any, TypeAlias

from ganzoo.errors import OptionError, quoted

Kind: TypeAlias = tuple[Callable[[Any], bool], str]
"""A test of a value, and what the value must be, in words."""

MOST = 2**63 - 1
"""The greatest whole number that torch takes."""
LONGEST_NAME = 255
"""The most bytes in the name of a file or a folder, on every system of today."""


def is_path(value: object) -> bool:
    """Whether a value can be the path of a file or folder; of an empty one ``given_path`` tells."""
    path = os.fspath(value) if isinstance(value, (str, os.PathLike)) else None
    if not isinstance(path, str):
        return False
    names = path.replace(os.sep, "/").split("/")
    return not any(len(os.fsencode(n)) > LONGEST_NAME or "\0" in n for n in names)


def is_whole(value: object) -> bool:
    """Whether a value is a whole number that is not negative; a truth value is none."""
    is_integer = isinstance(value, Integral) and not isinstance(value, bool)
    return is_integer and 0 <= int(value) <= MOST  # type: ignore[call-overload]


def is_count(value: object) -> bool:
    """Whether a value is a whole number above zero."""
    return is_whole(value) and value != 0


def is_amount(value: object) -> bool:
    """Whether a value is a finite number above zero."""
    is_real = isinstance(value, Real) and not isinstance(value, bool)
    return is_real and 0 < value <= MOST  # type: ignore[operator]


def is_device(value: object) -> bool:
    """Whether a value names a device; torch's own has the attribute ``type``."""
    return isinstance(value, str) or type(value).__name__ == "device"


def is_series(value: object) -> bool:
    """Whether a value is one text, or several things."""
    return isinstance(value, Iterable)


PATH: Kind = (is_path, "a path, as a text or a pathlib.Path")
WHOLE: Kind = (is_whole, "a whole number, 0 or more")
COUNT: Kind = (is_count, "a whole number, 1 or more")
AMOUNT: Kind = (is_amount, "a finite number above 0")
FLAG: Kind = (lambda value: isinstance(value, bool), "True or False")
TEXT: Kind = (lambda value: isinstance(value, str), "a text")
DEVICE: Kind = (is_device, "a text such as 'cpu', or a torch.device")
GROUP: Kind = (lambda value: isinstance(value, Mapping), "a dict by name")
SERIES: Kind = (is_series, "a text, or a list of them")
CALL: Kind = (callable, "a function")
TOKEN: Kind = (lambda value: isinstance(value, (str, bool)), "a text, True or False")

KINDS: dict[str, Kind] = {
    **dict.fromkeys(
        ("out", "folder", "run", "start", "one", "other", "cache_dir", "find_links"), PATH
    ),
    "seed": WHOLE,
    "n": COUNT,
    "timeout": AMOUNT,
    **dict.fromkeys(("resume", "offline"), FLAG),
    **dict.fromkeys(("suite", "ray", "endpoint", "name", "player", "data"), TEXT),
    "device": DEVICE,
    **dict.fromkeys(("given", "codes", "grid"), GROUP),
    **dict.fromkeys(("contenders", "metrics", "names"), SERIES),
    **dict.fromkeys(("on_result", "on_progress"), CALL),
    "token": TOKEN,
}
"""What each argument must be, where it is not None."""


def check_arguments(**given: object) -> None:
    """Hold arguments of a public function to their kinds. Raises OptionError for the first wrong.

    What passed is trusted from there on. None stands for what is not given.
    """
    check_required(**{name: value for name, value in given.items() if value is not None})


def check_required(**given: object) -> None:
    """Hold arguments to their kinds as ``check_arguments`` does, and refuse None too."""
    for name, value in given.items():
        test, must = KINDS[name]
        if not test(value):
            message = f"{name} cannot be {quoted(value)}; it must be {must}."
            raise OptionError(message)
