"""StyleGAN2 against its paper's facts: variances, path lengths, mixing, truncation."""

from __future__ import annotations

from functools import partial
from math import sqrt
from typing import Any

import pytest
import torch
from ganzoo_stylegan2 import LazyAdam, PathLength, Progressive, Stylegan2, ganzoo_variants
from ganzoo_stylegan2.generator import StyleGenerator, modulated
from ganzoo_stylegan2.layers import (
    Linear,
    blurred,
    doubled,
    halved,
    leaky,
    with_deviation,
)
from ganzoo_stylegan2.terms import MeanLength, path_lengths
from torch import Tensor, nn
from torch.nn.functional import conv2d

from ganzoo.builtin.losses import NonSaturating
from ganzoo.builtin.regularizers import R1
from ganzoo.builtin.samplers import Gaussian
from ganzoo.engine.build import build
from ganzoo.engine.game import Game
from ganzoo.errors import ComposeError
from ganzoo.parts.optimizer import Adam
from ganzoo.parts.schedule import linear
from ganzoo.parts.space import Space
from ganzoo.parts.variant import Variant
from ganzoo.testing import check_replayed, conformance, tiny

torch.set_num_threads(1)

Z, LABEL = Space(shape=(6,)), Space(classes=3)
SMALL = Stylegan2(width=4, most=8, dim=8)
VARIANTS = {variant.name: variant for variant in ganzoo_variants()}

test_the_plugin_conforms = conformance("ganzoo_stylegan2")


@pytest.fixture(autouse=True)
def _seeded() -> None:
    torch.manual_seed(0)


def image(side: int, channels: int = 3) -> Space:
    return Space(shape=(channels, side, side), bounded=True)


def generator(architecture: Stylegan2 = SMALL, side: int = 16) -> StyleGenerator:
    """A generator whose noise has an effect, as it has after training."""
    net = architecture.generator(Z, image(side))
    assert isinstance(net, StyleGenerator)
    for name, param in net.named_parameters():
        if name.endswith("strength"):
            nn.init.constant_(param, 0.5)
    return net


def small(**fields: Any) -> Variant:
    """The variant, narrow enough to train in milliseconds."""
    chosen = {**dict(VARIANTS["stylegan2"]), "architecture": SMALL, "batch": 8, **fields}
    return Variant.model_validate(chosen)


# --------------------------------------------------------------------------------------- modulation


def test_demodulated_outputs_have_a_variance_of_one_away_from_the_border() -> None:
    x = torch.randn(4, 32, 48, 48)
    weight, style = torch.randn(64, 32, 3, 3) * 5, torch.randn(4, 32) * 3 + 1
    inner = modulated(x, weight, style, demodulate=True)[..., 1:-1, 1:-1]
    assert inner.var((1, 2, 3)).tolist() == pytest.approx([1.0] * 4, rel=0.02)


@pytest.mark.parametrize("demodulate", [True, False])
def test_modulation_is_a_convolution_with_weights_of_each_samples_own(
    demodulate: bool,  # noqa: FBT001
) -> None:
    x, weight, style = torch.randn(3, 5, 7, 7), torch.randn(4, 5, 3, 3), torch.randn(3, 5)
    found = modulated(x, weight, style, demodulate=demodulate)
    for one, scale, out in zip(x, style, found, strict=True):
        own = weight * scale[None, :, None, None]
        if demodulate:
            own = own / (own.square().sum((1, 2, 3), keepdim=True) + 1e-8).sqrt()
        torch.testing.assert_close(out, conv2d(one[None], own, padding=1)[0], rtol=1e-4, atol=1e-5)


# -------------------------------------------------------------------------------------- path length


def test_the_path_length_of_a_linear_generator_is_the_same_at_every_w() -> None:
    layers, dim, y = 3, 4, torch.randn(1, 2, 5, 5)
    matrix = torch.randn(layers * dim, y.numel())
    w = (torch.randn(6, layers, dim) * 10).requires_grad_()
    fake = (w.flatten(1) @ matrix).view(6, *y.shape[1:])
    length = path_lengths(fake, w, y.expand_as(fake))
    expected = (matrix @ y.flatten()).square().sum().div(layers).sqrt()
    torch.testing.assert_close(length, expected.expand(6))


