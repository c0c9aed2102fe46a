"""Every parser of bytes from elsewhere reads an input, or says in one sentence why not.

A few inputs of each target of ``benchmarks/fuzz``, the same each time; see there for many.
"""

from __future__ import annotations

import os

import pytest
from fuzz.targets import TARGETS
from fuzz.trial import MOST_BYTES, MOST_SECONDS, Target, tried
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from ganzoo.errors import ZooError

INPUTS = {
    "images": 20,
    "checkpoint": 20,
    "results": 15,
    "idx": 30,
    "log": 30,
    "cifar": 15,
    "stl": 15,
    "svhn": 30,
    "zip": 20,
    "partition": 30,
}
"""How many inputs of slower targets; of all others 60, each of which takes about 5 ms."""


@pytest.mark.parametrize("name", TARGETS)
def test_an_input_is_read_or_refused_in_one_sentence(name: str) -> None:
    @settings(
        max_examples=INPUTS.get(name, 60),
        phases=[Phase.generate],  # to make a failing input smaller could take minutes
        derandomize=True,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(TARGETS[name].inputs())
    def read(blob: bytes) -> None:
        trial = tried(TARGETS[name], blob)
        assert trial.wrong is None, trial.wrong

    read()


# ------------------------------------------------------------------ the fuzzer finds what it should


def refuse(_: bytes) -> None:
    message = "it is refused."
    raise ZooError(message)


def fail(_: bytes) -> None:
    message = "it fails"
    raise KeyError(message)


def leave(_: bytes) -> None:
    raise SystemExit(3)


def keep_silent(_: bytes) -> None:
    message = ""
    raise ZooError(message)


def hoard(_: bytes) -> int:
    return len(os.urandom(1) * (MOST_BYTES + (64 << 20)))


@pytest.mark.parametrize(
    ("read", "told", "wrong"),
    [
        (lambda _: None, "read", None),
        (refuse, "it is refused.", None),
        (fail, "KeyError at test_fuzz.py:", "KeyError: 'it fails'"),
        (leave, "SystemExit at test_fuzz.py:", "SystemExit: 3"),
        (keep_silent, "an error that nobody can read", "0 characters"),
        (hoard, "large", "MiB"),
    ],
)
def test_whatever_else_a_parser_does_is_a_find(read, told: str, wrong: str | None) -> None:
    trial = tried(Target("test", st.binary, lambda blob, _: read(blob)), b"")
    assert trial.told.startswith(told)
    assert (trial.wrong is None) if wrong is None else wrong in (trial.wrong or "")
    assert trial.seconds < MOST_SECONDS
