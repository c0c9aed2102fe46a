"""How things show themselves in a notebook: a title, a table of facts, and a picture."""

from __future__ import annotations

from base64 import b64encode
from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from ganzoo.engine.game import Game
    from ganzoo.parts.metric import Score
    from ganzoo.training.plan import Plan


def panel(title: str, facts: Mapping[str, object], picture: Path | None = None) -> str:
    """A title, facts by name, and a PNG file within the page, as HTML; all text is escaped."""
    rows = "".join(
        f"<tr><th style='text-align:left'>{escape(name)}</th>"
        f"<td style='text-align:left'>{escape(str(fact))}</td></tr>"
        for name, fact in facts.items()
    )
    shown = ""
    if picture is not None:
        data = b64encode(picture.read_bytes()).decode()
        name = escape(picture.name, quote=True)
        shown = f"<img alt='{name}' style='max-width:512px' src='data:image/png;base64,{data}'>"
    return f"<div><b>{escape(title)}</b><table>{rows}</table>{shown}</div>"


def facts_of(plan: Plan, game: Game, scores: Iterable[Score]) -> dict[str, object]:
    """What a run's panel says of its plan, its last terms and its last scores."""
    budget = f"{plan.rounds} rounds" if plan.rounds is not None else f"{plan.seconds:g} s"
    facts: dict[str, object] = {
        "parts": ", ".join(part.name for part in game.variant.parts()),
        "data": game.data.name,
        "budget": f"{budget}, batches of {game.batch}, seed {plan.seed}, {plan.device}",
    }
    for player, terms in game.log.items():
        facts[player] = ", ".join(f"{name} {float(term):.4g}" for name, term in terms.items())
    return facts | {score.metric: f"{score.value:.4g}" for score in scores}
