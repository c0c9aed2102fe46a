"""The game: each player's network and optimizer, and the data, played round by round."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any, TypeAlias

import torch
from torch import Tensor, nn

from ganzoo.engine import check, state
from ganzoo.engine.average import Average
from ganzoo.engine.build import build_optimizer, built, trainable
from ganzoo.engine.dealing import check_dealt, undealt
from ganzoo.engine.fixed import device_of, whole
from ganzoo.engine.memory_format import in_layout_of
from ganzoo.engine.methods import check_columns, check_given, check_methods
from ganzoo.engine.outputs import network
from ganzoo.engine.ranks import ALONE, Ranks
from ganzoo.engine.reader import augmentations, projections, terms
from ganzoo.engine.returned import check_parameters, spaces_of
from ganzoo.engine.sampling import FrozenGenerator
from ganzoo.engine.starting import start_parts
from ganzoo.engine.step import Step
from ganzoo.engine.streams import DefaultRandom, Order, seed_for
from ganzoo.engine.update import checked_term, failure
from ganzoo.errors import OptionError, ZooError
from ganzoo.parts.arguments import MOST
from ganzoo.parts.part import DISCRIMINATOR, GENERATOR
from ganzoo.parts.schedule import is_scheduled

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ganzoo.engine.fixed import Given
    from ganzoo.parts.dataset import Data
    from ganzoo.parts.part import Part, Player
    from ganzoo.parts.variant import Variant

Log: TypeAlias = "dict[Player, dict[str, Tensor]]"
"""The weighted terms of each player's last step, by name; scalars still on the device."""


