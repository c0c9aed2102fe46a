"""Blocks that read a condition: a projection discriminator, and conditional batch norm."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import nn

from ganzoo.builtin.networks.mlp import Scorer
from ganzoo.errors import ComposeError
from ganzoo.parts.needs import as_heads

if TYPE_CHECKING:
    from torch import Tensor

    from ganzoo.parts.space import Space


class Projection(nn.Module):
    """A discriminator that scores w.f + b + v.f, for features f and the label's embedding v.

    Miyato & Koyama 2018, arXiv:1802.05637: y'V phi(x) + psi(phi(x)), with a linear psi.
    """

    def __init__(self, body: nn.Module, features: int, classes: int, **heads: int) -> None:
        """Score the ``features`` numbers that ``body`` returns; ``heads`` are as in ``Scorer``."""
        super().__init__()
        self.body, self.scorer = body, Scorer(nn.Identity(), features, **heads)
        self.embed = nn.Embedding(classes, features)
        # torch initializes embeddings from N(0, 1), which would drown w.f.
        nn.init.normal_(self.embed.weight, std=features**-0.5)

    def forward(self, sample: Tensor, label: Tensor) -> dict[str, Tensor]:
        """(N, ...) and (N,) to ``score``, (N,), and the other heads."""
        features = self.body(sample)
        heads = as_heads(self.scorer(features), "score")
        return {**heads, "score": heads["score"] + (self.embed(label) * features).sum(1)}


class ConditionalBatchNorm(nn.Module):
    """Batch norm of images whose gain and bias are linear in a condition.

    Of a class, one-hot, these are a gain and a bias for each class (Dumoulin et al. 2017,
    arXiv:1610.07629); BigGAN's condition is an embedding beside a part of the latent
    (arXiv:1809.11096, appendix B).
    """

    def __init__(self, channels: int, condition: int) -> None:
        """Normalize ``channels`` under ``condition`` numbers: gain 1 and bias 0 at first."""
        super().__init__()
        self.norm = nn.BatchNorm2d(channels, affine=False)
        self.gain = nn.Linear(condition, channels, bias=False)
        self.bias = nn.Linear(condition, channels, bias=False)
        nn.init.zeros_(self.gain.weight)
        nn.init.zeros_(self.bias.weight)

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:
        """(N, channels, H, W) and (N, condition) to (N, channels, H, W)."""
        gain, bias = self.gain(condition)[..., None, None], self.bias(condition)[..., None, None]
        normal: Tensor = self.norm(x)
        made: Tensor = normal * (1 + gain) + bias
        return made


def classes_of(label: Space | None, builder: str) -> int:
    """The number of classes. Raises ComposeError if there is no label, or it is not a class."""
    if label is None or label.classes is None:
        have = "data have none" if label is None else f"data's 'label' is {label.in_words}"
        message = f"'{builder}' needs a label that is a class; the {have}."
        raise ComposeError(message)
    return label.classes
