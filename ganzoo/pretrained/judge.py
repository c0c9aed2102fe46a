"""A model's discriminator: its scores of any samples, and its heads as those of a game are read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from ganzoo.engine.build import staged
from ganzoo.engine.fixed import fixed, numbers
from ganzoo.engine.streams import DefaultRandom
from ganzoo.errors import OptionError
from ganzoo.parts.needs import as_heads
from ganzoo.parts.part import DISCRIMINATOR

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor, nn

    from ganzoo.engine.build import Network
    from ganzoo.engine.fixed import Given
    from ganzoo.parts.part import Player
    from ganzoo.parts.space import Space

ROUNDING = 1e-3
"""How far samples may lie outside their range."""


@dataclass(frozen=True)
class Judge:
    """The discriminator of a model, with what is known of its samples."""

    model: str
    network: Network
    spaces: Mapping[str, Space]
    device: torch.device
    progress: float

    @property
    def nets(self) -> Mapping[Player, nn.Module]:
        """The network, by its player."""
        return {DISCRIMINATOR: self.network.net}

    @property
    def inputs(self) -> Mapping[Player, tuple[str, ...]]:
        """What its forward names beside the sample."""
        return {DISCRIMINATOR: self.network.reads}

    @property
    def options(self) -> Mapping[Player, tuple[str, ...]]:
        """What its forward takes if it is there."""
        return {DISCRIMINATOR: self.network.accepts}

    @torch.no_grad()
    def score(self, samples: object, values: Mapping[str, Given]) -> Tensor:
        """The scores of samples, (N,), on the CPU; see ``Pretrained.score``."""
        seen = checked(samples, self.spaces["real"])
        reads = [*self.network.reads, *self.network.accepts]
        missing = [n for n in self.network.reads if n not in values and n != "progress"]
        if missing:
            message = (
                f"the discriminator of '{self.model}' reads '{missing[0]}'; give it, as in "
                f"score(samples, {missing[0]}=...)."
            )
            raise OptionError(message)
        told: dict[str, float] = {**staged(self.network.net, self.progress)}
        if "progress" in {*reads} - {*values}:
            told["progress"] = self.progress
        moved = fixed(
            values, len(seen), names=reads, spaces=self.spaces, device=self.device, of="score"
        )
        with DefaultRandom(self.device).leased():  # it may draw noise: the same each time
            heads = as_heads(self.network.net(seen.to(self.device), **moved, **told), "score")
        return heads["score"].cpu()


def checked(samples: object, real: Space) -> Tensor:
    """Samples as float32, (N, *shape). Raises OptionError for another shape or range."""
    found = numbers("samples", samples).float()
    if tuple(found.shape[1:]) != real.shape or not len(found):
        wanted = ", ".join(map(str, real.shape))
        message = f"samples have the shape {tuple(found.shape)}; it must be (N, {wanted})."
        raise OptionError(message)
    if real.bounded and (most := float(found.abs().max())) > 1 + ROUNDING:
        message = (
            f"samples must lie in [-1, 1], and these reach {most:.4g}; bytes become so by "
            "x / 127.5 - 1."
        )
        raise OptionError(message)
    return found
