"""Faults that a sceptical reader once found in the engine: silent ones first. Each is a trap."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import torch
from ganzoo_vanilla import Mlp
from small import points, variant_of
from torch import Tensor, nn

import ganzoo
from ganzoo.builtin.losses import NonSaturating
from ganzoo.builtin.networks import MlpGenerator, mlp_scorer
from ganzoo.builtin.optimizers import RmsProp
from ganzoo.builtin.regularizers import R1
from ganzoo.builtin.samplers import Gaussian
from ganzoo.engine.game import Game
from ganzoo.engine.heads import heads_on_rows
from ganzoo.engine.scoring import measure_game
from ganzoo.errors import ComposeError, DataError, OptionError
from ganzoo.parts import (
    Adam,
    Architecture,
    Data,
    GameView,
    Optimizer,
    Regularizer,
    ResidentRows,
    Space,
    linear,
)
from ganzoo.training import checkpoint

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from ganzoo.parts import Player
    from ganzoo.plugins.zoo import Zoo

SMALL = Mlp(width=8, depth=1)


def test_who_reads_a_value_first_does_not_decide_whether_others_have_its_gradient() -> None:
    game = Game(variant_of(SMALL), points())
    step = game.step("generator", rows=torch.arange(8), z=torch.randn(8, 4))
    with torch.no_grad():
        assert step["fake_score"].requires_grad
    assert step["fake"].requires_grad


class Aliased(nn.Module):
    """Two parameters of one gradient."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.p, self.q = (nn.Parameter(torch.ones(size)) for _ in range(2))

    def forward(self, z: Tensor) -> Tensor:
        return (self.p + self.q) * z


class Twins(Architecture):
    discriminator = Mlp.discriminator
    width: int = 8
    depth: int = 1

    def generator(self, z: Space) -> nn.Module:
        return Aliased(z.size)


def test_a_gradient_that_two_parameters_share_is_clipped_once() -> None:
    variant = variant_of(
        Twins(), sampler=Gaussian(dim=2), optimizers={"generator": Adam(max_norm=1e-3)}
    )
    game = Game(variant, points())
    game.round()
    grads = [p.grad for p in game.params["generator"]]
    assert float(torch.stack([g.norm() for g in grads]).norm()) == pytest.approx(1e-3, rel=1e-3)


class Labelling(Twins):
    def generator(self, z: Space) -> nn.Module:
        class Labeller(Aliased):
            def forward(self, z: Tensor) -> Any:
                return {"fake": super().forward(z), "label": z}

        return Labeller(z.size)


def test_a_head_with_a_columns_name_is_refused() -> None:
    with pytest.raises(ComposeError, match="returns 'label'; the data have a column of that name"):
        Game(variant_of(Labelling(), sampler=Gaussian(dim=2)), points())


@pytest.mark.parametrize("name", ["progress", "fake", "real_score", "generator", "state"])
def test_a_column_with_the_name_of_another_value_is_refused(name: str) -> None:
    data = points()
    rows = ResidentRows({**data.train.columns, name: torch.zeros(64)})
    clash = Data("clash", rows, rows, {**data.spaces, name: Space()})
    with pytest.raises(DataError, match=f"has a column '{name}', a name that has another meaning"):
        Game(variant_of(SMALL), clash)


class TwoRates(Optimizer):
    """The first parameter learns slowly; steps are counted in numbers, not tensors."""

    def build(self, params: Iterable[nn.Parameter]) -> torch.optim.Optimizer:
        first, *others = params
        return Counting([{"params": [first], "lr": 1e-5}, {"params": others, "lr": 1e-3}], {})


class Counting(torch.optim.Optimizer):
    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        del closure
        for group in self.param_groups:
            group["calls"] = group.get("calls", 0) + 1
            for param in group["params"]:
                state = self.state[param]
                state["step"] = state.get("step", 0) + 1
                param.sub_(group["lr"] / state["step"] / group["calls"] * param.grad)


def test_an_optimizers_own_groups_and_numbers_stay_its_own() -> None:
    variant = variant_of(
        SMALL,
        optimizers={"generator": TwoRates()},
        regularizers=(R1(weight=linear(1, 0)),),
    )
    game, other = Game(variant, points()), Game(variant, points())
    for _ in range(3):
        game.round()
    assert [g["lr"] for g in game.optimizers["generator"].param_groups] == [1e-5, 1e-3]
    tensors, facts = game.state()
    other.restore({k: v.clone() for k, v in tensors.items()}, facts)
    game.round()
    other.round()
    for mine, its in zip(game.params["generator"], other.params["generator"], strict=True):
        assert torch.equal(mine, its)


