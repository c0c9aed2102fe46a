"""The conformance kit for plugin authors: one call holds every part of a plugin to its contract.

::

    def test_the_plugin_keeps_its_word() -> None:
        check_plugin("ganzoo_hinge")

Every failure is an AssertionError whose one sentence names the part.
"""

from __future__ import annotations

import json
import re
from contextlib import contextmanager, suppress
from importlib.metadata import EntryPoint, entry_points
from itertools import product
from math import isfinite
from typing import TYPE_CHECKING, Any

import torch
import typer

from ganzoo.builtin.losses import NonSaturating
from ganzoo.builtin.networks import MlpGenerator, mlp_scorer
from ganzoo.builtin.samplers import Gaussian
from ganzoo.engine.game import Game
from ganzoo.engine.step import ENGINE
from ganzoo.errors import ComposeError, DataError, listed
from ganzoo.parts.dataset import Data
from ganzoo.parts.needs import RESERVED
from ganzoo.parts.part import Architecture, Part, Player
from ganzoo.parts.rows import ResidentRows
from ganzoo.parts.space import Space
from ganzoo.parts.variant import Variant
from ganzoo.plugins.loading import origin_of, reason
from ganzoo.plugins.zoo import GROUP, Zoo

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from types import ModuleType

    from torch import Tensor, nn

    from ganzoo.engine.step import Step
    from ganzoo.parts.dataset import Dataset

ROWS, CLASSES, BATCH, ROUNDS = 32, 3, 8, 2
PLAYED = ("architecture", "loss", "regularizer", "sampler")
"""The kinds of parts that are trained with; of the others only the form is checked."""


def check_plugin(module: str | ModuleType) -> None:
    """Hold a plugin, by itself beside core, to what the engine and other plugins rely on.

    ``module`` is imported where it is a name. Raises AssertionError with one sentence for a fault
    in loading; a part without a kebab-case name, a docstring, or frozen options that survive JSON;
    a part that composes with nothing, or trains to a term that is not finite; a step that changes
    the other player; values dealt but not declared; weights that repeat neither by seed nor after
    a resume; a variant that composes with nothing or does not survive JSON.
    """
    zoo, offers = loaded(module)
    for kind, things in offers.items():
        for thing in things:
            if kind == "variant":
                check_variant(thing, zoo, own_data(offers.get("dataset", [])))
            else:
                check_form(thing, zoo)
    own = {kind: [cls() for cls in offers.get(kind, [])] for kind in PLAYED}
    own["data"] = own_data(offers.get("dataset", []))
    for kind in PLAYED:
        for part in own[kind]:
            check_played(part, own)


def loaded(module: str | ModuleType) -> tuple[Zoo, dict[str, list[Any]]]:
    """A zoo of all that is installed with the plugin last, and what the plugin offers, by kind.

    The others are there because a variant may be composed of their parts.
    """
    name = module if isinstance(module, str) else module.__name__
    points = entry_points(group=GROUP)
    own = next((point for point in points if point.module == name), EntryPoint(name, name, GROUP))
    plugin = own if isinstance(module, str) else (origin_of(own), module)
    zoo = Zoo([*(point for point in points if point.module != name), plugin])
    zoo.add_commands(typer.Typer())
    checked = zoo.plugins[-1]
    assert not checked.faults, str(checked.faults[0])
    hooks = checked.offers or checked.hooks.ganzoo_commands.get_hookimpls()
    assert hooks, f"plugin {checked.origin} offers nothing."
    return zoo, checked.offers


# --------------------------------------------------------------------------------- form and JSON


def check_form(cls: Any, zoo: Zoo) -> None:
    """It has a name, a docstring, and options that are frozen and survive JSON."""
    who = f"{cls.kind} '{cls.name}'"
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", cls.name), f"{who} is not named in kebab-case."
    assert (cls.__dict__.get("__doc__") or "").strip(), f"{who} has no docstring."
    if not issubclass(cls, Part):
        return
    assert cls.model_config.get("frozen"), f"{who} is not frozen: its options could change."
    assert not cls.__private_attributes__, (
        f"{who} holds '{min(cls.__private_attributes__)}' beside its options; what changes belongs "
        "to the game: return it from start(self, game)."
    )
    needed = [name for name, option in cls.model_fields.items() if option.is_required()]
    if needed and cls.kind not in PLAYED:
        return  # a folder of images has no default
    assert not needed, f"{who} has no default for its option '{needed[0]}'."
    with worded(f"{who} does not survive JSON"):
        again = zoo.part(cls.kind, json.loads(json.dumps(cls().spec())))
        assert again == cls(), f"{who} does not survive JSON: {again!r} came back."


