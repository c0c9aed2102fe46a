"""The wiring of a composition: each value, who deals it, who reads it, and every option."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from torch import Tensor

from ganzoo.engine.compose import offered
from ganzoo.engine.game import Game
from ganzoo.plugins.default import default_zoo

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from ganzoo.engine.step import Step
    from ganzoo.parts.variant import Variant
    from ganzoo.plugins.zoo import Zoo


def explain(
    variant: str | Variant,
    *,
    data: str | None = None,
    architecture: str | None = None,
    loss: str | None = None,
    regularizers: Iterable[str] | None = None,
    sampler: str | None = None,
    settings: Iterable[str] = (),
    zoo: Zoo | None = None,
) -> dict[str, Any]:
    """A composition, explained: its summary, turns, objective, wiring, options and remarks.

    Builds the networks and deals one step, and so raises the ComposeError that training would.
    """
    zoo = zoo or default_zoo()
    composed = zoo.compose(
        variant,
        architecture=architecture,
        loss=loss,
        regularizers=regularizers,
        sampler=sampler,
        settings=settings,
    )
    game = Game(composed, zoo.dataset(data or composed.data, settings).load())
    sizes = {p: sum(param.numel() for param in params) for p, params in game.params.items()}
    counted = " and ".join(f"a {player} of {size:,} parameters" for player, size in sizes.items())
    source = f" ({composed.source})" if composed.source else ""
    space = game.spaces["real"]
    return {
        "summary": f"{composed.name}{source} on {game.data.name} ({space}): {counted}.",
        "turns": list(composed.turns),
        "objective": {player: objective(game, player) for player in game.nets},
        "wiring": wiring(game),
        "options": options(composed),
        "remarks": [remark for part in composed.parts() for remark in part.remarks(game)],
    }


def objective(game: Game, player: Any) -> str:
    """A player's terms as a sum, with weights and laziness."""
    summands = []
    for name, term in game.terms[player].items():
        weight = "" if term.weight == 1 else f"{term.weight:g} "
        lazily = "" if term.every == 1 else f" every {term.every} steps, times {term.every}"
        summands.append(f"{weight}{name}{lazily}")
    constraints = [part.name for part in game.projecting]
    return " + ".join(summands) + (
        f"; constrained by {', '.join(constraints)}" if constraints else ""
    )


def options(variant: Variant) -> list[dict[str, str]]:
    """Every option that ``--set`` can change, with its value and what it means."""
    rows = []
    for part in variant.parts():
        for name, info in type(part).model_fields.items():
            value = getattr(part, name)
            rows.append(
                {
                    "option": f"{part.name}.{name}",
                    "value": str(value),
                    "means": info.description or "",
                }
            )
    for player, turns in variant.turns:
        rows.append({"option": f"turns.{player}", "value": str(turns), "means": "steps a round"})
        for name, value in getattr(variant.optimizers, player).model_dump().items():
            rows.append({"option": f"optimizers.{player}.{name}", "value": str(value), "means": ""})
    for name in ("batch", "precision", "ema"):
        means = type(variant).model_fields[name].description or ""
        rows.append({"option": name, "value": str(getattr(variant, name)), "means": means})
    return rows


def wiring(game: Game) -> list[dict[str, Any]]:
    """For each player: every value on its step, who gives it and who reads it."""
    rows: list[dict[str, Any]] = []
    with game.untouched(), game.leased():
        for player, turns in game.variant.turns:
            drawn = game.variant.sampler.draw(player, game)
            step = next(iter(game.variant.sampler.deal(player, game, drawn)))
            for name in offered(game, step):
                readers = [
                    t
                    for t, term in game.terms[player].items()
                    if name in (*term.reads, *term.accepts)
                ]
                readers += [
                    f"{p} network" for p in game.nets if name in (*game.inputs[p], *game.options[p])
                ]
                rows.append(
                    {
                        "player": player,
                        "turns": turns,
                        "value": name,
                        "from": _source(game, step, name),
                        "shape": _shape(step, name),
                        "read_by": readers,
                    }
                )
    return rows


def _source(game: Game, step: Step, name: str) -> str:
    source = step.source(name)
    named = {"sampler": game.variant.sampler.name, "data": game.data.name, "engine": ""}
    return f"{source} {named.get(source, 'network')}".strip()


def _shape(step: Step, name: str) -> str:
    value: Tensor | Callable[..., Any] | float = step[name]
    if isinstance(value, Tensor):
        return str(tuple(value.shape))
    return "function" if callable(value) else type(value).__name__
