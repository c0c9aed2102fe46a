"""Wrong arguments of public functions: one sentence each, whatever is given."""

from __future__ import annotations

import io
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from small import points

import ganzoo
from ganzoo.errors import SENTENCE, OptionError, ZooError
from ganzoo.parts.arguments import check_arguments, check_required
from ganzoo.training.run import Run

if TYPE_CHECKING:
    from collections.abc import Callable

SMALL = {"batch": 8, "architecture.width": 8}


class Unprintable:
    def __repr__(self) -> str:
        raise ValueError(*("no text",))

    def __bool__(self) -> bool:
        raise ValueError(*("no truth",))


def nested(depth: int = 2000) -> list[Any]:
    found: list[Any] = []
    for _ in range(depth):
        found = [found]
    return found


def closed() -> io.StringIO:
    file = io.StringIO("text")
    file.close()
    return file


ODD: dict[str, Callable[[], Any]] = {
    "a negative number": lambda: -1,
    "a number of 6000 digits": lambda: 10**6000,
    "not a number": lambda: math.nan,
    "a long text": lambda: "x" * 10**6,
    "lines": lambda: "a\nb",
    "a null byte": lambda: "a\0b",
    "no UTF-8": lambda: "a\udcff",
    "bytes": lambda: b"x",
    "a long path": lambda: Path("x" * 5000),
    "an array": lambda: np.zeros(3),
    "a tensor": lambda: torch.zeros(2, 3),
    "a meta tensor": lambda: torch.zeros(2, device="meta"),
    "a sparse tensor": lambda: torch.eye(3).to_sparse(),
    "a complex number": lambda: 1j,
    "lists of lists": nested,
    "a dict": lambda: {1: 2},
    "a closed file": closed,
    "a class": lambda: int,
    "what has no text": Unprintable,
}
"""What no argument can be; each is made anew."""


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    out = tmp_path_factory.mktemp("arguments") / "run"
    return ganzoo.train("vanilla", data="ring", rounds=1, out=out, settings=SMALL)


@pytest.fixture(scope="module")
def model(run: Run) -> ganzoo.Pretrained:
    return ganzoo.load(f"run:{run.folder}")


CALLS: dict[str, Any] = {
    "compose": lambda odd, *_: ganzoo.compose(odd, data="ring"),
    "compose zoo": lambda odd, *_: ganzoo.compose("vanilla", zoo=odd),
    "compose loss": lambda odd, *_: ganzoo.compose("vanilla", loss=odd),
    "compose optimizer": lambda odd, *_: ganzoo.compose("vanilla", optimizer=odd),
    "compose sampler": lambda odd, *_: ganzoo.compose("vanilla", sampler=odd),
    "compose settings": lambda odd, *_: ganzoo.compose("vanilla", settings=[odd]),
    "explain": lambda odd, *_: ganzoo.explain(odd),
    "train device": lambda odd, *_: ganzoo.train("vanilla", device=odd),
    "train resume": lambda odd, *_: ganzoo.train("vanilla", resume=odd),
    "train zoo": lambda odd, *_: ganzoo.train("vanilla", zoo=odd),
    "sample": lambda odd, *_: ganzoo.sample(odd),
    "sample n": lambda odd, run, _: ganzoo.sample(run, odd),
    "sample seed": lambda odd, run, _: ganzoo.sample(run, 2, seed=odd),
    "sample given": lambda odd, run, _: ganzoo.sample(run, 2, given=odd),
    "sample z": lambda odd, run, _: ganzoo.sample(run, 2, given={"z": odd}),
    "evaluate": lambda odd, *_: ganzoo.evaluate(odd),
    "evaluate n": lambda odd, run, _: ganzoo.evaluate(run, n=odd),
    "evaluate seed": lambda odd, run, _: ganzoo.evaluate(run, seed=odd),
    "load": lambda odd, *_: ganzoo.load(odd, offline=True),
    "load device": lambda odd, run, _: ganzoo.load(f"run:{run.folder}", device=odd),
    "load offline": lambda odd, *_: ganzoo.load("vanilla/ring", offline=odd),
    "load timeout": lambda odd, *_: ganzoo.load("vanilla/ring", timeout=odd),
    "export": lambda odd, *_: ganzoo.export(odd, "exported"),
    "report": lambda odd, *_: ganzoo.report(odd),
    "compare": lambda odd, *_: ganzoo.compare(odd, "there", "here"),
    "game": lambda odd, *_: ganzoo.Game(odd, points()),
    "game data": lambda odd, run, _: ganzoo.Game(run.game.variant, odd),
    "game seed": lambda odd, run, _: ganzoo.Game(run.game.variant, run.game.data, seed=odd),
    "model network": lambda odd, _, model: model.network(odd),
    "model score": lambda odd, _, model: model.score(odd),
    "model steps": lambda odd, _, model: model.interpolate(2, steps=odd),
    "zoo find": lambda odd, run, _: run.zoo.find("loss", odd),
    "zoo kind": lambda odd, run, _: run.zoo.find(odd, "hinge"),
    "zoo part": lambda odd, run, _: run.zoo.part("loss", odd),
    "zoo dataset": lambda odd, run, _: run.zoo.dataset(odd),
    "zoo with parts": lambda odd, run, _: run.zoo.with_parts(odd),
    "data": lambda odd, run, _: ganzoo.Data("x", odd, run.game.data.train, {}),
    "rows": lambda odd, *_: ganzoo.ResidentRows({odd if isinstance(odd, bytes) else "real": odd}),
}