def check_variant(variant: Variant, zoo: Zoo, own: list[Data]) -> None:
    """It survives JSON and composes on something."""
    who = f"variant '{variant.name}'"
    with worded(f"{who} does not survive JSON"):
        again = zoo.variant(json.loads(json.dumps(variant.spec())))
        assert again == variant, f"{who} does not survive JSON: {again!r} came back."
    next(fitting(who, [variant], own))


@contextmanager
def worded(failure: str) -> Iterator[None]:
    """Say in one sentence what went wrong inside, whatever it was."""
    try:
        yield
    except AssertionError:
        raise
    except Exception as error:
        message = f"{failure}: {reason(error)}."
        raise AssertionError(message) from error


# ----------------------------------------------------------------------------------- composition


class Plain(Architecture):
    """Perceptrons without batch norm, blind to labels; any loss, penalty or sampler fits them."""

    def generator(self, z: Space, real: Space) -> nn.Module:
        """``z`` to a sample, (N, *real.shape)."""
        return MlpGenerator(z.size, [16], real)

    def discriminator(self, real: Space) -> nn.Module:
        """A sample to its score, (N,)."""
        return mlp_scorer(real, [16])


def tiny(*shape: int, classes: int | None = None) -> Data:
    """Noise: bytes for an image, else numbers, with labels where there are classes."""
    stream = torch.Generator().manual_seed(0)
    spaces = {"real": Space(shape=shape)}
    columns = {"real": torch.randn(ROWS, *shape, generator=stream)}
    if spaces["real"].is_image:
        spaces["real"] = Space(shape=shape, bounded=True)
        columns["real"] = (columns["real"] * 64 + 128).clamp(0, 255).byte()
    if classes is not None:
        spaces["label"] = Space(classes=classes)
        columns["label"] = torch.arange(ROWS) % classes
    rows = ResidentRows(columns)
    name = f"noise of {spaces['real']}" + (" with labels" if classes else "")
    return Data(name, rows, rows, spaces)


def own_data(datasets: Iterable[type[Dataset]]) -> list[Data]:
    """The first of a plugin's datasets that is there: its parts may fit nothing else."""
    for cls in datasets:
        with suppress(DataError):
            if not any(option.is_required() for option in cls.model_fields.values()):
                return [cls().load()]
    return []


def variants_of(part: Part, own: dict[str, list[Any]]) -> Iterator[Variant]:
    """The part in the company of its plugin's own parts, then of plain ones."""
    alone = {part.kind: [part]}
    architectures = alone.get("architecture", [*own["architecture"], Plain()])
    samplers = alone.get("sampler", [*own["sampler"], Gaussian(dim=4)])
    for architecture, sampler, game in product(architectures, samplers, objectives(part, own)):
        yield Variant(name="check", architecture=architecture, sampler=sampler, batch=BATCH, **game)


def objectives(part: Part, own: dict[str, list[Any]]) -> Iterator[dict[str, Any]]:
    """The losses and regularizers of a variant with the part.

    A usual loss for what it lacks; with the plugin's own losses of a generator, also alone.
    """
    usual = NonSaturating()
    losses = [part] if part.kind == "loss" else [usual, *own["loss"]]
    others = {"regularizers": (part,) if part.kind == "regularizer" else ()}
    for loss in losses:
        if not hasattr(loss, "discriminator"):
            yield {"loss": usual, "generator_loss": loss, **others}
            yield {"loss": loss, "turns": (("generator", 1),), **others}
        elif not hasattr(loss, "generator"):
            yield {"loss": loss, "generator_loss": usual, **others}
        else:
            yield {"loss": loss, **others}


