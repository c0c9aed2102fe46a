"""Counting floating-point operations: two for each multiplication of a matrix product."""

from __future__ import annotations

import re
from contextlib import contextmanager
from math import prod
from typing import TYPE_CHECKING, Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry, sdpa_backward_flop, sdpa_flop

from ganzoo.errors import ZooError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from torch import Tensor

PIECES = (
    r"[a-z]*mm|[a-z]*mv|v?dot|conv(olution|[123]d)?|rnn|lstm|gru|attention|transformer|linear|"
    r"trilinear|matmul|euclidean|linalg|cholesky|lu|solve|geqrf|orgqr|ormqr"
)
PRODUCT = re.compile(rf"(^|_)({PIECES})(_|$)")
"""In the name of every operation of torch that multiplies matrices, or factorizes one."""
NO_PRODUCT = re.compile(r"thnn|flatten_weight|linalg_(vector_norm|cross|diagonal|check_errors)")
"""In the names that look like it. The ``thnn`` cells start behind the products of their gates."""


def convolution_backward(grad: Tensor, x: Tensor, weight: Tensor, *options: Any, **_: Any) -> int:
    """Each of the two gradients takes as much as the convolution, whatever its groups."""
    transposed, asked = options[-4], options[-1]
    positions = prod((x if transposed else grad).shape[2:])
    return 2 * len(x) * positions * weight.numel() * int(asked[0] + asked[1])


def recurrent(x: Tensor, *weights: Tensor) -> int:
    """Layers that multiply each row of ``x``, (..., F), and their state by ``weights``."""
    matrices = [weight for weight in weights if weight.dim() > 1]
    return 2 * (x.numel() // x.shape[-1]) * sum(matrix.numel() for matrix in matrices)


def cudnn_backward(x: Tensor, weights: Iterable[Tensor], *options: Any, **_: Any) -> int:
    """The gradients of the input and the states, of the weights, or both."""
    asked = options[-1]
    return recurrent(x, *weights) * int(any(asked[:-1]) + asked[-1])


def product(a: Tensor, *_: Any, out_val: Tensor) -> int:
    """A product that sums over the last dimension of ``a``, as with a vector or another row."""
    return 2 * out_val.numel() * a.shape[-1]


def added_product(_added: Tensor, a: Tensor, b: Tensor, **_: Any) -> int:
    """A product of ``a``, (..., M, K), by ``b``, (K,) or (..., K, N), which is added."""
    return 2 * a.numel() * (b.shape[-1] if b.dim() > 1 else 1)


OWN: dict[str, Callable[..., int]] = {
    # Torch's formula counts the gradient of a grouped convolution's weights `groups` times.
    "aten.convolution_backward": convolution_backward,
    "aten.mkldnn_rnn_layer": lambda x, *weights, **_: recurrent(x, *weights[:2]),
    "aten.mkldnn_rnn_layer_backward": lambda x, *weights, **_: 2 * recurrent(x, *weights[:2]),
    "aten._cudnn_rnn": lambda x, weights, *_, **__: recurrent(x, *weights),
    "aten._cudnn_rnn_backward": cudnn_backward,
    "aten._scaled_dot_product_flash_attention_for_cpu": sdpa_flop,
    "aten._scaled_dot_product_flash_attention_for_cpu_backward": sdpa_backward_flop,
    "aten.mv": product,
    "aten.dot": product,
    "aten.vdot": product,
    "aten._euclidean_dist": product,
    "aten.addmv": added_product,
    "aten.addbmm": added_product,
}
"""Formulas that torch lacks, or has wrong; each gets the arguments, and ``out_val``."""


class FlopCounter(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Counts the floating-point operations of all that runs inside, forward and backward.

    It uses ganzoo's formulas and torch's, to which ``torch.utils.flop_counter`` adds others. Raises
    ZooError for an operation that multiplies matrices and has no formula. Torch's
    ``FlopCounterMode`` also follows modules, which fails inside a gradient of a gradient, such as a
    gradient penalty's.
    """

    def __init__(self) -> None:
        """Start from zero."""
        super().__init__()  # type: ignore[no-untyped-call]
        self.total: int = 0

    def __torch_dispatch__(
        self,
        func: Any,
        types: Iterable[type],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        del types
        named = dict(kwargs or {})
        formula = formula_of(func.overloadpacket)
        if formula is None:
            # In inference mode, an operation comes here before it is taken apart.
            with self:
                out = func.decompose(*args, **named)
            if out is NotImplemented:
                check_without_products(str(func.overloadpacket))
                out = func(*args, **named)
            return out
        out = func(*args, **named)
        self.total += int(formula(*args, **named, out_val=out))
        return out


@contextmanager
def counting() -> Iterator[FlopCounter]:
    """Count what runs inside, where attention is made of products instead of one operation."""
    fast = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        with FlopCounter() as counter:
            yield counter
    finally:
        torch.backends.mha.set_fastpath_enabled(fast)


def formula_of(packet: Any) -> Callable[..., int] | None:
    """The formula of an operation; of one in place, that of the one it is named after."""
    if (name := packet.__name__).endswith("_"):
        packet = getattr(torch.ops.aten, name.rstrip("_"), packet)
    return OWN.get(str(packet)) or flop_registry.get(packet)


def check_without_products(name: str) -> None:
    """An operation without a formula, such as ``aten.relu``, multiplies no matrices."""
    bare = name.rpartition(".")[2]
    if PRODUCT.search(bare) and not NO_PRODUCT.search(bare):
        message = (
            f"the operation '{name}' multiplies matrices, and there is no formula for what it "
            "costs; use matrix products, or give it one with "
            "torch.utils.flop_counter.register_flop_formula."
        )
        raise ZooError(message)
