"""The report, as a reader sees it: one page in a real browser, without a network."""

from __future__ import annotations

import base64
import os
import re
import shutil
import sys
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from PIL import Image

from ganzoo import cli
from ganzoo.benchmark.contenders import labelled
from ganzoo.benchmark.contest import bench, report
from ganzoo.benchmark.folder import Bench
from ganzoo.benchmark.jobs import BUDGETS, Contest
from ganzoo.benchmark.pictures import (
    COLOURS,
    FAKE,
    HIGH,
    LOW,
    REAL,
    REAL_MEAN,
    SIDE,
    enlargement,
    grid_picture,
    snapshot_picture,
)
from ganzoo.benchmark.plots import curve_of
from ganzoo.benchmark.report import words
from ganzoo.benchmark.results import Result, read
from ganzoo.builtin.observers.grid import tiles
from ganzoo.parts.metric import Score

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Page

    from ganzoo.plugins.zoo import Zoo

BROWSER = next(filter(None, map(shutil.which, ("chromium", "google-chrome", "chrome"))), None)
needs_browser = pytest.mark.skipif(BROWSER is None, reason="no Chromium on this machine")


@pytest.fixture(scope="module")
def done(zoo: Zoo, tmp_path_factory: pytest.TempPathFactory) -> Bench:
    out = tmp_path_factory.mktemp("report") / "out"
    settings = ["batch=32", "sampler.dim=2"]
    names = ["vanilla", "hinge@vanilla+loss=hinge", "dcgan"]
    terms = {"data": "ring", "rounds": 30, "seeds": 2, "evaluations": 3, "settings": settings}
    (made,) = bench(names, out=out, zoo=zoo, **terms)  # type: ignore[arg-type]
    return made


@pytest.fixture(scope="module")
def page(done: Bench) -> Iterator[Page]:
    """The page, opened from the disk; nothing may be asked of a network or told to the console."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=BROWSER, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1200, "height": 900})
        told: list[str] = []
        page.on("console", lambda message: told.append(message.text))
        page.on("pageerror", lambda error: told.append(str(error)))
        page.on("request", lambda request: told.append(request.url))
        page.goto((done.folder / "report.html").as_uri())
        yield page
        addresses = [text for text in told if not text.startswith("data:")]
        assert addresses == [(done.folder / "report.html").as_uri()]
        browser.close()


def names(page: Page) -> list[str]:
    """The first table's contenders, as they stand."""
    cells = page.locator("table").first.locator("tbody td.name")
    return [text.split(",")[0] for text in cells.all_inner_texts()]


@needs_browser
def test_the_table_sorts_by_each_column_and_what_has_no_value_stays_last(page: Page) -> None:
    header = page.locator("table").first.locator("th", has_text="reverse-kl")
    cells = page.locator("table").first.locator("tbody tr")
    column = page.locator("table").first.locator("th").all_inner_texts().index("reverse-kl ↓")

    def values() -> list[float]:
        rows = [row.locator("td").all_inner_texts() for row in cells.all()]
        return [float(row[column].split()[0]) for row in rows if len(row) > column and row[column]]

    header.click()
    rising = values()
    assert rising == sorted(rising)
    assert names(page)[-1] == "dcgan"
    header.click()
    assert values() == rising[::-1]
    assert names(page)[-1] == "dcgan"
    assert header.get_attribute("aria-sort") == "descending"


@needs_browser
def test_every_name_stands_under_its_heading_and_every_note_below_its_row(page: Page) -> None:
    table = page.locator("table").first
    headers = table.locator("th").all_inner_texts()
    assert "rank" not in headers  # two seeds are too few for one
    rows = [row.locator("td").all_inner_texts() for row in table.locator("tbody tr").all()]
    named = {row[headers.index("contender")]: i for i, row in enumerate(rows) if len(row) > 1}
    assert {"hinge", "dcgan", "training data", "uniform noise"} <= named.keys()
    (note,) = rows[named["dcgan"] + 1]
    assert note.startswith("refused (seeds 0, 1): ")


