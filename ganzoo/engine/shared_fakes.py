"""Samples that both players share: the generator's turn goes on with the discriminator's."""

from __future__ import annotations

from itertools import islice, pairwise
from typing import TYPE_CHECKING, Any

from ganzoo.engine.returned import worded
from ganzoo.engine.step import Step
from ganzoo.errors import ComposeError
from ganzoo.parts.needs import RESERVED
from ganzoo.parts.part import DISCRIMINATOR, GENERATOR

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ganzoo.engine.game import Game
    from ganzoo.parts.part import Player

REMARK = (
    "The generator's turn takes the samples of the discriminator's last step, so that they are "
    "made once for both; this is another algorithm than with samples of its own."
)


def remarks(game: Game) -> list[str]:
    """What is to be said of whose samples the generator's turn takes."""
    return [REMARK] if game.variant.fakes == "shared" else []


def follows(game: Game, player: Player) -> bool:
    """Whether a player's turn goes on with the step before it, so that nothing is dealt for it."""
    return player == GENERATOR and game.variant.fakes == "shared"


def draw(game: Game, player: Player) -> Any:
    """What a player's turn is made from, as its sampler draws it; None where it follows another."""
    return None if follows(game, player) else game.now.sampler.draw(player, game)


def deal(game: Game, player: Player, drawn: Any) -> Iterable[Step]:
    """The steps of a player's turn, each to be played before the next is asked for."""
    if follows(game, player):
        step, game.following = game.following, None
        return [] if step is None else [step]
    dealt = game.now.sampler.deal(player, game, drawn)
    shared = player == DISCRIMINATOR and game.variant.fakes == "shared"
    return followed(game, dealt) if shared else dealt


def followed(game: Game, dealt: Iterable[Step]) -> Iterator[Step]:
    """The discriminator's steps, each with the generator's step of the same values behind it."""
    for step in dealt:
        if isinstance(step, Step):  # anything else is refused by whoever plays it
            values = {name: step.values[name] for name in step.dealt}
            game.following = step.following = Step(game, GENERATOR, step.rows, **values)
        yield step


# --------------------------------------------------------------------------- what cannot share them


def check_shared(game: Game) -> None:
    """Raise ComposeError where players are to share samples and the game does not allow it."""
    if game.variant.fakes == "shared":
        refuse(misplaced(game) or tied(game) or dealt_otherwise(game))


def check_followed(step: Step) -> None:
    """Raise ComposeError where samples outlive an update that changes what they depend on."""
    known = () if step.following is None else step.following.values
    scores = [name for name in known if name.startswith(RESERVED)]
    refuse(f"the generator reads '{min(scores)}', a head of the discriminator" if scores else "")


def refuse(why: str) -> None:
    """Raise ComposeError for a reason, if there is one."""
    if why:
        message = f"fakes=shared does not fit: {why}; use fakes=own."
        raise ComposeError(message)


def misplaced(game: Game) -> str:
    """Why the turns do not fit; empty if they do."""
    turns = game.variant.turns
    players = [player for player, _ in turns]
    if (DISCRIMINATOR, GENERATOR) in pairwise(players) and dict(turns)[GENERATOR] == 1:
        return ""
    told = ", ".join(f"{player} {count}" for player, count in turns)
    return f"one turn of the generator must follow the discriminator's, and the turns are {told}"


def tied(game: Game) -> str:
    """Why the networks do not fit: an update of one would change the other's."""
    own = {id(param) for param in game.nets[GENERATOR].parameters()}
    common = any(id(param) in own for param in game.params[DISCRIMINATOR])
    return "the generator and the discriminator have parameters in common" if common else ""


def dealt_otherwise(game: Game) -> str:
    """Why the sampler does not fit; empty if each turn is one step of the same values."""
    who = f"sampler '{game.variant.sampler.name}'"
    named: set[str] | None = None
    for player in (DISCRIMINATOR, GENERATOR):
        with worded(f"{who} fails to deal on the {player}'s turn"):
            drawn = game.now.sampler.draw(player, game)
            steps = iter(game.now.sampler.deal(player, game, drawn))
            names = {name for step in islice(steps, 1) for name in step.dealt}
            if "fake" in names:
                return f"{who} deals 'fake' itself"
            if next(steps, None) is not None:
                return f"{who} deals several steps on the {player}'s turn"
        named = names if named is None else named ^ names
    return f"{who} deals '{min(named)}' on one player's turn only" if named else ""
