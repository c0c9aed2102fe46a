"""The game: each player's network and optimizer, and the data, played round by round."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any, TypeAlias

import torch
from torch import Tensor, nn

from ganzoo.engine import check, shared_fakes, state
from ganzoo.engine.annealed import AnnealedGame
from ganzoo.engine.average import Average
from ganzoo.engine.build import build_optimizer, built, trainable
from ganzoo.engine.dealing import check_dealt, undealt
from ganzoo.engine.fixed import device_of, whole
from ganzoo.engine.graphs.cuda import CudaCapture
from ganzoo.engine.graphs.rounds import Rounds
from ganzoo.engine.memory_format import in_layout_of
from ganzoo.engine.methods import check_columns, check_given, check_methods
from ganzoo.engine.outputs import network
from ganzoo.engine.ranks import ALONE, Ranks
from ganzoo.engine.returned import check_parameters, spaces_of
from ganzoo.engine.sampled import SampledGame
from ganzoo.engine.starting import start_parts
from ganzoo.engine.step import Step
from ganzoo.engine.stepping import Stepper
from ganzoo.engine.streams import DefaultRandom, Order, seed_for
from ganzoo.engine.update import checked_term, failure
from ganzoo.errors import ZooError
from ganzoo.parts.arguments import MOST
from ganzoo.parts.part import DISCRIMINATOR, GENERATOR

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ganzoo.engine.graphs.capture import Capture
    from ganzoo.parts.dataset import Data
    from ganzoo.parts.part import Part, Player
    from ganzoo.parts.variant import Variant

Log: TypeAlias = "dict[Player, dict[str, Tensor]]"
"""The weighted terms of each player's last step, by name; scalars still on the device."""


class Game(AnnealedGame, SampledGame):
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
        self.graphs, self.numbers, self.rounds, self.progress = None, None, 0, 0.0
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
            player: build_optimizer(part, self.now.optimizers[player], player, self.params[player])
            for player, part in variant.optimizers.items()
        }
        self.steppers = {player: Stepper(found) for player, found in self.optimizers.items()}
        self.steps: dict[Player, int] = dict.fromkeys(self.nets, 0)
        self.started: dict[str, Any] = {}
        start_parts(self)
        # Only now: a part's start may have changed the generator.
        self.average = Average(self.nets[GENERATOR]) if variant.averages else None
        self.random.seed(seed_for(seed, "layers"))
        self.log: Log = {}
        self._frozen = None
        self.following: Step | None = None
        """The generator's next step, where one pass of it serves both players."""
        self.fetching: set[Player] = set()
        """The players whose turns read rows that are fetched; the composition check finds them."""
        check.composition(self)

    def use_graphs(self, capture: Capture | None = None) -> None:
        """Play rounds as graphs from now on, where they can be; by default as CUDA's."""
        self.graphs = Rounds(self, capture or CudaCapture(self.device, self.latents))

    def column(self, name: str, rows: Tensor) -> Tensor:
        """A column of the training rows as networks read it, for a step."""
        if self.numbers is not None and self.graphs is not None and name in self.train.fetched:
            return self.graphs.column(name, rows)
        return self.train.column(name, rows)

    # ------------------------------------------------------------------------- the training step

    def round(self) -> Log:
        """Play every player's turns once; returns the terms of each player's last step."""
        if self.scheduled and self.numbers is None:
            self._anneal()
        if self.fetching:
            drawing = [p for p, turns in self.variant.turns for _ in range(turns)]
            drawing = [player for player in drawing if not shared_fakes.follows(self, player)]
            reads = [player in self.fetching for player in drawing]
            self.train.ahead(map(self.ranks.share, self.order.coming(self.batch, reads)))
        with self.leased():
            if self.graphs is None:
                self.play_turns()
            else:
                self.graphs.play()
        self.ranks.agree_on(self.states)
        self.rounds += 1
        return self.log

    def play_turns(self) -> None:
        """Play every player's turns, each dealt from what it draws at its beginning."""
        for player, turns in self.variant.turns:
            for _ in range(turns):
                self.deal(player, self.draw(player))

    def draw(self, player: Player) -> Any:
        """What is chosen on the host for a player's turn."""
        try:
            return shared_fakes.draw(self, player)
        except ZooError:
            raise
        except Exception as error:
            raise failure(self, player, error) from error

    def deal(self, player: Player, drawn: Any) -> None:
        """Play every step that is dealt on a player's turn, before the next is dealt."""
        before = self.steps[player]
        try:
            for step in shared_fakes.deal(self, player, drawn):
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
                name: term.scaled(checked_term(self, step, name, term(step)).mean())
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
        if not self.steppers[player].step():
            self.optimizers[player].step()
        self.steps[player] = count + 1
        # A lazy term that was skipped keeps its last value, so that every log has every term.
        now = zip(terms, seen, strict=True)
        self.log[player] = {**self.log.get(player, {}), **dict(now)}
        with torch.no_grad():
            for project in self.projecting[player]:
                project(step, self.nets[player], player)
        if self.average is not None and player == GENERATOR:
            self.average.follow(self._share(count + 1))

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

    # ------------------------------------------------------------------------------------ state

    def signals(self) -> dict[str, float]:
        """What the states of parts tell of themselves, as ``PART/NAME``; waits for the device."""
        return state.signals(self)

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
        if self.graphs is not None:
            self.graphs.forget()
