"""Tables show whole names at any width, and parts are described with all their options."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import rich.console
from misbehaving import offered
from pydantic import ConfigDict, Field

from ganzoo import cli
from ganzoo.cli.tables import show
from ganzoo.errors import OptionError
from ganzoo.parts.observer import Observer
from ganzoo.parts.part import Loss
from ganzoo.plugins.description import KINDS, described

if TYPE_CHECKING:
    from ganzoo.plugins.zoo import Zoo

LONG = "a-name-that-is-far-longer-than-any-terminal-of-these-is-wide"


@pytest.mark.parametrize("width", [10, 20, 60, 200])
@pytest.mark.parametrize("where", ["terminal", "pipe"])
def test_no_word_of_a_table_is_cut_or_broken(
    width: int,
    where: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    monkeypatch.setattr(
        rich.console.Console, "is_terminal", property(lambda _: where == "terminal")
    )
    show([{"name": LONG, "other": ["two", LONG]}, {"third": f"some words {LONG}"}], as_json=False)
    out = re.sub(r"\x1b\[[\d;]*m", "", capsys.readouterr().out)
    assert out.count(LONG) == 3
    assert {"name", "other", "third", "two,", "some", "words"} <= {*out.split()}
    assert "…" not in out


def test_no_rows_are_an_empty_table(capsys: pytest.CaptureFixture[str]) -> None:
    show([], as_json=False)
    assert capsys.readouterr().out.strip() == ""


def test_only_answers_are_printed_on_standard_output() -> None:
    """``typer.echo`` in a command would print where a plugin's prints go."""
    sources = [path.read_text() for path in Path(cli.__file__).parent.glob("*.py")]
    calls = [call for text in sources for call in re.findall(r"typer\.echo\(.*", text)]
    assert [call for call in calls if "err=True" not in call and "file=" not in call] == []


# ------------------------------------------------------------------------------------------- parts


def options(zoo: Zoo, kind: str, name: str) -> dict[str, tuple[str, str, object]]:
    (part,) = [row for row in described(zoo, kind) if row["part"] == name]
    return {o["option"]: (o["type"], o["range"], o["default"]) for o in part["options"]}


def test_every_part_and_option_is_described(zoo: Zoo) -> None:
    rows = described(zoo)
    named = [(kind, name) for kind in KINDS for name in zoo.named(kind)]
    assert [(row["kind"], row["part"]) for row in rows] == named
    assert all(row["description"] and row["plugin"] for row in rows)
    told = [option for row in rows for option in row["options"]]
    assert all(option["type"] for option in told)
    assert described(zoo, "losses") == described(zoo, "loss")


def test_types_and_ranges_are_as_set_takes_them(zoo: Zoo) -> None:
    adam = options(zoo, "optimizer", "adam")
    assert adam["lr"] == ("number | schedule", "> 0", 2e-4)
    assert adam["max_norm"] == ("number | none", "> 0", None)
    assert adam["betas"] == (
        "[number | schedule, number | schedule]",
        ">= 0, < 1",
        [0.5, 0.999],
    )
    assert options(zoo, "architecture", "dcgan")["kernel"] == ("3 | 4 | 5", "", 5)
    assert options(zoo, "optimizer", "sgd")["nesterov"] == ("true | false", "", False)
    assert options(zoo, "dataset", "demonstrations")["path"] == ("text", "", None)
    (folder,) = [row for row in described(zoo, "dataset") if row["part"] == "folder"]
    assert [o["option"] for o in folder["options"] if o["required"]] == ["path"]


class Peculiar:
    """A type that no schema knows."""


class Odd(Loss):
    model_config = ConfigDict(arbitrary_types_allowed=True)
    __doc__ = 5  # type: ignore[assignment]
    thing: Peculiar = Field(default=Peculiar(), description="a thing")


class Watching(Observer):
    """Watches.

    And more.
    """

    name = "watching"


def test_what_has_no_schema_or_docstring_is_listed_all_the_same() -> None:
    odd = next(row for row in described(offered("loss", Odd), "loss") if row["part"] == "odd")
    (option,) = odd["options"]
    assert (odd["description"], option["option"], option["description"]) == ("", "thing", "a thing")
    rows = described(offered("observer", Watching), "observer")
    (watching,) = [row for row in rows if row["part"] == "watching"]
    assert (watching["description"], watching["options"]) == ("Watches.", [])


@pytest.mark.parametrize(
    ("kind", "meant"), [("sampelr", "; did you mean 'sampler'?"), ("variant", "."), ("x", ".")]
)
def test_a_kind_that_is_none_is_refused(zoo: Zoo, kind: str, meant: str) -> None:
    with pytest.raises(OptionError) as error:
        described(zoo, kind)
    assert str(error.value) == (
        f"'{kind}' is no kind of part{meant} The kinds: architecture, loss, regularizer, sampler, "
        "optimizer, dataset, metric, observer."
    )
