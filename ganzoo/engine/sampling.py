"""Networks in eval mode: a generator to sample from, and networks run over the data's rows."""

from __future__ import annotations

import copy
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from ganzoo.engine.streams import DefaultRandom, seed_for
from ganzoo.errors import ComposeError, OptionError, listed
from ganzoo.parts.needs import accepts, as_heads
from ganzoo.parts.part import DISCRIMINATOR
from ganzoo.parts.space import masks

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ganzoo.engine.game import Game
    from ganzoo.parts.part import Player, Sampler
    from ganzoo.parts.rows import Rows
    from ganzoo.parts.space import Space

RECALIBRATION_BATCHES = 16


@dataclass(frozen=True, slots=True)
class FrozenGenerator:
    """A generator in eval mode, what its forward names, its sampler, and what is known of the data.

    ``rows``, where there are some, are real ones that samples may be conditioned on: ``chosen`` of
    them by number, int64, (N,), or as many at random. ``progress`` is the share of the budget that
    the generator was trained for.
    """

    net: nn.Module
    reads: tuple[str, ...]
    accepts: tuple[str, ...]
    sampler: Sampler
    spaces: Mapping[str, Space]
    device: torch.device
    rows: Rows | None = None
    info: Mapping[str, object] = field(default_factory=dict)
    progress: float = 1.0
    chosen: Tensor | None = None
    lazy: bool = False
    """Whether rows are read only where something cannot be drawn: they are loaded for it."""

    @classmethod
    def copy_of(cls, net: nn.Module, **options: Any) -> FrozenGenerator:
        """A copy of a network in training, its batch norm's running statistics measured anew.

        Those of training lag behind the weights, and those of an average belong to other weights.
        """
        made = cls(copy.deepcopy(net), **options)
        made._recalibrate()
        made.net.eval().requires_grad_(requires_grad=False)
        return made

    @torch.no_grad()
    def _recalibrate(self, batch: int = 256) -> None:
        kind = nn.modules.batchnorm._BatchNorm  # noqa: SLF001  (torch has no public name for it)
        norms = [module for module in self.net.modules() if isinstance(module, kind)]
        if not norms:
            return
        for norm in norms:
            norm.reset_running_stats()
            norm.momentum = None  # the mean over all batches seen
        random = DefaultRandom(self.device)
        with random.leased():
            for i in range(RECALIBRATION_BATCHES):
                self.net(**self._named(self._drawn(batch, seed_for(i, "recalibrate"), {})))

    # ------------------------------------------------------------------- what samples are made from

    def conditions(self) -> tuple[str, ...]:
        """The columns of the data that samples are made from; the sampler draws none of them."""
        columns = () if self.rows is None else self.rows.names
        try:
            drawn = self.sampler.latent(1, self.spaces, torch.Generator(self.device))
        except NotImplementedError:  # it makes samples in another way
            return ()
        return tuple(n for n in (*self.reads, *self.accepts) if n in columns and n not in drawn)

    def conditioned_on(self, rows: Tensor) -> FrozenGenerator:
        """The generator whose samples are made from these rows, int64, (N,), in order."""
        return replace(self, chosen=rows)

    def _drawn(self, n: int, seed: int, given: Mapping[str, Tensor]) -> dict[str, Any]:
        """All that ``n`` samples are made from: given, drawn, real rows, or random categories."""
        stream = torch.Generator(self.device).manual_seed(seed)
        fixed = {"given": given} if "given" in accepts(self.sampler.latent) else {}
        drawn = self.sampler.latent(n, self.spaces, stream, **fixed)
        values: dict[str, Any] = {**drawn, **whole(given)}
        # What is given or drawn is known; only rows have values that are not.
        known = torch.ones(n, dtype=torch.bool, device=self.device)
        values = {**dict.fromkeys(masks(values, self.spaces), known), **values}
        columns = () if self.rows is None else self.rows.names
        optional = [n for n in self.accepts if n in columns or n == "progress" or self._can_draw(n)]
        missing = [name for name in (*self.reads, *optional) if name not in values]
        rows = self.chosen
        needed = [name for name in missing if not (self.lazy and self._can_draw(name))]
        if not any(name in columns for name in needed):
            columns = ()
        if self.rows is not None and rows is None and columns:
            rows = torch.randint(len(self.rows), (n,), generator=stream, device=self.device).cpu()
        for name in missing:
            if name == "progress":
                values[name] = self.progress
            elif self.rows is not None and rows is not None and name in columns:
                values[name] = self.rows.column(name, rows).to(self.device)
            elif self._can_draw(name):
                classes = self.spaces[name].classes or 0
                values[name] = torch.randint(classes, (n,), generator=stream, device=self.device)
            elif name in masks(self.reads, self.spaces):
                values[name] = known
            else:
                message = (
                    f"the generator reads '{name}', which sampler '{self.sampler.name}' does "
                    f"not draw; give it, as in sample(n, given={{'{name}': ...}})."
                )
                raise ComposeError(message)
        return values

    def _can_draw(self, name: str) -> bool:
        """Whether a value is a category, which can be drawn without rows."""
        return name in self.spaces and self.spaces[name].classes is not None

    def _named(self, values: Mapping[str, Any]) -> dict[str, Any]:
        taken = [name for name in self.accepts if name in values]
        return {name: values[name] for name in (*self.reads, *taken)}

    def sample(
        self, n: int, *, seed: int = 0, given: Mapping[str, Tensor] | None = None
    ) -> dict[str, Tensor]:
        """Values of ``n`` samples by name, as the sampler makes them, repeatable by seed.

        ``given`` fixes values that they are made from, (n, ...) each, or a part of one, such as
        ``code.c1``. Raises OptionError for a name that no sample is made from, and for a category
        that is none of the classes.
        """
        if n < 1:
            message = f"{n} samples cannot be drawn; draw 1 or more."
            raise OptionError(message)
        given = given or {}
        spaces = self.made_from()
        named = {*self.reads, *self.accepts, *spaces}
        for name, value in given.items():
            if name not in named:
                known = listed(named)
                message = f"no sample is made from '{name}'; given may be: {known}."
                raise OptionError(message)
            space = spaces.get(name)
            if space is not None and (wrong := space.outside(value)) is not None:
                message = f"{name} {wrong} is none of the {space.domain}."
                raise OptionError(message)
        return self.sampler.sample(self, n, seed=seed, given=given)

    def made_from(self) -> dict[str, Space]:
        """The spaces of what samples are made from, and of its parts, by names as ``code.c1``."""
        named = {*self.reads, *self.accepts, *self.sampler.spaces(self.spaces)}
        spaces = {name: space for name, space in self.spaces.items() if name in named}
        return spaces | parts_of(spaces)

    @torch.no_grad()
    def generate(
        self, n: int, *, seed: int, given: Mapping[str, Tensor], chunk: int = 1024
    ) -> dict[str, Tensor]:
        """``n`` samples as ``fake``, other heads, and all that they were made from.

        ``chunk`` bounds memory.
        """
        values = self._drawn(n, seed_for(seed, "sample"), given)
        named = self._named(values)
        made: dict[str, list[Tensor]] = {}
        random = DefaultRandom(self.device)
        random.seed(seed_for(seed, "layers"))
        with random.leased():
            for start in range(0, n, chunk):
                chosen = slice(start, start + chunk)
                part = {k: v[chosen] if isinstance(v, Tensor) else v for k, v in named.items()}
                for head, out in as_heads(self.net(**part), "fake").items():
                    made.setdefault(head, []).append(out.cpu())
        samples = {head: torch.cat(parts) for head, parts in made.items()}
        made_from = {k: v.cpu() for k, v in values.items() if isinstance(v, Tensor)}
        return {**made_from, **samples}