@pytest.mark.parametrize("call", CALLS)
def test_every_wrong_argument_is_refused_in_one_sentence(
    call: str, run: Run, model: ganzoo.Pretrained
) -> None:
    for name, make in ODD.items():
        if (call, name) == ("rows", "a tensor"):  # that is a column
            continue
        with pytest.raises(ZooError) as error:
            CALLS[call](make(), run, model)
        sentence = str(error.value)
        assert sentence.isprintable(), name
        assert len(sentence) < SENTENCE + 100, name


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"out": 3}, "out cannot be 3; it must be a path, as a text or a pathlib.Path."),
        (
            {"out": "a\0b"},
            "out cannot be 'a\\x00b'; it must be a path, as a text or a pathlib.Path.",
        ),
        ({"resume": 1}, "resume cannot be 1; it must be True or False."),
        ({"zoo": "vanilla"}, "zoo cannot be 'vanilla'; it must be a ganzoo.Zoo, or None."),
        (
            {"device": 10**6000},
            "device cannot be an int; it must be a text such as 'cpu', or a torch.device.",
        ),
    ],
)
def test_the_sentence_says_what_the_argument_must_be(
    arguments: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(OptionError) as error:
        ganzoo.train("vanilla", data="ring", **arguments)
    assert str(error.value) == sentence


@pytest.mark.parametrize(
    ("name", "good", "bad"),
    [
        ("seed", [0, 2**63 - 1, np.int64(3)], [-1, 2**63, 1.0, True]),
        ("n", [1, 2**63 - 1], [0, True]),
        ("timeout", [1, 0.5], [0, -1.0, math.inf, math.nan, True]),
        ("out", ["/", ".", "x" * 255, "ä" * 127], ["x" * 256, "ä" * 128, b"x", "a\0b"]),
        ("resume", [True, False], [0, "yes"]),
    ],
)
def test_an_argument_is_of_its_kind(name: str, good: list[object], bad: list[object]) -> None:
    for value in good:
        check_arguments(**{name: value})
    for value in bad:
        with pytest.raises(OptionError, match=f"^{name} cannot be "):
            check_arguments(**{name: value})


def test_none_is_not_given_but_nothing_else_that_is_false() -> None:
    check_arguments(n=None)
    with pytest.raises(OptionError):
        check_required(n=None)
    with pytest.raises(OptionError):
        check_arguments(n=0)


@pytest.mark.parametrize(
    "name",
    [
        "",
        "hub:",
        "hub:../..@" + "a" * 40 + "#model.safetensors",
        "hub:org/repo@main#model.safetensors",
        "dir:a\0b",
        "run:a\0b",
        "run:" + "x" * 5000,
        "vanilla/ring@",
        "@",
        "a\nb/c",
    ],
)
def test_every_odd_name_of_a_model_is_one_sentence(name: str) -> None:
    with pytest.raises(ZooError) as error:
        ganzoo.load(name, offline=True)
    assert str(error.value).isprintable()


def test_an_error_is_one_line_of_sensible_length_whatever_it_quotes() -> None:
    assert str(ZooError("a\nb \udcff")) == "a\\nb \\udcff"
    long = str(ZooError(f"no loss '{'x' * 10**6}'; give another."))
    assert long.startswith("no loss 'xxx")
    assert long.endswith("x'; give another.")
    assert len(long) < 400
    assert len(str(ZooError("word " * 10**6))) < SENTENCE + 100
