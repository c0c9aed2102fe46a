"""A stand-in for CUDA graphs on any device: records the operations of some work, and repeats them.

As a graph does, it repeats the same operations on the same memory with the same numbers of Python,
and runs none of the code that led to them.
"""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map_only

if TYPE_CHECKING:
    from collections.abc import Callable


class Recorded:
    """Captures work by recording its operations; a ``ganzoo.engine.graphs.capture.Capture``."""

    def warming_up(self) -> AbstractContextManager[None]:
        """Nothing is to be warmed up."""
        return nullcontext()

    def capture(self, work: Callable[[], None]) -> Callable[[], None]:
        """Do some work, and return what does it again, without Python."""
        recorder = Recorder()
        with recorder:
            work()
        return recorder.replay


class Recorder(TorchDispatchMode):  # type: ignore[no-untyped-call]  # as torch leaves it
    """Keeps every operation with the tensors that it was given and those that it made."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.calls: list[tuple[Any, Any, Any, list[Tensor]]] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Do an operation, and keep it."""
        kwargs = kwargs or {}
        given = {leaf.untyped_storage().data_ptr() for leaf in tensors_in((args, kwargs))}
        # Aliases, because ``t_`` and the like give a tensor another form later on.
        were = tree_map_only(Tensor, Tensor.detach, (args, kwargs))
        out = func(*args, **kwargs)
        if func.namespace != "profiler" and torch.Tag.inplace_view not in func.tags:
            made = [leaf.detach() for leaf in tensors_in(out)]
            # A view, and what is changed in place, are where they were.
            new = [leaf for leaf in made if leaf.untyped_storage().data_ptr() not in given]
            self.calls.append((func, *were, made if new else []))
        return out

    def replay(self) -> None:
        """Do every operation again, into the memory of the first time."""
        with torch._C._AutoDispatchBelowAutograd():  # noqa: SLF001  (kernels know no autograd)
            for func, args, kwargs, made in self.calls:
                out = func(*args, **kwargs)
                for leaf in tree_leaves(out):
                    if isinstance(leaf, torch.ScriptObject):  # an all-reduce, under way
                        leaf.wait()  # type: ignore[attr-defined]
                for before, now in zip(made, tensors_in(out) if made else (), strict=True):
                    before.copy_(now)


def tensors_in(values: Any) -> list[Tensor]:
    """The tensors in nested values."""
    return [leaf for leaf in tree_leaves(values) if isinstance(leaf, Tensor)]
