"""The report: one HTML page that needs no other file, and the same tables as Markdown."""

from __future__ import annotations

import inspect
import json
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ganzoo.benchmark import tables as table
from ganzoo.benchmark.plots import curve, drawn_scene, embedded, small
from ganzoo.benchmark.results import of_kind
from ganzoo.benchmark.statistics import ENOUGH_SEEDS, standings
from ganzoo.errors import ZooError
from ganzoo.storage.files import write_text

try:
    import jinja2
except ImportError as error:
    MESSAGE = "the report needs matplotlib and jinja2: pip install 'ganzoo-core[report]'."
    raise ZooError(MESSAGE) from error

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ganzoo.benchmark.folder import Bench
    from ganzoo.benchmark.jobs import Contest
    from ganzoo.benchmark.results import Result

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
AXES = ("rounds", "images", "seconds")
"""What a learning curve may be drawn against."""
FRAMES = 12
"""How many pictures of its training are kept of a contender, at most."""
SEEDS = (
    "Each training seed's last checkpoint, and the 95 % intervals of their mean: Student's t, and "
    "10,000 bootstrap resamples (percentiles), which are too narrow for few seeds."
)
DUELS = (
    "Differences seed by seed, with the 95 % interval of their mean; likelier better is the share "
    "of all pairs of runs in which it is better (ties count half)."
)
COSTS = (
    "FLOPs as torch counts them, of a whole round (every turn, forward and backward) and of one "
    "sample; memory is the peak of a run's process, or of the GPU. Times depend on the machine."
)
TEMPLATE = jinja2.Environment(
    loader=jinja2.PackageLoader("ganzoo.benchmark", "."),
    autoescape=True,
    undefined=jinja2.StrictUndefined,
)


def write_report(benches: Sequence[Bench], folder: Path) -> None:
    """Write ``report.html`` and ``report.md`` of one benchmark, or of the several of a suite."""
    contests = [section(bench) for bench in benches]
    page = TEMPLATE.get_template("report.html.jinja").render(contests=contests, axes=AXES)
    write_text(folder / "report.html", page)
    write_text(folder / "report.md", "\n\n".join(map(in_markdown, benches)) + "\n")


def in_markdown(bench: Bench) -> str:
    """One benchmark as Markdown: verdict, table, and how to repeat it."""
    return "\n\n".join(
        [
            f"## {title(bench)}",
            bench.verdict(),
            table.markdown(table.rows_of(bench)),
            f"{caption(bench)}",
            f"```sh\n{command(bench)}\n```",
        ]
    )


def title(bench: Bench) -> str:
    """What was compared."""
    contest = bench.contest
    seeds = f"{len(contest.seeds)} seed{'s' if len(contest.seeds) > 1 else ''}"
    count = len(contest.contenders)
    many = f"{count} contender{'s' if count > 1 else ''}"
    what = f"{many} on {contest.data}, {contest.budget} a run, {seeds}"
    return f"{contest.title}: {what}" if contest.title else what


def caption(bench: Bench) -> str:
    """How the numbers are to be read."""
    scores = [score for result in of_kind(bench.results, "last") for score in result.scores]
    protocols = "; ".join(dict.fromkeys(score.protocol() for score in scores))
    return (
        "Numbers are of the last checkpoint: the mean over training seeds with the 95 % interval "
        "of Student's t. A rank is one more than the number of contenders whose intervals lie "
        f"clear on the better side; with fewer than {ENOUGH_SEEDS} seeds, or one that did not "
        f'finish, there is none. "Best" is the checkpoint with the best {bench.headline} on '
        'other latents against the same held-out rows, so it flatters a little. "Training data" '
        f"scores training rows as if they were samples. Scored: {protocols}."
    )


def command(bench: Bench) -> str:
    """What repeats it, on a command line, or on one for each of those that were joined."""
    return "\n".join(shlex.join(words(part.contest, part.folder)) for part in bench.parts)


def words(contest: Contest, folder: Path) -> list[str]:
    """The words of a command that runs a contest."""
    texts = [t if t == label else f"{label}@{t}" for label, t in contest.contenders.items()]
    found = ["ganzoo", "bench", *texts, "--data", contest.data]
    found += [f"--{contest.budget.name}", contest.budget.amount]
    if contest.seeds == tuple(range(len(contest.seeds))):
        found += ["--seeds", str(len(contest.seeds))]
    else:
        found += [word for seed in contest.seeds for word in ("--seed", str(seed))]
    found += ["--evaluations", str(contest.evaluations), "--threads", str(contest.threads)]
    found += [word for setting in contest.settings for word in ("--set", setting)]
    return [*found, "--device", contest.device, "--out", folder.resolve().name]


