"""A generator in eval mode, to sample from."""

from __future__ import annotations

import copy
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from ganzoo.engine.build import staged
from ganzoo.engine.chunks import CHUNK, filled, joined, parts_of, unparted
from ganzoo.engine.fixed import fixed, whole
from ganzoo.engine.ranks import ALONE, Ranks
from ganzoo.engine.returned import check_batch
from ganzoo.engine.standing import MOST_SETTINGS, by_setting, measure, norms, settle
from ganzoo.engine.streams import DefaultRandom, seed_for
from ganzoo.errors import ComposeError
from ganzoo.parts.arguments import MOST
from ganzoo.parts.needs import accepts, as_heads
from ganzoo.parts.space import masks

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ganzoo.engine.fixed import Given
    from ganzoo.parts.part import Sampler
    from ganzoo.parts.rows import Rows
    from ganzoo.parts.space import Space

AT_ONCE = {"cuda": 4, "mps": 4}
"""Chunks that go through the network at once, by the kind of device; one on any other.

A GPU needs many samples to be busy, and a CPU few, that fit its caches. The first chunk goes alone:
a network that draws numbers of its own draws them chunk by chunk.
"""
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
    ranks: Ranks = ALONE
    """Those that share the drawing, chunk by chunk."""
    copies: dict[tuple[tuple[str, float], ...], nn.Module] = field(default_factory=dict)
    """Copies of the network whose statistics are those under a setting of controls."""

    @classmethod
    def copy_of(
        cls, net: nn.Module, *, batches: int = RECALIBRATION_BATCHES, **options: Any
    ) -> FrozenGenerator:
        """A copy of a network in training, its batch norm's running statistics measured anew.

        Those of training lag behind the weights, and those of an average belong to other weights.
        They are the means over ``batches`` of 256 samples. Modules that keep something else of
        their weights, such as singular vectors, bring it in line by a method ``settle`` first.
        """
        made = cls(copy.deepcopy(net), **options)
        settle(made.net)
        made.recalibrate(batches, {})
        return made

    def recalibrate(self, batches: int, setting: Mapping[str, float]) -> None:
        """Measure batch norm's statistics under a setting of controls; then only sample."""
        if norms(self.net):
            given = {k: torch.full((CHUNK,), v, device=self.device) for k, v in setting.items()}
            with DefaultRandom(self.device).leased():
                measure(self.net, (self._calibrating(i, given) for i in range(batches)))
        self.net.eval().requires_grad_(requires_grad=False)

    def under(self, setting: Mapping[str, float]) -> FrozenGenerator:
        """The generator with statistics under controls, which change what it normalizes."""
        key = tuple(setting.items())
        if key not in self.copies:
            if len(self.copies) >= MOST_SETTINGS:
                self.copies.clear()
            made = replace(self, net=copy.deepcopy(self.net).train())
            made.recalibrate(RECALIBRATION_BATCHES, setting)
            self.copies[key] = made.net
        return replace(self, net=self.copies[key])

    def _calibrating(self, number: int, given: Mapping[str, Tensor]) -> dict[str, Any]:
        """What a batch is made from, whose numbers have all come from one stream since 0.1."""
        stream = self._stream(seed_for(number, "recalibrate"))
        return self._named(self._drawn(given, CHUNK, lambda _: stream))

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

    def _stream_of(self, seed: int, start: int, name: str) -> torch.Generator:
        """The stream that one value of the chunk from number ``start`` on is drawn on."""
        return self._stream(seed_for(seed, f"sample {start} {name}"))

    def _stream(self, seed: int) -> torch.Generator:
        return torch.Generator(self.device).manual_seed(seed)

    def _drawn(
        self,
        given: Mapping[str, Tensor],
        n: int,
        stream: Callable[[str], torch.Generator],
        rows: Tensor | None = None,
    ) -> dict[str, Any]:
        """All that the first ``n`` samples of a chunk are made from.

        Given, drawn by the sampler, taken from real rows, or random categories. Each is drawn on
        the stream of its name, for a whole chunk. ``rows`` are the real ones, if they are chosen.
        """
        padded = {name: filled(value) for name, value in given.items()}
        more = {"given": padded} if "given" in accepts(self.sampler.latent) else {}
        drawn = self.sampler.latent(CHUNK, self.spaces, stream("latent"), **more)
        values: dict[str, Any] = {name: value[:n] for name, value in drawn.items()} | unparted(
            given
        )
        # What is given or drawn is known; only rows have values that are not.
        known = torch.ones(n, dtype=torch.bool, device=self.device)
        values = {**dict.fromkeys(masks(values, self.spaces), known), **values}
        columns = () if self.rows is None else self.rows.names
        wanted = {*columns, "progress"}
        optional = [name for name in self.accepts if name in wanted or self._can_draw(name)]
        missing = [name for name in (*self.reads, *optional) if name not in values]
        needed = [name for name in missing if not (self.lazy and self._can_draw(name))]
        if not any(name in columns for name in needed):
            columns = ()
        if self.rows is not None and rows is None and columns:
            rows = self._categories(len(self.rows), stream("rows"))[:n].cpu()
        for name in missing:
            if name == "progress":
                values[name] = self.progress
            elif self.rows is not None and rows is not None and name in columns:
                values[name] = self.rows.column(name, rows).to(self.device)
            elif self._can_draw(name):
                values[name] = self._categories(self.spaces[name].classes or 0, stream(name))[:n]
            elif name in masks(self.reads, self.spaces):
                values[name] = known
            else:
                message = (
                    f"the generator reads '{name}', which sampler '{self.sampler.name}' does "
                    f"not draw; give it, as in sample(n, given={{'{name}': ...}})."
                )
                raise ComposeError(message)
        return values

    def _categories(self, classes: int, stream: torch.Generator) -> Tensor:
        return torch.randint(classes, (CHUNK,), generator=stream, device=self.device)

    def _can_draw(self, name: str) -> bool:
        """Whether a value is a category, which can be drawn without rows."""
        return name in self.spaces and self.spaces[name].classes is not None

    def _named(self, values: Mapping[str, Any]) -> dict[str, Any]:
        taken = [name for name in self.accepts if name in values]
        named = {name: values[name] for name in (*self.reads, *taken)}
        return named | staged(self.net, self.progress)

    def sample(
        self, n: int, *, seed: int = 0, given: Mapping[str, Given] | None = None
    ) -> dict[str, Tensor]:
        """Values of ``n`` samples by name, as the sampler makes them, repeatable by seed.

        The first k of n are those that ``sample(k)`` gives: what they are made from bit for bit,
        images to about 1e-6. ``given`` fixes values that they are made from, for all or (n, ...),
        or a part of one, such as ``code.c1``. Raises OptionError for a name that no sample is made
        from, for another shape, and for a category that is none of the classes.
        """
        n, seed = whole("the number of samples", n, 1), whole("the seed", seed, 0, MOST)
        spaces = self.made_from()
        names = {*self.reads, *self.accepts, *spaces}
        held = fixed(given or {}, n, names=names, spaces=spaces, device=self.device)
        controls = {name: value for name, value in held.items() if name in self.controls()}

        def draw(frozen: FrozenGenerator) -> dict[str, Tensor]:
            return self.sampler.sample(frozen, n, seed=seed, given=held)

        if controls and norms(self.net):
            made = by_setting(controls, lambda setting: draw(self.under(setting)))
        else:
            made = draw(self)
        self._check(made, n)
        return made

    def controls(self) -> Mapping[str, Space]:
        """What its sampler lets a caller set of how it draws, by name."""
        draws = self.sampler.latent
        return self.sampler.controls if "given" in accepts(draws) else {}

    def made_from(self) -> dict[str, Space]:
        """The spaces of what samples are made from, of its parts, as ``code.c1``, and controls."""
        named = {*self.reads, *self.accepts, *self.sampler.spaces(self.spaces)}
        spaces = {name: space for name, space in self.spaces.items() if name in named}
        return {**spaces, **parts_of(spaces), **self.controls()}

    @torch.no_grad()
    def generate(self, n: int, *, seed: int, given: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """``n`` samples as ``fake``, other heads, and all that they were made from, on the CPU.

        Beside the result, memory holds what a few chunks need, however many samples there are.
        """
        made: dict[str, Tensor] = {}
        start, most = 0, CHUNK
        if self.ranks.world > 1:
            return self._shared(n, seed, given)
        while start < n:
            place = slice(start, min(start + most, n))
            found, random = self._made(place, seed, given)
            for name, value in found.items():
                if name not in made:
                    made[name] = torch.empty(n, *value.shape[1:], dtype=value.dtype)
                made[name][place] = value
            start = place.stop
            most = CHUNK * (1 if random else AT_ONCE.get(self.device.type, 1))
        return made

    def _shared(self, n: int, seed: int, given: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """All samples, each chunk of them made by one rank."""

        def made(start: int) -> dict[str, Tensor]:
            found, _ = self._made(slice(start, min(start + CHUNK, n)), seed, given)
            return {name: value.cpu() for name, value in found.items()}

        chunks = self.ranks.spread(range(0, n, CHUNK), made)
        return {name: torch.cat([chunk[name] for chunk in chunks]) for name in chunks[0]}

    def _made(
        self, place: slice, seed: int, given: Mapping[str, Tensor]
    ) -> tuple[dict[str, Tensor], bool]:
        """Samples of some chunks, and whether the network draws random numbers of its own."""
        values = self._values(place, seed, given)
        heads, random = self._heads(values, place, seed)
        found = {k: v for k, v in values.items() if isinstance(v, Tensor)} | heads
        self._check(found, place.stop - place.start)
        return found, random

    def _check(self, made: Mapping[str, Tensor], n: int) -> None:
        check_batch(made, n, f"sampler '{self.sampler.name}' makes", "samples")

    def _values(self, place: slice, seed: int, given: Mapping[str, Tensor]) -> dict[str, Any]:
        """What the samples of some whole chunks, or of the last one, are made from."""
        chunks = []
        for start in range(place.start, place.stop, CHUNK):
            chunk = slice(start, min(start + CHUNK, place.stop))
            drawn = self._drawn(
                {name: value[chunk] for name, value in given.items()},
                chunk.stop - start,
                partial(self._stream_of, seed, start),
                None if self.chosen is None else self.chosen[chunk],
            )
            chunks.append(drawn)
        return joined(chunks)

    def _heads(
        self, values: Mapping[str, Any], place: slice, seed: int
    ) -> tuple[dict[str, Tensor], bool]:
        """The network's heads of some samples, and whether it draws random numbers of its own."""
        random, n = DefaultRandom(self.device), place.stop - place.start
        random.seed(seed_for(seed, f"layers {place.start}"))
        before, named = random.state, self._named(values)
        with random.leased():
            out = self.net(**named)
        draws = not torch.equal(random.state, before)
        if draws and n < CHUNK:  # it draws for a whole chunk: the first must not depend on n
            random.state = before
            with random.leased():
                out = self.net(**{k: filled(v) for k, v in named.items()})
        return {head: value[:n] for head, value in as_heads(out, "fake").items()}, draws
