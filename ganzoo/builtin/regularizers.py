"""The built-in regularizers: zero-centred gradient penalties on the discriminator."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from ganzoo.parts.part import Regularizer

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor


def squared_gradient(score: Callable[[Tensor], Tensor], sample: Tensor) -> Tensor:
    """The squared norm of the score's gradient at each sample, (N,), itself differentiable."""
    # A fresh leaf, because the graph of a cached score may have been recorded under autocast.
    leaf = sample.detach().requires_grad_()
    (gradient,) = torch.autograd.grad(score(leaf).sum(), leaf, create_graph=True)
    return gradient.flatten(1).square().sum(1)


class R1(Regularizer):
    """A zero-centred gradient penalty at real samples (Mescheder et al. 2018, arXiv:1801.04406).

    Eq. 9 of the paper; ``weight`` is its gamma, and its factor 1/2 is part of the term.
    """

    def discriminator(self, score: Callable[[Tensor], Tensor], real: Tensor) -> Tensor:
        """Half the squared gradient norm at each real sample, (N,)."""
        return 0.5 * squared_gradient(score, real)


class R2(Regularizer):
    """The same penalty at generated samples (arXiv:1801.04406, eq. 10)."""

    def discriminator(self, score: Callable[[Tensor], Tensor], fake: Tensor) -> Tensor:
        """Half the squared gradient norm at each generated sample, (N,)."""
        return 0.5 * squared_gradient(score, fake)
