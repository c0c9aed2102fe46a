"""The composition check: needs against values before training; compose errors are worded here."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from ganzoo.engine.masks import check_masks
from ganzoo.engine.sampling import FrozenGenerator
from ganzoo.engine.step import ENGINE, Missing, Step
from ganzoo.errors import ComposeError, ZooError, first_line, listed
from ganzoo.parts.needs import RESERVED
from ganzoo.parts.part import (
    DISCRIMINATOR,
    GENERATOR,
)

if TYPE_CHECKING:
    from ganzoo.engine.game import Game
    from ganzoo.engine.reader import Reader
    from ganzoo.parts.part import Player


def composition(game: Game) -> None:
    """Deal each player one step at the real batch size, and hold every value against its rule.

    Then draw two samples. Leaves no trace in the game. Raises ComposeError, which names the parts
    and the value.
    """
    with game.untouched(), game.leased():
        for player, _ in game.variant.turns:
            step = first_step(game, player)
            check_masks(game, step)
            check_step(game, step)
            if game.train.fetched & step.values.keys():
                game.fetching.add(player)
        if GENERATOR in game.nets:
            check_sampling(game)


def first_step(game: Game, player: Player) -> Step:
    """The first step of a player's turn, as the sampler deals it."""
    sampler = game.now.sampler
    doing = "draw"
    try:
        drawn = sampler.draw(player, game)
        doing = "deal"
        step = next(iter(sampler.deal(player, game, drawn)), None)
    except ZooError:
        raise
    except Exception as error:
        message = (
            f"sampler '{sampler.name}' fails to {doing} on the {player}'s turn with architecture "
            f"'{game.variant.architecture.name}' and dataset '{game.data.name}': "
            f"{first_line(error)}"
        )
        raise ComposeError(message) from error
    if not isinstance(step, Step):
        what = "no step" if step is None else f"a {type(step).__name__}, not a step of the game,"
        message = f"sampler '{sampler.name}' deals {what} on the {player}'s turn."
        raise ComposeError(message)
    return step


def check_step(game: Game, step: Step) -> None:
    """Hold one player's terms, and what they and the regularizers read, against the rules."""
    player = step.player
    for augment in game.augmenting:
        for name in (*augment.reads, *augment.accepts):
            if name.startswith(RESERVED):
                message = (
                    f"'{augment.part.name}' reads '{name}' in augment, which is computed from what "
                    "augment returns; keep it in a state, updated in project."
                )
                raise ComposeError(message)
    values = {}
    for name, term in game.terms[player].items():
        check_reads(game, step, term)
        try:
            values[name] = term(step)
        except ComposeError:
            raise
        except Exception as error:
            message = (
                f"'{name}' fails on the {player}'s turn with {parts_of(game)}: {first_line(error)}"
            )
            raise ComposeError(message) from error
        check_term(game, step, name, values[name])
    for project in game.projecting[player]:
        check_reads(game, step, project)
    total = sum((value.mean() for value in values.values()), torch.zeros((), device=game.device))
    grads: tuple[Tensor | None, ...] = (None,)
    if total.requires_grad:
        grads = torch.autograd.grad(total, game.params[player], allow_unused=True)
    if all(grad is None for grad in grads):
        message = (
            f"no term of the {player}'s objective ({listed(values)}) reaches its parameters: with "
            f"{parts_of(game)} nothing would be trained. Is a sample dealt detached?"
        )
        raise ComposeError(message)


def check_reads(game: Game, step: Step, reader: Reader) -> None:
    """Every value that a part's method needs is there."""
    for name in reader.reads:
        if name != "state":
            check_read(game, step, f"'{reader.part.name}'", name)
        elif not game.has_state(reader.part):
            message = f"'{reader.part.name}' reads 'state' but defines no start(self, game)."
            raise ComposeError(message)


def check_read(game: Game, step: Step, reader: str, name: str) -> None:
    """A value that is read is there, and so is all that the networks behind it read."""
    try:
        step[name]
    except Missing as missing:
        if missing.network is not None:
            raise lacking(game, step, network(game, missing.network), missing.name) from None
        # A sample that is read only through a score of it is missing by its own name.
        head = head_of(missing.name)
        judged = any(known.startswith(name.removesuffix("score")) for known in step.values)
        made = head == "fake" and GENERATOR in step.ran
        if made or (head == "score" and judged):
            source = GENERATOR if made else DISCRIMINATOR
            message = f"{network(game, source)} returns no '{head}'."
            raise ComposeError(message) from None
        raise lacking(game, step, reader, name) from None
    except ComposeError:
        raise
    except Exception as error:
        for value in [*step.values]:  # one may be the cause of what fails after it
            check_value(game, step, value)
        who = [*getattr(error, "__notes__", ()), reader][0]
        message = f"{who} fails on {parts_of(game)}: {first_line(error)}"
        raise ComposeError(message) from error
    for value in [*step.values]:
        check_value(game, step, value)