class Game:
    """A variant set up on data: everything that training changes, and the loop that changes it.

    A variant, data, seed, device and thread count fix every value bit for bit on a CPU. Raises
    ComposeError, before anything is trained, where the parts do not fit each other.
    """

    def __init__(
        self,
        variant: Variant,
        data: Data,
        *,
        seed: int = 0,
        device: str | torch.device = "cpu",
        ranks: Ranks = ALONE,
    ) -> None:
        seed = whole("the seed", seed, 0, MOST)
        check_given(variant, data)
        check_methods(variant)
        check_columns(data, dict(variant.turns))
        ranks.check_batch(variant.batch)
        self.variant, self.data, self.seed, self.ranks = variant, data, seed, ranks
        self.device, self.batch = device_of(device), variant.batch
        self.rounds, self.progress = 0, 0.0
        self.train = data.train.to(self.device)
        self.spaces = {**data.spaces, **spaces_of(variant.sampler, data.spaces)}
        self.latents = torch.Generator(self.device).manual_seed(seed_for(seed, "latents"))
        self.order = Order(len(data.train), seed, self.train.device)
        self.random = DefaultRandom(self.device)
        self.nets: dict[Player, nn.Module] = {}
        self.inputs: dict[Player, tuple[str, ...]] = {}
        self.options: dict[Player, tuple[str, ...]] = {}
        self.heads: dict[Player, tuple[str, ...]] = {}
        """What each network was seen to return; the composition check runs each that is read."""
        for player, _ in variant.turns:
            self._build(player)
        self.params = {player: trainable(net) for player, net in self.nets.items()}
        self.scheduled = variant.is_scheduled
        self._play_as(variant.at(0.0))
        self.optimizers = {
            player: build_optimizer(self.now.optimizers[player], player, params)
            for player, params in self.params.items()
        }
        self.steps: dict[Player, int] = dict.fromkeys(self.nets, 0)
        self.started: dict[str, Any] = {}
        start_parts(self)
        # Only now: a part's start may have changed the generator.
        self.average = None if variant.ema is None else Average(self.nets[GENERATOR])
        self.random.seed(seed_for(seed, "layers"))
        self.log: Log = {}
        self._frozen: tuple[object, FrozenGenerator] | None = None
        self.fetching: set[Player] = set()
        """The players whose turns read rows that are fetched; the composition check finds them."""
        check.composition(self)

    # ------------------------------------------------------------------------- the training step

    def round(self) -> Log:
        """Play every player's turns once; returns the terms of each player's last step."""
        if self.scheduled:
            self._anneal()
        if self.fetching:
            reads = [p in self.fetching for p, turns in self.variant.turns for _ in range(turns)]
            self.train.ahead(map(self.ranks.share, self.order.coming(self.batch, reads)))
        with self.leased():
            for player, turns in self.variant.turns:
                for _ in range(turns):
                    self._turn(player)
        self.ranks.agree_on(self.states)
        self.rounds += 1
        return self.log

    def _turn(self, player: Player) -> None:
        """Play every step that the sampler deals on a player's turn, before the next is dealt."""
        sampler, before = self.now.sampler, self.steps[player]
        try:
            drawn = sampler.draw(player, self)
            for step in sampler.deal(player, self, drawn):
                check_dealt(self, player, step)
                try:
                    self.play(step)
                except Exception as error:
                    error.add_note(f"the update of the {player}")
                    raise
        except ZooError:
            raise
        except Exception as error:
            raise failure(self, player, error) from error
        if self.steps[player] == before:
            raise undealt(self, player, None)

    def play(self, step: Step) -> None:
        """One update of one player, whose parameters alone get gradients."""
        player, count = step.player, self.steps[step.player]
        step.played = True
        with self.ranks.playing(step):
            terms = {
                name: term.weight * term.every * checked_term(self, step, name, term(step)).mean()
                for name, term in self.terms[player].items()
                if count % term.every == 0
            }
        params = self.params[player]
        first, *others = terms.values()
        alone = torch.autograd.grad(sum(others, first), params, allow_unused=True)
        grads, seen = self.ranks.averaged(alone, [term.detach() for term in terms.values()])
        for param, grad in zip(params, grads, strict=True):
            param.grad = in_layout_of(grad, param)
        if (most := self.now.optimizers[player].max_norm) is not None:
            for param in params:  # two may share one gradient, which would be scaled down twice
                param.grad = None if param.grad is None else param.grad.clone()
            nn.utils.clip_grad_norm_(params, most)
        self.optimizers[player].step()
        self.steps[player] = count + 1
        # A lazy term that was skipped keeps its last value, so that every log has every term.
        now = zip(terms, seen, strict=True)
        self.log[player] = {**self.log.get(player, {}), **dict(now)}
        with torch.no_grad():
            for project in self.projecting[player]:
                project(step, self.nets[player], player)
        if self.average is not None and player == GENERATOR:
            self.average.follow(self.steps[player], self.now.ema or 0.0)

    # -------------------------------------------------------------------------------- schedules

    def _anneal(self) -> None:
        """Give every scheduled number its value at the present progress."""
        self._play_as(self.variant.at(self.progress))
        for player, optimizer in self.optimizers.items():
            arguments = self.now.optimizers[player].arguments()
            changing = {
                name: arguments[name]
                for name, value in self.variant.optimizers[player]
                if name in arguments and is_scheduled(value)
            }
            for group in optimizer.param_groups:
                group.update(changing)

    def _play_as(self, now: Variant) -> None:
        """Play with a variant's numbers, none of which is a schedule."""
        self.now = now
        self.terms = {player: terms(now, player) for player in self.nets}
        self.augmenting = augmentations(now)
        self.projecting = {player: projections(now, player) for player in self.nets}

    # ----------------------------------------------------------------------------------- set up

    def _build(self, player: Player) -> None:
        self.random.seed(seed_for(self.seed, player))
        with self.leased():
            made = built(self.variant, player, self.spaces)
        check_parameters(made.net, network(self, player))
        self.inputs[player], self.options[player], net = made.reads, made.accepts, made.net
        if "real" in self.spaces and self.spaces["real"].is_image:
            net = net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.nets[player] = net.to(self.device).train()

    def plays(self, role: str) -> bool:
        """Whether the network behind ``score`` or ``generate`` is in this game."""
        return (DISCRIMINATOR if role == "score" else GENERATOR) in self.nets

    def may_return(self, player: Player, head: str) -> bool:
        """Whether a network is in this game and not known to lack a head."""
        return player in self.nets and head in self.heads.get(player, (head,))

    def step(self, player: Player, rows: Tensor | None = None, **dealt: Tensor) -> Step:
        """A step of this game; ``rows`` stands for the data's columns, read when they are named."""
        rows, values = self.ranks.dealt(rows, dealt)
        return Step(self, player, rows, **values)

    def has_state(self, part: Part) -> bool:
        """Whether a part has state in this game: it defines ``start``."""
        return state.key(part) in self.started

    def state_of(self, part: Part) -> Any:
        """What a part's ``start`` returned."""
        return self.started[state.key(part)]

    @property
    def states(self) -> dict[str, Any]:
        """The states of parts that change: those with ``state`` and ``restore``."""
        return {name: value for name, value in self.started.items() if hasattr(value, "state")}

    def autocast(self) -> AbstractContextManager[Any]:
        """Reduced precision for one network's forward, where the variant asks for it."""
        if self.variant.precision == "fp32":
            return nullcontext()
        return torch.autocast(self.device.type, dtype=torch.bfloat16)

    def leased(self) -> AbstractContextManager[None]:
        """Inside, torch's default generators are the game's own."""
        return self.random.leased()

    def untouched(self) -> AbstractContextManager[None]:
        """Whatever runs inside leaves no trace, but for weights."""
        return state.untouched(self)

    # ---------------------------------------------------------------------------------- sampling

    def frozen(self) -> FrozenGenerator:
        """The generator to sample from, in eval mode: a copy of the average where there is one.

        Copied and calibrated once for the weights as they are, however often it is asked for.
        """
        net = self._sampled()
        tensors = (*net.parameters(), *net.buffers())
        # A change in place moves a tensor's version, but a fused optimizer's does not; steps do.
        versions = [tensor._version for tensor in tensors]  # noqa: SLF001
        weights = (self.rounds, self.progress, *self.steps.values(), *versions)
        if self._frozen is None or self._frozen[0] != weights:
            self._frozen = (weights, FrozenGenerator.copy_of(net, **self.sampling()))
        return self._frozen[1]

    def preview(self) -> FrozenGenerator:
        """The generator as ``frozen`` has it, with batch norm's statistics of one batch of 256."""
        return FrozenGenerator.copy_of(self._sampled(), batches=1, **self.sampling())

    def _sampled(self) -> nn.Module:
        if GENERATOR not in self.nets:
            message = f"'{self.variant.name}' has no generator to draw samples from."
            raise OptionError(message)
        return self.nets[GENERATOR] if self.average is None else self.average.net

    def sampling(self) -> dict[str, Any]:
        """All that a FrozenGenerator of this game has beside the network."""
        return {
            "reads": self.inputs[GENERATOR],
            "accepts": self.options[GENERATOR],
            "sampler": self.variant.sampler.at(self.progress),
            "spaces": self.spaces,
            "device": self.device,
            "rows": self.data.held_out,
            "info": self.data.info,
            "progress": self.progress,
        }

    def sample(
        self, n: int, *, seed: int = 0, given: Mapping[str, Given] | None = None
    ) -> dict[str, Tensor]:
        """Values of ``n`` samples by name, repeatable by seed: ``fake``, what it is made from."""
        return self.frozen().sample(n, seed=seed, given=given)

    # ------------------------------------------------------------------------------------ state

    def is_finite(self) -> bool:
        """Whether every parameter is a finite number."""
        return state.is_finite(self)

    def state(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """Everything that the next round depends on: a flat map of tensors, and JSON."""
        return state.of(self)

    def restore(self, tensors: Mapping[str, Tensor], facts: Mapping[str, Any]) -> None:
        """Take up what ``state`` returned, by a game of the same; ValueError for another's."""
        state.restore(self, tensors, facts)
        if self.scheduled:
            self._anneal()
