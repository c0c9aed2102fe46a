"""Learning curves as SVG. Needs matplotlib, from ``ganzoo-core[report]``."""

from __future__ import annotations

import io
import re
from statistics import mean
from typing import TYPE_CHECKING, Any

import matplotlib as mpl
from matplotlib.figure import Figure

from ganzoo.benchmark.results import of_kind

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from matplotlib.axes import Axes

    from ganzoo.benchmark.results import Result

AXES = {"rounds": "rounds", "images": "real images seen", "seconds": "seconds"}
"""What a learning curve may be drawn against, and its label."""
GREY = "#888888"
"""Legible on white and on black paper."""
STYLE: Any = {
    "svg.hashsalt": "ganzoo",  # else a report written again would not be the same file
    "svg.fonttype": "none",
    "font.size": 9,
    **dict.fromkeys(
        ("text.color", "axes.labelcolor", "axes.edgecolor", "xtick.color", "ytick.color"), GREY
    ),
}
MARGINS = {"left": 0.16, "right": 0.97, "bottom": 0.17, "top": 0.9}
"""Of all figures: a layout engine would measure every text, which takes as long as drawing."""


def learning_curves(
    results: Sequence[Result], metric: str, colours: Mapping[str, str]
) -> dict[str, str]:
    """A metric during training as an SVG against each of the AXES.

    A line is the mean over seeds, a band reaches from the least to the greatest seed. What is drawn
    of a contender has the class ``c<position>``, by its position in ``colours``.
    """
    points = curve_points(results, metric)
    levels = [r.value(metric) for r in of_kind(results, "training-data")]
    drawn = {}
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(3.7, 2.6))
        figure.subplots_adjust(**MARGINS)
        for axis, label in AXES.items():
            figure.clear()
            axes = figure.add_subplot()
            for position, (name, colour) in enumerate(colours.items()):
                draw_curve(axes, points[axis].get(name, []), colour, position)
            for level in levels:
                if level is not None:
                    axes.axhline(level, color=GREY, lw=0.8, ls=":")
            if metric.endswith("distance"):
                # The kernel distance is unbiased, so it may come out below zero.
                axes.set_yscale("symlog" if metric.startswith("kernel") else "log")
            axes.set(title=metric, xlabel=label)
            axes.grid(alpha=0.25)
            axes.spines[["top", "right"]].set_visible(b=False)
            drawn[axis] = as_svg(figure)
    return drawn


def curve_points(
    results: Sequence[Result], metric: str
) -> dict[str, dict[str, list[list[tuple[float, float]]]]]:
    """By axis and contender, at each checkpoint that all seeds reached: where and what, by seed."""
    costs = ((r.contender, r.cost) for r in of_kind(results, "last") if r.cost is not None)
    images = {name: cost.round_images for name, cost in costs}
    seeds: dict[str, dict[int, list[tuple[Result, float]]]] = {}
    for point in of_kind(results, "curve"):
        if (value := point.value(metric)) is not None:
            seeds.setdefault(point.contender, {}).setdefault(point.seed, []).append((point, value))
    found: dict[str, dict[str, list[list[tuple[float, float]]]]] = {axis: {} for axis in AXES}
    for name, runs in seeds.items():
        # A seed that diverged has fewer checkpoints.
        for step in zip(*runs.values(), strict=False):
            where = {
                "rounds": [float(point.rounds) for point, _ in step],
                "images": [float(point.rounds * images.get(name, 1)) for point, _ in step],
                "seconds": [point.seconds for point, _ in step],
            }
            values = [value for _, value in step]
            for axis, places in where.items():
                pairs = list(zip(places, values, strict=True))
                found[axis].setdefault(name, []).append(pairs)
    return found


def draw_curve(
    axes: Axes, steps: Sequence[Sequence[tuple[float, float]]], colour: str, position: int
) -> None:
    """Draw the line and the band of one contender."""
    if not steps:
        return
    x = [mean(where for where, _ in step) for step in steps]
    values = [[value for _, value in step] for step in steps]
    means = [mean(v) for v in values]
    axes.plot(x, means, ".-", color=colour, lw=1.3, ms=4, gid=f"c{position}_line")
    if any(len(v) > 1 for v in values):
        low, high = [min(v) for v in values], [max(v) for v in values]
        axes.fill_between(x, low, high, color=colour, alpha=0.18, lw=0, gid=f"c{position}_band")


def as_svg(figure: Figure) -> str:
    """A figure as an SVG element; ids of contenders become classes, since a page has many."""
    out = io.StringIO()
    figure.savefig(out, format="svg", metadata={"Date": None}, transparent=True)
    svg = out.getvalue()
    return re.sub(r'<g id="c(\d+)_[a-z]+">', r'<g class="c\1">', svg[svg.index("<svg") :])
