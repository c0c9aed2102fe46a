"""Names and messages from elsewhere change no page: its tags are those of a page of plain names."""

from __future__ import annotations

from html.parser import HTMLParser
from typing import TYPE_CHECKING, Any

import pytest
from markdown_it import MarkdownIt

from ganzoo.benchmark.folder import Bench
from ganzoo.benchmark.jobs import Contest
from ganzoo.benchmark.report import write_report
from ganzoo.benchmark.results import Result, line
from ganzoo.parts.metric import Score
from ganzoo.parts.space import Space
from ganzoo.plugins.registry import Model, strict_yaml
from ganzoo.pretrained.cards import card, hub_page
from ganzoo.storage.markdown import block, code, plain, table
from ganzoo.storage.weight_file import Config, WeightFile

if TYPE_CHECKING:
    from pathlib import Path

    from ganzoo.plugins.zoo import Zoo

HOSTILE = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "a|b ||",
    "`a` ``b``` c",
    "[a](http://evil.example) ![a](http://evil.example) [a][b]",
    "a\n\n# b\n\n```\n\n<b>c</b>",
    "$x$ $$y$$ ~~z~~ *a* __b__ _c_ &lt;i&gt; \\",
    "# a",
    "1. a",
    "- a",
    "> a",
    '"; alert(1); "',
    "]]> --> {{ 7 * 7 }} {% raw %}",
    "a\u2028b",
]


class Page(HTMLParser):
    """The tags of a page with their attributes, and all its text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[Any] = []
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        # Texts of attributes, such as alt, may differ, but there may be no further ones.
        self.tags.append((tag, [name for name, _ in attrs]))

    def handle_data(self, data: str) -> None:
        self.text += data


def read(markdown: str) -> Page:
    found = MarkdownIt("commonmark").enable(["table", "strikethrough"]).render(markdown)
    return Page(found)


def words(text: str) -> str:
    return " ".join(text.split())


@pytest.mark.parametrize("name", HOSTILE)
def test_markdown_shows_a_text_as_it_is(name: str) -> None:
    for shown, like in (
        (plain(name), "a"),
        (f"a {plain(name)}", "a"),
        (code(name), code("a")),
        (block(name), block("a")),
        (table(["x", "y"], [["b", plain(name)]]), table(["x", "y"], [["b", "a"]])),
        (table(["x", "y"], [["b", code(name)]]), table(["x", "y"], [["b", code("a")]])),
    ):
        page = read(shown)
        assert page.tags == read(like).tags
        assert words(name) in words(page.text)


def test_formulas_and_struck_text_which_not_every_reader_knows_are_escaped_too() -> None:
    assert plain("$x$ ~~y~~") == "\\$x\\$ \\~\\~y\\~\\~"


def report_of(name: str, folder: Path, zoo: Zoo) -> tuple[str, str]:
    """The pages of a benchmark, in which everything that may be any text is a name."""
    contest = Contest(contenders={name: name, "other": "vanilla"}, data=name, title=name)
    bench = Bench(contest, folder, zoo)
    score: dict[str, Any] = {
        "better": "lower",
        "data": name,
        "options": {"of": name},
        "data_sha256": "0" * 64,
    }
    score |= {"split": name, "n_real": 1, "n_fake": 1, "seed": 0}
    for job in bench.jobs:
        scores = [Score(metric=m, value=1.0, **score) for m in ("frechet-distance", words(name))]
        found = {"contender": job.contender, "scores": scores, "remarks": [name], "rounds": 1}
        ends = [Result(kind="curve", **found), Result(kind="last", **found)]
        ends += [Result(contender=job.contender, kind="failed", error=name)]
        job.folder.mkdir(parents=True)
        kept = ends if job.contender else [Result(kind="noise", **found | {"contender": name})]
        (job.folder / "results.jsonl").write_text("".join(map(line, kept)))
    write_report([bench], folder)
    return (folder / "report.html").read_text(), (folder / "report.md").read_text()


@pytest.mark.parametrize("name", [" ".join(HOSTILE), "# a <b>", "- `a"])
def test_a_report_shows_names_as_they_are(name: str, zoo: Zoo, tmp_path: Path) -> None:
    (html, md), (html_like, md_like) = (
        report_of(shown, tmp_path / folder, zoo) for shown, folder in ((name, "a"), ("ab", "b"))
    )
    for page, like in ((Page(html), Page(html_like)), (read(md), read(md_like))):
        assert page.tags == like.tags
        assert words(page.text).count(words(name)) >= 8


def config(name: str) -> Config:
    return Config(
        player="generator",
        variant={"name": name, "source": name},
        data={"part": name},
        spaces={"real": Space(shape=(2,))},
        rounds=1,
        seed=0,
    )


@pytest.mark.parametrize("name", HOSTILE)
def test_a_card_shows_names_as_they_are(name: str) -> None:
    assert read(card(name, config(name))).tags == read(card("a", config("a"))).tags
    shown = words(read(card(name, config(name))).text)
    assert shown.count(words(name)) >= 4


@pytest.mark.parametrize("name", HOSTILE)
def test_the_front_matter_of_a_page_is_yaml_whatever_is_in_it(name: str) -> None:
    def page(text: str) -> str:
        file = WeightFile(
            role="generator", path="a.safetensors", size=1, sha256="0" * 64, embedded=False
        )
        figure = {"metric": text, "value": 1.0, "low": 0.0, "high": 2.0, "protocol": text}
        fields: dict[str, Any] = {"plugin": text, "summary": "S.", "license": text, "data": text}
        fields |= {"command": f"ganzoo train {text}", "repo": "a/b", "figures": (figure,)}
        model = Model(name="a/b", version="1", files=(file,), **fields)
        return hub_page(model, config(text))

    front, _, body = page(name).removeprefix("---\n").partition("\n---\n")
    found = strict_yaml(front)
    assert found["model-index"][0]["results"][0]["metrics"][0]["type"] == name
    assert name in found["tags"]
    assert read(body).tags == read(page("a").partition("\n---\n")[2]).tags
