"""Composition: needs against values, before training; every compose error is worded here."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from ganzoo.engine.step import ENGINE, Missing, Step, Term
from ganzoo.errors import ComposeError, first_line, listed
from ganzoo.parts.needs import RESERVED, accepts, reads
from ganzoo.parts.part import PLAYERS, Regularizer
from ganzoo.parts.space import unmasked

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ganzoo.engine.game import Game
    from ganzoo.parts.part import Architecture, Player
    from ganzoo.parts.space import Space
    from ganzoo.parts.variant import Variant


def terms(variant: Variant, player: Player) -> dict[str, Term]:
    """The terms of a player's objective, by the name of their part."""
    found: dict[str, Term] = {}
    for part in (variant.loss_of(player), *variant.regularizers):
        function = getattr(part, player, None)
        if function is None:
            continue
        if part.name in found:
            message = (
                f"two terms of the {player}'s objective are named '{part.name}'; name each once."
            )
            raise ComposeError(message)
        if isinstance(part, Regularizer):
            found[part.name] = Term(part, function, part.weight, part.every)
        else:
            found[part.name] = Term(part, function)
    if variant.loss_of(player).name not in found:
        message = (
            f"loss '{variant.loss_of(player).name}' has no term for the {player}, which has turns."
        )
        raise ComposeError(message)
    return found


def build(architecture: Architecture, player: Player, spaces: Mapping[str, Space]) -> nn.Module:
    """One player's network, from the spaces that the architecture names."""
    function = getattr(architecture, player, None)
    if function is None:
        message = f"architecture '{architecture.name}' builds no {player}."
        raise ComposeError(message)
    for name in reads(function):
        if name not in spaces:
            message = (
                f"architecture '{architecture.name}' builds its {player} from '{name}'; "
                f"the dataset and the sampler offer: {listed(spaces)}."
            )
            raise ComposeError(message + hint("dataset", name))
    named = [*reads(function), *(name for name in accepts(function) if name in spaces)]
    try:
        net: nn.Module = function(**{name: spaces[name] for name in named})
    except ComposeError:
        raise
    except Exception as error:
        message = (
            f"architecture '{architecture.name}' cannot build its {player}: {first_line(error)}"
        )
        raise ComposeError(message) from error
    return net


def check(game: Game) -> None:
    """Deal each player one step at the real batch size, and hold every value against its rule.

    Leaves no trace in the game. Raises ComposeError naming the parts and the value.
    """
    with game.untouched(), game.leased():
        for player, _ in game.variant.turns:
            drawn = game.variant.sampler.draw(player, game)
            for step in game.variant.sampler.deal(player, game, drawn):
                _check_masks(game, step)
                _check_step(game, step)
                if game.train.fetched & step.values.keys():
                    game.fetching.add(player)
                break


def _check_masks(game: Game, step: Step) -> None:
    """Whoever reads a partly known value reads its mask too, unless the sampler deals it."""
    readers = {f"'{n}'": (*t.reads, *t.accepts) for n, t in game.terms[step.player].items()}
    readers |= {_network(game, p): (*game.inputs[p], *game.options[p]) for p in game.nets}
    for reader, names in readers.items():
        if (name := unmasked({*names} - {*step.dealt}, game.spaces)) is not None:
            message = (
                f"{reader} reads '{name}', which dataset '{game.data.name}' knows for some rows "
                f"only; it must read '{name}_known' too."
            )
            raise ComposeError(message)


def _check_step(game: Game, step: Step) -> None:
    player = step.player
    values = {}
    for name, term in game.terms[player].items():
        for read in term.reads:
            if read == "state" and not game.has_state(term.part):
                message = f"'{name}' reads 'state' but defines no start(self, game)."
                raise ComposeError(message)
            if read != "state":
                _check_read(game, step, f"'{name}'", read)
        try:
            values[name] = term.value(step)
        except ComposeError:
            raise
        except Exception as error:
            message = (
                f"'{name}' fails on the {player}'s turn with {_parts(game)}: {first_line(error)}"
            )
            raise ComposeError(message) from error
        _check_term(game, step, name, values[name])
    total = sum((value.mean() for value in values.values()), torch.zeros((), device=game.device))
    grads: tuple[Tensor | None, ...] = (None,)
    if total.requires_grad:
        grads = torch.autograd.grad(total, game.params[player], allow_unused=True)
    if all(grad is None for grad in grads):
        message = (
            f"no term of the {player}'s objective ({listed(values)}) reaches its parameters: with "
            f"{_parts(game)} nothing would be trained. Is a sample dealt detached?"
        )
        raise ComposeError(message)


