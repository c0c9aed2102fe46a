"""A generator to sample from, with all that sampling needs and nothing of training."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from ganzoo.errors import ComposeError
from ganzoo.step import as_heads
from ganzoo.streams import DefaultRandom, seed_for

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ganzoo.parts import Sampler, Space

RECALIBRATION_BATCHES = 16


@dataclass(frozen=True, slots=True)
class Published:
    """A generator in eval mode, the names its forward reads, its sampler and its spaces."""

    net: nn.Module
    inputs: tuple[str, ...]
    sampler: Sampler
    spaces: Mapping[str, Space]
    device: torch.device

    @classmethod
    def of(
        cls,
        net: nn.Module,
        inputs: tuple[str, ...],
        sampler: Sampler,
        spaces: Mapping[str, Space],
        device: torch.device,
    ) -> Published:
        """A copy of a network in training, its batch norm's running statistics measured anew.

        Those of training lag behind the weights, and those of an average belong to other weights.
        """
        made = cls(copy.deepcopy(net), inputs, sampler, spaces, device)
        made._recalibrate()
        made.net.eval().requires_grad_(requires_grad=False)
        return made

    @torch.no_grad()
    def _recalibrate(self, batch: int = 256) -> None:
        kind = nn.modules.batchnorm._BatchNorm  # noqa: SLF001  (torch has no public name for it)
        norms = [module for module in self.net.modules() if isinstance(module, kind)]
        if not norms:
            return
        for norm in norms:
            norm.reset_running_stats()
            norm.momentum = None  # the mean over all batches seen
        random = DefaultRandom(self.device)
        with random.leased():
            for i in range(RECALIBRATION_BATCHES):
                self.net(**self._conditions(batch, seed_for(i, "recalibrate"), {}))

    def _conditions(self, n: int, seed: int, given: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """What the generator reads for ``n`` samples: given, drawn, or a random category."""
        stream = torch.Generator(self.device).manual_seed(seed)
        values = {**self.sampler.latent(n, self.spaces, stream), **given}
        for name in self.inputs:
            if name not in values:
                classes = self.spaces[name].classes
                if classes is None:
                    message = (
                        f"the generator reads '{name}', which sampler '{self.sampler.name}' does "
                        f"not draw; give it, as in sample(n, given={{'{name}': ...}})."
                    )
                    raise ComposeError(message)
                values[name] = torch.randint(classes, (n,), generator=stream, device=self.device)
        return {name: values[name] for name in self.inputs}

    @torch.no_grad()
    def sample(
        self,
        n: int,
        *,
        seed: int = 0,
        given: Mapping[str, Tensor] | None = None,
        chunk: int = 1024,
    ) -> dict[str, Tensor]:
        """``n`` samples as ``fake``, with what they were made from, repeatable by seed.

        ``given`` fixes some of what the generator reads, (n, ...) each; ``chunk`` bounds memory.
        """
        values = self._conditions(n, seed_for(seed, "sample"), given or {})
        made: dict[str, list[Tensor]] = {}
        random = DefaultRandom(self.device)
        random.seed(seed_for(seed, "layers"))
        with random.leased():
            for start in range(0, n, chunk):
                part = {name: value[start : start + chunk] for name, value in values.items()}
                for head, out in as_heads(self.net(**part), "fake").items():
                    made.setdefault(head, []).append(out.cpu())
        samples = {head: torch.cat(parts) for head, parts in made.items()}
        return {**{name: value.cpu() for name, value in values.items()}, **samples}
