"""The report: one HTML page that needs no other file, and the standings as Markdown."""

from __future__ import annotations

import inspect
import json
import shlex
from typing import TYPE_CHECKING, Any

from ganzoo.benchmark import gallery, tables
from ganzoo.benchmark.results import of_kind
from ganzoo.benchmark.standings import incomparable
from ganzoo.benchmark.statistics import ENOUGH_SEEDS
from ganzoo.errors import ZooError
from ganzoo.storage.files import write_text
from ganzoo.storage.markdown import block, plain

try:
    import jinja2

    from ganzoo.benchmark.plots import AXES, learning_curves
except ImportError as error:
    MESSAGE = "the report needs matplotlib and jinja2: pip install 'ganzoo-core[report]'."
    raise ZooError(MESSAGE) from error

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from ganzoo.benchmark.folder import Bench
    from ganzoo.benchmark.jobs import Contest

COLOURS = (
    "#2f7fc1",
    "#d1495b",
    "#3a9d4a",
    "#d99a1c",
    "#8a67b5",
    "#1295a6",
    "#a9703a",
    "#d070b0",
    "#7d8a2e",
    "#7f7f7f",
)
SEEDS = (
    "The last checkpoint of each training seed, and with three seeds or more two 95 % intervals of "
    "their mean: Student's t, and the percentiles of 10,000 bootstrap resamples, which are too "
    "narrow for few seeds."
)
COMPARISON = (
    "Differences seed by seed, with three seeds or more the 95 % interval of their mean. The "
    "probability of improvement is the share of all pairs of runs in which the first is better; "
    "ties count half."
)
COSTS = (
    "FLOPs as torch counts them, of a whole round (all turns, forward and backward) and of one "
    "sample. Memory is the peak of the run's process, or of the GPU. Times depend on the machine."
)
TEMPLATE = jinja2.Environment(
    loader=jinja2.PackageLoader("ganzoo.benchmark", "."),
    autoescape=True,
    undefined=jinja2.StrictUndefined,
)


def write_report(benches: Sequence[Bench], folder: Path) -> None:
    """Write ``report.html`` and ``report.md`` of one benchmark, or of the several of a suite.

    In each of them at least one run must have finished.
    """
    contests = [section(bench) for bench in benches]
    page = TEMPLATE.get_template("report.html.jinja").render(contests=contests, axes=list(AXES))
    write_text(folder / "report.html", page)
    write_text(folder / "report.md", "\n\n".join(map(in_markdown, benches)) + "\n")


def in_markdown(bench: Bench) -> str:
    """One benchmark as Markdown: verdict, standings, and the command that repeats it."""
    return "\n\n".join(
        [
            f"## {plain(tables.title(bench))}",
            plain(bench.verdict()),
            tables.markdown(tables.rows_of(bench)),
            *map(plain, bench.remarks),
            plain(caption(bench)),
            block(command(bench), "sh"),
        ]
    )


def section(bench: Bench) -> dict[str, Any]:
    """Everything that the page shows of one benchmark."""
    results = bench.results
    ranked = [standing.contender for standing in bench.standings]
    ranked += [name for name in bench.unranked if name not in incomparable(results)]
    colours = dict(zip(ranked, COLOURS * len(ranked), strict=False))
    measured = dict.fromkeys(s.metric for r in of_kind(results, "curve") for s in r.scores)
    variants = {r.contender: r.plan.variant for r in results if r.plan is not None}
    parts = [
        ("Standings", tables.rows_of(bench), caption(bench)),
        ("Seed by seed", tables.seed_rows(bench), SEEDS),
        (f"{next(iter(ranked), '')} against the others", tables.comparison_rows(bench), COMPARISON),
        ("Costs", tables.cost_rows(bench), COSTS),
    ]
    return {
        "title": tables.title(bench),
        "verdict": bench.verdict(),
        "remarks": bench.remarks,
        "colours": colours,
        "tables": [table(*part) for part in parts if part[1]],
        "axis": budget if (budget := bench.contest.budget.name) in AXES else next(iter(AXES)),
        "curves": [
            {"metric": metric, "axis": axis, "svg": svg}
            for metric in measured
            for axis, svg in learning_curves(results, metric, colours).items()
        ],
        "grids": gallery.grids(bench, ranked),
        "real": gallery.real_images(bench),
        "films": gallery.films(bench, ranked),
        "episodes": gallery.episodes(bench, ranked),
        "glossary": glossary(bench),
        "command": command(bench),
        "machines": machines(bench),
        "variants": json.dumps(variants, indent=2),
    }


