"""Which values a function reads, from its signature; what networks return, as heads."""

from __future__ import annotations

from typing import Any

import torch

from ganzoo.parts.needs import RESERVED, accepts, as_heads, reads


def function(
    first: Any, second: Any, /, third: Any, *rest: Any, fourth: Any, fifth: Any = 1, **more: Any
) -> None: ...


def test_needed_are_parameters_without_a_default_that_have_a_name() -> None:
    assert reads(function) == ("third", "fourth")
    assert reads(function, skip=3) == ("fourth",)
    assert reads(lambda a, b, c=1: None, skip=1) == ("b",)


def test_taken_where_offered_are_those_with_a_default() -> None:
    assert accepts(function) == ("fifth",)
    assert accepts(lambda a=1, b=2: None, skip=1) == ("b",)
    assert accepts(lambda a: None) == ()


def test_a_bare_tensor_is_one_head_and_all_are_float32() -> None:
    half = torch.ones(2, dtype=torch.bfloat16)
    (named,) = as_heads(half, "score").items()
    assert named[0] == "score"
    assert named[1].dtype == torch.float32
    both = as_heads({"a": half, "b": half.double()}, "score")
    assert {name: value.dtype for name, value in both.items()} == {
        "a": torch.float32,
        "b": torch.float32,
    }
    assert RESERVED == ("real_", "fake_")
