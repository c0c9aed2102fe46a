"""The ends of a sweep: numbers, and classes by number or by name."""

from __future__ import annotations

from typing import cast

import pytest

from ganzoo.engine.sampling import FrozenGenerator
from ganzoo.errors import OptionError
from ganzoo.parts.space import Space
from ganzoo.pretrained.sweep import Sweep


class Frozen:
    """As much of a generator as says what its samples are made from."""

    accepts = ("psi",)

    def made_from(self) -> dict[str, Space]:
        names = ("coat", "dress", "a:b", "shirt", "7")
        return {"label": Space(classes=5, names=names), "plain": Space(classes=3)}


FROZEN = cast("FrozenGenerator", Frozen())


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("label=0:2", [0, 1, 2]),
        ("label=coat:shirt", [0, 1, 2, 3]),
        ("label=dress:a:b", [1, 2]),
        ("label=a:b:3", [2, 3]),
        ("label=coat:7", [0, 1, 2, 3, 4]),
        ("label=1:shirt", [1, 2, 3]),
        ("plain=0:2", [0, 1, 2]),
    ],
)
def test_classes_are_swept_by_number_or_name(text: str, values: list[int]) -> None:
    assert Sweep.parse(text, FROZEN, "gan").values == values


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("label=coat:shrit", "there is no class 'shrit'; did you mean 'shirt'?"),
        (
            "label=shirt:coat",
            "'label' is one of 5 classes, 0 to 4; shirt:coat is no range of them.",
        ),
        ("label=0.5:2", "'label' is one of 5 classes, 0 to 4; 0.5:2 is no range of them."),
        ("label=nan:2", "'label' is one of 5 classes, 0 to 4; nan:2 is no range of them."),
        ("plain=a:b", "'plain=a:b' is not a sweep; write NAME=LOW:HIGH, such as plain=0:1."),
        ("label=coat", "'label=coat' is not a sweep; write NAME=LOW:HIGH, such as label=0:1."),
        (
            "label=a:x:y:z",
            "'label=a:x:y:z' is not a sweep; write NAME=LOW:HIGH, such as label=0:1.",
        ),
    ],
)
def test_what_is_no_range_is_refused(text: str, sentence: str) -> None:
    with pytest.raises(OptionError) as error:
        Sweep.parse(text, FROZEN, "gan")
    assert str(error.value) == sentence
