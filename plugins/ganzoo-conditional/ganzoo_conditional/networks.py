"""Networks that read the label, or that predict it.

Mirza & Osindero 2014, arXiv:1411.1784; Miyato & Koyama 2018, arXiv:1802.05637; Odena et al. 2017,
arXiv:1610.09585.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import torch
from pydantic import Field
from torch import nn

from ganzoo.builtin.networks import ConvOrMlp, Projection, Scorer, classes_of
from ganzoo.parts.space import Space, one_hot

if TYPE_CHECKING:
    from torch import Tensor


class LabelConditioned(nn.Module):
    """A generator that reads the latent and the label, one-hot, as one vector."""

    def __init__(self, net: nn.Module, inputs: Space) -> None:
        """Wrap a network that reads vectors of ``inputs``, which joins ``z`` and ``label``."""
        super().__init__()
        self.net, self.inputs = net, inputs

    def forward(self, z: Tensor, label: Tensor) -> Tensor:
        """(N, dim) and (N,) to (N, *real.shape)."""
        out: Tensor = self.net(self.inputs.join({"z": z, "label": label}))
        return out


class Concat(nn.Module):
    """A discriminator that reads the label as extra channels of an image, or one-hot numbers."""

    def __init__(self, first: nn.Module, scorer: nn.Module, classes: int) -> None:
        """Score the output of ``first`` with ``classes`` extra channels for the label."""
        super().__init__()
        self.first, self.scorer, self.classes = first, scorer, classes

    def forward(self, sample: Tensor, label: Tensor) -> Tensor | dict[str, Tensor]:
        """(N, ...) and (N,) to the scorer's heads."""
        sample = self.first(sample)
        hot = one_hot(label, self.classes).to(sample.dtype)
        sides = sample.shape[2:]
        planes = hot.view(*hot.shape, *[1] * len(sides)).expand(-1, -1, *sides)
        heads: Tensor | dict[str, Tensor] = self.scorer(torch.cat((sample, planes), 1))
        return heads


class LabelledNetworks(ConvOrMlp):
    """What this plugin's architectures share: the norm, the generator, the features of D."""

    norm: Literal["batch", "none"] = Field(
        default="batch", description="norm of a convolutional discriminator; none suits penalties"
    )

    def generator(self, z: Space, label: Space, real: Space) -> nn.Module:
        """``z`` and ``label`` to a sample, (N, *real.shape)."""
        classes_of(label, self.name)
        inputs = Space.joined({"z": z, "label": label})
        return LabelConditioned(self.from_vector(inputs.size, real), inputs)

    def _features(self, real: Space, *, more: int = 0) -> tuple[nn.Module, int]:
        norm = nn.BatchNorm2d if self.norm == "batch" else None
        return self.to_features(real, more=more, norm=norm)


class Conditional(LabelledNetworks):
    """Networks that read the label: the generator beside z, the discriminator in its score."""

    conditioning: Literal["concat", "projection"] = Field(
        default="projection",
        description="label joined to the sample (1411.1784), or projected on features (1802.05637)",
    )

    def discriminator(self, real: Space, label: Space, code: Space | None = None) -> nn.Module:
        """A sample and its label to the score, (N,), and a head ``code`` if codes are dealt."""
        classes = classes_of(label, self.name)
        heads = code_head(code)
        if self.conditioning == "projection":
            body, features = self._features(real)
            return Projection(body, features, classes, **heads)
        body, features = self._features(real, more=classes)
        first = nn.Identity() if self.convolves(real) else nn.Flatten()
        return Concat(first, Scorer(body, features, **heads), classes)


class Acgan(LabelledNetworks):
    """A discriminator that does not read the label but predicts it, as the head ``classes``."""

    heads = ("classes",)

    def discriminator(self, real: Space, label: Space, code: Space | None = None) -> nn.Module:
        """A sample to ``score``, (N,), and ``classes``, logits, (N, classes)."""
        body, features = self._features(real)
        return Scorer(body, features, classes=classes_of(label, self.name), **code_head(code))


def code_head(code: Space | None) -> dict[str, int]:
    """A head for the code that another plugin's sampler deals, as wide as the code.

    Not declared in ``heads``, because it exists only if a code is dealt.
    """
    return {} if code is None else {"code": code.width}