@needs_browser
def test_eleven_numbers_of_a_contender_are_in_sight_on_a_laptop(page: Page, done: Bench) -> None:
    assert page.context.browser is not None
    laptop = page.context.browser.new_page(viewport={"width": 1300, "height": 900})
    laptop.goto((done.folder / "report.html").as_uri())
    laptop.locator("table").first.locator("tr").evaluate_all(
        "rows => rows.filter(row => row.cells.length > 1).forEach(row => {"
        "for (let i = 0; i < 7; i++) row.append(row.cells[6].cloneNode(true)); })"
    )
    assert laptop.locator("table").first.locator("th").count() == 16
    hidden = "all => all.map(table => table.scrollWidth - table.clientWidth)"
    assert set(laptop.locator(".scroll").evaluate_all(hidden)) == {0}
    laptop.close()


@needs_browser
def test_a_contender_is_put_away_and_taken_out_again(page: Page) -> None:
    button = page.locator(".contenders button", has_text="hinge")
    rank = button.get_attribute("data-contender")
    line = page.locator(f".curves figure:visible .c{rank}").first
    grid = page.locator(f".grids .k{rank}").first
    assert line.is_visible()
    assert grid.is_visible()
    button.click()
    assert not line.is_visible()
    assert not grid.is_visible()
    assert "hinge" not in page.locator("table").first.inner_text()
    button.click()
    assert line.is_visible()
    assert grid.is_visible()


@needs_browser
def test_curves_are_shown_against_rounds_images_and_seconds(page: Page) -> None:
    for axis in ("seconds", "images", "rounds"):
        page.locator(f".axes button[data-axis={axis}]").click()
        shown = page.locator(".curves figure:visible")
        assert shown.count() == 4
        assert axis in shown.first.inner_text()


@needs_browser
def test_the_animation_plays_to_its_end_and_stops(page: Page) -> None:
    image = page.locator(".films img").first
    page.locator(".player input").fill("0")
    first = image.get_attribute("src")
    assert page.locator(".at").inner_text() == "after round 10"
    page.locator(".play").click()
    assert page.locator(".play").inner_text() == "pause"
    page.wait_for_function("document.querySelector('.at').textContent === 'after round 30'")
    page.wait_for_function("document.querySelector('.play').textContent === 'play'")
    assert image.get_attribute("src") != first


@needs_browser
def test_the_page_fits_a_phone_and_a_dark_room(page: Page) -> None:
    page.set_viewport_size({"width": 390, "height": 800})
    wide = page.evaluate("document.documentElement.scrollWidth")
    page.set_viewport_size({"width": 1200, "height": 900})
    assert wide <= 390
    page.emulate_media(color_scheme="dark")
    dark = page.evaluate("getComputedStyle(document.body).backgroundColor")
    page.emulate_media(color_scheme="light")
    assert dark != page.evaluate("getComputedStyle(document.body).backgroundColor")


def test_the_page_needs_no_other_file_and_says_how_to_repeat_it(done: Bench) -> None:
    text = (done.folder / "report.html").read_text()
    assert done.verdict() in text
    assert not re.findall(r'(?:src|href)="(?!data:|#)', text)
    command = (
        "ganzoo bench vanilla hinge@vanilla+loss=hinge dcgan --data ring --rounds 30 --seeds 2 "
        "--evaluations 3 --processes 1 --set batch=32 --set sampler.dim=2"
    )
    assert command in text
    assert "torch 2." in text
    assert f"{os.cpu_count()} cores" in text


