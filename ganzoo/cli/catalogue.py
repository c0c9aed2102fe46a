"""Commands about what is available: variants, plugins, compositions, the installation itself.

Commands import what they call inside functions, for start-up time (see ``ganzoo.cli``).
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from ganzoo.cli.options import PATH, Json, composing
from ganzoo.cli.tables import answer, show

app = typer.Typer()


@app.command("list")
def list_variants(*, as_json: Json = False) -> None:
    """List the installed variants, and those that `ganzoo install` can add."""
    from ganzoo.plugins.default import default_zoo
    from ganzoo.plugins.registry import registry
    from ganzoo.plugins.sources import known_models

    zoo = default_zoo()
    trained: dict[str, list[str]] = {}
    for model in known_models(zoo):
        variant_name, _, dataset = model.name.partition("/")
        trained.setdefault(variant_name, []).append(dataset)
    rows = [
        {
            "variant": variant.name,
            "architecture": variant.architecture.name,
            "loss": " / ".join(
                dict.fromkeys([variant.loss.name, variant.loss_of("generator").name])
            ),
            "regularizers": ", ".join(r.name for r in variant.regularizers),
            "data": variant.data,
            "pretrained": ", ".join(trained.get(variant.name, ())),
            "plugin": str(zoo.origin(variant)),
            "source": variant.source,
        }
        for variant in zoo.variants.values()
    ]
    rows += [
        {
            "variant": name,
            "pretrained": ", ".join(trained.get(name, ())),
            "plugin": f"ganzoo install {plugin}",
        }
        for plugin, listing in registry().plugins.items()
        for name in listing.variants
        if name not in zoo.variants
    ]
    show(rows, as_json=as_json)


@app.command()
def plugins(*, as_json: Json = False) -> None:
    """List the plugins: what each offers, and the faults of broken ones."""
    from ganzoo.plugins.default import default_zoo
    from ganzoo.plugins.install import listings
    from ganzoo.plugins.registry import registry

    zoo = default_zoo()
    zoo.add_commands(typer.Typer())  # so that their faults are known
    known = {listing.distribution for listing in registry().plugins.values()} | {"ganzoo-core"}
    rows: list[dict[str, Any]] = []
    for loaded in zoo.plugins:
        status = " ".join(map(str, loaded.faults)) or "ok"
        rows.append(
            {
                "plugin": loaded.origin.plugin,
                "distribution": str(loaded.origin),
                "offers": loaded.summary,
                "registry": "yes" if loaded.origin.distribution in known else "no",
                "seconds": round(sum(loaded.seconds.values()), 3),
                "status": f"{status}; {loaded.slow}" if loaded.slow else status,
            }
        )
    rows += [
        {
            "plugin": row["plugin"],
            "distribution": row["distribution"],
            "offers": row["title"],
            "registry": "yes",
            "status": "not installed",
        }
        for row in listings()
        if row["installed"] is None
    ]
    show(rows, as_json=as_json)


@app.command()
def parts(
    kind: Annotated[
        str | None, typer.Argument(help="architecture, loss, regularizer, sampler, ...")
    ] = None,
    *,
    as_json: Json = False,
) -> None:
    """List the parts of all kinds or of one: what each is, and its options."""
    from ganzoo.plugins.default import default_zoo
    from ganzoo.plugins.description import described

    found = described(default_zoo(), kind)
    if as_json:
        show(found, as_json=True)
        return
    columns = ("kind", "part", "option", "type", "range", "default", "description", "plugin")
    rows: list[dict[str, Any]] = []
    for part in found:
        rows.append(part)
        for option in part["options"]:
            default = json.dumps(option["default"])
            rows.append({**option, "default": "required" if option["required"] else default})
    show([{name: row.get(name, "") for name in columns} for row in rows], as_json=False)


@app.command()
@composing
def explain(variant: str, *, as_json: Json = False, **choices: Any) -> None:
    """Explain a composition: its options, and for each value who deals it and who reads it."""
    from ganzoo.engine.explain import explain as explained

    found = explained(variant, **choices)
    if as_json:
        answer(json.dumps(found, indent=2))
        return
    answer(found["summary"])
    for player, turns in found["turns"]:
        answer(f"\n{player}'s turn, {turns} a round: minimizes {found['objective'][player]}")
        rows = [row for row in found["wiring"] if row["player"] == player]
        keys = ("value", "shape", "from", "read_by")
        show([{k: row[k] for k in keys} for row in rows], as_json=False)
    for remark in (found["graph"], *found["remarks"]):
        answer(f"\n{remark}")
    answer("\noptions (--set):")
    show(found["options"], as_json=False)


@app.command()
def doctor(*, as_json: Json = False) -> None:
    """Check this installation for everything that could be wrong, and say how to fix it."""
    from ganzoo.cli.doctor import findings

    found = list(findings())
    show(
        [
            {"checked": f.what, "found": f.found, "status": "broken" if f.fault else "ok"}
            for f in found
        ],
        as_json=as_json,
    )
    for finding in found:
        if finding.fault:
            typer.echo(f"{finding.what}: {finding.fault}", err=True)
    if any(finding.fault for finding in found):
        raise typer.Exit(1)


@app.command()
def reproduce(
    name: Annotated[
        str, typer.Argument(metavar="VARIANT/DATASET", help="A model of the registry.")
    ],
    *,
    out: Annotated[
        Path, typer.Option(**PATH, help="The run's folder; resumes the run if it has begun.")
    ],
) -> None:
    """Retrain a published model by its registered command, and say whether its scores agree."""
    from ganzoo.pretrained.reproduce import reproduce as reproduced

    rows = reproduced(name, out)
    show(
        [
            {
                "metric": row.figure.metric,
                "published": row.figure.value,
                "interval": f"{row.figure.low:g} to {row.figure.high:g}",
                "here": "" if row.value is None else f"{row.value:.4g}",
                "agrees": "yes" if row.agrees else "no",
            }
            for row in rows
        ],
        as_json=False,
    )
    if not all(row.agrees for row in rows):
        raise typer.Exit(1)


@app.command()
def install(
    names: list[str],
    *,
    find_links: Annotated[
        Path | None, typer.Option(**PATH, help="A folder of wheels to install from.")
    ] = None,
) -> None:
    """Install plugins by their names in the registry, into this environment."""
    from ganzoo.plugins.install import install as installed
    from ganzoo.training.interrupt import ending_as_ctrl_c

    with ending_as_ctrl_c():  # or pip would go on
        done = installed(names, find_links=find_links)
    answer(f"installed {', '.join(done)}")
