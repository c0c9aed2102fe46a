"""Spectral normalization against an SVD: in training, saved, averaged, frozen and exported."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import torch
from ganzoo_dcgan import Dcgan
from ganzoo_sngan import Sngan, SpectralNorm, ganzoo_variants
from ganzoo_sngan.spectral import Spectral, spectral
from ganzoo_wgan_gp import GradientPenalty
from torch import nn

import ganzoo
from ganzoo.builtin.datasets.digits import Digits
from ganzoo.builtin.datasets.points import Ring
from ganzoo.builtin.losses import Hinge
from ganzoo.builtin.regularizers import R1
from ganzoo.builtin.samplers import Gaussian
from ganzoo.engine.game import Game
from ganzoo.errors import ComposeError
from ganzoo.parts.optimizer import Adam
from ganzoo.parts.variant import Variant
from ganzoo.pretrained.export import export
from ganzoo.testing import tiny
from ganzoo.testing.composing import Plain
from ganzoo.testing.replaying import check_replayed
from ganzoo.testing.same import same

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from torch import Tensor

torch.set_num_threads(1)

VARIANTS = {variant.name: variant for variant in ganzoo_variants()}
BOTH = SpectralNorm(players="both")


@pytest.fixture(autouse=True)
def _seeded() -> None:
    torch.manual_seed(0)


def small(**fields: Any) -> Variant:
    """SNGAN, narrow enough to train in milliseconds."""
    chosen = {**dict(VARIANTS["sngan"]), "architecture": Sngan(width=4), "batch": 8, **fields}
    return Variant.model_validate(chosen)


def largest(net: nn.Module) -> list[float]:
    """The largest singular value of every normalized weight, by an SVD."""
    found = []
    for each in spectral(net):
        layer = each.layer[0]
        weight = layer.weight.detach()
        matrix = weight.transpose(0, 1) if isinstance(layer, nn.ConvTranspose2d) else weight
        found.append(float(torch.linalg.svdvals(matrix.flatten(1))[0]))
    assert found
    return found


def singular_vectors(net: nn.Module) -> list[Tensor]:
    return [vector.clone() for each in spectral(net) for vector in (each.u, each.v)]


# ---------------------------------------------------------------------------------- the definition


@pytest.mark.parametrize(
    "layer",
    [
        nn.Linear(7, 30),
        nn.Linear(30, 7),
        nn.Embedding(10, 6),
        nn.Conv1d(3, 8, 5),
        nn.Conv2d(3, 8, 3).to(memory_format=torch.channels_last),
        nn.Conv2d(4, 8, 3, groups=2),
        nn.ConvTranspose2d(6, 5, 4, 2).to(memory_format=torch.channels_last),
        nn.Conv3d(2, 4, 3),
    ],
    ids=lambda layer: type(layer).__name__,
)
def test_every_kind_of_layer_is_divided_by_its_largest_singular_value(layer: nn.Module) -> None:
    net = nn.Sequential(layer)
    before = layer.weight.detach().clone()  # type: ignore[operator]
    is_transposed = isinstance(layer, nn.ConvTranspose2d)
    matrix = (before.transpose(0, 1) if is_transposed else before).flatten(1)
    SpectralNorm().attach(net, "discriminator")
    torch.testing.assert_close(layer.weight, before / torch.linalg.svdvals(matrix)[0])


def test_the_gradient_is_that_of_the_papers_equation_11() -> None:
    """dL/dW = (G - (G . W_SN) u v') / sigma, for the gradient G by the normalized weight."""
    net = nn.Sequential(nn.Linear(5, 4, bias=False))
    weight = net[0].weight
    SpectralNorm().attach(net, "discriminator")
    (each,) = spectral(net)
    normal = net[0].weight.detach()
    sigma = torch.linalg.svdvals(weight.detach())[0]
    upstream = torch.randn(4, 5)
    (gradient,) = torch.autograd.grad((net[0].weight * upstream).sum(), weight)
    expected = (upstream - (upstream * normal).sum() * (each.u @ each.v.T)) / sigma
    torch.testing.assert_close(gradient, expected, rtol=1e-4, atol=1e-5)


def test_without_doublings_an_iteration_is_that_of_the_papers_algorithm() -> None:
    each = Spectral(layer := nn.Linear(5, 4))
    nn.utils.parametrize.register_parametrization(layer, "weight", each, unsafe=True)
    weight, u = layer.parametrizations.weight.original.detach(), each.u.clone()
    each.follow(0)
    v = weight.T @ u / (weight.T @ u).norm()
    torch.testing.assert_close(each.v, v)
    torch.testing.assert_close(each.u, weight @ v / (weight @ v).norm())


def test_a_layer_that_starts_at_zero_is_zero_and_learns() -> None:
    net = nn.Sequential(nn.Linear(3, 2))
    nn.init.zeros_(net[0].weight)
    SpectralNorm().attach(net, "discriminator")
    adam = torch.optim.Adam(net.parameters(), lr=1e-2)
    assert net[0].weight.abs().max() == 0
    weight = net[0].parametrizations.weight.original
    (slope,) = torch.autograd.grad(net[0].weight.sum(), weight)
    torch.testing.assert_close(slope, torch.full((2, 3), 1e4))
    for _ in range(3):
        net(torch.randn(4, 3)).sum().backward()
        adam.step()
        SpectralNorm().project(net, "discriminator")
    assert largest(net) == pytest.approx([1], abs=0.01)


def test_it_follows_what_another_parametrization_makes_of_the_weight() -> None:
    class Stretched(nn.Module):
        """Columns of other lengths, so that the singular vectors are others too."""

        def forward(self, weight: Tensor) -> Tensor:
            return weight * torch.tensor([1.0, 2, 3, 4])

    net = nn.Sequential(nn.Linear(4, 3))
    nn.utils.parametrize.register_parametrization(net[0], "weight", Stretched())
    SpectralNorm().attach(net, "discriminator")
    assert largest(net) == pytest.approx([1], abs=1e-4)
    with torch.no_grad():
        net[0].parametrizations.weight.original.normal_()
    for _ in range(50):
        SpectralNorm().project(net, "discriminator")
    assert largest(net) == pytest.approx([1], abs=1e-4)


def test_a_network_that_could_be_normalized_only_in_part_is_refused() -> None:
    class Scaled(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = nn.Parameter(torch.ones(3, 4))

    with pytest.raises(ComposeError) as caught:
        SpectralNorm().attach(nn.Sequential(Scaled(), nn.Embedding(2, 3)), "discriminator")
    assert str(caught.value) == (
        "'spectral-norm' cannot normalize Scaled of the discriminator: it knows the linear layers, "
        "convolutions and embeddings of torch."
    )
    SpectralNorm().attach(nn.Sequential(nn.Linear(4, 3), nn.LayerNorm((2, 3))), "discriminator")


def test_a_network_without_layers_is_refused() -> None:
    with pytest.raises(ComposeError) as caught:
        SpectralNorm().attach(nn.Sequential(nn.ReLU()), "discriminator")
    assert str(caught.value) == (
        "'spectral-norm' finds nothing to normalize in the discriminator: no linear layer, "
        "convolution or embedding."
    )


# ------------------------------------------------------------------------------------- in the game


@pytest.mark.parametrize(
    ("variant", "data"),
    [
        (small(regularizers=(BOTH,)), Digits()),
        (small(architecture=Dcgan(width=8), regularizers=(BOTH,)), Digits()),
        (small(architecture=Plain(), optimizers={"discriminator": Adam(lr=1e-3)}), Ring()),
    ],
    ids=["sngan", "dcgan", "points"],
)
def test_after_200_steps_every_layer_has_a_largest_singular_value_of_one(
    variant: Variant, data: Any
) -> None:
    game = Game(variant, data.load())
    for _ in range(200):
        game.round()
    for player in variant.regularizers[0].projects or ():
        assert all(abs(value - 1) < 0.01 for value in largest(game.nets[player])), player


@pytest.mark.parametrize(("doublings", "norm"), [(0, 1.1), (10, 1.0)])
def test_a_singular_value_that_overtakes_the_largest_is_found(doublings: int, norm: float) -> None:
    """One iteration stays with the vector that it had, as long as the other is small in it."""
    net = nn.Sequential(nn.Linear(2, 2))
    regularizer = SpectralNorm(doublings=doublings)
    with torch.no_grad():
        net[0].weight.copy_(torch.tensor([[1.0, 0.0], [0.01, 0.5]]))
    regularizer.attach(net, "discriminator")
    with torch.no_grad():
        net[0].parametrizations.weight.original[1, 1] = 1.1
    regularizer.project(net, "discriminator")
    assert largest(net) == pytest.approx([norm], abs=0.01)


def test_it_changes_no_initial_weight_and_no_other_player() -> None:
    plain, normal = (
        Game(small(regularizers=parts), tiny(1, 8, 8)) for parts in ((), (SpectralNorm(),))
    )
    for player, net in plain.nets.items():
        found = normal.nets[player].state_dict()
        for name, value in net.state_dict().items():
            raw = name.replace("weight", "parametrizations.weight.original")
            assert torch.equal(found[name if name in found else raw], value), name
    assert not [*spectral(normal.nets["generator"])]


def test_singular_vectors_change_after_a_step_of_their_player_and_at_no_other_time() -> None:
    game = Game(small(), tiny(1, 8, 8))
    net = game.nets["discriminator"]
    before = singular_vectors(net)
    sample = torch.randn(4, 1, 8, 8)
    assert torch.equal(net(sample), net(sample))
    net.eval()(sample)
    net.train()
    game.deal("generator", game.draw("generator"))
    game.sample(4)
    assert all(map(torch.equal, before, singular_vectors(net)))
    game.deal("discriminator", game.draw("discriminator"))
    assert not all(map(torch.equal, before, singular_vectors(net)))


@pytest.mark.parametrize("penalty", [R1(), GradientPenalty(), R1(every=2)])
def test_penalties_differentiate_a_normalized_network_twice(penalty: Any) -> None:
    variant = small(regularizers=(SpectralNorm(), penalty))
    game = Game(variant, tiny(1, 8, 8))
    game.round()
    game.round()
    assert float(game.log["discriminator"][penalty.name]) > 0
    assert game.is_finite()


def test_under_bf16_singular_values_are_still_those_of_full_precision() -> None:
    game = Game(small(precision="bf16"), tiny(1, 8, 8))
    game.round()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert all(abs(value - 1) < 1e-3 for value in largest(game.nets["discriminator"]))


@pytest.mark.parametrize("fields", [{}, {"fakes": "shared"}, {"regularizers": (BOTH,)}])
def test_rounds_are_replayed_as_graphs(fields: Mapping[str, Any]) -> None:
    check_replayed(small(**fields), tiny(1, 8, 8))


# ------------------------------------------------------------------- saved, averaged and exported


def test_a_restored_game_plays_on_bit_for_bit() -> None:
    game, other = (Game(small(regularizers=(BOTH,)), tiny(1, 8, 8)) for _ in range(2))
    game.round()
    tensors, facts = game.state()
    other.restore({name: value.detach().clone() for name, value in tensors.items()}, facts)
    game.round()
    other.round()
    assert same(game, other)


def test_an_average_is_settled_before_it_is_sampled_from() -> None:
    """Its singular vectors are copies of the live network's, and belong to other weights."""
    game = Game(small(regularizers=(BOTH,)), tiny(1, 8, 8))
    assert game.average is not None
    with torch.no_grad():
        for param in game.average.net.parameters():
            param.normal_()
    assert any(abs(value - 1) > 0.1 for value in largest(game.average.net))
    frozen = game.frozen().net
    assert all(abs(value - 1) < 1e-4 for value in largest(frozen))
    for mine, its in zip(frozen.parameters(), game.average.net.parameters(), strict=True):
        assert torch.equal(mine, its)


def test_a_run_is_exported_and_loaded_by_its_file(tmp_path: Path) -> None:
    """Its folder holds no finished run, so the generator is built from the checkpoint."""
    variant = small(regularizers=(BOTH,), sampler=Gaussian(dim=8))
    run = ganzoo.train(variant, data="digits", rounds=4, out=tmp_path / "run")
    from_run = run.game.sample(8)["fake"]
    model = ganzoo.load(f"dir:{export(run, tmp_path / 'live')}")
    assert torch.equal(model.sample(8), from_run)
    (tmp_path / "run" / "model.safetensors").unlink()
    again = ganzoo.load(f"dir:{export(tmp_path / 'run', tmp_path / 'files')}")
    assert torch.equal(again.sample(8), from_run)
    assert all(abs(value - 1) < 1e-4 for value in largest(again.generator))
    assert again.discriminator is not None
    assert all(abs(value - 1) < 0.01 for value in largest(again.discriminator))
    real = Digits().load().held_out.column("real", slice(0, 8))
    net = run.game.nets["discriminator"].eval()
    torch.testing.assert_close(again.score(real), net(real).detach())


def test_hinge_is_what_sngan_plays() -> None:
    assert VARIANTS["sngan"].loss == Hinge()
    assert VARIANTS["sngan"].regularizers == (SpectralNorm(),)
