"""What a caller fixes of samples: numbers, words and arrays as tensors, or one clear sentence."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from ganzoo.engine.fixed import fixed, written
from ganzoo.errors import OptionError
from ganzoo.parts.space import Space

NAMED = Space(classes=3, names=("circle", "square", "2"))
SPACES = {
    "z": Space(shape=(4,)),
    "label": Space(classes=3),
    "shape": NAMED,
    "code.c1": Space(shape=(1,), bounded=True),
    "text": Space(shape=(2,), vocabulary=("", "red", "car")),
}


def one(name: str, value: Any, n: int = 2) -> torch.Tensor:
    made = fixed({name: value}, n, names=SPACES, spaces=SPACES, device=torch.device("cpu"))
    return made[name]


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("label", 1, [1, 1]),
        ("label", 1.0, [1, 1]),
        ("label", "1", [1, 1]),
        ("label", True, [1, 1]),
        ("label", [0, 2], [0, 2]),
        ("label", (0, 2), [0, 2]),
        ("label", np.array([0, 2]), [0, 2]),
        ("label", np.int64(2), [2, 2]),
        ("label", torch.tensor([0, 2], dtype=torch.int32), [0, 2]),
        ("label", [[0], [2]], [0, 2]),
        ("shape", "square", [1, 1]),
        ("shape", ["square", "circle"], [1, 0]),
        ("shape", np.array(["square", "circle"]), [1, 0]),
        ("shape", "1", [1, 1]),
        ("shape", "2", [2, 2]),  # its name, before its number
        ("shape", 2, [2, 2]),
        ("code.c1", 0.5, [0.5, 0.5]),
        ("code.c1", [0.5, -1], [0.5, -1.0]),
        ("code.c1", torch.ones(2, 1), [[1.0], [1.0]]),
        ("z", np.zeros((2, 4)), [[0.0] * 4] * 2),
        ("text", "red car", [[1, 2], [1, 2]]),
        ("text", ["car", "red car"], [[2, 0], [1, 2]]),
    ],
)
def test_what_is_given_becomes_one_value_for_each_sample(
    name: str, value: Any, expected: list[Any]
) -> None:
    found = one(name, value)
    assert found.tolist() == expected
    assert found.dtype == (torch.int64 if SPACES[name].cardinality else torch.float32)


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("labl", 1, "no sample is made from 'labl'; given may be: code.c1, label, shape, text, z."),
        ("label", 3, "label 3 is none of the 3 classes, 0 to 2."),
        ("label", -1, "label -1 is none of the 3 classes, 0 to 2."),
        ("label", 1.5, "label 1.5 is none of the 3 classes, 0 to 2."),
        ("label", "7", "label 7 is none of the 3 classes, 0 to 2."),
        ("label", "a", "label 'a' is none of the 3 classes, 0 to 2, which have no names here."),
        ("label", float("nan"), "label must be finite numbers."),
        ("label", [1, 2, 0, 1], "label has 4 values for 2 samples; give one for all, or 2."),
        ("label", [[1, 2]], "label has 1 value for 2 samples; give one for all, or 2."),
        ("label", [[1, 1], [2, 2]], "label has the shape (2, 2); it must be (2,)."),
        ("label", None, "label cannot be None: give a number, a tensor or an array."),
        ("shape", "squares", "there is no class 'squares'; did you mean 'square'?"),
        ("text", "blue", "there is no word 'blue'; known are: red, car."),
        ("z", 0, "z has the shape (); it must be (2, 4)."),
        ("z", torch.zeros(2, 3), "z has the shape (2, 3); it must be (2, 4)."),
        ("z", "zero", "z is made of numbers, and cannot be 'zero'."),
        ("z", torch.full((2, 4), torch.inf), "z must be finite numbers."),
        ("z", torch.zeros(2, 4, dtype=torch.complex64), "z must be finite numbers."),
    ],
)
def test_what_cannot_be_given_is_refused_by_name(name: str, value: Any, sentence: str) -> None:
    with pytest.raises(OptionError) as error:
        one(name, value)
    assert str(error.value) == sentence


def test_values_are_written_as_numbers_or_words() -> None:
    texts = ("psi=0.7", "code.c1=[0, 1]", "label=ankle boot", "equation=a=b")
    assert written(texts) == {
        "psi": 0.7,
        "code.c1": [0, 1],
        "label": "ankle boot",
        "equation": "a=b",
    }
    for text in ("psi", "=0.7"):
        with pytest.raises(OptionError) as error:
            written([text])
        assert str(error.value) == f"'{text}' gives nothing; write NAME=VALUE, such as label=3."