def fitting(
    who: str, variants: Iterable[Variant], own: list[Data]
) -> Iterator[tuple[Variant, Data]]:
    """What composes, in turn; fails where nothing does."""
    kinds = [
        tiny(1, 8, 8),
        tiny(3, 16, 16, classes=CLASSES),
        tiny(2),
        tiny(2, classes=CLASSES),
        *own,
    ]
    refusal, found = "", False
    for variant, data in product(variants, kinds):
        try:
            Game(variant, data)
        except ComposeError as error:
            refusal = str(error)
            continue
        found = True
        yield variant, data
    assert found, f"{who} composes with nothing: {refusal}"


# -------------------------------------------------------------------------------------- training


def check_played(part: Part, own: dict[str, list[Any]]) -> None:
    """It trains where it fits, and every value repeats bit for bit."""
    who = f"{part.kind} '{part.name}'"
    fits = fitting(who, variants_of(part, own), own["data"])
    first = next(fits)
    if part.kind == "architecture":
        list(fits)  # it also holds its word on the data that it does not fit
    with worded(f"{who} breaks in training on {first[1].name}"):
        game, twin = trained(who, *first), trained(who, *first)
        assert same(game, twin), (
            f"{who} ends with other weights when the same seed is played twice; what changes "
            "belongs to the game: return it from start(self, game)."
        )
        check_resumed(who, game)
    if part.kind == "sampler":
        declared = set(getattr(part, "deals", ())) - set(game.train.names)
        assert declared == game.dealt, (
            f"{who} declares that it deals {listed(declared)}; it deals {listed(game.dealt)}."
        )


class WatchedGame(Game):
    """A game that holds each step to the rules."""

    def __init__(self, who: str, variant: Variant, data: Data) -> None:
        super().__init__(variant, data)
        self.who, self.dealt = who, set[str]()
        self.settled = {player: self._copies(player) for player in self.nets}

    def _copies(self, player: Player) -> list[Tensor]:
        return [param.detach().clone() for param in self.params[player]]

    def play(self, step: Step) -> None:
        """Play it; afterwards the terms are finite and the other player is as it was."""
        computed = {*self.train.names, *ENGINE}
        self.dealt |= {n for n in step.values if not n.startswith(RESERVED)} - computed
        super().play(step)
        for name, term in self.log[step.player].items():
            assert isfinite(term), (
                f"{self.who}: '{name}' is {term.item()} on the {step.player}'s turn of round "
                f"{self.rounds + 1} on {self.data.name}; it must be finite."
            )
        for player, before in self.settled.items():
            assert player == step.player or all(map(torch.equal, before, self.params[player])), (
                f"{self.who} changes the {player}'s parameters on the {step.player}'s turn."
            )
        self.settled[step.player] = self._copies(step.player)


def trained(who: str, variant: Variant, data: Data) -> WatchedGame:
    """A game of a few rounds from the first seed."""
    game = WatchedGame(who, variant, data)
    for _ in range(ROUNDS):
        game.round()
    return game


def check_resumed(who: str, game: Game) -> None:
    """A game that takes up the state of another plays the same next round."""
    tensors, facts = game.state()
    saved = {name: value.detach().clone() for name, value in tensors.items()}
    with worded(f"{who} keeps a state that is neither tensors nor JSON"):
        facts = json.loads(json.dumps(facts))
    other = Game(game.variant, game.data)
    other.restore(saved, facts)
    game.round()
    other.round()
    assert same(game, other), (
        f"{who} plays another round after a resume than without; state() and restore() must carry "
        "all that changes."
    )


def same(one: Game, other: Game) -> bool:
    """Whether everything that the next round depends on is equal, bit for bit."""
    (tensors, facts), (others, other_facts) = one.state(), other.state()
    equal = all(name in others and torch.equal(t, others[name]) for name, t in tensors.items())
    return equal and len(tensors) == len(others) and written(facts) == written(other_facts)


def written(facts: dict[str, Any]) -> str:
    """Facts as JSON; whether they can be, ``check_resumed`` says."""
    return json.dumps(facts, default=repr)
