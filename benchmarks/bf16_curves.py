"""Whether reduced precision learns as full precision does: dcgan in fp32 and bf16, seed by seed.

    python benchmarks/bf16_curves.py [--rounds 600] [--seeds 3] [--out bf16.json] [--png FILE]

It trains dcgan (width 16) on digits and on Fashion-MNIST, both ways from the same weights, latents
and rows. A table compares each player's mean loss over the last tenth of the rounds, and the
Frechet distances at the end; the picture shows the losses of all rounds. Takes about 4 minutes on
one thread; needs matplotlib.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ganzoo.engine.composition import compose
from ganzoo.engine.scoring import measure_game
from ganzoo.plugins.default import default_zoo

DATA = ("digits", "fashion-mnist")
PRECISIONS: dict[str, dict[str, Any]] = {
    "fp32": {"color": "tab:blue", "lw": 1.8, "alpha": 0.5},
    "bf16": {"color": "tab:orange", "lw": 0.8},
}
"""Each with its line: where the two are the same, the thin one lies on the thick one."""
PLAYERS = ("discriminator", "generator")
WINDOW = 20
"""Rounds that a point of the picture is the mean of: single batches hide the curves."""


def trained(data: str, precision: str, seed: int, rounds: int) -> dict[str, Any]:
    """Each player's loss in every round, and the Frechet distance at the end."""
    settings = ["dcgan.width=16", f"precision={precision}"]
    game = compose("dcgan", data=data, settings=settings).game(seed=seed)
    losses: dict[str, list[float]] = {player: [] for player in PLAYERS}
    for _ in range(rounds):
        log = game.round()
        for player, found in losses.items():
            found.append(float(sum(log[player].values())))
    metric = default_zoo().part("metric", "frechet")
    n = min(2000, len(game.data.held_out))
    (score,) = measure_game(game, [metric], n=n, seed=0)
    return {
        "data": data,
        "precision": precision,
        "seed": seed,
        "losses": losses,
        "frechet": score.value,
    }


def last_tenth(losses: list[float]) -> float:
    """The mean of the last tenth."""
    return fmean(losses[-max(1, len(losses) // 10) :])


def row(runs: list[dict[str, Any]], data: str, precision: str) -> str:
    """A row of the table: means over seeds, with the spread between them."""
    mine = [run for run in runs if (run["data"], run["precision"]) == (data, precision)]
    columns = [[last_tenth(run["losses"][player]) for run in mine] for player in PLAYERS]
    columns.append([run["frechet"] for run in mine])
    cells = [
        f"{fmean(found):.4g} ± {stdev(found) if len(found) > 1 else 0:.2g}" for found in columns
    ]
    each = ", ".join(f"{run['frechet']:.4g}" for run in mine)
    return f"| {data} | {precision} | {' | '.join(cells)} | {each} |"


def smooth(losses: list[float]) -> list[float]:
    """Means of so many rounds in a row, one after the other."""
    starts = range(0, len(losses) - WINDOW + 1, WINDOW)
    return [fmean(losses[start : start + WINDOW]) for start in starts]


def draw(runs: list[dict[str, Any]], path: Path) -> None:
    """Write the picture: a row for each dataset, a column for each player."""
    figure = Figure(figsize=(7, 4.4), layout="constrained")
    grid = figure.subplots(len(DATA), len(PLAYERS), squeeze=False)
    for data, line in zip(DATA, grid, strict=True):
        for player, axes in zip(PLAYERS, line, strict=True):
            draw_losses(axes, [run for run in runs if run["data"] == data], player)
    grid[0][0].legend(fontsize=7)
    figure.savefig(path, dpi=80)


def draw_losses(axes: Axes, runs: list[dict[str, Any]], player: str) -> None:
    """Draw every seed's loss in both precisions."""
    for run in runs:
        curve = smooth(run["losses"][player])
        rounds = [WINDOW * (i + 1) for i in range(len(curve))]
        label = run["precision"] if not run["seed"] else None
        axes.plot(rounds, curve, label=label, **PRECISIONS[run["precision"]])
    axes.set_title(f"{runs[0]['data']}, {player}", fontsize=9)
    axes.set_xlabel("rounds", fontsize=8)
    axes.tick_params(labelsize=7)


def main() -> None:
    """Train everything, print the table and draw the picture."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=600)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--out", type=Path, help="write all losses and distances as JSON")
    parser.add_argument("--png", type=Path, help="draw the losses")
    chosen = parser.parse_args()
    torch.set_num_threads(chosen.threads)
    runs = [
        trained(data, precision, seed, chosen.rounds)
        for data in DATA
        for seed in range(chosen.seeds)
        for precision in PRECISIONS
    ]
    print("| data | precision | D's loss | G's loss | Frechet distance | each seed's |")
    print("|---|---|---|---|---|---|")
    for data in DATA:
        for precision in PRECISIONS:
            print(row(runs, data, precision))
    if chosen.out:
        chosen.out.write_text(json.dumps(runs) + "\n")
    if chosen.png:
        draw(runs, chosen.png)


if __name__ == "__main__":
    main()
