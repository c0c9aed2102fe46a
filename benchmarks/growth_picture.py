"""How ``growth.py`` tells its points: as powers, and as small panels on logarithmic axes."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

Points = Sequence[Mapping[str, Any]]

BEYOND = "beyond memory"
"""What is said of a point whose process had not enough."""
LEAST = 10.0
"""How many times its lowest value the top of an axis is at least, so that flat lines look flat."""


def slope(points: Points, what: str) -> float:
    """The power by which something grows between the last three points."""
    last = [(math.log(p["value"]), math.log(max(p[what], 1e-9))) for p in points][-3:]
    return statistics.linear_regression(*zip(*last, strict=True)).slope


def draw(points: Points, panels: Mapping[str, Sequence[str]], path: Path) -> None:
    """A column of each panel: seconds above, memory below."""
    import matplotlib as mpl  # of the extra 'report'

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    shown = {
        title: names
        for title, names in panels.items()
        if any(p["axis"] in names and "seconds" in p for p in points)
    }
    width = 2.6 * len(shown)
    figure, grid = plt.subplots(2, len(shown), figsize=(width, 5.2), sharex="col", squeeze=False)
    for column, (title, names) in enumerate(shown.items()):
        for axes, what in zip(grid[:, column], ("seconds", "MiB"), strict=True):
            axes.set(xscale="log", yscale="log")
            for name in names:
                one_line(axes, [p for p in points if p["axis"] == name], what, name)
            scaled(axes, sorted({p["value"] for p in points if p["axis"] in names}))
        grid[0][column].set_title(title, fontsize=10)
    grid[0][0].set_ylabel("seconds")
    grid[1][0].set_ylabel("peak memory, MiB")
    figure.tight_layout()
    figure.savefig(path, dpi=120)
    plt.close(figure)


def one_line(axes: Any, points: Points, what: str, name: str) -> None:
    """Points of one axis, the slope of the last, and where memory did not suffice."""
    measured = [p for p in points if what in p]
    if not measured:
        return
    power = f", slope {slope(measured, what):.2f}" if measured[1:] else ""
    xs, ys = [p["value"] for p in measured], [p[what] for p in measured]
    (line,) = axes.plot(xs, ys, "o-", markersize=4, label=name + power)
    for failed in (p["value"] for p in points if p.get("failed") == BEYOND):
        axes.axvline(failed, linestyle=":", color=line.get_color(), label=f"{name} {BEYOND}")


def scaled(axes: Any, values: Sequence[int]) -> None:
    """Ticks at the values that were measured, and a decade of seconds or memory at least."""
    from matplotlib import ticker  # of the extra 'report'

    axes.set_xticks(values, [short(value) for value in values], fontsize=8)
    axes.xaxis.set_minor_locator(ticker.NullLocator())
    low, high = axes.get_ylim()
    spread = max(1.0, math.sqrt(LEAST / (high / low)))
    axes.set_ylim(low / spread, high * spread * 1.6)  # room for the legend
    axes.yaxis.set_major_locator(ticker.LogLocator(subs=(1, 2, 5)))
    axes.yaxis.set_major_formatter(ticker.FuncFormatter(lambda value, _: short(value)))
    axes.yaxis.set_minor_locator(ticker.NullLocator())
    axes.tick_params(axis="y", labelsize=8)
    axes.grid(visible=True, alpha=0.3)
    axes.legend(fontsize=6.5, frameon=False, loc="upper left")


def short(value: float) -> str:
    """A number in few characters: ``0.05``, ``1024``, ``10k``."""
    for size, unit in ((1_000_000, "M"), (1000, "k")):
        if value >= 10 * size:
            return f"{value / size:g}{unit}"
    return f"{value:g}"
