"""A game's generator as it is at any round, frozen to draw samples from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ganzoo.engine.sampling import FrozenGenerator
from ganzoo.errors import OptionError
from ganzoo.parts.part import GENERATOR

if TYPE_CHECKING:
    from collections.abc import Mapping

    import torch
    from torch import Tensor, nn

    from ganzoo.engine.average import Average
    from ganzoo.engine.fixed import Given
    from ganzoo.parts.dataset import Data
    from ganzoo.parts.part import Player
    from ganzoo.parts.space import Space
    from ganzoo.parts.variant import Variant


class SampledGame:
    """What of a game samples are drawn from; ``Game`` sets it up and trains it."""

    variant: Variant
    data: Data
    device: torch.device
    progress: float
    spaces: dict[str, Space]
    nets: dict[Player, nn.Module]
    inputs: dict[Player, tuple[str, ...]]
    options: dict[Player, tuple[str, ...]]
    steps: dict[Player, int]
    average: Average | None
    _frozen: tuple[object, FrozenGenerator] | None

    def frozen(self) -> FrozenGenerator:
        """The generator to sample from, in eval mode: a copy of the average where there is one.

        Copied and calibrated once for the weights as they are, however often it is asked for.
        """
        net = self._sampled()
        tensors = (*net.parameters(), *net.buffers())
        # A change in place moves a tensor's version, but a fused optimizer's does not; steps do.
        versions = [tensor._version for tensor in tensors]  # noqa: SLF001
        weights = (self.progress, *self.steps.values(), *versions)
        if self._frozen is None or self._frozen[0] != weights:
            self._frozen = (weights, FrozenGenerator.copy_of(net, **self.sampling()))
        return self._frozen[1]

    def preview(self) -> FrozenGenerator:
        """The generator as ``frozen`` has it, with batch norm's statistics of one batch of 256."""
        return FrozenGenerator.copy_of(self._sampled(), batches=1, **self.sampling())

    def _sampled(self) -> nn.Module:
        if GENERATOR not in self.nets:
            message = f"'{self.variant.name}' has no generator to draw samples from."
            raise OptionError(message)
        return self.nets[GENERATOR] if self.average is None else self.average.net

    def sampling(self) -> dict[str, Any]:
        """All that a FrozenGenerator of this game has beside the network."""
        return {
            "reads": self.inputs[GENERATOR],
            "accepts": self.options[GENERATOR],
            "sampler": self.variant.sampler.at(self.progress),
            "spaces": self.spaces,
            "device": self.device,
            "rows": self.data.held_out,
            "info": self.data.info,
            "progress": self.progress,
        }

    def sample(
        self, n: int, *, seed: int = 0, given: Mapping[str, Given] | None = None
    ) -> dict[str, Tensor]:
        """Values of ``n`` samples by name, repeatable by seed: ``fake``, what it is made from."""
        return self.frozen().sample(n, seed=seed, given=given)
