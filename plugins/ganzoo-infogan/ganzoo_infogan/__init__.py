"""InfoGAN: codes that a sample must show, recognized by a second head of the discriminator.

Chen et al. 2016, InfoGAN: Interpretable Representation Learning by Information Maximizing
Generative Adversarial Nets, arXiv:1606.03657.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal, Self

import torch
from pydantic import Field, NonNegativeFloat, PositiveInt, model_validator
from torch import nn
from torch.nn.functional import affine_grid, log_softmax

import ganzoo
from ganzoo.errors import OptionError
from ganzoo.losses import NonSaturating
from ganzoo.metric import Direction, Metric
from ganzoo.nets import MlpGenerator, Upsampler, downsampler, ladder, mlp
from ganzoo.parts import Architecture, Regularizer, Sampler, Space
from ganzoo.samplers import MAX_DIM
from ganzoo.variant import Adam, Optimizers, Variant

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor


class Codes(Sampler):
    """Latents of noise and of codes: categories, then numbers in [-1, 1], all drawn evenly.

    The codes are ``c0``, ``c1``, ... in this order. ``code`` holds them as one vector, a category
    as one-hot, and is the end of ``z``, so any generator that reads ``z`` will do.
    """

    deals = ("z", "code")

    noise: int = Field(default=62, ge=1, le=MAX_DIM, description="numbers in [-1, 1] beside codes")
    categorical: tuple[Annotated[int, Field(ge=2, le=MAX_DIM)], ...] = Field(
        default=(10,), description="categories of each categorical code"
    )
    continuous: int = Field(default=2, ge=0, le=MAX_DIM, description="continuous codes")

    @model_validator(mode="after")
    def _has_codes_that_fit(self) -> Self:
        codes = sum(self.categorical) + self.continuous
        if not codes:
            message = "there is at least one code, categorical or continuous"
            raise ValueError(message)
        if self.noise + codes > MAX_DIM:
            message = f"noise and codes take {self.noise + codes} numbers; {MAX_DIM} at most"
            raise ValueError(message)
        return self

    def spaces(self, data: Mapping[str, Space]) -> dict[str, Space]:  # noqa: ARG002
        """``code``, joined of ``c0``, ``c1``, ...; ``z``, joined of ``noise`` and ``code``."""
        number = Space(shape=(1,), bounded=True)
        codes = [*(Space(classes=n) for n in self.categorical), *self.continuous * [number]]
        code = Space.joined({f"c{i}": space for i, space in enumerate(codes)})
        noise = Space(shape=(self.noise,), bounded=True)
        return {"z": Space.joined({"noise": noise, "code": code}), "code": code}

    def latent(
        self,
        n: int,
        spaces: Mapping[str, Space],
        stream: torch.Generator,
        given: Mapping[str, Tensor] | None = None,
    ) -> dict[str, Tensor]:
        """``z``, (n, noise + codes), and ``code``, (n, codes), some of them given.

        ``code`` may be given whole, as vectors, or in parts, as ``code.c0``: categories or numbers,
        (n,). The same numbers are drawn whatever is given. Raises OptionError for an unknown part.
        """
        given = given or {}
        z, code = spaces["z"], spaces["code"]
        for name in given:
            whole, _, part = name.partition(".")
            if (
                part
                and whole in self.deals
                and (whole, part) not in {("code", c) for c in code.parts}
            ):
                known = ", ".join(f"code.{c}" for c in code.parts)
                message = f"there is no '{name}' to give; '{self.name}' has: {known}."
                raise OptionError(message)
        noise = drawn(n, z.parts["noise"], stream)
        codes = {name: drawn(n, part, stream) for name, part in code.parts.items()}
        for name, value in codes.items():
            codes[name] = given.get(f"code.{name}", value).reshape(value.shape)
        vector = given.get("code", code.join(codes))
        return {"z": z.join({"noise": noise, "code": vector}), "code": vector}


def drawn(n: int, space: Space, stream: torch.Generator) -> Tensor:
    """Values spread evenly over a space: categories, (n,), or numbers in [-1, 1], (n, *shape)."""
    if space.classes is not None:
        return torch.randint(space.classes, (n,), generator=stream, device=stream.device)
    return torch.rand(n, *space.shape, generator=stream, device=stream.device) * 2 - 1


class MutualInformation(Regularizer):
    """The code's negative log-likelihood as recognized: eq. 4's bound on I(c; G), negated.

    Constants are left out. Of a category it is the cross-entropy, of a continuous code half the
    squared error: the recognized distribution is a normal of variance one.
    """

    weight: NonNegativeFloat = Field(default=1.0, description="the paper's lambda")
    continuous: NonNegativeFloat = Field(
        default=1.0, description="factor of what the continuous codes add"
    )

    def discriminator(self, fake_code: Tensor, code: Tensor, spaces: Mapping[str, Space]) -> Tensor:
        """Nats by which generated samples hide their code, (N,); also trains the recognition."""
        layout = spaces["code"]
        seen, true = layout.split(fake_code), layout.split(code)
        total = torch.zeros(len(code), device=code.device)
        for name, part in layout.parts.items():
            if part.classes is None:
                squares = (true[name] - seen[name]).square().sum(1)
                total = total + self.continuous * 0.5 * squares
            else:
                total = total - (true[name] * log_softmax(seen[name], 1)).sum(1)
        return total

    generator = discriminator


class Certainty(Regularizer):
    """What a real sample's recognized categories tell of it: each is certain, and all are in use.

    The information of CatGAN (arXiv:1511.06390, eq. 7) with its sign turned to minimize, for each
    categorical code. It moves the borders between categories to where real samples are few. It
    grows with progress, as what is certain from the start is not learned from the samples.
    """

    def discriminator(
        self, real_code: Tensor, progress: float, spaces: Mapping[str, Space]
    ) -> Tensor:
        """Nats by which a category of one sample is less certain than that of all, (N,)."""
        layout = spaces["code"]
        total = real_code.new_zeros(len(real_code))
        for name, logits in layout.split(real_code).items():
            if layout.parts[name].classes is not None:
                each = log_softmax(logits, 1)
                all_of_them = each.logsumexp(0) - math.log(len(each))
                total = total - (each.exp() * (each - all_of_them)).sum(1)
        return progress * total


class Jitter(Regularizer):
    """Small random turns, shifts and zooms of all images that the discriminator sees.

    What they hide, a code cannot live on: the categories are left with the kind of thing that is
    shown (arXiv:1910.01112 asks the same of real images). As both real and generated images are
    jittered, the generator still learns the images as they are (arXiv:2006.06676, section 2.1).
    """

    shift: float = Field(default=0.1, ge=0, le=0.5, description="as a share of each side")
    turn: float = Field(default=20.0, ge=0, le=180, description="degrees")
    zoom: float = Field(default=0.2, ge=0, le=1, description="of the size's logarithm")

    def shown(self, sample: Tensor) -> Tensor:
        """Images jittered, each by its own draw from both sides of zero; all else as it is."""
        if sample.dim() != 4:  # noqa: PLR2004
            return sample
        shift_x, shift_y, turn, zoom = torch.rand(4, len(sample), device=sample.device) * 2 - 1
        scale, angle = (self.zoom * zoom).exp(), turn * math.radians(self.turn)
        cos, sin = scale * angle.cos(), scale * angle.sin()
        shift_x, shift_y = 2 * self.shift * shift_x, 2 * self.shift * shift_y
        rows = [torch.stack(row, 1) for row in ((cos, -sin, shift_x), (sin, cos, shift_y))]
        return resampled(sample, torch.stack(rows, 1))


def resampled(images: Tensor, affine: Tensor) -> Tensor:
    """Images read at the points that ``affine``, (N, 2, 3), maps the unit square's pixels to.

    Linear between pixels, and of the nearest one beyond the border. Unlike torch's ``grid_sample``
    it can be differentiated twice, which gradient penalties do.
    """
    height, width = images.shape[2:]
    points = affine_grid(affine, list(images.shape), align_corners=False)
    x = ((points[..., 0] + 1) * width / 2 - 0.5).clamp(0, width - 1).flatten(1)
    y = ((points[..., 1] + 1) * height / 2 - 0.5).clamp(0, height - 1).flatten(1)
    left, top = x.long(), y.long()
    x, y = x - left, y - top
    flat, made = images.flatten(2), torch.zeros_like(images).flatten(2)
    for down, right, weight in (
        (0, 0, (1 - y) * (1 - x)),
        (0, 1, (1 - y) * x),
        (1, 0, y * (1 - x)),
        (1, 1, y * x),
    ):
        row, column = (top + down).clamp(max=height - 1), (left + right).clamp(max=width - 1)
        index = (row * width + column).unsqueeze(1).expand_as(flat)
        made = made + weight.unsqueeze(1) * flat.gather(2, index)
    return made.reshape(images.shape)


RECOGNIZING = 128
"""Units of the recognition's hidden layer (appendix C.1)."""


