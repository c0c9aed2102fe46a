"""Whatever is wrong in a file, the sentence names the file and the field."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
import torch

import ganzoo
from ganzoo.benchmark.folder import contest_in
from ganzoo.benchmark.jobs import Contest
from ganzoo.errors import RunError, WeightsError
from ganzoo.storage.weight_file import GENERATOR_FILE, opened, written

if TYPE_CHECKING:
    from pathlib import Path

    from ganzoo.plugins.zoo import Zoo

FIELDS = ("player", "variant", "data", "spaces", "rounds", "seed", "progress", "versions", "format")


@pytest.fixture(scope="module")
def config(zoo: Zoo) -> tuple[dict[str, Any], dict[str, torch.Tensor]]:
    """What a published weight file holds."""
    blob = ganzoo.load("vanilla/ring", zoo=zoo).source.read("generator")
    assert blob is not None
    found, tensors = opened(blob, "it")
    return found.model_dump(mode="json"), tensors


@dataclass
class Stated:
    """A configuration that is written as it stands."""

    fields: dict[str, Any]

    def canonical(self) -> str:
        return json.dumps(self.fields)


def use(name: str, zoo: Zoo) -> None:
    model = ganzoo.load(name, zoo=zoo)
    _ = model.card, model.sample(2), repr(model), model.data


def refusal(folder: Path, fields: dict[str, Any], tensors: Any, zoo: Zoo) -> str:
    (folder / GENERATOR_FILE).write_bytes(written(tensors, Stated(fields)))  # type: ignore[arg-type]
    with pytest.raises(WeightsError) as error:
        use(f"dir:{folder}", zoo)
    return str(error.value).removeprefix(f"the generator of 'dir:{folder}' ")


@pytest.mark.parametrize("field", FIELDS)
def test_a_field_of_a_weight_file_that_is_wrong_is_named(
    config: tuple[dict[str, Any], dict[str, torch.Tensor]], tmp_path: Path, zoo: Zoo, field: str
) -> None:
    fields, tensors = config
    told = refusal(tmp_path, {**fields, field: None}, tensors, zoo)
    assert told.startswith(f"is not a ganzoo weight file: in its metadata, {field}: Input should")
    missing = {name: value for name, value in fields.items() if name != field}
    if field in {"player", "variant", "data", "spaces", "rounds", "seed"}:
        told = refusal(tmp_path, missing, tensors, zoo)
        assert told == f"is not a ganzoo weight file: in its metadata, {field}: Field required."


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"variant": {}}, "variant: it has no 'name'"),
        ({"data": {}}, "data: it has no 'part'"),
        ({"data": {"part": 3}}, "data: it has no 'part'"),
        ({"spaces": {}}, "spaces: it has no 'real'"),
        ({"spaces": {"real": {"shape": "x"}}}, "spaces.real.shape: Input should be a valid array"),
        ({"more": 1}, "more: Extra inputs are not permitted"),
    ],
)
def test_what_is_within_a_field_is_named_too(
    config: tuple[dict[str, Any], dict[str, torch.Tensor]],
    tmp_path: Path,
    zoo: Zoo,
    change: dict[str, Any],
    sentence: str,
) -> None:
    fields, tensors = config
    told = refusal(tmp_path, {**fields, **change}, tensors, zoo)
    assert told == f"is not a ganzoo weight file: in its metadata, {sentence}."


def test_a_field_of_a_contest_is_named(tmp_path: Path) -> None:
    contest = Contest(contenders={"a": "a"}, data="ring").model_dump(mode="json")
    path = tmp_path / "contest.json"
    path.write_text(json.dumps({**contest, "seeds": ["x"]}))
    with pytest.raises(RunError) as error:
        contest_in(tmp_path)
    assert str(error.value) == (
        f"{path} is not a contest of this version of ganzoo (seeds.0: Input should be a valid "
        "integer, unable to parse string as an integer); upgrade ganzoo-core, or choose another "
        "--out."
    )
