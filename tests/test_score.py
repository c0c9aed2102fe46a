"""A score carries what it must be compared under."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from ganzoo.parts.metric import Metric, Score

FIELDS: dict[str, Any] = {
    "metric": "fid",
    "value": 3.0,
    "better": "lower",
    "options": {"rows": 10},
    "data": "digits",
    "data_sha256": "d" * 64,
    "split": "held-out",
    "n_real": 500,
    "n_fake": 400,
    "seed": 7,
    "extractor": "cnn",
    "extractor_sha256": "e" * 64,
}


def test_its_protocol_is_one_line() -> None:
    assert Score(**FIELDS).protocol() == (
        "400 samples (seed 7) against 500 held-out rows of digits, features cnn (sha256 "
        "eeeeeeeeeeee)"
    )
    plain = Score(**{**FIELDS, "n_real": None, "extractor": None, "extractor_sha256": None})
    assert plain.protocol() == "400 samples (seed 7) on digits"
    without = Score(**{**FIELDS, "extractor_sha256": None})
    assert without.protocol() == "400 samples (seed 7) against 500 held-out rows of digits"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *[("metric", "kid"), ("options", {"rows": 9}), ("data_sha256", "f" * 64), ("split", "x")],
        *[("n_real", 1), ("n_fake", 1), ("extractor_sha256", None)],
    ],
)
def test_scores_under_another_protocol_are_not_compared(name: str, value: Any) -> None:
    one, other = Score(**FIELDS), Score(**{**FIELDS, name: value})
    assert one.difference(other) == f"{name} {value}, not {FIELDS[name]}"


@pytest.mark.parametrize(("name", "value"), [("seed", 8), ("value", 9.0), ("data", "mnist")])
def test_other_seeds_values_and_names_are_compared(name: str, value: Any) -> None:
    assert Score(**FIELDS).difference(Score(**{**FIELDS, name: value})) is None


def test_it_is_frozen_and_holds_nothing_else() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        Score(**FIELDS).value = 1.0
    with pytest.raises(ValidationError, match="Extra"):
        Score(**FIELDS, more=1)
    least = {
        k: v for k, v in FIELDS.items() if k not in {"n_real", "extractor", "extractor_sha256"}
    }
    assert Score(**least).n_real is Score(**least).extractor is Score(**least).extractor_sha256
    assert Metric.routine
    assert Metric.headline is None
    assert Metric().rows == 10_000
    assert Metric().extractor() is None
