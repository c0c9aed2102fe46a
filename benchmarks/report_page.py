"""How large a benchmark's page is, and how long it takes a browser to open it.

    python benchmarks/report_page.py [REPORT.html ...]

Without a page, one is made: ten contenders with five seeds, scored at twelve checkpoints, on points
(whose films are the largest) and on digits. Needs playwright and a Chromium.
"""

from __future__ import annotations

import shutil
import statistics
import sys
import tempfile
import time
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

from ganzoo.benchmark.contenders import crossed
from ganzoo.benchmark.contest import bench

REPEATS = 5
GAMES = {
    "loss": ["non-saturating", "hinge", "least-squares", "wasserstein", "minimax"],
    "regularizer": ["none", "r1"],
}
GOAL_MB, GOAL_SECONDS = 15, 2


def made(data: str, folder: Path) -> Path:
    """A page of ten contenders and five seeds."""
    names = crossed(["vanilla"], GAMES)
    settings = ["batch=64"]
    bench(names, data=data, rounds=60, seeds=5, evaluations=12, settings=settings, out=folder)
    return folder / "report.html"


def opened(browser: Browser, path: Path) -> float:
    """Seconds until the page is there and its table answers to a click."""
    page = browser.new_page()
    start = time.perf_counter()
    page.goto(path.resolve().as_uri())
    page.locator("table").first.locator("th").first.click()
    page.screenshot()
    seconds = time.perf_counter() - start
    page.close()
    return seconds


def main() -> None:
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        pages = [Path(name) for name in sys.argv[1:]]
        pages = pages or [made(data, Path(folder) / data) for data in ("ring", "digits")]
        program = shutil.which("chromium") or shutil.which("google-chrome")
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        for path in pages:
            seconds = statistics.median(opened(browser, path) for _ in range(REPEATS))
            size = path.stat().st_size / 1e6
            print(
                f"{path.parent.name}: {size:.2f} MB (limit {GOAL_MB}), opened, clicked and drawn "
                f"in {seconds:.2f} s (limit {GOAL_SECONDS}), median of {REPEATS}"
            )
        browser.close()


if __name__ == "__main__":
    main()
