"""Differentiable augmentation of what the discriminator sees, for any variant."""

from __future__ import annotations

import ganzoo
from ganzoo.parts.part import Regularizer
from ganzoo_augment.diffaugment import Diffaugment

__all__ = ["Diffaugment"]


@ganzoo.hookimpl
def ganzoo_regularizers() -> list[type[Regularizer]]:
    """DiffAugment."""
    return [Diffaugment]
