"""Latent codes: the sampler that draws them, the term that trains them, and their metric."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Self

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
    """Latents of noise and codes: categories, then numbers in [-1, 1], all uniform.

    The codes are named ``c0``, ``c1``, ... in this order. ``code`` joins them in one vector, with
    categories one-hot, and is the end of ``z``, so any generator that reads ``z`` fits.
    """

    deals = ("z", "code")

    noise: int = Field(default=62, ge=1, le=MAX_DIM, description="numbers of noise in [-1, 1]")
    categorical: tuple[Annotated[int, Field(ge=2, le=MAX_DIM)], ...] = Field(
        default=(10,), description="categories of each categorical code"
    )
    continuous: int = Field(default=2, ge=0, le=MAX_DIM, description="continuous codes")

    @model_validator(mode="after")
    def _has_codes_that_fit(self) -> Self:
        codes = sum(self.categorical) + self.continuous
        if not codes:
            message = "there must be at least one code, categorical or continuous"
            raise ValueError(message)
        if self.noise + codes > MAX_DIM:
            message = f"noise and codes take {self.noise + codes} numbers, more than {MAX_DIM}"
            raise ValueError(message)
        return self

    def spaces(self, data: Mapping[str, Space]) -> dict[str, Space]:  # noqa: ARG002
        """``code``, which joins ``c0``, ``c1``, ...; ``z``, which joins ``noise`` and ``code``."""
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
        """``z``, (n, noise + codes), and ``code``, (n, codes).

        ``given`` may fix ``code`` as vectors, or parts of it such as ``code.c0``, (n,): categories
        or numbers. The same random numbers are drawn whatever is given.
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
    """Uniform values of a space: categories, int64, (n,), or numbers in [-1, 1], (n, *shape)."""
    if space.classes is not None:
        return torch.randint(space.classes, (n,), generator=stream, device=stream.device)
    return torch.rand(n, *space.shape, generator=stream, device=stream.device) * 2 - 1


class MutualInformation(Regularizer):
    """The negative log-likelihood of the code: the bound on I(c; G) of eq. 4, negated.

    For a category this is the cross-entropy; for a continuous code half the squared error, since Q
    is a normal of variance 1. Constants are left out.
    """

    weight: NonNegativeFloat = Field(default=1.0, description="the paper's lambda")
    continuous: NonNegativeFloat = Field(
        default=1.0, description="factor of the continuous codes' terms"
    )

    def discriminator(self, fake_code: Tensor, code: Tensor, spaces: Mapping[str, Space]) -> Tensor:
        """The negative log-likelihood of each generated sample's code, in nats, (N,).

        Both players minimize it: on the discriminator's turn it trains the Q-head.
        """
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
    """The classification error of the first categorical code (arXiv:1606.03657, section 7.2).

    Categories are matched to classes one-to-one so that as many held-out rows as possible agree;
    the error is the share of rows whose predicted category is not matched to their class. Unmatched
    categories and classes count as errors.
    """

    better: ClassVar[dict[str, Direction]] = {"code-error": "lower"}
    ranges: ClassVar[dict[str, tuple[float, float]]] = {"code-error": (0, 1)}

    def enough(self, values: Mapping[str, Any]) -> int:
        """Ten for each class."""
        return 10 * int(values["spaces"]["label"].classes or 0)

    def measure(
        self, real_code: Tensor, label: Tensor, spaces: Mapping[str, Space]
    ) -> dict[str, float]:
        """The share, in [0, 1]; nothing if there is no categorical code."""
        # scipy is slow to import, and only this metric needs it
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
