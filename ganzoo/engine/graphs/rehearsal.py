"""Rehearsals: real rounds watched, operation by operation, for what a graph could not replay.

A graph replays the same kernels on the same memory. So two rounds must do the same operations, on
tensors of the same shapes, in the same order, with the same numbers of Python; nothing may be read
on the host; and what comes from outside of a round must stay where it is.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_flatten

from ganzoo.engine.outputs import network
from ganzoo.parts.part import Part

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from types import FrameType

    from ganzoo.engine.game import Game

HOST_READS = ("_linalg_check_errors",)
"""Operations that read values on the host and have no tag that says so."""
ON_THE_HOST = (torch.Tag.data_dependent_output, torch.Tag.dynamic_output_shape)
RANDOM = torch.Tag.nondeterministic_seeded
INDEXING = ("index", "index_put", "index_put_", "_unsafe_index", "_index_put_impl_")
MASKS = (torch.bool, torch.uint8)
CONSTANT_MADE = torch.ops.aten.lift_fresh.default
"""What ends the making of a tensor of Python's numbers; no mode sees it moved to a GPU before."""


class Watching(TorchDispatchMode):  # type: ignore[no-untyped-call]  # as torch leaves it
    """Sees every operation; keeps the first reason why a graph could not replay them."""

    def __init__(self, game: Game) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.game = game
        self.reason: str | None = None
        self.paused = False

    def object_to(self, what: str) -> None:
        """Keep a reason, and who is at work; the first one counts."""
        if self.reason is None:
            self.reason = f"{self.at_work()} {what}"

    def at_work(self) -> str:
        """The part or network that is at work, in a sentence."""
        return at_work(self.game)

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Watch an operation, and do it."""
        kwargs = kwargs or {}
        if self.paused or func.namespace == "profiler":
            return func(*args, **kwargs)
        return self.seen(func, args, kwargs)

    def seen(self, func: Any, args: Any, kwargs: Any) -> Any:
        """Do an operation, and see whether a graph could."""
        raise NotImplementedError


class Drawing(Watching):  # type: ignore[no-untyped-call]
    """Watches ``draw``, which a graph leaves to the host, before all of the round's steps."""

    def __init__(self, game: Game) -> None:
        super().__init__(game)
        self._weights = {
            tensor.untyped_storage().data_ptr()
            for net in game.nets.values()
            for tensor in (*net.parameters(), *net.buffers())
        }
        self._read: dict[int, Tensor] = {}
        self._versions: dict[int, int] = {}

    def __exit__(self, *error: object) -> None:
        """Note what the values that were read are now."""
        super().__exit__(*error)  # type: ignore[no-untyped-call]
        self._versions = {key: tensor._version for key, tensor in self._read.items()}  # noqa: SLF001

    def finish(self) -> None:
        """Object if steps have changed what was drawn from: a graph has all turns draw first."""
        now = {key: tensor._version for key, tensor in self._read.items()}  # noqa: SLF001
        if now != self._versions:
            self.object_to("draws from values that a step changes")

    def at_work(self) -> str:
        """The sampler, whatever it calls."""
        return f"sampler '{self.game.variant.sampler.name}'"

    def seen(self, func: Any, args: Any, kwargs: Any) -> Any:
        """Object to networks that are run, and to the streams that steps draw from."""
        leaves, _ = tree_flatten((args, kwargs))
        generators = [leaf for leaf in leaves if isinstance(leaf, torch.Generator)]
        tensors = [leaf for leaf in leaves if isinstance(leaf, Tensor)]
        if self.reason is None:
            self._read |= {id(tensor): tensor for tensor in tensors if not tensor.is_inference()}
        if any(places(tensor) in self._weights for tensor in tensors):
            self.object_to("runs a network in draw")
        elif RANDOM in func.tags and all(is_same(g, self.game.latents) for g in generators):
            self.object_to("draws the steps' random numbers in draw")
        return func(*args, **kwargs)