def parts_of(spaces: Mapping[str, Space]) -> dict[str, Space]:
    """The parts of joined spaces, by names as ``code.c1``."""
    return {f"{n}.{k}": part for n, space in spaces.items() for k, part in space.parts.items()}


def whole(given: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The values given whole; a part of one, as ``code.c1``, is for the sampler to put in place."""
    return {name: value for name, value in given.items() if "." not in name}


@torch.no_grad()
def heads_on_rows(game: Game, player: Player, rows: Rows, chunk: int = 1024) -> dict[str, Tensor]:
    """Every head of a network on rows of the data by name, (N, ...), on the CPU.

    In eval mode. The discriminator's, of real samples, are called ``real_<head>``. Empty where the
    network is not in this game, or reads what the rows do not have.
    """
    offered = {*rows.names, "progress"}
    sample = ("real",) if player == DISCRIMINATOR else ()
    if player not in game.nets or not {*sample, *game.inputs[player]} <= offered:
        return {}
    named = [*game.inputs[player], *(n for n in game.options[player] if n in offered)]
    prefix = "real_" if player == DISCRIMINATOR else ""
    made: dict[str, list[Tensor]] = {}
    net = game.nets[player].eval()
    random = DefaultRandom(game.device)  # a network may draw noise: the same each time
    try:
        with random.leased():
            for start in range(0, len(rows), chunk):

                def value(name: str, part: slice = slice(start, start + chunk)) -> Any:
                    on_rows = name != "progress"
                    return rows.column(name, part).to(game.device) if on_rows else game.progress

                out = net(*map(value, sample), **{name: value(name) for name in named})
                for head, found in as_heads(out, "score").items():
                    made.setdefault(f"{prefix}{head}", []).append(found.cpu())
    finally:
        net.train()
    return {name: torch.cat(parts) for name, parts in made.items()}


def discriminator_heads(game: Game, rows: Rows, chunk: int = 1024) -> dict[str, Tensor]:
    """Every head of a game's discriminator on real rows, as ``real_<head>``."""
    return heads_on_rows(game, DISCRIMINATOR, rows, chunk)
