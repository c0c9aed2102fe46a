"""The composition check: needs against values before training; compose errors are worded here."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from ganzoo.engine.dealing import check_values, first_step
from ganzoo.engine.masks import check_masks
from ganzoo.engine.outputs import check_head, head_of, network, parts_of
from ganzoo.engine.returned import check_finite, check_latent, worded
from ganzoo.engine.sampling import FrozenGenerator
from ganzoo.engine.shared_fakes import check_followed, check_shared
from ganzoo.engine.step import ENGINE, Missing
from ganzoo.engine.update import batch_of, check_term, check_update
from ganzoo.errors import ComposeError, first_line, listed
from ganzoo.parts.needs import RESERVED
from ganzoo.parts.part import DISCRIMINATOR, GENERATOR

if TYPE_CHECKING:
    from ganzoo.engine.game import Game
    from ganzoo.engine.reader import Reader
    from ganzoo.engine.step import Step


def composition(game: Game) -> None:
    """Deal each player one step at the real batch size, and hold every value against its rule.

    Then draw two samples. Leaves no trace in the game. Raises ComposeError, which names the parts
    and the value.
    """
    with game.untouched(), game.leased():
        check_latent(game.now.sampler, game.spaces, game.device)
        check_shared(game)
        for player, _ in game.variant.turns:
            step = first_step(game, player)
            check_values(game, step)
            check_masks(game, step)
            check_step(game, step)
            check_followed(step)
            if game.train.fetched & step.values.keys():
                game.fetching.add(player)
        if GENERATOR in game.nets:
            check_sampling(game)


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
        check_finite(values[name], f"the values that '{name}' returns on the {player}'s turn")
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
    check_update(game, player, grads)


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
        judged = game.heads.get(DISCRIMINATOR) == () or any(
            known.startswith(name.removesuffix("score")) for known in step.values
        )
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
    source = step.source(name)
    if source in game.nets:
        check_head(game, source, name, step.values[name], batch_of(step))


def check_sampling(game: Game) -> None:
    """Two samples can be drawn; by the network as it is, since a copy would cost more."""
    net = game.nets[GENERATOR].eval()
    try:
        with worded(f"drawing samples fails with {parts_of(game)}"):
            made = FrozenGenerator(net, **game.sampling()).sample(2, seed=0)
    finally:
        net.train()
    if not made:
        message = f"drawing samples makes nothing with {parts_of(game)}."
        raise ComposeError(message)
    if "fake" in made:
        check_head(game, GENERATOR, "fake", made["fake"], 2)
        check_finite(made["fake"], f"samples of {network(game, GENERATOR)}")


# ------------------------------------------------------------------------------------------- words


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