class Trial(Watching):  # type: ignore[no-untyped-call]
    """Watches terms that are computed with numbers on the device, for other bits than Python's."""

    def seen(self, func: Any, args: Any, kwargs: Any) -> Any:
        """Object where a scalar is not to a tensor what a number of Python's is."""
        tensors = [leaf for leaf in tree_flatten((args, kwargs))[0] if isinstance(leaf, Tensor)]
        out = func(*args, **kwargs)
        numbers = [t for t in tensors if t.dtype == torch.float64 and not t.dim()]
        others = [t for t in tensors if t.dtype not in {torch.float64, torch.bool}]
        made = [leaf for leaf in tree_flatten(out)[0] if isinstance(leaf, Tensor)]
        if numbers and others and any(leaf.dtype == torch.float64 for leaf in made):
            self.object_to("computes scalars or whole numbers with one that changes")
        elif numbers and others and func is torch.ops.aten.pow.Tensor_Tensor:
            self.object_to("raises values to a power that changes")
        return out


class Rehearsal(Watching):  # type: ignore[no-untyped-call]
    """Watches the steps of a round, and compares them with those of another."""

    def __init__(self, game: Game, first: Rehearsal | None = None) -> None:
        super().__init__(game)
        self.calls: list[tuple[Any, ...]] = []
        self._first = first
        self._made: dict[int, int] = {}
        self._held: list[Tensor] = []

    def seen(self, func: Any, args: Any, kwargs: Any) -> Any:
        """Note an operation: what it is, and where each of its values comes from."""
        leaves, _ = tree_flatten((args, kwargs))
        tensors = [leaf for leaf in leaves if isinstance(leaf, Tensor)]
        if (what := self._unrecordable(func, leaves, tensors)) is not None:
            self.object_to(what)
        is_constant = func is CONSTANT_MADE
        if is_constant and any(t.dim() or t.device.type != "cpu" for t in tensors):
            self.object_to("makes a tensor of numbers of Python's, which is copied from the host")
        call = (func, *((constant if is_constant else self._described)(leaf) for leaf in leaves))
        self._compare(call)
        self.calls.append(call)
        before = {places(tensor) for tensor in tensors} if not is_constant else set()
        out = func(*args, **kwargs)
        for leaf in tree_flatten(out)[0]:
            if isinstance(leaf, Tensor) and places(leaf) not in before:
                self._made[places(leaf)] = len(self.calls)
        return out

    def finish(self, before: dict[str, object]) -> None:
        """Object if the other round did more, or numbers of Python have changed in this one."""
        if self._first is not None and len(self._first.calls) != len(self.calls):
            self.object_to("does something else in another round")
        after = numbers_of_python(self.game)
        changed = next((who for who in before if before[who] != after.get(who)), None)
        if self.reason is None and changed is not None:
            self.reason = f"{changed}, a number of Python that changes"

    def _unrecordable(self, func: Any, leaves: list[Any], tensors: list[Tensor]) -> str | None:
        name = func.__name__.partition(".")[0]
        if name in INDEXING:
            if any(tensor.dtype in MASKS for tensor in tensors[1:]):
                return "selects by a mask, whose number of values is read on the host"
        elif name in HOST_READS or any(tag in func.tags for tag in ON_THE_HOST):
            return f"reads values on the host ({name})"
        generators = [leaf for leaf in leaves if isinstance(leaf, torch.Generator)]
        if not all(is_same(generator, self.game.latents) for generator in generators):
            return "draws from a random stream of its own"
        copies = name in {"_to_copy", "copy_"}  # others take a host's scalar for a number
        devices = {tensor.device.type for tensor in tensors if copies or tensor.dim()}
        devices |= {leaf.type for leaf in leaves if copies and isinstance(leaf, torch.device)}
        if len(devices) > 1:
            return "moves values between the host and the device"
        here = self.game.device.type
        if func._schema.is_mutable and any(t.device.type != here for t in tensors[:1]):  # noqa: SLF001
            return "changes a tensor on the host"
        return None

    def _described(self, leaf: Any) -> Any:
        if not isinstance(leaf, Tensor):
            if isinstance(leaf, torch.Generator):
                return "stream"
            if isinstance(leaf, torch.ScriptObject):  # the group of an all-reduce, without ==
                return str(leaf)
            return repr(leaf) if isinstance(leaf, float) else leaf  # NaN is not equal to itself
        made = self._made.get(places(leaf))
        if made is None:  # kept, so that no other can come to its place
            self._held.append(leaf)
        where = ("held", places(leaf)) if made is None else ("made", made)
        return (where, leaf.storage_offset(), leaf.stride(), tuple(leaf.shape), leaf.dtype)

    def _compare(self, call: tuple[Any, ...]) -> None:
        if self._first is None or self.reason is not None:
            return
        number = len(self.calls)
        other = self._first.calls[number] if number < len(self._first.calls) else ()
        if call == other:
            return
        if other[:1] != call[:1] or len(call) != len(other):
            self.object_to("does something else in another round")
            return
        then, now = next((a, b) for a, b in zip(other, call, strict=True) if a != b)
        if not (isinstance(then, tuple) and isinstance(now, tuple)):
            self.object_to(f"computes with a number that changes, {then} and then {now}")
        elif then[2:] != now[2:]:
            self.object_to("has values whose shape changes")
        else:
            self.object_to("reads a tensor that is another in another round")


