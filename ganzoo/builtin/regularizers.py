"""The built-in regularizers: zero-centred gradient penalties on the discriminator."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from ganzoo.parts.part import Regularizer

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor


def squared_slope(score: Callable[[Tensor], Tensor], sample: Tensor) -> Tensor:
    """The squared norm of the score's gradient at each sample, (N,), itself differentiable.

    A leaf of its own: the cached score's graph may have been recorded under autocast.
    """
    leaf = sample.detach().requires_grad_()
    (slope,) = torch.autograd.grad(score(leaf).sum(), leaf, create_graph=True)
    return slope.flatten(1).square().sum(1)


class R1(Regularizer):
    """A zero-centred gradient penalty at real samples (Mescheder et al. 2018, arXiv:1801.04406).

    Its eq. 9: ``weight`` is the paper's gamma, and the half is part of the term.
    """

    def discriminator(self, score: Callable[[Tensor], Tensor], real: Tensor) -> Tensor:
        """Half the squared slope at each real sample, (N,)."""
        return 0.5 * squared_slope(score, real)


class R2(Regularizer):
    """The same penalty at generated samples (the same paper, eq. 10)."""

    def discriminator(self, score: Callable[[Tensor], Tensor], fake: Tensor) -> Tensor:
        """Half the squared slope at each generated sample, (N,)."""
        return 0.5 * squared_slope(score, fake)
