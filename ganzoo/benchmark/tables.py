"""The title and tables of a benchmark: standings, seeds, comparisons with the first, and costs."""

from __future__ import annotations

from statistics import mean
from typing import TYPE_CHECKING, Any

from ganzoo.benchmark.results import LOST, Kind, of_kind
from ganzoo.benchmark.standings import seed_count
from ganzoo.benchmark.statistics import bootstrap_interval, bracketed, estimate, improvement
from ganzoo.errors import counted
from ganzoo.storage.markdown import plain, table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ganzoo.benchmark.folder import Bench
    from ganzoo.benchmark.results import Result
    from ganzoo.parts.metric import Direction

ARROWS = {"higher": "↑", "lower": "↓"}


def title(bench: Bench) -> str:
    """What was compared, in a line."""
    contest = bench.contest
    seeds = seed_count(len(contest.seeds))
    contenders = counted(len(contest.contenders), "contender")
    data = f"{contest.data} ({contest.part})" if contest.part else contest.data
    what = f"{contenders} on {data}, {contest.budget} a run, {seeds}"
    return f"{contest.title}: {what}" if contest.title else what


def rows_of(bench: Bench) -> list[dict[str, Any]]:
    """Contenders by rank, then those that are not ranked or did not finish, then the references."""
    rows: list[dict[str, Any]] = []
    for standing in bench.standings:
        best = estimate(list(standing.best.values()), standing.within) if standing.best else ""
        floors = standing.floors_over(standing.last.mean)
        notes = [f"no better than {floors}"] if floors else []
        notes += [*standing.warnings, *standing.losses]
        row = {"rank": standing.rank or "", **finished_cells(bench, standing.contender)}
        rows.append({**row, f"best {bench.headline}": str(best), "note": "; ".join(notes)})
    for name, why in bench.unranked.items():
        rows.append({**finished_cells(bench, name), "note": f"not ranked: {why}"})
    rows += [*unfinished_rows(bench.results), *reference_rows(bench)]
    ranking = [name for name in columns(rows) if bench.headline in name.split()]
    first = ["rank", "contender", *ranking, "seeds"]
    return in_order(rows, first, ["rounds", "seconds", "note"])


def finished_cells(bench: Bench, name: str) -> dict[str, Any]:
    """A contender's last scores over its seeds, how many there are, and how far they got."""
    lasts = of_kind(bench.results, "last", name)
    return {
        **score_cells(bench, lasts),
        "seeds": len(lasts),
        "rounds": f"{mean(result.rounds for result in lasts):.0f}",
        "seconds": f"{mean(result.seconds for result in lasts):.1f}",
    }


def in_order(
    rows: Sequence[dict[str, Any]], first: Sequence[str], last: Sequence[str]
) -> list[dict[str, Any]]:
    """The same rows, with all columns: some first, what is ranked by, and some last."""
    between = [name for name in columns(rows) if name not in {*first, *last}]
    return [{name: row.get(name, "") for name in (*first, *between, *last)} for row in rows]


def columns(rows: Sequence[dict[str, Any]]) -> list[str]:
    """The columns of a table, as they come up in its rows."""
    return list(dict.fromkeys(name for row in rows for name in row))


def unfinished_rows(results: Sequence[Result]) -> list[dict[str, Any]]:
    """A row for each contender and reason for which some of its seeds did not finish."""
    found: dict[tuple[str, str, str], list[int]] = {}
    kinds: tuple[Kind, ...] = ("refused", *LOST)
    for kind in kinds:
        for result in of_kind(results, kind):
            found.setdefault((result.contender, kind, result.error or ""), []).append(result.seed)
    rows = []
    for (name, how, error), seeds in found.items():
        which = f"seed{'s' if len(seeds) > 1 else ''} {', '.join(map(str, seeds))}"
        rows.append({"contender": name, "note": f"{how} ({which}): {error}"})
    return rows


def reference_rows(bench: Bench) -> list[dict[str, Any]]:
    """A row for each untrained generator, for training data and for noise."""
    kinds: tuple[Kind, ...] = ("untrained", "training-data", "noise")
    rows = []
    for kind in kinds:
        for result in of_kind(bench.results, kind):
            if not result.scores:  # noise is no policy, so it has no episodes to score
                continue
            name = f"{result.contender}, {kind}" if kind == "untrained" else result.contender
            cells = score_cells(bench, [result])
            rows.append({**cells, "contender": name})
    return rows


def score_cells(bench: Bench, results: Sequence[Result]) -> dict[str, Any]:
    """A contender's numbers, by column: their means over the results, one of each seed."""
    row: dict[str, Any] = {"contender": results[0].contender}
    measured: dict[tuple[str, Direction], list[float]] = {}
    for result in results:
        for score in result.scores:
            measured.setdefault((score.metric, score.better), []).append(score.value)
    for (metric, better), values in measured.items():
        row[f"{metric} {ARROWS[better]}"] = str(estimate(values, bench.range_of(metric)))
    return row


def seed_rows(bench: Bench) -> list[dict[str, Any]]:
    """The headline of every seed, its mean, and both intervals."""
    rows = []
    for standing in bench.standings:
        row: dict[str, Any] = {"contender": standing.contender, "mean": f"{standing.last.mean:.4g}"}
        bootstrap = bootstrap_interval(list(standing.values.values()))
        for name, ends in (("t", standing.last.interval), ("bootstrap", bootstrap)):
            row[name] = "" if ends is None else bracketed(ends)
        row |= {f"seed {seed}": f"{value:.4g}" for seed, value in standing.values.items()}
        rows.append(row)
    return rows


def comparison_rows(bench: Bench) -> list[dict[str, Any]]:
    """The first contender against each other one, seed by seed."""
    if not bench.standings:
        return []
    first, *others = bench.standings
    rows = []
    for other in others:
        paired = first.paired(other)
        chance = improvement(list(first.values.values()), list(other.values.values()), first.better)
        rows.append(
            {
                "against": other.contender,
                f"{bench.headline} better by, seed by seed": "" if paired is None else str(paired),
                "probability of improvement": f"{chance:.2f}",
                "intervals separate": "yes" if first.beats(other) or other.beats(first) else "no",
            }
        )
    return rows


def cost_rows(bench: Bench) -> list[dict[str, Any]]:
    """What each contender costs, as a mean over seeds; of memory, the maximum."""
    lasts = of_kind(bench.results, "last")
    rows = []
    for name in dict.fromkeys(result.contender for result in lasts):
        found = [r.cost for r in lasts if r.contender == name and r.cost is not None]
        if not found:
            continue
        rows.append(
            {
                "contender": name,
                **{f"{player} parameters": f"{n:,}" for player, n in found[0].parameters.items()},
                "MFLOPs a round": f"{found[0].round_flops / 1e6:.4g}",
                "MFLOPs a sample": f"{found[0].sample_flops / 1e6:.4g}",
                "rounds/s": f"{mean(c.rounds_per_second for c in found):.4g}",
                "images/s": f"{mean(c.images_per_second for c in found):.4g}",
                "peak MiB": f"{max(c.peak_memory_mb for c in found):.0f}",
                "1 sample, ms": f"{mean(c.first_sample_ms for c in found):.3g}",
                "64 samples, ms": f"{mean(c.batch_sample_ms for c in found):.3g}",
            }
        )
    return rows


def markdown(rows: Sequence[dict[str, Any]]) -> str:
    """Rows as a Markdown table."""
    names = columns(rows)
    cells = ([plain(str(row.get(name, ""))) for name in names] for row in rows)
    return table([*map(plain, names)], cells)