def test_the_penalty_is_the_difference_from_a_mean_that_follows_slowly() -> None:
    w = torch.randn(6, 2, 3)
    scale = torch.tensor(2.0, requires_grad=True)
    asked: list[slice] = []

    def linear_in_w(rows: slice) -> dict[str, Tensor]:
        asked.append(rows)
        part = w[rows].clone().requires_grad_()
        fake = scale * part.sum((1, 2))[:, None, None, None].expand(-1, 1, 4, 4)
        return {"fake": fake, "w": part}

    state = MeanLength(torch.device("cpu"))
    torch.manual_seed(0)
    penalty = PathLength().generator(linear_in_w, w, state)
    assert asked == [slice(0, 3)]
    torch.manual_seed(0)  # the directions that the penalty drew
    sums = (torch.randn(3, 1, 4, 4) / 4).sum((1, 2, 3))
    length = (3 * (2 * sums).square() + 1e-12).sqrt()  # three numbers of w, a mean over two layers
    mean = 0.01 * length.mean()
    torch.testing.assert_close(state.mean, mean)
    torch.testing.assert_close(penalty.detach(), (length - mean).square().mean())
    (slope,) = torch.autograd.grad(penalty, scale)
    torch.testing.assert_close(slope, (2 * (length - mean) * length / 2).mean())


def test_the_mean_length_is_saved() -> None:
    one, other = (MeanLength(torch.device("cpu")) for _ in range(2))
    one.mean.fill_(3.0)
    other.restore({name: value.clone() for name, value in one.state().items()})
    assert float(other.mean) == 3.0


def test_without_w_path_lengths_are_refused() -> None:
    variant = small(architecture=Progressive(width=4, most=8))
    with pytest.raises(ComposeError, match="^'path-length' reads 'w'"):
        Game(variant, tiny(3, 8, 8))


def test_a_step_of_the_generator_is_half_a_batch_longer_on_each_fourth() -> None:
    game = Game(small(), tiny(3, 16, 16))
    seen: list[int] = []
    mapping: Any = game.nets["generator"].mapping
    mapping.register_forward_pre_hook(lambda _, given: seen.append(len(given[0])))
    for _ in range(5):
        game.round()
    passes = seen[::2]  # each is of two latents, which are mixed
    assert passes == [8, 8, 4, 8, 8, 8, 8, 8, 8, 8, 8, 4]


# ----------------------------------------------------------------------------------- styles of w


def test_mixing_changes_only_the_layers_after_its_cut() -> None:
    net, z = generator(), torch.randn(400, 6)
    assert net.training
    w = net(z)["w"]
    own, other = net.mapping(z)[:, None], net.mapping(z.roll(1, 0))[:, None]
    is_own, is_other = (w == own).all(2), (w == other).all(2)
    assert bool((is_own ^ is_other).all())
    # From the cut on, no layer has its own latent's style again.
    assert bool((is_own.long().diff(dim=1) <= 0).all())
    assert bool(is_own[:, 0].all())
    assert float(is_other[:, -1].float().mean()) == pytest.approx(0.9, abs=0.05)
    cuts = is_own.sum(1)[is_other[:, -1]].bincount(minlength=net.synthesis.layers)[1:]
    assert float(cuts.float().std() / cuts.float().mean()) < 0.3
    assert torch.equal(net.eval()(z)["w"], own.expand_as(w))


def test_images_of_one_cut_agree_before_it() -> None:
    """Features of a size depend on no style of a layer behind it."""
    net = generator(Stylegan2(width=4, most=8, dim=8, noise="constant")).eval().synthesis
    w = torch.randn(2, net.layers, 8)
    w[1, :3] = w[0, :3]  # the layer at 4 pixels, and both at 8
    features: list[Tensor] = []
    for block in net.blocks:
        block.second.register_forward_hook(lambda *seen: features.append(seen[2]))
    net(w)
    at_8, at_16 = features
    assert torch.equal(at_8[0], at_8[1])
    assert not torch.equal(at_16[0], at_16[1])


def test_psi_of_zero_with_constant_noise_gives_one_image() -> None:
    game = Game(small(architecture=SMALL.model_copy(update={"noise": "constant"})), tiny(3, 16, 16))
    for _ in range(3):
        game.round()
    for param in game.average.net.parameters() if game.average else ():
        if not param.dim():
            nn.init.constant_(param, 0.5)  # the noise's strength
    one = game.sample(5, given={"psi": 0})["fake"]
    assert torch.equal(one, one[:1].expand_as(one))
    full = game.sample(5, given={"psi": 1.0})
    assert not torch.equal(full["fake"][0], full["fake"][1])
    torch.testing.assert_close(full["fake"], game.sample(5)["fake"])
    half, mean = game.sample(5, given={"psi": 0.5})["w"], game.sample(5, given={"psi": 0})["w"]
    torch.testing.assert_close(half, (full["w"] + mean) / 2)
    assert game.average is not None
    assert torch.equal(mean[0, 0], game.average.net.w_mean)
    assert float(mean.abs().max()) > 0


def test_fresh_noise_makes_images_of_one_w_differ() -> None:
    net = generator().eval()
    one, other = net(torch.ones(2, 6))["fake"]
    assert not torch.equal(one, other)


