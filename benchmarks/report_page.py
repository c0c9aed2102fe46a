"""How long a benchmark's report takes to rebuild, how large its page is, and how fast it opens.

    python benchmarks/report_page.py [REPORT.html ...]

Without a page, two benchmarks are run: ten contenders with five seeds, scored at twelve
checkpoints, on points (whose films are the largest) and on digits. Needs playwright and a Chromium.
"""

from __future__ import annotations

import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

from ganzoo.benchmark.contenders import crossed
from ganzoo.benchmark.contest import bench, report

REPEATS = 5
GAMES = {
    "loss": ["non-saturating", "hinge", "least-squares", "wasserstein", "minimax"],
    "regularizer": ["none", "r1"],
}
LIMIT_MB, LIMIT_SECONDS = 15, 2


def made(data: str, folder: Path) -> Path:
    """The page of ten contenders and five seeds."""
    names = crossed(["vanilla"], GAMES)
    settings = ["batch=64"]
    bench(names, data=data, rounds=60, seeds=5, evaluations=12, settings=settings, out=folder)
    return folder / "report.html"


def rebuilt(folder: Path) -> tuple[float, float]:
    """Processor seconds to rebuild a report: in this process, and by the command with all imports.

    Processor seconds, since other programs on the machine do not count towards them.
    """
    start = time.process_time()
    report(folder)
    here = time.process_time() - start
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(
        [sys.executable, "-m", "ganzoo", "report", str(folder)], check=True, capture_output=True
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return here, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def opened(browser: Browser, path: Path) -> float:
    """Seconds until the page is there and its table has reacted to a click."""
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
            here, command = rebuilt(path.parent)
            seconds = statistics.median(opened(browser, path) for _ in range(REPEATS))
            size = path.stat().st_size / 1e6
            print(
                f"{path.parent.name}: rebuilt in {here:.2f} s of a processor (limit "
                f"{LIMIT_SECONDS}; {command:.2f} s with the command's imports), {size:.2f} MB "
                f"(limit {LIMIT_MB}), opened, clicked and drawn in {seconds:.2f} s (limit "
                f"{LIMIT_SECONDS}), median of {REPEATS}"
            )
        browser.close()


if __name__ == "__main__":
    main()