def table(name: str, rows: Sequence[dict[str, Any]], caption: str) -> dict[str, Any]:
    """A table of the page, without the columns that are empty in all rows.

    Notes are not a column: each is a line below its row, so that it is not out of sight.
    """
    found = [key for key in tables.columns(rows) if key != "note"]
    shown = [key for key in found if any(str(row.get(key, "")) for row in rows)]
    return {"title": name, "rows": rows, "columns": shown, "caption": caption}


def caption(bench: Bench) -> str:
    """How the standings are to be read."""
    scores = [score for result in of_kind(bench.results, "last") for score in result.scores]
    protocols = "; ".join(dict.fromkeys(score.protocol() for score in scores))
    best = (
        f'"Best" is the checkpoint with the best {bench.headline} on other latents and the same '
        "held-out rows, so it is slightly optimistic. "
    )
    return (
        "Scores of the last checkpoint: the mean over training seeds with its 95 % Student's t "
        "interval, cut to the values that the number can have; of two seeds, both values. A rank "
        "is one more than the number of contenders whose intervals lie entirely on the better "
        f"side. Contenders with fewer than {ENOUGH_SEEDS} seeds, or with a seed that did not "
        f"finish, have no rank. {best if bench.headline else ''}"
        '"Training data" scores training rows as if they were samples. '
        f"Protocol: {protocols}."
    )


def command(bench: Bench) -> str:
    """The command that repeats a benchmark, or one for each that a comparison consists of."""
    return "\n".join(shlex.join(words(part.contest, part.folder)) for part in bench.members)


def words(contest: Contest, folder: Path) -> list[str]:
    """The words of the command that runs a contest."""
    texts = [t if t == label else f"{label}@{t}" for label, t in contest.contenders.items()]
    found = ["ganzoo", "bench", *texts, "--data", contest.data]
    found += [f"--{contest.budget.name}", contest.budget.amount]
    if contest.seeds == tuple(range(len(contest.seeds))):
        found += ["--seeds", str(len(contest.seeds))]
    else:
        found += [word for seed in contest.seeds for word in ("--seed", str(seed))]
    for name in ("evaluations", "processes", "threads"):
        if (value := getattr(contest, name)) is not None:
            found += [f"--{name}", str(value)]
    found += [word for setting in contest.settings for word in ("--set", setting)]
    where = ["--device", contest.device]
    if contest.devices:
        where = ["--devices", ",".join(contest.devices)]
    return [*found, *where, "--out", folder.resolve().name]


def machines(bench: Bench) -> list[str]:
    """The devices, threads and versions that the runs were made with."""
    found = []
    for part in bench.members:
        plans = [result.plan for result in part.results if result.plan is not None]
        threads = sorted({plan.threads for plan in plans if plan.threads}) or [1]
        devices = sorted({plan.device for plan in plans}) or [part.contest.device]
        where = (
            f"Device {' or '.join(devices)}, runs at a time: {part.contest.processes}, threads a "
            f"run: {' or '.join(map(str, threads))}"
        )
        versions = [" ".join(pair) for plan in plans[:1] for pair in plan.versions.items()]
        found.append("; ".join([where, ", ".join(versions)] if versions else [where]) + ".")
    return list(dict.fromkeys(found))


def glossary(bench: Bench) -> list[dict[str, str]]:
    """What each metric that was measured says of its numbers."""
    measured = {score.metric for result in bench.results for score in result.scores}
    found = []
    for metric in bench.zoo.metrics():
        numbers = ", ".join(name for name in metric.better if name in measured)
        if numbers:
            meaning = " ".join(inspect.cleandoc(metric.__doc__ or "").replace("`", "").split())
            found.append({"numbers": numbers, "meaning": meaning})
    return found
