"""What networks return in training: heads by name, one value for each sample."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from torch import Tensor

from ganzoo.engine.returned import is_plain, kind_of
from ganzoo.errors import ComposeError, quoted
from ganzoo.parts.needs import RESERVED, as_heads
from ganzoo.parts.part import DISCRIMINATOR, GENERATOR

if TYPE_CHECKING:
    from ganzoo.engine.game import Game
    from ganzoo.engine.reader import Reader
    from ganzoo.engine.step import Seen, Step
    from ganzoo.parts.part import Player

ONLY_HEAD = {DISCRIMINATOR: "score", GENERATOR: "fake"}
"""The name of what a network returns that does not return a dict."""


def heads_of(
    game: Game, player: Player, out: Any, *, judged: Tensor | None, whole: bool
) -> dict[str, Tensor]:
    """A network's output as float32 heads by name.

    ``judged`` is the sample that a discriminator saw; ``whole`` says that the network read a whole
    step, so that each sample and each score must fit it. Raises ComposeError.
    """
    heads = {ONLY_HEAD.get(player, ""): out} if isinstance(out, Tensor) else out
    if not isinstance(heads, dict) or not all(map(is_plain, heads.values())):
        raise no_heads(game, player, heads)
    if player not in game.heads:
        game.heads[player] = head_names(game, player, out)
    if whole and judged is not None and "score" in heads:
        if heads["score"].shape[:1] != judged.shape[:1]:
            check_head(game, player, "fake_score", heads["score"], len(judged))
    elif whole and player == GENERATOR and "fake" in heads and "real" in game.spaces:
        fake = heads["fake"]
        if fake.shape[1:] != game.spaces["real"].shape or not fake.dim():
            check_head(game, player, "fake", fake, len(fake) if fake.dim() else game.batch)
    return as_heads(heads, "")


def no_heads(game: Game, player: Player, heads: object) -> ComposeError:
    """The error of an output that is not tensors by name."""
    who = network(game, player)
    if not isinstance(heads, dict):
        bare = f"a tensor, or a dict with '{ONLY_HEAD.get(player)}' in it"
        must = bare if player in ONLY_HEAD else "a dict of tensors by name"
        return ComposeError(f"{who} returns {kind_of(heads)}; it must be {must}.")
    name, value = next((n, v) for n, v in heads.items() if not is_plain(v))
    what = f"{kind_of(value)} as {quoted(name)}"
    return ComposeError(f"{who} returns {what}; it must be a dense tensor of real numbers.")


def head_names(game: Game, player: Player, out: Tensor | dict[str, Tensor]) -> tuple[str, ...]:
    """The heads of a network, once it has run; ComposeError for a wrong name or a column of scores.

    One score per sample in a column, (N, 1), would be broadcast against one in a row, to (N, N).
    """
    score = (
        (out.get("score") if isinstance(out, dict) else out) if player == DISCRIMINATOR else None
    )
    if score is not None and score.dim() == 2 and score.shape[1] == 1 < len(score):  # noqa: PLR2004
        check_head(game, player, "fake_score", score, len(score))
    if isinstance(out, dict):
        odd = [name for name in out if not isinstance(name, str)]
        wrong = [name for name in out if name not in odd and name.startswith(RESERVED)]
        taken = [name for name in out if player != DISCRIMINATOR and name in game.train.names]
        if not odd and not wrong and not taken:
            return tuple(out)
        what = f"{quoted((odd or wrong or taken)[0])}; "
        what += (
            "the name of a value is a text"
            if odd
            else "names that begin so are of the discriminator's heads"
            if wrong
            else "the data have a column of that name"
        )
    elif player in ONLY_HEAD:
        return (ONLY_HEAD[player],)
    else:
        what = f"a {type(out).__name__}; it must be a dict of tensors by name"
    message = f"{network(game, player)} returns {what}."
    raise ComposeError(message)


def check_head(game: Game, player: Player, name: str, value: Tensor, n: int) -> None:
    """Refuse what a network returns as a value of a step, if it is not one value per sample."""
    shape = tuple(value.shape)
    expected, fits = f"({n}, ...)", shape[:1] == (n,)
    if name == "fake" and "real" in game.spaces:
        expected = str((n, *game.spaces["real"].shape))
        fits = str(shape) == expected
    elif name.endswith("_score"):
        # One score per sample in a column would be broadcast against one in a row, to (N, N).
        expected, fits = f"({n},), or ({n}, ...) for a map of scores", fits and shape != (n, 1)
    if not fits:
        message = (
            f"{network(game, player)} returns '{head_of(name)}' of shape {shape}; it must be "
            f"{expected}."
        )
        raise ComposeError(message)


def augmented(augment: Reader, seen: Step | Seen, sample: Tensor) -> Tensor:
    """A sample as a discriminator sees it. Raises ComposeError where it has another shape."""
    found: object = augment(seen, sample)
    if is_plain(found) and found.shape == sample.shape:
        return found
    message = (
        f"'{augment.part.name}' returns {kind_of(found)} from augment; it must be a tensor of "
        f"shape {tuple(sample.shape)}, as the sample is."
    )
    raise ComposeError(message)


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