def test_the_mean_of_w_follows_in_training_alone() -> None:
    net, z = generator(), torch.randn(64, 6)
    net(z)
    torch.testing.assert_close(net.w_mean, 0.005 * net.mapping(z).mean(0))
    before = net.w_mean.clone()
    net.eval()(z)
    assert torch.equal(net.w_mean, before)


@pytest.mark.parametrize("conditional", [True, False])
def test_labels_are_read_only_if_it_is_conditional(conditional: bool) -> None:  # noqa: FBT001
    architecture = SMALL.model_copy(update={"conditional": conditional})
    game = Game(small(architecture=architecture), tiny(3, 16, 16, classes=3))
    game.round()
    assert ("label" in game.inputs["generator"]) == conditional
    assert ("label" in game.inputs["discriminator"]) == conditional
    if conditional:
        one, other = (game.sample(2, given={"label": k})["w"] for k in (0, 1))
        assert not torch.equal(one, other)


def test_a_conditional_one_without_classes_is_refused() -> None:
    told = SMALL.model_copy(update={"conditional": True})
    for label, have in (
        (None, "data have none"),
        (Space(shape=(2,)), "data's 'label' is a vector of 2"),
    ):
        message = f"'stylegan2' needs a label that is a class; the {have}."
        for built in (partial(told.generator, Z), told.discriminator):
            with pytest.raises(ComposeError) as error:
                built(image(16), label)
            assert str(error.value) == message


# ------------------------------------------------------------------------------------------- layers


@pytest.mark.parametrize("rate", [1.0, 0.01])
def test_an_equalized_layer_keeps_the_variance_whatever_its_rate(rate: float) -> None:
    layer, x = Linear(400, 300, bias=1.0, rate=rate), torch.randn(500, 400)
    out = layer(x).detach()
    assert float(out.var()) == pytest.approx(1, rel=0.02)
    assert float(out.mean()) == pytest.approx(1, abs=0.05)
    (slope,) = torch.autograd.grad(layer(torch.ones(1, 400)).sum(), layer.weight)
    torch.testing.assert_close(slope, torch.full_like(slope, rate / 20))


def filtered(x: Tensor, stride: int, padding: int) -> Tensor:
    """Each channel filtered with [1, 3, 3, 1] / 8 along both sides."""
    taps = torch.tensor([1.0, 3, 3, 1]) / 8
    alone = x.flatten(0, 1)[:, None]
    out = conv2d(alone, (taps[:, None] * taps)[None, None], stride=stride, padding=padding)
    return out.unflatten(0, x.shape[:2]).squeeze(2)


def test_images_are_resampled_by_the_papers_filter() -> None:
    x = torch.randn(2, 3, 8, 8)
    torch.testing.assert_close(halved(x), filtered(x, 2, 1))
    torch.testing.assert_close(blurred(x), filtered(x, 1, 2))
    spread = torch.zeros(2, 3, 16, 16)
    spread[..., ::2, ::2] = x
    inner = slice(2, -2)
    expected = 4 * filtered(spread, 1, 2)[..., :-1, :-1]
    torch.testing.assert_close(doubled(x)[..., inner, inner], expected[..., inner, inner])


def test_the_activation_keeps_the_mean_square() -> None:
    x = torch.randn(100_000)
    assert float(leaky(x).square().mean()) == pytest.approx(1 + 0.2**2, rel=0.02)


