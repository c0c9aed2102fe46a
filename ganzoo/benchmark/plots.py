"""What the report draws: learning curves as SVG, and pictures that are part of the page."""

from __future__ import annotations

import base64
import io
import re
from pathlib import Path
from statistics import mean
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from ganzoo.benchmark.results import of_kind
from ganzoo.errors import ZooError

try:
    import matplotlib as mpl
    from matplotlib.figure import Figure
except ImportError as error:
    MESSAGE = "the report needs matplotlib and jinja2: pip install 'ganzoo-core[report]'."
    raise ZooError(MESSAGE) from error

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes

    from ganzoo.benchmark.results import Result

STYLE: Any = {
    "svg.hashsalt": "ganzoo",
    "svg.fonttype": "none",
    "font.size": 9,
    **dict.fromkeys(
        ("text.color", "axes.labelcolor", "axes.edgecolor", "xtick.color", "ytick.color"), "#888888"
    ),
}
"""Greys that can be read on white and on black paper."""
LOSSLESS_BYTES, QUALITY = 60_000, 80
"""What a grid without loss may take; a larger one, as of colours, is kept at this quality."""


# ------------------------------------------------------------------------------------------ curves


def curve(results: Sequence[Result], metric: str, axis: str, colours: dict[str, str]) -> str:
    """One number on the way as an SVG: the mean over seeds in the band from the least to the most.

    What is drawn of a contender is of the class ``c<rank>``.
    """
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(3.7, 2.6), layout="constrained")
        axes = figure.add_subplot()
        for rank, (name, colour) in enumerate(colours.items()):
            steps = steps_of(results, name, metric, axis)
            draw_curve(axes, steps, color=colour, rank=rank)
        for result in of_kind(results, "floor"):
            if (floor := result.value(metric)) is not None:
                axes.axhline(floor, color="#888888", lw=0.8, ls=":")
        if metric.endswith("distance"):
            # An unbiased distance may come out below zero.
            axes.set_yscale("symlog" if metric.startswith("kernel") else "log")
        axes.set(title=metric, xlabel={"images": "real images seen"}.get(axis, axis))
        axes.grid(alpha=0.25)
        axes.spines[["top", "right"]].set_visible(b=False)
        out = io.StringIO()
        figure.savefig(out, format="svg", metadata={"Date": None}, transparent=True)
    svg = out.getvalue()
    return re.sub(r'<g id="c(\d+)_[a-z]+">', r'<g class="c\1">', svg[svg.index("<svg") :])


def steps_of(
    results: Sequence[Result], name: str, metric: str, axis: str
) -> list[list[tuple[float, float]]]:
    """At each checkpoint that all seeds have reached: where and what, of every seed."""
    seeds: dict[int, list[tuple[float, float]]] = {}
    for point in of_kind(results, "curve", name):
        value = point.value(metric)
        if value is not None:
            seeds.setdefault(point.seed, []).append((at(point, axis, results), value))
    shared = min(map(len, seeds.values()), default=0)  # one that diverged is shorter
    return [[line[i] for line in seeds.values()] for i in range(shared)]


def draw_curve(
    axes: Axes, steps: list[list[tuple[float, float]]], *, color: str, rank: int
) -> None:
    """The line and the band of one contender."""
    if not steps:
        return
    x = [mean(where for where, _ in step) for step in steps]
    values = [[value for _, value in step] for step in steps]
    low, high = [min(v) for v in values], [max(v) for v in values]
    axes.plot(x, [mean(v) for v in values], ".-", color=color, lw=1.3, ms=4, gid=f"c{rank}_line")
    axes.fill_between(x, low, high, color=color, alpha=0.18, lw=0, gid=f"c{rank}_band")


def at(point: Result, axis: str, results: Sequence[Result]) -> float:
    """Where a point lies on an axis."""
    if axis == "seconds":
        return point.seconds
    if axis == "rounds":
        return float(point.rounds)
    costs = (r.cost for r in of_kind(results, "last", point.contender) if r.cost is not None)
    cost = next(costs, None)
    return float(point.rounds * (cost.round_images if cost else 1))


# ---------------------------------------------------------------------------------------- pictures


def embedded(path: Path, kind: str) -> str:
    """A file as an address that holds it."""
    return address(path.read_bytes(), kind)


def address(blob: bytes, kind: str) -> str:
    """An address that holds what it points to."""
    return f"data:{kind};base64,{base64.b64encode(blob).decode()}"


def webp(image: Image.Image, **options: Any) -> bytes:
    """A picture as WebP."""
    out = io.BytesIO()
    image.save(out, format="webp", **options)
    return out.getvalue()


def small(path: Path) -> str:
    """A grid of images at its own size, without loss unless that is large.

    It was enlarged by a whole number, to be seen.
    """
    with Image.open(path) as image:
        pixels = np.asarray(image.convert("RGB"))
    factor = next((k for k in range(8, 1, -1) if enlarged(pixels, k)), 1)
    grid = Image.fromarray(pixels[::factor, ::factor])
    blob = webp(grid, lossless=True)
    if len(blob) > LOSSLESS_BYTES:
        blob = webp(grid, quality=QUALITY)
    return address(blob, "image/webp")


def enlarged(pixels: np.ndarray[Any, Any], factor: int) -> bool:
    """Whether each pixel stands in a square of its like."""
    if pixels.shape[0] % factor or pixels.shape[1] % factor:
        return False
    once = pixels[::factor, ::factor]
    return bool((once.repeat(factor, 0).repeat(factor, 1) == pixels).all())


def drawn_scene(path: Path) -> str:
    """Points over the discriminator's landscape, and its last features with their centroids."""
    with np.load(path) as arrays:
        scene = dict(arrays)
    both = "features" in scene
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(5.6 if both else 2.8, 2.8), dpi=100, layout="constrained")
        axes = figure.subplots(1, 2 if both else 1, squeeze=False)[0]
        (left, bottom), (right, top) = scene["limits"]
        if "landscape" in scene:
            axes[0].imshow(
                scene["landscape"].T,
                extent=(left, right, bottom, top),
                origin="lower",
                cmap="PuOr",
                alpha=0.8,
            )
        clouds = (("real", "#6b7a8f"), ("fake", "#d64541"))
        for name, colour in clouds:
            axes[0].plot(*scene[name].T, ".", ms=2, color=colour, label=name)
        axes[0].set(xlim=(left, right), ylim=(bottom, top), aspect="equal")
        axes[0].set_title("samples over the discriminator's score", fontsize=8)
        if both:
            halves = np.split(scene["features"], [len(scene["real"])])
            for half, (name, colour) in zip(halves, clouds, strict=True):
                axes[1].plot(*half.T, ".", ms=2, color=colour, alpha=0.6, label=name)
                axes[1].plot(*half.mean(0), "X", ms=9, color=colour, mec="white")
            axes[1].set_title("its last features, two main axes", fontsize=8)
        for axis in axes:
            axis.set(xticks=[], yticks=[])
        figure.canvas.draw()
        out = io.BytesIO()
        figure.savefig(out, format="png")
    with Image.open(out) as image:
        return address(webp(image.convert("RGB"), quality=QUALITY), "image/webp")
