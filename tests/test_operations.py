"""Operations are counted by hand-checked formulas, and what has none is an error."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import torch
from small import images
from torch import nn

from ganzoo.benchmark.cost import round_flops, round_images, sample_flops
from ganzoo.benchmark.operations import OWN, check_without_products, counting
from ganzoo.builtin.regularizers import R1, R2
from ganzoo.engine.game import Game
from ganzoo.errors import ZooError
from ganzoo.testing.same import same

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

    from ganzoo.plugins.zoo import Zoo

GROUPS, SIZE = 4, 6
Conv = type[nn.Conv2d] | type[nn.ConvTranspose2d]


def count(work: Callable[[], object]) -> int:
    with counting() as counter:
        work()
    return counter.total


def penalized(net: Callable[[Tensor], Tensor], x: Tensor) -> None:
    """A forward, a backward to the input, and a backward of that."""
    x = x.requires_grad_()
    (grad,) = torch.autograd.grad(net(x).square().sum(), x, create_graph=True)
    grad.square().sum().backward()


def trained(net: Callable[[Tensor], Tensor], x: Tensor) -> None:
    """A forward, and a backward to the weights and to an input that asks for it."""
    net(x).sum().backward()


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("conv", [nn.Conv2d, nn.ConvTranspose2d])
def test_a_grouped_convolution_costs_what_its_groups_cost_one_by_one(
    conv: Conv, stride: int
) -> None:
    whole = conv(2 * GROUPS, 3 * GROUPS, 3, stride, padding=1, groups=GROUPS)
    parts = [conv(2, 3, 3, stride, padding=1) for _ in range(GROUPS)]

    def one_by_one(x: Tensor) -> Tensor:
        return torch.cat([part(y) for part, y in zip(parts, x.chunk(GROUPS, 1), strict=True)], 1)

    x = torch.randn(5, 2 * GROUPS, SIZE, SIZE)
    assert count(lambda: whole(x)) == count(lambda: one_by_one(x)) > 0
    assert count(lambda: penalized(whole, x)) == count(lambda: penalized(one_by_one, x))


@pytest.mark.parametrize("groups", [1, GROUPS])
@pytest.mark.parametrize("conv", [nn.Conv2d, nn.ConvTranspose2d])
def test_a_convolutions_backward_costs_twice_its_forward(conv: Conv, groups: int) -> None:
    net, x = conv(8, 12, 3, 2, groups=groups), torch.randn(5, 8, SIZE, SIZE, requires_grad=True)
    forward = count(lambda: net(x))
    assert count(lambda: trained(net, x)) == 3 * forward
    assert count(lambda: trained(net, x.detach())) == 2 * forward  # of its weights only


def test_an_lstm_costs_what_its_cell_costs_step_by_step() -> None:
    layer, cell, x = nn.LSTM(3, 4), nn.LSTMCell(3, 4), torch.randn(6, 5, 3, requires_grad=True)
    first = tuple(torch.zeros(5, 4, requires_grad=True) for _ in "hc")

    def unrolled() -> Tensor:
        state, hidden = first, []
        for step in x:
            state = cell(step, state)
            hidden.append(state[0])
        return torch.stack(hidden)

    forward = count(unrolled)
    assert count(lambda: layer(x)) == forward == 6 * 2 * 5 * 16 * (3 + 4)
    both = count(lambda: unrolled().sum().backward())
    assert count(lambda: layer(x)[0].sum().backward()) == both == 3 * forward


@pytest.mark.parametrize("net", [nn.RNN(3, 4), nn.GRU(3, 4), nn.LSTM(3, 4, 2, bidirectional=True)])
def test_recurrent_layers_cost_two_operations_a_weight_and_step(net: nn.RNNBase) -> None:
    weights = sum(param.numel() for param in net.parameters() if param.dim() == 2)
    assert count(lambda: net(torch.randn(6, 5, 3))) == 6 * 5 * 2 * weights


def test_on_a_gpu_an_lstm_costs_the_same() -> None:
    layer, x = nn.LSTM(3, 4), torch.randn(6, 5, 3)
    forward, weights = count(lambda: layer(x)), list(layer.parameters())
    assert OWN["aten._cudnn_rnn"](x, weights, 4) == forward
    backward = OWN["aten._cudnn_rnn_backward"]
    assert backward(x, weights, 4, [True, True, True, True]) == 2 * forward
    assert backward(x, weights, 4, [False, False, False, True]) == forward


def test_the_same_is_counted_whether_gradients_are_recorded_or_not() -> None:
    attention = nn.MultiheadAttention(4, 2, batch_first=True).eval()
    x, image = torch.randn(2, 3, 4), torch.randn(1, 4, 5, 5)
    nets: list[Callable[[], object]] = [
        lambda: nn.functional.linear(x, x[0]),
        lambda: nn.functional.conv2d(image, image),
        lambda: nn.functional.scaled_dot_product_attention(x[None], x[None], x[None]),
        lambda: attention(x, x, x),
        lambda: nn.LSTM(4, 2)(x),
        lambda: torch.einsum("bij,bkj->bik", x, x),
        lambda: torch.mv(x[0], x[0, 0]),
        lambda: torch.zeros(3, 3).addmm_(x[0], x[0].T),
        lambda: torch.zeros(3).addmv_(x[0], x[0, 0]),
        lambda: torch.addbmm(torch.zeros(3, 3), x, x.mT),
        lambda: torch.cdist(x, x, compute_mode="use_mm_for_euclid_dist"),
    ]
    recorded = [count(net) for net in nets]
    with torch.no_grad():
        assert [count(net) for net in nets] == recorded
    with torch.inference_mode():
        assert [count(net) for net in nets] == recorded
    product = 2 * (3 * 3 * 4)
    assert recorded == [
        *(2 * product, 2 * 4 * 5 * 5, 4 * product, 4 * product + 4 * (2 * 6 * 4 * 4)),
        *(2 * 2 * 3 * 8 * (4 + 2), 2 * product, 2 * 3 * 4, product, 2 * 3 * 4),
        *(2 * product, 2 * product),
    ]
    assert torch.backends.mha.get_fastpath_enabled()


def test_a_product_without_a_formula_is_an_error() -> None:
    with pytest.raises(ZooError) as error:
        count(lambda: torch.linalg.qr(torch.eye(3)))
    assert str(error.value) == (
        "the operation 'aten.linalg_qr' multiplies matrices, and there is no formula for what it "
        "costs; use matrix products, or give it one with "
        "torch.utils.flop_counter.register_flop_formula."
    )


@pytest.mark.parametrize(
    "name",
    ["_int_mm", "conv_tbc", "miopen_rnn", "_native_multi_head_attention", "_trilinear", "lu_solve"],
)
def test_products_are_known_by_their_names(name: str) -> None:
    with pytest.raises(ZooError, match=f"'aten.{name}' multiplies matrices"):
        check_without_products(f"aten.{name}")


def test_what_multiplies_no_matrices_needs_no_formula() -> None:
    for name in ("upsample_bilinear2d", "linalg_vector_norm", "_thnn_fused_lstm_cell", "mvlgamma"):
        check_without_products(f"aten.{name}")
    assert count(lambda: torch.linalg.vector_norm(torch.ones(3)).relu()) == 0


@pytest.mark.parametrize(
    ("turns", "rows"),
    [
        ({"discriminator": 5, "generator": 1}, 40),
        ({"generator": 1}, 8),
        ({"discriminator": 1, "generator": 3}, 24),
    ],
)
def test_images_are_the_rows_dealt_to_the_player_with_most_turns(
    turns: dict[str, int], rows: int, zoo: Zoo
) -> None:
    variant = zoo.variant("vanilla").model_copy(update={"batch": 8, "turns": tuple(turns.items())})
    assert round_images(variant) == rows


def test_a_sample_costs_two_operations_a_weight(zoo: Zoo) -> None:
    generator = Game(zoo.variant("vanilla"), images()).frozen()
    weights = [p for p in generator.net.parameters() if p.dim() == 2]
    assert sample_flops(generator) == 2 * sum(weight.numel() for weight in weights)


def test_counting_a_round_leaves_the_game_as_it_was(zoo: Zoo) -> None:
    counted, other = (Game(zoo.variant("vanilla"), images()) for _ in range(2))
    for game in (counted, other):
        game.round()
    round_flops(counted)
    assert same(counted, other)
    for game in (counted, other):
        game.round()
    assert same(counted, other)


def test_lazy_terms_are_counted_until_they_are_in_phase_again(zoo: Zoo) -> None:
    variant = zoo.variant("vanilla")
    plain, one, two, both = (
        round_flops(Game(variant.model_copy(update={"regularizers": terms}), images()))
        for terms in ((), (R1(),), (R2(),), (R1(every=2), R2(every=3)))
    )
    assert both == pytest.approx(plain + (one - plain) / 2 + (two - plain) / 3, abs=1)
