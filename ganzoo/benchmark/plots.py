"""Learning curves as SVG. Needs matplotlib, from ``ganzoo-core[report]``."""

from __future__ import annotations

import io
import re
from dataclasses import dataclass
from statistics import fmean
from typing import TYPE_CHECKING, Any

import matplotlib as mpl
from matplotlib.figure import Figure

from ganzoo.benchmark.results import of_kind

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

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
LINEAR = 1e-3
"""Below it a kernel distance is drawn to a linear scale."""
MARGINS = {"left": 0.16, "right": 0.97, "bottom": 0.17, "top": 0.9}
"""Of all figures; title and labels have fixed places too. To find places, matplotlib measures every
text, which takes as long as drawing."""


@dataclass(frozen=True)
class Curve:
    """A metric during the training of one contender, at each checkpoint that all seeds reached."""

    x: Mapping[str, list[float]]
    """Where the checkpoints lie on each of the AXES: means over seeds."""
    mean: list[float]
    low: list[float]
    high: list[float]


def learning_curves(
    results: Sequence[Result], metric: str, colours: Mapping[str, str]
) -> dict[str, str]:
    """A metric during training as an SVG against each of the AXES.

    A line is the mean over seeds, a band reaches from the lowest to the highest seed. What is drawn
    of a contender has the class ``c<position>``, by its position in ``colours``.
    """
    curves = [curve_of(results, name, metric) for name in colours]
    drawn = {}
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(3.7, 2.6))
        figure.subplots_adjust(**MARGINS)
        axes = figure.add_subplot()
        moves = [
            draw_curve(axes, curve, colour, position)
            for position, (curve, colour) in enumerate(zip(curves, colours.values(), strict=True))
            if curve.mean
        ]
        for result in of_kind(results, "training-data"):
            if (level := result.value(metric)) is not None:
                axes.axhline(level, color=GREY, lw=0.8, ls=":")
        if metric.startswith("kernel") and metric.endswith("distance"):
            # It is unbiased, so it may come out below zero.
            axes.set_yscale("symlog", linthresh=LINEAR)
        elif metric.endswith("distance"):
            axes.set_yscale("log")
        axes.set_title(metric, y=1.02, parse_math=False)
        axes.xaxis.set_label_coords(0.5, -0.13)
        axes.yaxis.set_label_coords(-0.13, 0.5)
        axes.grid(alpha=0.25)
        axes.spines[["top", "right"]].set_visible(b=False)
        for axis, label in AXES.items():
            for move in moves:
                move(axis)
            axes.set_xlabel(label)
            axes.relim()
            axes.autoscale_view()
            drawn[axis] = as_svg(figure)
    return drawn


def curve_of(results: Sequence[Result], name: str, metric: str) -> Curve:
    """The curve of one contender; empty if the metric was not measured for it."""
    costs = (r.cost for r in of_kind(results, "last", name) if r.cost is not None)
    cost = next(costs, None)
    images = cost.round_images if cost is not None else 1
    seeds: dict[int, list[tuple[Result, float]]] = {}
    for point in of_kind(results, "curve", name):
        if (value := point.value(metric)) is not None:
            seeds.setdefault(point.seed, []).append((point, value))
    # A seed that diverged has fewer checkpoints than the others.
    steps = list(zip(*seeds.values(), strict=False))
    rounds = [fmean(point.rounds for point, _ in step) for step in steps]
    return Curve(
        x={
            "rounds": rounds,
            "images": [images * n for n in rounds],
            "seconds": [fmean(point.seconds for point, _ in step) for step in steps],
        },
        mean=[fmean(value for _, value in step) for step in steps],
        low=[min(value for _, value in step) for step in steps],
        high=[max(value for _, value in step) for step in steps],
    )


def draw_curve(axes: Axes, curve: Curve, colour: str, position: int) -> Callable[[str], None]:
    """Draw a line and a band; returns what moves them to another of the AXES.

    Moving what is drawn takes half the time of drawing it again.
    """
    x = next(iter(curve.x.values()))
    style: dict[str, Any] = {"color": colour, "lw": 1.3, "ms": 4, "gid": f"c{position}_line"}
    (line,) = axes.plot(x, curve.mean, ".-", **style)
    heights = [*curve.low, *reversed(curve.high)]
    (band,) = axes.fill(
        [*x, *reversed(x)], heights, color=colour, alpha=0.18, lw=0, gid=f"c{position}_band"
    )

    def move(axis: str) -> None:
        x = curve.x[axis]
        line.set_xdata(x)
        band.set_xy(list(zip([*x, *reversed(x)], heights, strict=True)))

    return move


def as_svg(figure: Figure) -> str:
    """A figure as an SVG element; ids of contenders become classes, since a page has many."""
    out = io.StringIO()
    figure.savefig(out, format="svg", metadata={"Date": None}, transparent=True)
    svg = out.getvalue()
    return re.sub(r'<g id="c(\d+)_[a-z]+">', r'<g class="c\1">', svg[svg.index("<svg") :])