def per_sample(channels: int) -> nn.Module:
    """Layer norm over all channels and pixels of a sample."""
    return nn.GroupNorm(1, channels)


class Recognizer(nn.Module):
    """Features of a sample, one linear score of them, and the code behind one hidden layer."""

    def __init__(self, body: nn.Module, features: int, code: Space) -> None:
        """Judge the ``features`` numbers that ``body`` returns."""
        super().__init__()
        self.body, self.head = body, nn.Linear(features, 1)
        self.code = mlp(
            [features, RECOGNIZING, code.width],
            activation=lambda: nn.LeakyReLU(0.2),
            norm=nn.LayerNorm,
        )

    def forward(self, sample: Tensor) -> dict[str, Tensor]:
        """``score``, (N,), and ``code``: a category's logits or a number's mean, (N, width)."""
        features = self.body(sample)
        return {"score": self.head(features).squeeze(1), "code": self.code(features)}


class Infogan(Architecture):
    """The paper's networks: convolutions for images, else perceptrons; D also recognizes the code.

    The recognition shares all but its last layers with the discriminator. Where the paper has batch
    norm in these two, here is layer norm: codes are trained to be read from generated samples and
    then read from real ones, whose statistics are others.
    """

    heads: ClassVar[tuple[str, ...]] = ("code",)

    body: Literal["auto", "conv", "mlp"] = Field(
        default="auto", description="conv for images and mlp for anything else, unless told"
    )
    width: int = Field(
        default=64, ge=1, le=1024, description="channels at the largest image, doubled below"
    )
    kernel: Literal[3, 5] = Field(default=5, description="side of the convolutions, in pixels")
    hidden: int = Field(default=128, ge=1, le=65536, description="units of each layer of the mlp")
    depth: PositiveInt = Field(default=3, le=64, description="hidden layers of the mlp")

    def generator(self, z: Space, real: Space) -> nn.Module:
        """``z`` to a sample, (N, *real.shape)."""
        if self._convolves(real):
            sizes = ladder(real, self.name)
            return Upsampler(z.size, real.shape[0], sizes, width=self.width, kernel=self.kernel)
        return MlpGenerator(z.size, self.depth * [self.hidden], real)

    def discriminator(self, real: Space, code: Space) -> nn.Module:
        """A sample to its ``score``, (N,), and its ``code``, (N, code.width)."""
        if self._convolves(real):
            sizes = ladder(real, self.name)
            body, features = downsampler(
                real.shape[0], sizes, width=self.width, kernel=self.kernel, norm=per_sample
            )
            return Recognizer(body, features, code)
        layers = mlp([real.size, *self.depth * [self.hidden]], activation=lambda: nn.LeakyReLU(0.2))
        return Recognizer(nn.Sequential(nn.Flatten(), layers, nn.LeakyReLU(0.2)), self.hidden, code)

    def _convolves(self, real: Space) -> bool:
        return self.body == "conv" or (self.body == "auto" and real.is_image)


