"""The codes: drawn, hidden from the discriminator or not, and matched with classes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar, Self

import torch
from pydantic import Field, NonNegativeFloat, model_validator
from torch.nn.functional import log_softmax

from ganzoo.builtin.samplers import MAX_DIM
from ganzoo.parts.metric import Direction, Metric
from ganzoo.parts.part import Regularizer, Sampler
from ganzoo.parts.space import Space

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
        (n,). The same numbers are drawn whatever is given.
        """
        given = given or {}
        noise_space, code_space = (spaces["z"].parts[name] for name in ("noise", "code"))
        noise = drawn(n, noise_space, stream)
        codes = {name: drawn(n, part, stream) for name, part in code_space.parts.items()}
        for name, value in codes.items():
            codes[name] = given.get(f"code.{name}", value).reshape(value.shape)
        noise = given.get("z.noise", noise)
        code = given.get("code", given.get("z.code", code_space.join(codes)))
        return {"z": spaces["z"].join({"noise": noise, "code": code}), "code": code}


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
