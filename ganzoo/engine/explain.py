"""A composition explained: each value, who deals it, who reads it, and every option."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Unpack

from torch import Tensor

from ganzoo.engine import host, processor, shared_fakes
from ganzoo.engine.check import offered
from ganzoo.engine.composition import Choices, Composition, compose
from ganzoo.engine.dealing import first_step
from ganzoo.engine.graphs.obstacle import obstacle
from ganzoo.parts.part import DISCRIMINATOR, GENERATOR, Regularizer
from ganzoo.parts.schedule import is_scheduled
from ganzoo.parts.variant import MOST_TURNS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ganzoo.engine.game import Game
    from ganzoo.engine.step import Step
    from ganzoo.parts.part import Part, Player
    from ganzoo.parts.variant import Variant
    from ganzoo.plugins.zoo import Zoo

SMALL = 8
"""The batch of the rounds that are played to explain."""


def explain(
    variant: str | Variant | Composition, *, zoo: Zoo | None = None, **choices: Unpack[Choices]
) -> dict[str, Any]:
    """A composition, explained: its summary, turns, objective, wiring, options and remarks.

    Builds the networks and deals one step, and so raises the ComposeError that training would. Then
    plays four rounds of small batches, to say whether a GPU can play them as graphs.
    """
    composed = compose(variant, zoo=zoo, **choices)
    game, variant = composed.game(), composed.variant
    sizes = {p: sum(param.numel() for param in params) for p, params in game.params.items()}
    counted = listed_as_text(
        [f"{article(player)} {player} of {size:,} parameters" for player, size in sizes.items()]
    )
    source = f" ({variant.source})" if variant.source else ""
    space = game.spaces["real"]
    parts = (*variant.parts(), *variant.optimizers.values())
    return {
        "summary": f"{variant.name}{source} on {game.data.name} ({space}): {counted}.",
        "turns": list(variant.turns),
        "objective": {player: objective(game, player) for player in game.nets},
        "wiring": wiring(game),
        "options": options(variant),
        "graph": graph(composed),
        "remarks": [
            *game.data.remarks,
            *shared_fakes.remarks(game),
            *processor.remarks(game),
            *dict.fromkeys(remark for part in parts for remark in part.remarks(game)),
            *warnings(game),
            *host.remarks(game),
        ],
    }


def warnings(game: Game) -> list[str]:
    """What is known to fail in a composition, as its parts say it."""
    return [warning for part in game.variant.parts() for warning in part.warnings(game)]


def graph(composed: Composition) -> str:
    """How a GPU plays the rounds of a composition, in a sentence."""
    variant = composed.variant
    small = variant.model_copy(update={"batch": min(variant.batch, SMALL)})
    reason = obstacle(Composition(small, composed.dataset, composed.zoo, composed.data).game())
    if reason is None:
        return "On a GPU, each round is played as one CUDA graph."
    return f"On a GPU, rounds are played without a graph: {reason}."


def article(word: str) -> str:
    """The indefinite article of a word."""
    return "an" if word[0] in "aeiou" else "a"


def listed_as_text(phrases: list[str]) -> str:
    """Phrases as a sentence lists them."""
    *others, last = phrases
    return f"{', '.join(others)} and {last}" if others else last


def objective(game: Game, player: str) -> str:
    """A player's terms as a sum, with weights and laziness."""
    weights = {part.name: part for part in game.variant.regularizers}
    summands = []
    for name, term in game.terms[player].items():
        given = getattr(weights.get(name), "weight", term.weight)  # a schedule, where it has one
        weight = "" if given == 1 else f"{given} " if is_scheduled(given) else f"{given:g} "
        lazily = "" if term.every == 1 else f" every {term.every} steps, times {term.every}"
        summands.append(f"{weight}{name}{lazily}")
    constraints = [project.part.name for project in game.projecting[player]]
    judged = DISCRIMINATOR in game.nets and player in {DISCRIMINATOR, GENERATOR}
    seen = [augment.part.name for augment in game.augmenting] if judged else []
    told = [f"constrained by {', '.join(constraints)}"] if constraints else []
    told += [f"samples are judged augmented by {', '.join(seen)}"] if seen else []
    return "; ".join([" + ".join(summands), *told])


def options(variant: Variant) -> list[dict[str, str]]:
    """Every option that ``--set`` can change with an effect, its value and what it means."""
    players = [player for player, _ in variant.turns]
    rows = [row for part in variant.parts() for row in of_part(part, part.name, players)]
    for player, turns in variant.turns:
        means = f"steps a round, {MOST_TURNS:,} at most"
        rows.append({"option": f"turns.{player}", "value": str(turns), "means": means})
        rows += of_part(variant.optimizers[player], f"optimizers.{player}", players)
    for name in ("batch", "precision", "fakes", "ema", "ema_half_life"):
        means = type(variant).model_fields[name].description or ""
        rows.append({"option": name, "value": str(getattr(variant, name)), "means": means})
    return rows


def of_part(part: Part, path: str, players: Sequence[Player]) -> list[dict[str, str]]:
    """The options of one part, under the path that ``--set`` knows it by.

    A regularizer that adds no term to a player's objective, such as weight clipping, has nothing to
    weight.
    """
    idle = isinstance(part, Regularizer) and not any(hasattr(part, player) for player in players)
    without = Regularizer.model_fields if idle else ()
    return [
        {
            "option": f"{path}.{name}",
            "value": said(getattr(part, name)),
            "means": info.description or "",
        }
        for name, info in type(part).model_fields.items()
        if name not in without
    ]


def said(value: object) -> str:
    """An option's value as ``--set`` would take it."""
    return f"({', '.join(map(said, value))})" if isinstance(value, tuple) else str(value)


def wiring(game: Game) -> list[dict[str, Any]]:
    """For each player: every value on its step, who gives it and who reads it."""
    rows: list[dict[str, Any]] = []
    with game.untouched(), game.leased():
        for player, turns in game.variant.turns:
            step = first_step(game, player)
            for name in offered(game, step):
                readers = [
                    reader.part.name
                    for reader in (*game.terms[player].values(), *game.projecting[player])
                    if name in (*reader.reads, *reader.accepts)
                ]
                readers += [
                    f"{augment.part.name}'s augment"
                    for augment in game.augmenting
                    if name in (*augment.reads, *augment.accepts)
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