class CodeError(Metric):
    """How badly the first categorical code tells the classes apart (section 7.2).

    Each code stands for one class and each class has one code, in the best of all such matchings;
    the error is the share of held-out rows whose recognized code does not stand for their class.
    Codes or classes that are left over count as wrong.
    """

    better: ClassVar[dict[str, Direction]] = {"code-error": "lower"}

    def measure(
        self, real_code: Tensor, label: Tensor, spaces: Mapping[str, Space]
    ) -> dict[str, float]:
        """The share in [0, 1]; nothing where there is no categorical code."""
        from scipy.optimize import linear_sum_assignment

        layout = spaces["code"]
        named = [name for name, part in layout.parts.items() if part.classes is not None]
        if not named:
            return {}
        pairs = torch.stack((layout.split(real_code)[named[0]].argmax(1), label))
        codes, classes = layout.parts[named[0]].classes, spaces["label"].classes
        counts = torch.zeros(codes or 0, classes or 0)
        counts.index_put_((*pairs,), torch.ones(len(label)), accumulate=True)
        matched = counts[linear_sum_assignment(counts.numpy(), maximize=True)]
        return {"code-error": 1 - float(matched.sum()) / len(label)}


@ganzoo.hookimpl
def ganzoo_architectures() -> list[type[Architecture]]:
    """The networks whose discriminator recognizes codes."""
    return [Infogan]


@ganzoo.hookimpl
def ganzoo_regularizers() -> list[type[Regularizer]]:
    """What makes samples show their codes."""
    return [MutualInformation, Certainty, Jitter]


@ganzoo.hookimpl
def ganzoo_samplers() -> list[type[Sampler]]:
    """Noise beside codes."""
    return [Codes]


@ganzoo.hookimpl
def ganzoo_metrics() -> list[type[Metric]]:
    """How well the codes found the classes."""
    return [CodeError]


@ganzoo.hookimpl
def ganzoo_variants() -> list[Variant]:
    """InfoGAN with the codes of the paper's MNIST: one of ten categories, and two numbers."""
    # The paper's 2e-4 for the discriminator stands beside batch norm, which is not here.
    adam = Adam(lr=1e-3, betas=(0.5, 0.999), schedule="linear")
    return [
        Variant(
            name="infogan",
            source="Chen et al. 2016, arXiv:1606.03657",
            architecture=Infogan(width=16),
            loss=NonSaturating(),
            regularizers=(MutualInformation(continuous=0.3), Certainty(), Jitter()),
            sampler=Codes(),
            optimizers=Optimizers(discriminator=adam, generator=adam),
            ema=0.999,
        )
    ]
