"""Differentiable augmentation of what the discriminator sees, for any variant."""

from __future__ import annotations

import ganzoo
from ganzoo.parts.part import Regularizer
from ganzoo_augment.ada import Ada
from ganzoo_augment.diffaugment import Diffaugment

__all__ = ["Ada", "Diffaugment"]


@ganzoo.hookimpl
def ganzoo_regularizers() -> list[type[Regularizer]]:
    """DiffAugment, always at the same strength, and ADA, as strong as overfitting asks for."""
    return [Diffaugment, Ada]
