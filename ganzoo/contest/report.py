"""The report: one HTML page with the table, the learning curves and what was generated."""

from __future__ import annotations

import base64
import io
import shlex
from math import nan
from typing import TYPE_CHECKING

from ganzoo.contest.results import of_kind, standings
from ganzoo.errors import ZooError
from ganzoo.files import write_text

try:
    import jinja2
    import matplotlib as mpl
    from matplotlib.figure import Figure
except ImportError as error:
    MESSAGE = "the report needs matplotlib and jinja2: pip install 'ganzoo-core[report]'."
    raise ZooError(MESSAGE) from error

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ganzoo.contest.measure import Bench
    from ganzoo.contest.results import Result

COLOURS = ("#1b6ca8", "#d1495b", "#2e933c", "#edae49", "#775b9a", "#00798c", "#8d5a2b", "#4a4a4a")
TEMPLATE = jinja2.Environment(
    loader=jinja2.PackageLoader("ganzoo.contest", "."),
    autoescape=True,
    undefined=jinja2.StrictUndefined,
)


def write_report(bench: Bench) -> None:
    """Write ``report.html``, a page that needs no other file."""
    results = bench.results
    rows = bench.rows()
    columns = [c for c in dict.fromkeys(key for row in rows for key in row) if c != "note"]
    scored = next((result.scores for result in of_kind(results, "last")), ())
    plan = next((r.plan for r in results if r.plan is not None), None)
    page = TEMPLATE.get_template("report.html.jinja").render(
        title=f"{len(bench.variants)} contenders on {bench.contest.data}",
        legend=dict(zip(contenders(results), COLOURS * len(bench.variants), strict=False)),
        verdict=bench.verdict(),
        headline=bench.headline,
        columns=columns,
        rows=rows,
        protocol=scored[0].protocol() if scored else "nothing was scored",
        extractors=sorted({s.protocol() for s in scored if s.extractor}),
        curves=[curve(results, metric) for metric in curved(results, bench.headline)],
        grids=grids(bench),
        contest=bench.contest,
        command=command(bench),
        plan=plan,
        variants={name: variant.spec() for name, variant in bench.variants.items()},
    )
    write_text(bench.folder / "report.html", page)


def command(bench: Bench) -> str:
    """The command that makes this report again."""
    contest = bench.contest
    budget = f"--rounds {contest.rounds}" if contest.rounds else f"--seconds {contest.seconds:g}"
    sets = "".join(f" --set {shlex.quote(setting)}" for setting in contest.settings)
    return (
        f"ganzoo bench {shlex.join(contest.contenders)} --data {shlex.quote(contest.data)} "
        f"{budget} --seeds {contest.seeds}{sets} --device {contest.device} "
        f"--out {bench.folder.name}"
    )


def curved(results: Sequence[Result], headline: str) -> list[str]:
    """The numbers worth a curve: the headline first, then the others that were measured."""
    measured = {
        score.metric: None for result in of_kind(results, "curve") for score in result.scores
    }
    return [
        name for name in (headline, *(m for m in measured if m != headline)) if name in measured
    ]


def contenders(results: Sequence[Result]) -> list[str]:
    """Those with a curve, in the order in which they ran."""
    return list(dict.fromkeys(result.contender for result in of_kind(results, "curve")))


def curve(results: Sequence[Result], metric: str) -> str:
    """One number against training seconds as an SVG: a line for each seed, a colour a contender."""
    names = contenders(results)
    with mpl.rc_context({"svg.hashsalt": "ganzoo", "font.size": 9, "svg.fonttype": "none"}):
        figure = Figure(figsize=(3.6, 2.5), layout="constrained")
        axes = figure.add_subplot()
        for name, colour in zip(names, COLOURS * len(names), strict=False):
            mine = of_kind(results, "curve", name)
            for seed in sorted({result.seed for result in mine}):
                points = [r for r in mine if r.seed == seed]
                values = [nan if (v := result.value(metric)) is None else v for result in points]
                seconds = [result.seconds for result in points]
                axes.plot(seconds, values, ".-", color=colour, lw=1)
        for result in of_kind(results, "floor"):
            floor = result.value(metric)
            if floor is not None:
                axes.axhline(floor, color="#888", lw=0.8, ls=":")
        if metric.endswith("distance"):
            # An unbiased distance may come out below zero.
            axes.set_yscale("symlog" if metric.startswith("kernel") else "log")
        axes.set(title=metric, xlabel="training seconds")
        axes.grid(alpha=0.25)
        axes.spines[["top", "right"]].set_visible(b=False)
        out = io.StringIO()
        figure.savefig(out, format="svg", metadata={"Date": None})
    return out.getvalue()[out.getvalue().index("<svg") :]


def grids(bench: Bench) -> list[dict[str, str]]:
    """The last picture of each contender's first seed, embedded."""
    found = []
    for standing in standings(bench.results, bench.headline):
        pictures = sorted((bench.run_folder(standing.contender, 0) / "samples").glob("*.png"))
        if pictures:
            data = base64.b64encode(pictures[-1].read_bytes()).decode()
            found.append({"contender": standing.contender, "data": data})
    return found