@pytest.mark.parametrize(
    "terms",
    [
        {"budget": {"rounds": 1_234_567}, "seeds": (3, 7)},
        {
            "budget": {"flops": 1.5e12},
            "seeds": 2,
            "threads": 3,
            "processes": 4,
            "settings": ("batch=8", "a=[1, 2]"),
        },
        {"budget": {"flops": 123456789.0}, "evaluations": 4},
        {"budget": {"seconds": 0.5}},
        {"budget": {"images": 1_000_000}, "contenders": {"a b": "vanilla", "x/y@1": "x/y@1"}},
    ],
)
def test_the_command_on_the_page_is_that_very_benchmark(
    terms: dict[str, Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    contest = Contest.model_validate({"contenders": {"it's": "vanilla"}, "data": "ring", **terms})
    given: dict[str, Any] = {}
    monkeypatch.setattr(
        "ganzoo.benchmark.contest.bench", lambda *names, **rest: caught(names, **rest)
    )

    def caught(names: tuple[list[str]], **rest: Any) -> list[Bench]:
        given.update(rest, contenders=names[0])
        return []

    monkeypatch.setattr(sys, "argv", words(contest, tmp_path / "my bench"))
    with pytest.raises(SystemExit):
        cli.main()
    assert given["out"] == Path("my bench")
    budget = {name: given[name] for name in BUDGETS if given[name] is not None}
    names = ("data", "seeds", "evaluations", "device", "processes", "threads", "settings")
    said = {name: given[name] for name in names}
    said["settings"] = tuple(said["settings"])
    contenders = labelled(given["contenders"])
    assert Contest.model_validate({**said, "budget": budget, "contenders": contenders}) == contest


@pytest.mark.parametrize(
    ("budget", "axis"),
    [({"seconds": 0.2}, "seconds"), ({"images": 32}, "images"), ({"flops": 1e6}, "rounds")],
)
def test_curves_start_against_what_the_budget_counts(
    budget: dict[str, Any], axis: str, zoo: Zoo, tmp_path: Path
) -> None:
    terms: dict[str, Any] = {"data": "ring", "evaluations": 1, "settings": ["batch=8"], **budget}
    bench(["vanilla"], out=tmp_path, zoo=zoo, **terms)
    assert f'<section data-axis="{axis}">' in (tmp_path / "report.html").read_text()


def test_the_page_says_what_each_number_is(done: Bench) -> None:
    text = (done.folder / "report.html").read_text()
    assert "<dt>balanced-quality, modes-captured, high-quality, reverse-kl</dt>" in text
    assert "A sample is of high quality within three standard deviations" in text
    assert "frechet-distance" not in text


def test_the_markdown_has_the_same_table(done: Bench) -> None:
    text = (done.folder / "report.md").read_text()
    assert done.verdict() in text
    header, *_ = [line for line in text.splitlines() if line.startswith("| rank")]
    rows = [line for line in text.splitlines() if line.startswith("|")]
    assert {row.count("|") for row in rows} == {header.count("|")}


def test_a_report_is_written_again_from_what_the_folder_holds(done: Bench, zoo: Zoo) -> None:
    path = done.folder / "report.html"
    before = path.read_text()
    path.unlink()
    report(done.folder, zoo=zoo)
    assert path.read_text() == before


def test_images_are_shown_beside_real_ones_and_in_training(zoo: Zoo, tmp_path: Path) -> None:
    terms: dict[str, Any] = {"data": "digits", "rounds": 4, "evaluations": 2}
    (made,) = bench(["vanilla"], out=tmp_path, zoo=zoo, settings=["batch=8"], **terms)
    text = (tmp_path / "report.html").read_text()
    assert 'alt="real, held-out"' in text
    assert text.count('"round":') == 2
    assert made.headline == "frechet-distance"


def test_a_grid_of_grey_images_loses_nothing_and_one_of_colours_stays_grid_picture(
    tmp_path: Path,
) -> None:
    stream = torch.Generator().manual_seed(0)
    for name, shape in (("grey", (64, 1, 28, 28)), ("colour", (64, 3, 32, 32))):
        tiles(torch.rand(shape, generator=stream) * 2 - 1).save(tmp_path / f"{name}.png")
    grey, colour = (
        base64.b64decode(grid_picture(tmp_path / f"{name}.png").partition(",")[2])
        for name in ("grey", "colour")
    )
    shown = Image.open(tmp_path / "grey.png").reduce(2)
    assert np.array_equal(np.asarray(Image.open(BytesIO(grey))), np.asarray(shown))
    # Ten contenders with five seeds and twelve frames are 170 grids, of 15 MB at most.
    assert len(colour) * 170 * 4 / 3 < 12e6


def test_an_episode_of_imitation_is_shown(zoo: Zoo, tmp_path: Path) -> None:
    terms: dict[str, Any] = {"data": "cartpole", "rounds": 2, "evaluations": 1}
    bench(["gail"], out=tmp_path, zoo=zoo, **terms)
    assert (
        'alt="an episode of gail" src="data:image/gif;base64,'
        in (tmp_path / "report.html").read_text()
    )


def test_a_report_reads_each_results_file_once(
    done: Bench, zoo: Zoo, monkeypatch: pytest.MonkeyPatch
) -> None:
    reads: list[Path] = []

    def counted(path: Path) -> list[Result]:
        reads.append(path)
        return read(path)

    monkeypatch.setattr("ganzoo.benchmark.folder.read", counted)
    report(done.folder, zoo=zoo)
    assert sorted(reads) == sorted(job.folder / "results.jsonl" for job in done.jobs)


def pixels(address: str) -> np.ndarray[Any, Any]:
    picture = Image.open(BytesIO(base64.b64decode(address.partition(",")[2])))
    return np.asarray(picture.convert("RGB"))


def test_a_snapshot_shows_points_where_they_are_over_the_score(tmp_path: Path) -> None:
    side = np.linspace(-1, 1, 4)
    np.savez(
        tmp_path / "s.npz",
        fake=np.array([[0.5, 0.9]]),  # to the right, at the top
        real=np.array([[-0.5, -0.9], [9.0, 9.0]]),  # the second one is outside of the plane
        limits=np.array([[-1.0, -1.0], [1.0, 1.0]]),
        landscape=np.repeat(side[:, None], 4, axis=1),  # rises from left to right
        features=np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0]]),
    )
    shown = pixels(snapshot_picture(tmp_path / "s.npz"))
    assert shown.shape == (SIDE, 2 * SIDE, 3)
    assert tuple(shown[int(0.05 * SIDE), int(0.75 * SIDE)]) == COLOURS[1 + FAKE - REAL]
    assert tuple(shown[int(0.95 * SIDE) - 1, int(0.25 * SIDE)]) == COLOURS[1]
    assert tuple(shown[SIDE // 2, 0]) == LOW
    assert tuple(shown[SIDE // 2, SIDE - 2]) == HIGH
    centroid = shown[:, SIDE:]
    dark = np.argwhere((centroid == COLOURS[1 + REAL_MEAN - REAL]).all(-1))
    # Halfway between the two real ones, on the left: at 0 of [-0.05, 1.05], at 0.5.
    assert dark.mean(0) == pytest.approx([0.5 * SIDE, SIDE * 0.05 / 1.1], abs=2)


@pytest.mark.parametrize("factor", [1, 2, 3])
def test_an_enlarged_picture_is_known_by_where_its_colours_change(factor: int) -> None:
    stream = np.random.default_rng(0)
    small = stream.integers(0, 256, (12, 18, 3), dtype=np.uint8)
    large = small.repeat(factor, 0).repeat(factor, 1)
    assert enlargement(large) == factor


def test_a_seed_that_diverged_shortens_the_curve_of_its_contender() -> None:
    def point(seed: int, rounds: int, value: float) -> Result:
        score = Score(
            metric="d",
            value=value,
            better="lower",
            options={},
            data="x",
            data_sha256="0",
            split="held-out",
            n_fake=1,
            seed=0,
        )
        return Result(contender="a", kind="curve", seed=seed, rounds=rounds, scores=(score,))

    results = [point(0, 5, 1.0), point(0, 10, 3.0), point(1, 5, 2.0)]
    curve = curve_of(results, "a", "d")
    assert curve.x["rounds"] == [5]
    assert (curve.low, curve.mean, curve.high) == ([1.0], [1.5], [2.0])
    assert curve_of(results, "b", "d").mean == []