def _check_read(game: Game, step: Step, reader: str, name: str) -> None:
    """A value that a term reads is there, and so is all that the networks behind it read."""
    try:
        step[name]
    except Missing as missing:
        if missing.network is not None:
            raise _missing(game, step, _network(game, missing.network), missing.name) from None
        head = _head(name)
        discriminator_heads = any(
            known.startswith(name.removesuffix("score")) for known in step.values
        )
        if (name == "fake" and step.generated) or (head == "score" and discriminator_heads):
            message = f"{_network(game, step.source(name))} returns no '{head}'."
            raise ComposeError(message) from None
        raise _missing(game, step, reader, name) from None
    except ComposeError:
        raise
    except Exception as error:
        for value in [*step.values]:  # one may be the cause of what fails after it
            _check_value(game, step, value)
        who = [*getattr(error, "__notes__", ()), reader][0]
        message = f"{who} fails on {_parts(game)}: {first_line(error)}"
        raise ComposeError(message) from error
    for value in [*step.values]:
        _check_value(game, step, value)


def _check_value(game: Game, step: Step, name: str) -> None:
    """What a network returns is one value per sample."""
    source, value = step.source(name), step.values[name]
    if source not in PLAYERS:
        return
    n, shape = _batch(step), tuple(value.shape)
    exact: tuple[int, ...] | None = (n,) if name.endswith("_score") else None
    if name == "fake":
        exact = (n, *game.spaces["real"].shape)
    if shape != exact and (exact or shape[:1] != (n,)):
        message = (
            f"{_network(game, source)} returns '{_head(name)}' of shape {shape}; it must be "
            f"{exact or f'({n}, ...)'}."
        )
        raise ComposeError(message)


def _head(name: str) -> str:
    """A value's name on the network that returns it."""
    return name.removeprefix("real_").removeprefix("fake_")


def _network(game: Game, player: str) -> str:
    return f"the {player} of architecture '{game.variant.architecture.name}'"


def _check_term(game: Game, step: Step, name: str, value: Tensor) -> None:
    n = _batch(step)
    if tuple(value.shape) not in {(), (n,)}:
        message = (
            f"'{name}' returns a term of shape {tuple(value.shape)} on the {step.player}'s turn "
            f"with {_parts(game)}; it must be ({n},), one number per sample, or a scalar."
        )
        raise ComposeError(message)


def _batch(step: Step) -> int:
    for name in ("fake", "real"):
        if name in step.values:
            return len(step[name])
    if step.rows is not None:
        return len(step.rows)
    return len(next(v for v in step.values.values() if isinstance(v, Tensor)))


def _missing(game: Game, step: Step, reader: str, name: str) -> ComposeError:
    variant = game.variant
    message = (
        f"{reader} reads '{name}' on the {step.player}'s turn; sampler '{variant.sampler.name}' "
        f"with architecture '{variant.architecture.name}' offers: {listed(offered(game, step))}."
    )
    kind = "architecture" if name.startswith(RESERVED) else "sampler"
    return ComposeError(message + hint(kind, name))


def offered(game: Game, step: Step) -> list[str]:
    """Every name that a step of this game can give a value for."""
    columns = game.train.names if step.rows is not None else ()
    for name in (*columns, *ENGINE, "fake", "real_score", "fake_score"):
        with suppress(Exception):  # what fails is told of elsewhere; it offers nothing
            step[name]
    return sorted(step.values)


def hint(kind: str, name: str) -> str:
    """Where a missing value is to be had: the installed parts that offer it."""
    from ganzoo.plugins.default import default_zoo

    value = name[len(RESERVED[0]) :] if name.startswith(RESERVED) else name
    zoo = default_zoo()
    found = [
        f"{part.name} ({zoo.origin(part).distribution})"
        for part in zoo.parts(kind).values()
        if value in getattr(part, "deals", ()) or value in getattr(part, "heads", ())
    ]
    if not found:
        return ""
    verb = {"sampler": "deal", "architecture": "have the head", "dataset": "have"}[kind]
    return f" {kind.capitalize()}s that {verb} '{value}': {', '.join(sorted(found))}."


def _parts(game: Game) -> str:
    variant = game.variant
    return (
        f"architecture '{variant.architecture.name}', sampler '{variant.sampler.name}' and "
        f"dataset '{game.data.name}'"
    )