def machines(bench: Bench) -> list[str]:
    """Where and with which versions its runs were made."""
    found = []
    for part in bench.parts:
        where = f"Device {part.contest.device}, threads a run: {part.contest.threads}"
        plans = [result.plan for result in part.results if result.plan is not None]
        versions = [" ".join(pair) for plan in plans[:1] for pair in plan.versions.items()]
        found.append("; ".join([where, ", ".join(versions)] if versions else [where]) + ".")
    return list(dict.fromkeys(found))


def section(bench: Bench) -> dict[str, Any]:
    """All that the page shows of one benchmark."""
    results = bench.results
    ranked = [s.contender for s in standings(results, bench.headline)]
    colours = dict(zip(ranked, COLOURS * len(ranked), strict=False))
    tables = [
        ("Standings", table.rows_of(bench), caption(bench)),
        ("Seed by seed", table.seeds(bench), SEEDS),
        (f"{ranked[0]} against the others", table.duels(bench), DUELS),
        ("What they cost", table.costs(bench), COSTS),
    ]
    return {
        "title": title(bench),
        "verdict": bench.verdict(),
        "colours": colours,
        "tables": [
            {"title": name, "rows": rows, "columns": columns(rows), "note": note}
            for name, rows, note in tables
            if rows
        ],
        "curves": [
            {"metric": metric, "axis": axis, "svg": curve(results, metric, axis, colours)}
            for metric in curve_metrics(results)
            for axis in AXES
        ],
        "grids": grids(bench, ranked),
        "real": real(bench),
        "films": [
            {"contender": name, "frames": found}
            for name in ranked
            if len(found := frames(bench, name)) > 1
        ],
        "episodes": [
            {"contender": name, "data": embedded(path, "image/gif")}
            for name in ranked
            for path in (first_folder(bench, name) / "film.gif",)
            if path.exists()
        ],
        "glossary": glossary(bench),
        "command": command(bench),
        "machines": machines(bench),
        "variants": json.dumps(
            {r.contender: r.plan.variant for r in results if r.plan is not None}, indent=2
        ),
    }


def glossary(bench: Bench) -> list[dict[str, str]]:
    """What each metric says of its numbers, of those that were measured."""
    measured = {score.metric for result in bench.results for score in result.scores}
    found = []
    for metric in bench.zoo.metrics():
        numbers = ", ".join(name for name in metric.better if name in measured)
        if numbers:
            meaning = " ".join(inspect.cleandoc(metric.__doc__ or "").replace("`", "").split())
            found.append({"numbers": numbers, "meaning": meaning})
    return found


def columns(rows: Sequence[dict[str, Any]]) -> list[str]:
    """The columns of a table, without those that are empty in all rows."""
    keys = dict.fromkeys(key for row in rows for key in row)
    return [key for key in keys if any(str(row.get(key, "")) for row in rows)]


def first_folder(bench: Bench, name: str) -> Path:
    """The folder of a contender's first run."""
    return next(job.folder for job in bench.jobs if job.contender == name)


def pictures(folder: Path) -> list[Path]:
    """The samples that a run left, oldest first."""
    return sorted((folder / "samples").glob("*.png"))


def grids(bench: Bench, ranked: Sequence[str]) -> list[dict[str, Any]]:
    """The last samples of every contender and seed."""
    found = []
    for job in bench.jobs:
        if job.contender in ranked and (shown := pictures(job.folder)):
            label = {"contender": job.contender, "seed": job.seed}
            found.append({**label, "data": small(shown[-1])})
    return sorted(found, key=lambda g: (ranked.index(g["contender"]), g["seed"]))


def real(bench: Bench) -> str | None:
    """Real images, to be looked at beside."""
    paths = (job.folder / "real.png" for job in bench.jobs if not job.contender)
    return next((small(path) for path in paths if path.exists()), None)


def frames(bench: Bench, name: str) -> list[dict[str, Any]]:
    """A contender's first run on its way: the game's own view of points, or grids of images."""
    folder = first_folder(bench, name)
    scenes = thinned(sorted((folder / "scenes").glob("*.npz")))
    if scenes:
        return [{"round": int(path.stem), "data": drawn_scene(path)} for path in scenes]
    shown = [path for path in pictures(folder) if path.stem.isdigit()]
    return [{"round": int(path.stem), "data": small(path)} for path in thinned(shown)]


def curve_metrics(results: Sequence[Result]) -> list[str]:
    """The numbers that were measured on the way."""
    return list(dict.fromkeys(s.metric for r in of_kind(results, "curve") for s in r.scores))


def thinned(paths: Sequence[Path]) -> list[Path]:
    """So many of them, evenly, the last one among them."""
    if len(paths) <= FRAMES:
        return list(paths)
    chosen = np.linspace(0, len(paths) - 1, FRAMES).round().astype(int)
    return [paths[i] for i in chosen]