def test_a_momentum_that_torch_would_never_start_to_keep_is_refused() -> None:
    with pytest.raises(ValueError, match="a momentum that changes must begin above zero"):
        RmsProp(momentum=linear(0, 0.9))


class Scaled(Gaussian):
    """Latents whose scale falls."""

    scale: Any = linear(2, 1)

    def latent(self, n: int, spaces: Mapping[str, Space], stream: torch.Generator) -> Any:
        return {"z": self.scale * super().latent(n, spaces, stream)["z"]}


def test_a_samplers_schedule_is_that_of_now_also_after_a_resume() -> None:
    variant = variant_of(SMALL, sampler=Scaled(dim=4))
    game, other = Game(variant, points()), Game(variant, points())
    game.round()
    game.progress = 0.5
    tensors, facts = game.state()
    other.restore(tensors, facts)
    plain = Game(variant_of(SMALL, sampler=Gaussian(dim=4)), points()).sample(3, seed=1)["z"]
    for one in (game, other):
        torch.testing.assert_close(one.sample(3, seed=1)["z"], 1.5 * plain)


class Counter(Regularizer):
    k: float = 1.0

    def start(self, game: GameView) -> float:
        return self.k

    def augment(self, sample: Tensor, state: float) -> Tensor:
        return sample * state


def test_two_parts_cannot_share_one_state() -> None:
    with pytest.raises(ComposeError, match="two parts with state are both the regularizer counte"):
        Game(variant_of(SMALL, regularizers=(Counter(k=1), Counter(k=2))), points())


class ByLabel(Regularizer):
    def augment(self, sample: Tensor, label: Tensor) -> Tensor:
        return sample + label[:, None]


def test_an_augmentation_sees_the_rows_and_values_that_its_network_is_called_with() -> None:
    game = Game(variant_of(SMALL, regularizers=(ByLabel(),)), points())
    step = game.step("discriminator", rows=torch.arange(8), z=torch.randn(8, 4))
    net, real, label = game.nets["discriminator"], step["real"], step["label"]
    some = step["discriminator"](real[2:4], rows=slice(2, 4))["score"]
    assert torch.equal(some, net(real[2:4] + label[2:4, None]))
    other = (label + 1) % 3
    assert torch.equal(step.score(real, label=other), net(real + other[:, None]))


def test_an_iterator_of_metrics_is_walked_once(zoo: Zoo) -> None:
    game = ganzoo.compose("vanilla", data="ring", zoo=zoo).game()
    metrics = [metric for metric in zoo.metrics() if metric.routine]
    one, other = (measure_game(game, m, n=300, seed=0) for m in (metrics, iter(metrics)))
    assert one == other


class Noisy(Twins):
    def generator(self, z: Space) -> nn.Module:
        return MlpGenerator(z.size, [8], Space(shape=(2,)))

    def discriminator(self, real: Space) -> nn.Module:
        return nn.Sequential(nn.Dropout(0.5), mlp_scorer(real, [8]), NoiseInEval())


class NoiseInEval(nn.Module):
    def forward(self, score: Tensor) -> Tensor:
        return score + torch.randn_like(score)


def test_heads_of_a_noisy_discriminator_repeat_and_leave_the_callers_random_state() -> None:
    game = Game(variant_of(Noisy()), points())
    torch.manual_seed(3)
    before = torch.get_rng_state()
    one, other = (heads_on_rows(game, "discriminator", game.data.held_out) for _ in range(2))
    assert torch.equal(one["real_score"], other["real_score"])
    assert torch.equal(before, torch.get_rng_state())


# ------------------------------------------------------------------- networks of every kind


class Backbone(nn.Module):
    """A frozen backbone, tied weights, and a buffer that no file holds."""

    scale: Tensor

    def __init__(self, size: int) -> None:
        super().__init__()
        self.frozen = nn.Linear(size, size).requires_grad_(requires_grad=False)
        self.one, self.two = nn.Linear(size, size), nn.Linear(size, size)
        self.two.weight = self.one.weight
        self.register_buffer("scale", torch.full((), 0.5), persistent=False)

    def forward(self, z: Tensor) -> Tensor:
        out: Tensor = self.two(self.one(self.frozen(z))) * self.scale
        return out


