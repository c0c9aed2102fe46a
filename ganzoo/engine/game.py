"""The game: two networks, their optimizers and the data, played round by round."""

from __future__ import annotations

import copy
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import TYPE_CHECKING, Any, TypeAlias

import torch
from torch import Tensor, nn

from ganzoo.engine import compose
from ganzoo.engine.memory_format import laid_out_like, like, under
from ganzoo.engine.sampling import FrozenGenerator
from ganzoo.engine.step import Step
from ganzoo.engine.streams import DefaultRandom, Order, seed_for
from ganzoo.errors import DataError
from ganzoo.parts.needs import accepts, reads

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

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
        self, variant: Variant, data: Data, *, seed: int = 0, device: str | torch.device = "cpu"
    ) -> None:
        self.variant, self.data, self.seed = variant, data, seed
        self.device = torch.device(device)
        self.rounds, self.progress = 0, 0.0
        if not len(data.train):
            message = f"dataset '{data.name}' has no rows to train on."
            raise DataError(message)
        self.train = data.train.to(self.device)
        self.spaces = {**data.spaces, **variant.sampler.spaces(data.spaces)}
        self.latents = torch.Generator(self.device).manual_seed(seed_for(seed, "latents"))
        self.order = Order(len(data.train), seed, self.train.device)
        self.random = DefaultRandom(self.device)
        self.shown = [r.shown for r in variant.regularizers if r.defines("shown")]
        self.projecting = [r for r in variant.regularizers if r.defines("project")]
        self.nets: dict[Player, nn.Module] = {}
        self.inputs: dict[Player, tuple[str, ...]] = {}
        self.options: dict[Player, tuple[str, ...]] = {}
        for player, _ in variant.turns:
            self._build(player)
        self.params = {player: list(net.parameters()) for player, net in self.nets.items()}
        self.optimizers = {player: self._optimizer(player) for player in self.nets}
        self.max_norm = {p: getattr(variant.optimizers, p).max_norm for p in self.nets}
        self.terms = {player: compose.terms(variant, player) for player in self.nets}
        self.steps: dict[Player, int] = dict.fromkeys(self.nets, 0)
        self.started: dict[str, Any] = {}
        for part in variant.parts():
            if start := getattr(part, "start", None):
                self.random.seed(seed_for(seed, state_key(part)))
                with self.leased():
                    self.started[state_key(part)] = start(self)
        # Only now: a part's start may have changed the generator.
        self.average = None if variant.ema is None else copy.deepcopy(self.nets["generator"])
        self.random.seed(seed_for(seed, "layers"))
        self.log: Log = {}
        self.fetching: set[Player] = set()
        compose.check(self)

    # ------------------------------------------------------------------------- the training step

    def round(self) -> Log:
        """Play every player's turns once; returns the terms of each player's last step."""
        sampler = self.variant.sampler
        self._schedule()
        reads = [p in self.fetching for p, turns in self.variant.turns for _ in range(turns)]
        self.train.ahead(self.order.coming(self.variant.batch, reads))
        with self.leased():
            for player, turns in self.variant.turns:
                for _ in range(turns):
                    drawn = sampler.draw(player, self)
                    for step in sampler.deal(player, self, drawn):
                        self.play(step)
        self.rounds += 1
        return self.log

    def play(self, step: Step) -> None:
        """One update of one player, whose parameters alone get gradients."""
        player, count = step.player, self.steps[step.player]
        terms = {
            name: term.weight * term.every * term.value(step).mean()
            for name, term in self.terms[player].items()
            if count % term.every == 0
        }
        params = self.params[player]
        grads = torch.autograd.grad(sum_of(terms), params, allow_unused=True)
        for param, grad in zip(params, grads, strict=True):
            param.grad = laid_out_like(grad, param)
        if (most := self.max_norm[player]) is not None:
            nn.utils.clip_grad_norm_(params, most)
        self.optimizers[player].step()
        self.steps[player] = count + 1
        # A lazy term that was skipped keeps its last value, so that every log has every term.
        now = {name: term.detach() for name, term in terms.items()}
        self.log[player] = {**self.log.get(player, {}), **now}
        with torch.no_grad():
            for regularizer in self.projecting:
                regularizer.project(self.nets[player], player)
        if self.average is not None and player == "generator":
            self._follow(self.average)

    def _schedule(self) -> None:
        for player, optimizer in self.optimizers.items():
            options = getattr(self.variant.optimizers, player)
            for group in optimizer.param_groups:
                group["lr"] = options.lr_at(self.progress)

    # ----------------------------------------------------------------------------------- set up

    def _build(self, player: Player) -> None:
        self.random.seed(seed_for(self.seed, player))
        with self.leased():
            net = compose.build(self.variant.architecture, player, self.spaces)
            # Read before anything wraps the network and hides the names of its forward.
            skip = int(player == "discriminator")
            self.inputs[player] = reads(net.forward, skip=skip)
            self.options[player] = accepts(net.forward, skip=skip)
            for regularizer in self.variant.regularizers:
                regularizer.attach(net, player)
        if "real" in self.spaces and self.spaces["real"].is_image:
            net = net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.nets[player] = net.to(self.device).train()

    def _optimizer(self, player: Player) -> torch.optim.Optimizer:
        options = getattr(self.variant.optimizers, player)
        kind = torch.optim.AdamW if options.weight_decay else torch.optim.Adam
        return kind(self.params[player], **options.arguments(), fused=True)

    def plays(self, role: str) -> bool:
        """Whether the network behind ``score`` or ``generate`` is in this game."""
        return ("discriminator" if role == "score" else "generator") in self.nets

    def generates(self, name: str) -> bool:
        """Whether a value may be a head of the generator; what it reads, it cannot make."""
        read = (*self.inputs.get("generator", ()), *self.options.get("generator", ()))
        return "generator" in self.nets and name not in read

    def step(self, player: Player, rows: Tensor | None = None, **dealt: Tensor) -> Step:
        """A step of this game; ``rows`` stands for the data's columns, read when they are named."""
        return Step(self, player, rows, **dealt)

    def has_state(self, part: Part) -> bool:
        """Whether a part has state in this game: it defines ``start``."""
        return state_key(part) in self.started

    def state_of(self, part: Part) -> Any:
        """What a part's ``start`` returned."""
        return self.started[state_key(part)]

    @property
    def states(self) -> dict[str, Any]:
        """What parts' starts returned, where it changes: where it has ``state`` and ``restore``."""
        return {name: value for name, value in self.started.items() if hasattr(value, "state")}

    def autocast(self) -> AbstractContextManager[Any]:
        """Reduced precision for one network's forward, where the variant asks for it."""
        if self.variant.precision == "fp32":
            return nullcontext()
        return torch.autocast(self.device.type, dtype=torch.bfloat16)

    def leased(self) -> AbstractContextManager[None]:
        """Inside, torch's default generators are the game's own."""
        return self.random.leased()

    @contextmanager
    def untouched(self) -> Iterator[None]:
        """Whatever runs inside leaves no trace: buffers, random states and positions come back."""
        buffers = [b for net in self.nets.values() for b in net.buffers()]
        saved = [b.clone() for b in buffers]
        random, latents = self.random.state, self.latents.get_state()
        position = self.order.position
        states = {name: copy.deepcopy(state.state()) for name, state in self.states.items()}
        try:
            yield
        finally:
            for buffer, value in zip(buffers, saved, strict=True):
                buffer.copy_(value)
            self.random.state, self.order.position = random, position
            self.latents.set_state(latents)
            for name, state in states.items():
                self.states[name].restore(state)

    @torch.no_grad()
    def _follow(self, average: nn.Module) -> None:
        """Move the average towards the generator; its buffers are copied (averaged ones are worse).

        Early on the decay is smaller, so that the first weights are forgotten.
        """
        net, steps = self.nets["generator"], self.steps["generator"]
        decay = min(self.variant.ema or 0.0, (1 + steps) / (10 + steps))
        torch._foreach_lerp_(tuple(average.parameters()), tuple(net.parameters()), 1 - decay)
        for mine, its in zip(average.buffers(), net.buffers(), strict=True):
            mine.copy_(its)

    def frozen(self) -> FrozenGenerator:
        """The generator to sample from: the average where there is one."""
        net = self.nets["generator"] if self.average is None else self.average
        return FrozenGenerator.of(
            net,
            reads=self.inputs["generator"],
            accepts=self.options["generator"],
            sampler=self.variant.sampler,
            spaces=self.spaces,
            device=self.device,
            rows=self.data.held_out,
            info=self.data.info,
        )

    def sample(
        self, n: int, *, seed: int = 0, given: Mapping[str, Tensor] | None = None
    ) -> dict[str, Tensor]:
        """Values of ``n`` samples by name, repeatable by seed: ``fake``, what it was made from."""
        return self.frozen().sample(n, seed=seed, given=given)

    # ------------------------------------------------------------------------------------ state

    def is_finite(self) -> bool:
        """Whether every parameter is a finite number."""
        params = [param for params in self.params.values() for param in params]
        return all(bool(torch.isfinite(param).all()) for param in params)

    def state(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """Everything the next round depends on: a flat map of tensors, and JSON."""
        tensors: dict[str, Tensor] = {
            "random": self.random.state,
            "latents": self.latents.get_state(),
        }
        nets: dict[str, nn.Module] = {str(player): net for player, net in self.nets.items()}
        if self.average is not None:
            nets["average"] = self.average
        for owner, net in nets.items():
            tensors |= {f"{owner}.{key}": value for key, value in net.state_dict().items()}
        for player, optimizer in self.optimizers.items():
            for i, param in enumerate(self.params[player]):
                moments = optimizer.state.get(param, {})
                tensors |= {f"{player}-optimizer.{i}.{k}": v for k, v in moments.items()}
        for player, terms in self.log.items():
            tensors |= {f"{player}-log.{name}": term for name, term in terms.items()}
        facts: dict[str, Any] = {
            "rounds": self.rounds,
            "progress": self.progress,
            "position": self.order.position,
            "steps": dict(self.steps),
            "parts": {},
        }
        for name, part_state in self.states.items():
            for key, value in part_state.state().items():
                if isinstance(value, Tensor):
                    tensors[f"part.{name}.{key}"] = value
                else:
                    facts["parts"].setdefault(name, {})[key] = value
        return tensors, facts

    def restore(self, tensors: Mapping[str, Tensor], facts: Mapping[str, Any]) -> None:
        """Take up a state that ``state`` returned, by a game of the same variant and data."""
        self.rounds, self.progress = facts["rounds"], facts["progress"]
        self.order.position = facts["position"]
        self.steps.update(facts["steps"])
        self.random.state = tensors["random"].clone()
        self.latents.set_state(tensors["latents"])
        for player, net in self.nets.items():
            net.load_state_dict(under(tensors, f"{player}."))
            log = under(tensors, f"{player}-log.")
            self.log[player] = {name: term.to(self.device) for name, term in log.items()}
        if self.average is not None:
            self.average.load_state_dict(under(tensors, "average."))
        for player, optimizer in self.optimizers.items():
            for i, param in enumerate(self.params[player]):
                moments = under(tensors, f"{player}-optimizer.{i}.")
                optimizer.state[param] = {k: like(v, param) for k, v in moments.items()}
        for name, part_state in self.states.items():
            mine = {**under(tensors, f"part.{name}."), **facts["parts"].get(name, {})}
            part_state.restore(mine)


def sum_of(terms: dict[str, Tensor]) -> Tensor:
    """The sum of scalar terms."""
    first, *others = terms.values()
    return sum(others, first)


def state_key(part: Part) -> str:
    """What a part's state is kept under."""
    return f"{part.kind} {part.name}"
