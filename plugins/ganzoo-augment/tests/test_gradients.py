"""Gradients through augmentations: of the generator's, of penalties, and of their derivatives."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import torch
from ganzoo_augment import Ada, Diffaugment, diffaugment, pipeline
from ganzoo_wgan_gp import GradientPenalty
from torch import Tensor, nn
from torch.autograd import gradcheck, gradgradcheck

from ganzoo.builtin.losses import NonSaturating
from ganzoo.builtin.regularizers import R1
from ganzoo.builtin.samplers import Gaussian
from ganzoo.engine.game import Game
from ganzoo.parts.part import Regularizer
from ganzoo.parts.space import Space
from ganzoo.parts.variant import Variant
from ganzoo.testing import Plain, tiny

if TYPE_CHECKING:
    from collections.abc import Callable

torch.set_num_threads(1)


def variant_of(*regularizers: Regularizer, **fields: Any) -> Variant:
    chosen = {"architecture": Plain(), "loss": NonSaturating(), "sampler": Gaussian(dim=4)}
    return Variant(name="small", regularizers=regularizers, batch=8, **{**chosen, **fields})


@pytest.mark.parametrize(
    "step",
    [
        diffaugment.recoloured,
        lambda x: diffaugment.translated(x, 0.0),
        lambda x: diffaugment.cut(x, 0.0),
        lambda x: pipeline.moved(x, torch.tensor(1.0), blit=True, geometry=True),
        lambda x: pipeline.recoloured(x, torch.tensor(1.0)),
    ],
)
def test_every_step_is_differentiable_twice(step: Callable[[Tensor], Tensor]) -> None:
    def repeated(images: Tensor) -> Tensor:
        torch.manual_seed(1)
        return step(images).sin()  # so that there is a second derivative

    torch.manual_seed(0)
    images = torch.rand(2, 3, 4, 4, dtype=torch.double, requires_grad=True)
    assert gradcheck(repeated, (images,), fast_mode=True)
    assert gradgradcheck(repeated, (images,), fast_mode=True)


class Squared(nn.Module):
    """Half the squared length of an image, whose gradient is the image."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(()))

    def forward(self, sample: Tensor) -> Tensor:
        return self.scale * sample.square().flatten(1).sum(1) / 2


class Smooth(Plain):
    """A discriminator that knows lengths alone."""

    def discriminator(self, real: Space) -> nn.Module:
        return Squared()


def test_penalties_are_of_gradients_at_the_image_that_is_not_augmented() -> None:
    # Where T cuts and moves, the gradient of |T(x)|^2 / 2 is what T leaves of x, where it was in x.
    moving = Diffaugment(policy=("translation", "cutout"), fill=0.5)
    game = Game(variant_of(moving, R1(), architecture=Smooth()), tiny(3, 16, 16))
    step = game.step("discriminator", rows=torch.arange(8), z=torch.randn(8, 4))
    torch.manual_seed(3)
    found = game.terms["discriminator"]["r1"](step)
    image = step["real"].clone().requires_grad_()
    torch.manual_seed(3)
    seen = moving.augment(image)
    (left,) = torch.autograd.grad(seen, image, seen.detach())
    assert torch.equal(left, torch.where(left == 0, 0, image))
    assert 0.1 < (left == 0).float().mean() < 0.6
    torch.testing.assert_close(found, left.square().flatten(1).sum(1) / 2)


@pytest.mark.parametrize("penalty", [R1(), GradientPenalty()], ids=lambda part: part.name)
@pytest.mark.parametrize("part", [Diffaugment(), Ada()], ids=lambda part: part.name)
def test_a_penalty_through_the_augmentation_agrees_with_finite_differences(
    part: Regularizer, penalty: Regularizer
) -> None:
    game = Game(variant_of(part, penalty), tiny(3, 8, 8))
    if isinstance(part, Ada):
        game.state_of(part).p.fill_(0.8)
    step = game.step("discriminator", rows=torch.arange(8), z=torch.randn(8, 4))
    params = game.params["discriminator"]

    def term() -> Tensor:
        torch.manual_seed(5)
        value: Tensor = game.terms["discriminator"][penalty.name](step).sum()
        return value

    grads = torch.autograd.grad(term(), params, materialize_grads=True)
    slope = sum(float(grad.square().sum()) for grad in grads)
    change = []
    for way in (1e-3, -1e-3):
        torch._foreach_add_([param.data for param in params], grads, alpha=way)
        change.append(float(term().detach()))
        torch._foreach_add_([param.data for param in params], grads, alpha=-way)
    assert (change[0] - change[1]) / 2e-3 == pytest.approx(slope, rel=0.02)


def test_the_generator_learns_through_the_augmentation() -> None:
    game = Game(variant_of(Diffaugment(policy=("cutout",))), tiny(1, 16, 16))
    step = game.step("generator", rows=torch.arange(8), z=torch.randn(8, 4))
    fake = step["fake"]
    (slope,) = torch.autograd.grad(step["fake_score"].sum(), fake)
    hidden = (slope == 0).all(1).float().mean((1, 2))  # a pixel that is cut out teaches nothing
    assert ((hidden >= 1 / 16) & (hidden <= 1 / 4)).all()