def places(tensor: Tensor) -> int:
    """Where a tensor's memory begins."""
    return tensor.untyped_storage().data_ptr()


def is_same(one: torch.Generator, other: torch.Generator) -> bool:
    """Whether two objects are one stream; torch wraps it anew for each call."""
    return bool(one._cdata == other._cdata)  # type: ignore[attr-defined]  # noqa: SLF001


def constant(leaf: Any) -> Any:
    """A tensor of Python's numbers, described by them."""
    if not isinstance(leaf, Tensor):
        return leaf
    return (repr(leaf.tolist()), tuple(leaf.shape), leaf.dtype)


def at_work(game: Game) -> str:
    """The part or network that is at work, in a sentence; by the frames of the call."""
    for frame in frames():
        owner = frame.f_locals.get("self")
        if isinstance(owner, Part):
            return f"{owner.kind} '{owner.name}'"
        if isinstance(owner, nn.Module):
            for player, net in game.nets.items():
                if any(owner is module for module in net.modules()):
                    return network(game, player)
        if isinstance(owner, torch.optim.Optimizer):
            for player, optimizer in game.optimizers.items():
                if owner is optimizer:
                    return f"optimizer '{game.now.optimizers[player].name}' of the {player}"
    return "an update"


def frames() -> Iterator[FrameType]:
    """The frames of the call, the innermost first."""
    frame: FrameType | None = sys._getframe(1)  # noqa: SLF001
    while frame is not None:
        yield frame
        frame = frame.f_back


def numbers_of_python(game: Game) -> dict[str, object]:
    """The numbers of Python that parts' states, networks and optimizers keep, by who keeps them."""
    found: dict[str, object] = {}
    for name, value in game.started.items():
        kept = {**getattr(value, "__dict__", {"": value})}
        kept |= value.state() if name in game.states else {}
        found |= plain_in(f"the state of the {name}", kept)
    for player, net in game.nets.items():
        for path, module in net.named_modules():
            where = f" ({path})" if path else ""
            found |= plain_in(f"{network(game, player)}{where}", vars(module))
    for player, optimizer in game.optimizers.items():
        who = f"optimizer '{game.now.optimizers[player].name}' of the {player}"
        found |= plain_in(who, {**vars(optimizer), "state": None})
        for i, moments in enumerate(optimizer.state.values()):
            found |= plain_in(f"{who}, tensor {i},", moments)
    return found


def plain_in(who: str, values: Mapping[str, Any]) -> dict[str, object]:
    """The entries that are plain numbers or texts, by who keeps them and their name."""
    return {
        f"{who} keeps '{name}'": value
        for outer, kept in values.items()
        for name, value in leaves_of(kept, outer)
        if isinstance(value, (bool, int, float, str))
    }


def leaves_of(value: Any, name: str) -> Iterator[tuple[str, Any]]:
    """A value by its name, or those in nested dicts, lists and tuples, by names as ``counts.0``."""
    if isinstance(value, (dict, list, tuple)):
        entries = value.items() if isinstance(value, dict) else enumerate(value)
        for key, inner in entries:
            yield from leaves_of(inner, f"{name}.{key}".removeprefix("."))
    else:
        yield name, value