@pytest.mark.parametrize(("n", "size"), [(8, 4), (6, 3), (4, 4), (7, 7), (2, 2), (1, 1)])
def test_groups_divide_the_batch(n: int, size: int) -> None:
    x = torch.randn(n, 2, 3, 3)
    groups = x.view(size, n // size, 2, 3, 3)
    deviation = (groups.var(0, correction=0) + 1e-8).sqrt().mean((1, 2, 3))
    found = with_deviation(x, 4)
    assert torch.equal(found[:, :2], x)
    for i in range(n):  # sample i is in group i modulo their number
        expected = deviation[i % (n // size)].expand(3, 3)
        torch.testing.assert_close(found[i, 2], expected)


def test_samples_that_are_alike_have_no_deviation() -> None:
    same = torch.randn(1, 2, 3, 3).expand(8, -1, -1, -1)
    assert with_deviation(same, 4)[:, 2].max() <= 1.01e-4


# ---------------------------------------------------------------------------- sizes and parameters


@pytest.mark.parametrize("residual", [True, False])
@pytest.mark.parametrize("shape", [(1, 8, 8), (2, 28, 28), (3, 9, 16), (4, 64, 40)])
def test_images_of_any_size_are_generated_on_a_power_of_two(
    shape: tuple[int, int, int],
    residual: bool,  # noqa: FBT001
) -> None:
    architecture = SMALL.model_copy(update={"residual": residual})
    real = Space(shape=shape, bounded=True)
    fake = architecture.generator(Z, real)(torch.randn(3, 6))["fake"]
    assert fake.shape == (3, *shape)
    assert architecture.discriminator(real)(fake).shape == (3,)


def test_up_to_256_pixels_are_built_and_no_more() -> None:
    net = Stylegan2(width=1, most=2, dim=2).generator(Z, image(256)).eval()
    assert net(torch.randn(1, 6))["fake"].shape == (1, 3, 256, 256)
    for side in (4, 257):
        with pytest.raises(ComposeError) as error:
            build(SMALL, "generator", {"z": Z, "real": image(side)})
        assert str(error.value) == (
            "'stylegan2' builds images of 8 to 256 pixels a side and 1 to 4 channels; the data's "
            f"are 3 x {side} x {side} in [-1, 1]."
        )


@pytest.mark.parametrize("name", VARIANTS)
def test_both_networks_of_32_colour_pixels_have_less_than_a_million_parameters(name: str) -> None:
    architecture, spaces = VARIANTS[name].architecture, {"z": Space(shape=(64,)), "real": image(32)}
    for player in ("generator", "discriminator"):
        net = build(architecture, player, spaces)
        assert 500_000 < sum(p.numel() for p in net.parameters()) < 1_000_000


def test_the_generator_is_exported_as_plain_torch() -> None:
    net, z = generator().eval(), torch.randn(3, 6)
    exported = torch.export.export(net, (z,), strict=False)
    torch.manual_seed(1)
    expected = net(z)["fake"]
    torch.manual_seed(1)
    torch.testing.assert_close(exported.module()(z)["fake"], expected)
    assert {
        node.target.namespace
        for node in exported.graph.nodes
        if node.op == "call_function" and hasattr(node.target, "namespace")
    } == {"aten"}


# ----------------------------------------------------------------------------------------- training


def test_its_rounds_are_graphs_of_three_patterns() -> None:
    regularizers = (R1(weight=0.01, every=4), PathLength(every=2))
    game = check_replayed(small(regularizers=regularizers), tiny(3, 8, 8), rounds=20)
    assert game.graphs is not None
    assert (game.graphs.captured, game.graphs.reason) == (3, None)


def test_a_lazy_players_adam_is_slower_and_forgets_less() -> None:
    lazy = LazyAdam(lr=0.0034, betas=(0.0, 0.99), every=16)
    plain = Adam(lr=0.0034 * 16 / 17, betas=(0.0, 0.99 ** (16 / 17)))
    assert lazy.arguments() == plain.arguments()
    groups = [o.build([nn.Parameter(torch.ones(2))]).param_groups[0] for o in (lazy, plain)]
    assert groups[0]["lr"] == groups[1]["lr"]
    assert groups[0]["betas"] == groups[1]["betas"]


def test_the_correction_follows_a_schedule() -> None:
    lazy = LazyAdam(lr=linear(1.0, 0.0), every=4)
    game = Game(small(optimizers={"generator": lazy}), tiny(3, 8, 8))
    game.progress = 0.5
    game.round()
    assert game.optimizers["generator"].param_groups[0]["lr"] == pytest.approx(0.5 * 4 / 5)


def test_a_scheduled_lazy_adam_is_replayed_with_its_corrected_numbers() -> None:
    lazy = LazyAdam(lr=linear(0.01, 0.0), every=4)
    game = check_replayed(small(optimizers={"generator": lazy}), tiny(3, 8, 8))
    assert game.graphs is not None
    assert game.graphs.reason is None


def test_a_lazy_adam_remarks_on_terms_that_it_does_not_fit() -> None:
    game = Game(small(), tiny(3, 8, 8))
    assert [*VARIANTS["stylegan2"].optimizers["generator"].remarks(game)] == []
    lazy = LazyAdam(every=8)
    for regularizers, terms in (((R1(every=16),), "r1 each 16"), ((), "none")):
        wrong = {"optimizers": {"discriminator": lazy}, "regularizers": regularizers}
        (remark,) = lazy.remarks(Game(small(**wrong), tiny(3, 8, 8)))
        assert remark == (
            "lazy-adam of the discriminator corrects for a term that is due each 8 steps; its lazy "
            f"terms are: {terms}."
        )


def test_in_60_rounds_of_colour_nothing_diverges() -> None:
    variant = Variant(
        name="test",
        architecture=SMALL,
        loss=NonSaturating(),
        sampler=Gaussian(dim=6),
        regularizers=VARIANTS["stylegan2"].regularizers,
        optimizers=VARIANTS["stylegan2"].optimizers,
        batch=8,
    )
    game = Game(variant, tiny(3, 8, 8))
    for _ in range(60):
        game.round()
    assert game.is_finite()
    assert float(game.log["generator"]["path-length"]) < 100 * sqrt(8)
