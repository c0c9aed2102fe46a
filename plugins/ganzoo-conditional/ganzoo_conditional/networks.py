"""Networks that are told the label, or that tell it.

Mirza & Osindero 2014, arXiv:1411.1784; Miyato & Koyama 2018, arXiv:1802.05637; Odena et al. 2017,
arXiv:1610.09585.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import torch
from pydantic import Field, PositiveInt
from torch import nn
from torch.nn.functional import one_hot

from ganzoo.errors import ComposeError
from ganzoo.nets import MlpGenerator, Scorer, Upsampler, downsampler, ladder, mlp
from ganzoo.parts import Architecture, Space
from ganzoo.step import as_heads

if TYPE_CHECKING:
    from torch import Tensor


class Told(nn.Module):
    """A generator from one vector that is told the label too, as one-hot behind the latent."""

    def __init__(self, net: nn.Module, inputs: Space) -> None:
        """Wrap a network that reads vectors of ``inputs``, joined of ``z`` and ``label``."""
        super().__init__()
        self.net, self.inputs = net, inputs

    def forward(self, z: Tensor, label: Tensor) -> Tensor:
        """(N, dim) and (N,) to (N, *real.shape)."""
        out: Tensor = self.net(self.inputs.join({"z": z, "label": label}))
        return out


class Concat(nn.Module):
    """A discriminator whose sample has the label beside it: planes of an image, or one-hot."""

    def __init__(self, first: nn.Module, scorer: nn.Module, classes: int) -> None:
        """Score what ``first`` makes of a sample, with ``classes`` more channels behind its own."""
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


class Projection(nn.Module):
    """A discriminator whose score is w.f + b + v.f, v the label's embedding and f the features.

    Miyato & Koyama 2018, arXiv:1802.05637: its y'V phi(x) + psi(phi(x)), with a linear psi.
    """

    def __init__(self, body: nn.Module, features: int, classes: int, **heads: int) -> None:
        """Score the ``features`` numbers that ``body`` returns; other heads as ``Scorer`` has."""
        super().__init__()
        self.body, self.scorer = body, Scorer(nn.Identity(), features, **heads)
        self.embed = nn.Embedding(classes, features)
        # Torch's embeddings begin at N(0, 1), which would drown the score's other summand.
        nn.init.normal_(self.embed.weight, std=features**-0.5)

    def forward(self, sample: Tensor, label: Tensor) -> dict[str, Tensor]:
        """(N, ...) and (N,) to ``score``, (N,), and the other heads."""
        features = self.body(sample)
        heads = as_heads(self.scorer(features), "score")
        return {**heads, "score": heads["score"] + (self.embed(label) * features).sum(1)}


class LabelledNetworks(Architecture):
    """What the architectures of this plugin share: the options, the generator, and D's features."""

    body: Literal["auto", "conv", "mlp"] = Field(
        default="auto", description="conv for images and mlp for anything else, unless told"
    )
    norm: Literal["batch", "none"] = Field(
        default="batch", description="in a convolutional discriminator; none suits penalties"
    )
    width: int = Field(
        default=64, ge=1, le=1024, description="channels at the largest image, doubled below"
    )
    kernel: Literal[3, 5] = Field(default=5, description="side of the convolutions, in pixels")
    hidden: int = Field(default=128, ge=1, le=65536, description="units of each layer of the mlp")
    depth: PositiveInt = Field(default=3, le=64, description="hidden layers of the mlp")

    def generator(self, z: Space, label: Space, real: Space) -> nn.Module:
        """``z`` and ``label`` to a sample, (N, *real.shape)."""
        self._classes(label)  # refuses what is no class; the one-hot is Space.join's
        inputs = Space.joined({"z": z, "label": label})
        if not self._convolves(real):
            return Told(MlpGenerator(inputs.size, self.depth * [self.hidden], real), inputs)
        sizes = ladder(real, self.name)
        net = Upsampler(inputs.size, real.shape[0], sizes, width=self.width, kernel=self.kernel)
        return Told(net, inputs)

    def _features(self, real: Space, *, more: int = 0) -> tuple[nn.Module, int]:
        """What maps a sample, its first axis longer by ``more``, to a vector, and its length."""
        if not self._convolves(real):
            layers = mlp([real.size + more, *self.depth * [self.hidden]], activation=leaky)
            return nn.Sequential(nn.Flatten(), layers, leaky()), self.hidden
        return downsampler(
            real.shape[0] + more,
            ladder(real, self.name),
            width=self.width,
            kernel=self.kernel,
            norm=nn.BatchNorm2d if self.norm == "batch" else None,
        )

    def _convolves(self, real: Space) -> bool:
        return self.body == "conv" or (self.body == "auto" and real.is_image)

    def _classes(self, label: Space) -> int:
        if label.classes is None:
            message = f"'{self.name}' is told a class; the data's 'label' is {label}."
            raise ComposeError(message)
        return label.classes


class Conditional(LabelledNetworks):
    """Two networks that are told the label: beside z, and in the discriminator's score."""

    conditioning: Literal["concat", "projection"] = Field(
        default="projection",
        description="label beside the sample (1411.1784), or projected on features (1802.05637)",
    )

    def discriminator(self, real: Space, label: Space, code: Space | None = None) -> nn.Module:
        """A sample and its label to the score, (N,), and a head ``code`` where code is dealt."""
        classes = self._classes(label)
        heads = code_head(code)
        if self.conditioning == "projection":
            body, features = self._features(real)
            return Projection(body, features, classes, **heads)
        body, features = self._features(real, more=classes)
        first = nn.Identity() if self._convolves(real) else nn.Flatten()
        return Concat(first, Scorer(body, features, **heads), classes)


class Acgan(LabelledNetworks):
    """A discriminator that is not told the label but tells it, by a head of logits ``classes``."""

    heads = ("classes",)

    def discriminator(self, real: Space, label: Space, code: Space | None = None) -> nn.Module:
        """A sample to ``score``, (N,), and ``classes``, (N, classes)."""
        body, features = self._features(real)
        return Scorer(body, features, classes=self._classes(label), **code_head(code))


def code_head(code: Space | None) -> dict[str, int]:
    """The head for a code that a sampler of another plugin deals, wide enough for all of it.

    The architectures do not declare it in ``heads``: where no code is dealt they do not have it.
    """
    return {} if code is None else {"code": code.width}


def leaky() -> nn.Module:
    """The discriminators' activation."""
    return nn.LeakyReLU(0.2)