class Odd(Architecture):
    """A generator on a backbone."""

    def generator(self, z: Space) -> nn.Module:
        return Backbone(z.size)

    def discriminator(self, real: Space) -> nn.Module:
        return mlp_scorer(real, [8])


def test_frozen_and_tied_weights_train_save_and_resume(tmp_path: Path) -> None:
    variant = variant_of(Odd(), sampler=Gaussian(dim=2), ema=0.9)
    game, other = Game(variant, points()), Game(variant, points())
    frozen = game.nets["generator"].frozen.weight.clone()
    for _ in range(2):
        game.round()
    assert torch.equal(game.nets["generator"].frozen.weight, frozen)
    checkpoint.write(tmp_path / "some.safetensors", *game.state())
    with checkpoint.reading(tmp_path / "some.safetensors") as (tensors, facts):
        other.restore(tensors, facts)
    game.round()
    other.round()
    mine, its = game.nets["generator"].state_dict(), other.nets["generator"].state_dict()
    assert all(torch.equal(value, its[name]) for name, value in mine.items())


def test_a_buffer_that_no_file_holds_is_there_after_loading(tmp_path: Path) -> None:
    from lifecycle import zoo_of

    zoo = zoo_of(__name__)
    variant = variant_of(Odd(), sampler=Gaussian(dim=2))
    run = ganzoo.train(variant, data="ring", rounds=2, zoo=zoo, out=tmp_path / "run")
    ganzoo.export(run, tmp_path / "weights", zoo=zoo)
    model = ganzoo.load(f"dir:{tmp_path / 'weights'}", zoo=zoo)
    assert torch.equal(model.sample(3, seed=1), run.game.sample(3, seed=1)["fake"])


@ganzoo.hookimpl
def ganzoo_architectures() -> list[type[Architecture]]:
    return [Odd]


class Fixed(nn.Module):
    def forward(self, z: Tensor) -> Tensor:
        return z


class Without(Odd):
    def generator(self, z: Space) -> nn.Module:
        return Fixed()


class Broken(Optimizer):
    algorithm = torch.optim.SGD

    def build(self, params: Iterable[nn.Parameter]) -> torch.optim.Optimizer:
        raise TypeError


class Stranger(Regularizer):
    projects = ("critic",)

    def project(self, net: nn.Module, player: Player) -> None: ...


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        (
            {"architecture": Without()},
            "the network of the generator has no parameters to train; ta",
        ),
        (
            {"optimizers": {"generator": Broken()}},
            "optimizer 'broken' of the generator cannot be built: ",
        ),
        ({"regularizers": (Stranger(),)}, "regularizer 'stranger' projects 'critic', who has no t"),
        ({"turns": (("weight", 1),)}, "a player cannot be named 'weight', which has another mean"),
    ],
)
def test_what_would_be_a_traceback_is_a_sentence(fields: dict[str, Any], sentence: str) -> None:
    options = {"architecture": SMALL, "loss": NonSaturating(), "sampler": Gaussian(dim=2), **fields}
    with pytest.raises(ComposeError) as error:
        Game(variant_of(options.pop("architecture"), **options), points())
    assert str(error.value).startswith(sentence)


class Column(Twins):
    def generator(self, z: Space) -> nn.Module:
        return MlpGenerator(z.size, [8], Space(shape=(2,)))

    def discriminator(self, real: Space) -> nn.Module:
        return nn.Linear(real.size, 1)


class ByFunction(NonSaturating):
    def discriminator(self, score: Any, real: Tensor, fake: Tensor) -> Tensor:
        return (score(fake) - score(real)).mean()


def test_a_column_of_scores_is_refused_also_where_only_the_function_is_called() -> None:
    with pytest.raises(ComposeError, match=r"'score' of shape \(8, 1\); it must be \(8,\), or"):
        Game(variant_of(Column(), loss=ByFunction()), points())


def test_no_samples_are_an_error_and_not_another_meaning(zoo: Zoo) -> None:
    game = ganzoo.compose("vanilla", data="ring", zoo=zoo).game()
    for n in (0, -1):
        with pytest.raises(OptionError, match=f"must be a whole number, 1 or more, not {n}"):
            game.sample(n)
