"""Ways from one latent to another."""

from __future__ import annotations

import torch
from torch import Tensor, nn


def straight(first: Tensor, last: Tensor, share: float) -> Tensor:
    """The points at a share, in [0, 1], of the straight way between latents, each (N, d)."""
    return torch.lerp(first, last, share)


def circular(first: Tensor, last: Tensor, share: float) -> Tensor:
    """The points at a share, in [0, 1], of the great circle between latents, each (N, d).

    If the two lengths differ, the length changes evenly along the way.
    """
    cosine = nn.functional.cosine_similarity(first, last, dim=1).clamp(-1, 1)[:, None]
    # Equal latents would divide zero by zero; at a tiny angle the way is straight.
    angle = cosine.acos().clamp(min=1e-3)
    sine = angle.sin()
    return ((1 - share) * angle).sin() / sine * first + (share * angle).sin() / sine * last