def check_value(game: Game, step: Step, name: str) -> None:
    """What a network returns is one value per sample."""
    source, value = step.source(name), step.values[name]
    if source not in game.nets:
        return
    n, shape = batch_of(step), tuple(value.shape)
    expected, fits = f"({n}, ...)", shape[:1] == (n,)
    if name == "fake":
        expected = str((n, *game.spaces["real"].shape))
        fits = str(shape) == expected
    elif name.endswith("_score"):
        # One score per sample in a column would be broadcast against one in a row, to (N, N).
        expected, fits = f"({n},), or ({n}, ...) for a map of scores", fits and shape != (n, 1)
    if not fits:
        message = (
            f"{network(game, source)} returns '{head_of(name)}' of shape {shape}; it must be "
            f"{expected}."
        )
        raise ComposeError(message)


def check_term(game: Game, step: Step, name: str, value: Any) -> None:
    """A term is a scalar, one number per sample, or of the shape of the scores."""
    n, shape = batch_of(step), tuple(getattr(value, "shape", ()))
    scores = {tuple(v.shape) for k, v in step.values.items() if k.endswith("_score")}
    if isinstance(value, Tensor) and shape in {(), (n,), *scores}:
        return
    got = f"a term of shape {shape}" if isinstance(value, Tensor) else f"a {type(value).__name__}"
    maps = "".join(f", {s} as the scores" for s in scores - {(n,)})
    message = (
        f"'{name}' returns {got} on the {step.player}'s turn with {parts_of(game)}; it must be "
        f"({n},), one number per sample{maps}, or a scalar."
    )
    raise ComposeError(message)


def check_sampling(game: Game) -> None:
    """Two samples can be drawn; by the network as it is, since a copy would cost more."""
    net = game.nets[GENERATOR].eval()
    try:
        FrozenGenerator(net, **game.sampling()).sample(2, seed=0)
    except ZooError:
        raise
    except Exception as error:
        message = f"drawing samples fails with {parts_of(game)}: {first_line(error)}"
        raise ComposeError(message) from error
    finally:
        net.train()


# ------------------------------------------------------------------------------------------- words


def head_of(name: str) -> str:
    """A value's name on the network that returns it."""
    return name.removeprefix("real_").removeprefix("fake_")


def network(game: Game, player: Player) -> str:
    """A network, in a sentence."""
    return f"the {player} of architecture '{game.variant.architecture.name}'"


def parts_of(game: Game) -> str:
    """The parts that a value may come from, in a sentence."""
    variant = game.variant
    return (
        f"architecture '{variant.architecture.name}', sampler '{variant.sampler.name}' and "
        f"dataset '{game.data.name}'"
    )


def lacking(game: Game, step: Step, reader: str, name: str) -> ComposeError:
    """The error of a value that is read and that nothing offers."""
    variant = game.variant
    message = (
        f"{reader} reads '{name}' on the {step.player}'s turn; sampler '{variant.sampler.name}' "
        f"with architecture '{variant.architecture.name}' offers: {listed(offered(game, step))}."
    )
    kind = "architecture" if name.startswith(RESERVED) else "sampler"
    return ComposeError(message, missing=(kind, name))


def offered(game: Game, step: Step) -> list[str]:
    """Every name that a step of this game can give a value for."""
    columns = game.train.names if step.rows is not None else ()
    heads = [
        name
        for player in game.nets
        if player != DISCRIMINATOR
        for name in game.heads.get(player, ())
    ]
    for name in (*columns, *ENGINE, *heads, "fake", "real_score", "fake_score"):
        with suppress(Exception):  # what fails is reported elsewhere; it offers nothing
            step[name]
    # The networks as functions, by their players' names, are always there and are not listed.
    return sorted(step.values.keys() - game.nets.keys())


def batch_of(step: Step) -> int:
    """How many samples a step has."""
    for name in ("fake", "real"):
        if name in step.values:
            return len(step[name])
    if step.rows is not None:
        return len(step.rows)
    return len(next(v for v in step.values.values() if isinstance(v, Tensor)))
