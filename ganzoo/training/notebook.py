"""How things show themselves in a notebook: a title, a table of facts, and a picture."""

from __future__ import annotations

from base64 import b64encode
from html import escape
from typing import TYPE_CHECKING

from ganzoo.storage.files import numbered

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from ganzoo.engine.game import Game
    from ganzoo.parts.metric import Score
    from ganzoo.training.plan import Plan


class Shown:
    """How a run shows itself: on a line, and in a notebook."""

    folder: Path
    plan: Plan
    game: Game
    title: str
    seconds: float
    """Seconds of playing rounds."""
    wall: float
    """Seconds in ``train`` altogether: playing, saving, drawing and scoring."""
    scores: list[Score]
    """The last that were measured of this run."""

    @property
    def played(self) -> str:
        """The rounds and seconds so far, and the rollbacks if any, in words."""
        times = f"{self.seconds:.1f} s of playing, {self.wall:.1f} s in all"
        back = ", ".join(f"round {r.diverged} to {r.rounds}" for r in self.plan.rollbacks)
        return f"{self.game.rounds} rounds in {times}" + (
            f", rolled back from {back}" if back else ""
        )

    def __repr__(self) -> str:
        return f"<run {self.folder}: {self.title}, {self.game.rounds} rounds>"

    def _repr_html_(self) -> str:
        """The plan, how far the run is, the last terms and scores, and the newest samples."""
        plan, game = self.plan, self.game
        budget = f"{plan.rounds} rounds" if plan.rounds is not None else f"{plan.seconds:g} s"
        facts: dict[str, object] = {
            "parts": ", ".join(part.name for part in game.variant.parts()),
            "data": game.data.name,
            "budget": f"{budget}, batches of {game.batch}, seed {plan.seed}, {plan.device}",
            "played": self.played,
            "folder": self.folder,
        }
        for player, terms in game.log.items():
            facts[player] = ", ".join(f"{name} {float(term):.4g}" for name, term in terms.items())
        facts |= {score.metric: f"{score.value:.4g}" for score in self.scores}
        newest = next(reversed(numbered(self.folder / "samples", ".png")), None)
        return panel(self.title, facts, newest)


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
