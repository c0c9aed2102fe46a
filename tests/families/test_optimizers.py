"""Optimizers are parts: chosen by name for each player, and resumed with their moments."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import torch
from ganzoo_vanilla import Mlp
from ganzoo_wgan_gp import ganzoo_variants as wgan_variants
from lifecycle import lived, zoo_of
from small import points, variant_of
from torch import nn

import ganzoo
from ganzoo.builtin.losses import NonSaturating
from ganzoo.builtin.optimizers import Adamax, AdamW, RmsProp, Sgd
from ganzoo.builtin.samplers import Gaussian
from ganzoo.engine.game import Game
from ganzoo.parts import Adam, Architecture, Dataset, Optimizer, Rate, Variant, linear

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from ganzoo.parts import Data
    from ganzoo.plugins.zoo import Zoo


class Small(Mlp):
    """Perceptrons of few units."""

    width: int = 8
    depth: int = 1


SMALL = Small()
ORACLES: list[tuple[Optimizer, Any]] = [
    (Adam(lr=1e-2, betas=(0.4, 0.9)), lambda p: torch.optim.Adam(p, lr=1e-2, betas=(0.4, 0.9))),
    (
        AdamW(lr=1e-2, weight_decay=0.3),
        lambda p: torch.optim.AdamW(p, lr=1e-2, betas=(0.5, 0.999), weight_decay=0.3),
    ),
    (Adamax(lr=1e-2), lambda p: torch.optim.Adamax(p, lr=1e-2, betas=(0.5, 0.999))),
    (
        RmsProp(lr=1e-2, alpha=0.9, momentum=0.5),
        lambda p: torch.optim.RMSprop(p, lr=1e-2, alpha=0.9, momentum=0.5),
    ),
    (
        Sgd(lr=1e-2, momentum=0.9, nesterov=True),
        lambda p: torch.optim.SGD(p, lr=1e-2, momentum=0.9, nesterov=True),
    ),
]


class Lion(Optimizer):
    """The sign of an interpolated momentum (Chen et al. 2023, arXiv:2302.06675, algorithm 2)."""

    lr: Rate = 1e-3
    decays: tuple[float, float] = (0.9, 0.99)

    def build(self, params: Iterable[nn.Parameter]) -> torch.optim.Optimizer:
        return _Lion(params, self.arguments())


class _Lion(torch.optim.Optimizer):
    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        del closure
        for group in self.param_groups:
            now, then = group["decays"]
            for param in group["params"]:
                if param.grad is None:
                    continue
                moment = self.state[param].setdefault("moment", torch.zeros_like(param))
                param.sub_(group["lr"] * torch.lerp(param.grad, moment, now).sign())
                moment.lerp_(param.grad, 1 - then)


class Normal(Dataset):
    """Labelled points."""

    def load(self) -> Data:
        return points()


@ganzoo.hookimpl
def ganzoo_architectures() -> list[type[Architecture]]:
    return [Small]


@ganzoo.hookimpl
def ganzoo_optimizers() -> list[type[Optimizer]]:
    return [Lion]


@ganzoo.hookimpl
def ganzoo_datasets() -> list[type[Dataset]]:
    return [Normal]


@ganzoo.hookimpl
def ganzoo_variants() -> list[Variant]:
    return [
        Variant(
            name="own",
            architecture=SMALL,
            loss=NonSaturating(),
            sampler=Gaussian(dim=4),
            optimizers={"discriminator": Lion(lr=linear(1e-3)), "generator": Sgd(momentum=0.9)},
            batch=8,
            data="normal",
        )
    ]


def test_a_plugins_own_lives(tmp_path: Path) -> None:
    run = lived(zoo_of(__name__), "own", tmp_path)
    tensors, _ = run.game.state()
    assert float(tensors["discriminator-optimizer.0.moment"].abs().sum()) > 0
    assert float(tensors["generator-optimizer.0.momentum_buffer"].abs().sum()) > 0


@pytest.mark.parametrize("name", ["adam", "adamw", "adamax", "rmsprop", "sgd"])
def test_each_of_core_lives_by_its_name(name: str, tmp_path: Path) -> None:
    run = lived(zoo_of(__name__), "own", tmp_path, optimizer=name)
    assert {o.name for o in run.game.variant.optimizers.values()} == {name}


@pytest.mark.parametrize(("part", "oracle"), ORACLES, ids=[part.name for part, _ in ORACLES])
def test_each_takes_the_steps_of_torchs_own(part: Optimizer, oracle: Any) -> None:
    players = {"discriminator": part, "generator": part}
    game = Game(variant_of(SMALL, optimizers=players), points())
    twin = Game(variant_of(SMALL, optimizers=players), points())
    twin.optimizers = {player: oracle(params) for player, params in twin.params.items()}
    for _ in range(4):
        game.round()
        twin.round()
    for player, params in game.params.items():
        for mine, its in zip(params, twin.params[player], strict=True):
            torch.testing.assert_close(mine, its, atol=1e-6, rtol=1e-5)


def test_where_torch_has_a_fused_implementation_it_is_used() -> None:
    params = [nn.Parameter(torch.zeros(2))]
    for part, fused in ((Adam(), True), (AdamW(), True), (Sgd(), True), (RmsProp(), False)):
        group = part.build(params).param_groups[0]
        assert bool(group.get("fused")) is fused
        assert fused or group["foreach"]


def test_the_papers_optimizer_is_wgans() -> None:
    wgan = next(v for v in wgan_variants() if v.name == "wgan")
    assert {player: o.spec() for player, o in wgan.optimizers.items()} == dict.fromkeys(
        ("discriminator", "generator"), RmsProp(lr=5e-5).spec()
    )


def test_one_is_chosen_for_all_players_or_set_for_one(zoo: Zoo) -> None:
    def named(**choices: Any) -> dict[str, str]:
        composed = ganzoo.compose("vanilla", zoo=zoo, **choices).variant
        return {player: o.name for player, o in composed.optimizers.items()}

    assert named(optimizer="sgd") == {"discriminator": "sgd", "generator": "sgd"}
    setting = ["optimizers.generator=rmsprop", "optimizers.generator.alpha=0.5"]
    assert named(settings=setting) == {"discriminator": "adam", "generator": "rmsprop"}
    kept = ganzoo.compose("vanilla", zoo=zoo, optimizer="adam").variant.optimizers["generator"]
    assert kept == zoo.variant("vanilla").optimizers["generator"]


@pytest.mark.parametrize(
    ("setting", "sentence"),
    [
        (
            "optimizers.generator.alpha=1",
            "'optimizers.generator' has no option 'alpha'. Its options: betas, eps, lr, max_norm.",
        ),
        ("optimizers.generator=adan", "no optimizer 'adan'; did you mean 'adam'? Installed "),
        ("optimizers.encoder=adam", "option 'optimizers' of 'vanilla' cannot be "),
        ("optimizers.generator.lr=0", "option 'lr' of 'optimizers.generator' cannot be 0: "),
        ("optimizers.generator.betas=[1,0.9]", "option 'betas.0' of 'optimizers.generator' cannot"),
    ],
)
def test_a_wrong_choice_is_one_sentence(zoo: Zoo, setting: str, sentence: str) -> None:
    with pytest.raises(ganzoo.ZooError) as error:
        ganzoo.compose("vanilla", zoo=zoo, settings=[setting])
    assert str(error.value).startswith(sentence), str(error.value)


def test_momentum_is_needed_to_look_ahead_by() -> None:
    with pytest.raises(ValueError, match="nesterov needs a momentum above zero"):
        Sgd(nesterov=True)
