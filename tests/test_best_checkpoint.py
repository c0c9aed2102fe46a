"""A benchmark goes on where the file of a run's best checkpoint is damaged or gone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ganzoo.benchmark.contest import bench
from ganzoo.benchmark.results import read

if TYPE_CHECKING:
    from pathlib import Path

    from ganzoo.plugins.zoo import Zoo

SETTINGS = ["mlp.width=8", "mlp.depth=1", "batch=16", "data.n=200", "data.held_out=100"]


@pytest.mark.parametrize("how", ["damaged", "gone"])
def test_the_last_one_is_scored_in_its_place_and_the_report_says_so(
    zoo: Zoo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    (done,) = bench(["vanilla"], data="ring", rounds=2, settings=SETTINGS, out=tmp_path, zoo=zoo)
    (folder,) = [job.folder for job in done.jobs if job.contender]
    file, best = folder / "results.jsonl", folder / "best.safetensors"
    *lines, _ = file.read_text().splitlines(keepends=True)
    file.write_text("".join(lines))  # as if it had been stopped before the last one
    best.unlink() if how == "gone" else best.write_bytes(best.read_bytes()[:-1] + b"\x00\x01")
    (again,) = bench(["vanilla"], data="ring", rounds=2, settings=SETTINGS, out=tmp_path, zoo=zoo)
    *_, last, scored = read(file)
    assert (last.kind, scored.kind, scored.rounds) == ("last", "best", 2)
    assert scored.scores == last.scores
    (remark,) = [text for text in again.remarks if "is scored as the best one" in text]
    why = "there is no checkpoint " if how == "gone" else "checkpoint "
    assert f"the last checkpoint is scored as the best one: {why}{best}" in remark
    assert "is scored as the best one" in (tmp_path / "report.md").read_text()
