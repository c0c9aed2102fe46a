"""Spaces say what values look like, alone and joined; parts are named after their classes."""

from __future__ import annotations

import torch

from ganzoo.builtin.losses import LeastSquares
from ganzoo.builtin.regularizers import R1
from ganzoo.parts.space import Space

PARTS = {
    "kind": Space(classes=3),
    "slant": Space(bounded=True),
    "place": Space(shape=(2,), bounded=True),
}


def test_a_joined_space_is_a_vector_with_categories_as_one_hot() -> None:
    space = Space.joined(PARTS)
    assert space.shape == (6,)
    assert space.bounded
    assert not Space.joined({**PARTS, "any": Space(shape=(1,))}).bounded
    assert str(space).startswith("kind (one of 3 classes) + slant (")


def test_what_is_joined_splits_again() -> None:
    space = Space.joined(PARTS)
    values = {
        "kind": torch.tensor([2, 0]),
        "slant": torch.tensor([0.5, -0.5]),
        "place": torch.tensor([[0.1, 0.2], [0.3, 0.4]]),
    }
    vector = space.join(values)
    assert vector.tolist()[0][:4] == [0, 0, 1, 0.5]
    again = space.split(vector)
    assert torch.equal(again["kind"].argmax(1), values["kind"])
    assert torch.equal(again["slant"][:, 0], values["slant"])
    assert torch.equal(again["place"], values["place"])


def test_parts_are_named_in_kebab_case_after_their_class() -> None:
    assert (LeastSquares.name, R1.name) == ("least-squares", "r1")
