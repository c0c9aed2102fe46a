"""Rounds as graphs: what is captured replays to the bits of eager play, and the rest is named."""

from __future__ import annotations

import gc
import os
import random
import weakref
from contextlib import contextmanager
from types import SimpleNamespace
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

import pytest
import torch
from ganzoo_dcgan import Dcgan
from ganzoo_vanilla import Mlp
from small import images, play, points, variant_of
from torch import Tensor, nn

import ganzoo
from ganzoo.builtin.losses import Hinge
from ganzoo.builtin.observers.remarks import Remarks
from ganzoo.builtin.optimizers import RmsProp, Sgd
from ganzoo.builtin.regularizers import R1, R2
from ganzoo.builtin.samplers import Gaussian
from ganzoo.engine import state as states
from ganzoo.engine.composition import Composition
from ganzoo.engine.explain import explain
from ganzoo.engine.game import Game
from ganzoo.engine.graphs import cuda
from ganzoo.engine.graphs.capture import NotCaptured
from ganzoo.engine.graphs.cuda import CudaCapture
from ganzoo.engine.graphs.drawn import Drawn, fits
from ganzoo.engine.graphs.obstacle import obstacle
from ganzoo.engine.graphs.rehearsal import Rehearsal
from ganzoo.errors import ComposeError, RunError
from ganzoo.parts.optimizer import Adam, Optimizer
from ganzoo.parts.part import Architecture, Regularizer, Sampler
from ganzoo.parts.rows import ResidentRows
from ganzoo.parts.schedule import Anneals, linear
from ganzoo.parts.streamed import StreamedRows
from ganzoo.testing import check_replayed
from ganzoo.testing.recorded import Recorded
from ganzoo.training.deterministic import WORKSPACE, deterministic
from ganzoo.training.plan import plan_run
from ganzoo.training.run import Run

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ganzoo.parts.space import Space
    from ganzoo.parts.variant import Variant

SMALL = Mlp(width=8, depth=1)
ZOO = ganzoo.default_zoo()
EAGER = {
    "gail": "sampler 'rollout' runs a network in draw",
    "ppo": "sampler 'rollout' runs a network in draw",
}
"""The installed compositions that are played eagerly on a GPU, and why."""
STAGES = {"progressive": 2}
"""Of installed compositions whose networks grow, how many sizes they have on their data."""
SETTINGS = {
    "gail": {"rollout": {"envs": 2, "steps": 16}},
    "ppo": {"rollout": {"envs": 2, "steps": 16}},
}


def reason_of(game: Game) -> str | None:
    assert game.graphs is not None
    return game.graphs.reason


def captured(game: Game) -> int:
    assert game.graphs is not None
    return game.graphs.captured


def smaller(variant: Variant) -> Variant:
    """A variant with small batches, and few channels where it has convolutions."""
    narrow = {"width": 4} if "width" in type(variant.architecture).model_fields else {}
    architecture = variant.architecture.model_copy(update=narrow)
    return variant.model_copy(update={"batch": 16, "architecture": architecture})


@pytest.mark.parametrize("name", sorted(ZOO.variants))
def test_every_installed_composition_replays_to_the_bits_of_eager_play(name: str) -> None:
    composition = ganzoo.compose(name, settings=SETTINGS.get(name), zoo=ZOO)
    data = composition.data if composition.dataset.name != "mnist" else ZOO.dataset("digits").load()
    stages = STAGES.get(name, 1)
    game = check_replayed(smaller(composition.variant), data, rounds=7 * stages)
    assert reason_of(game) == EAGER.get(name)
    assert captured(game) == (0 if name in EAGER else stages)


@pytest.mark.parametrize(
    "variant",
    [
        variant_of(
            SMALL,
            regularizers=(R1(every=3), R2(every=2)),
            turns={"discriminator": 2, "generator": 1},
        ),
        variant_of(SMALL, ema=0.9, turns={"discriminator": 1, "generator": 3}),
        variant_of(
            SMALL,
            ema=linear(0.5, 0.9),
            regularizers=(R1(weight=linear(1.0)),),
            optimizers={"discriminator": Adam(lr=linear(1e-2)), "generator": Adam(max_norm=0.1)},
        ),
        variant_of(SMALL, ema_half_life=linear(64, 16), turns={"discriminator": 1, "generator": 2}),
        variant_of(SMALL, optimizers={"discriminator": Sgd(momentum=0.5), "generator": RmsProp()}),
        variant_of(Dcgan(width=4), precision="bf16", loss=Hinge()),
    ],
    ids=["lazy terms", "several turns", "schedules", "half-life", "optimizers", "bf16"],
)
def test_what_changes_from_round_to_round_is_read_anew(variant: Any) -> None:
    game = check_replayed(variant, images() if variant.precision == "bf16" else points(), rounds=40)
    assert reason_of(game) is None
    assert captured(game) >= 1
    assert game.progress > 0.8


def test_each_pattern_of_due_terms_is_a_graph_of_its_own() -> None:
    game = check_replayed(variant_of(SMALL, regularizers=(R1(every=4),)), points(), rounds=32)
    assert captured(game) == 2
    game = check_replayed(
        variant_of(SMALL, regularizers=(R1(every=2), R2(every=3))), points(), rounds=40
    )
    assert captured(game) == 4


def test_more_patterns_than_are_kept_are_played_eagerly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ganzoo.engine.graphs.rounds.MOST", 1)
    game = check_replayed(variant_of(SMALL, regularizers=(R1(every=3),)), points())
    assert reason_of(game) == "their lazy terms are due in more than 1 patterns"


class Shrinking(Regularizer):
    """Shrinks the weights after each step, less and less."""

    rate: Annotated[float, Anneals(ge=0)] = linear(0.1)

    def project(self, net: nn.Module, player: str) -> None:
        for param in net.parameters():
            param.mul_(1 - self.rate)


class Noise(Regularizer):
    """Instance noise, whose deviation is annealed."""

    std: Annotated[float, Anneals(ge=0)] = linear(1.0, 0.1)

    def augment(self, sample: Tensor, progress: float) -> Tensor:
        return sample + (1 - 0.5 * progress) * self.std * torch.randn_like(sample)


def test_a_parts_own_schedule_and_progress_are_scalars_of_the_same_precision() -> None:
    parts = Noise(), Shrinking()
    game = check_replayed(variant_of(SMALL, regularizers=parts), points(), rounds=30)
    assert (captured(game), reason_of(game)) == (1, None)


# ------------------------------------------------------------------------- what cannot be captured


class Jumping(Noise):
    """Reads its schedule on the host."""

    def augment(self, sample: Tensor) -> Tensor:  # type: ignore[override]
        return sample if self.std > 0.5 else sample + 1


class Masked(Regularizer):
    """Selects samples by a mask."""

    def generator(self, fake_score: Tensor) -> Tensor:
        return fake_score[fake_score > -100].mean()


class Host(Regularizer):
    """Draws a number of Python's."""

    def generator(self, fake_score: Tensor) -> Tensor:
        return fake_score * random.random()


class Own(Regularizer):
    """Draws from a stream of its own."""

    def start(self, game: Any) -> torch.Generator:
        return torch.Generator(game.device)

    def generator(self, fake_score: Tensor, state: torch.Generator) -> Tensor:
        return fake_score * torch.rand((), generator=state)


class Counter:
    """Counts calls, in Python."""

    calls = 0

    def state(self) -> dict[str, Any]:
        return {"calls": self.calls}

    def restore(self, state: dict[str, Any]) -> None:
        self.calls = state["calls"]


class Counting(Regularizer):
    """Counts its calls, which a graph would not."""

    def start(self, game: Any) -> Counter:
        return Counter()

    def generator(self, fake_score: Tensor, state: Counter) -> Tensor:
        state.calls += 1
        return fake_score.square() if state.calls > 1000 else fake_score


class Copying(Regularizer):
    """Saves copies of what it keeps, so that nobody can tell whether that was replaced."""

    def start(self, game: Any) -> Copied:
        return Copied()

    def generator(self, fake_score: Tensor, state: Copied) -> Tensor:
        return fake_score


class Copied:
    def state(self) -> dict[str, Any]:
        return {"level": torch.zeros(1)}

    def restore(self, state: dict[str, Any]) -> None:
        pass


class Longer(Gaussian):
    """Draws more rows each time."""

    drawn: ClassVar[list[int]] = []

    def draw(self, player: str, game: Any) -> Tensor:
        self.drawn.append(0)
        return game.order.take(game.batch + len(self.drawn) // 8)


class Late(Gaussian):
    """Takes its rows on the device's side of the cut."""

    def draw(self, player: str, game: Any) -> None:
        pass

    def deal(self, player: str, game: Any, drawn: Any) -> Iterator[Any]:
        rows = game.order.take(game.batch)
        yield game.step(player, rows=rows, **self.latent(len(rows), game.spaces, game.latents))


class Fading(Gaussian):
    """Reads the game's progress as a number."""

    def deal(self, player: str, game: Any, drawn: Any) -> Iterator[Any]:
        z = self.latent(len(drawn), game.spaces, game.latents)["z"]
        yield game.step(player, rows=drawn, z=z if game.progress < 0.9 else 2 * z)


class Counted(Gaussian):
    """Reads how many rounds were played."""

    def deal(self, player: str, game: Any, drawn: Any) -> Iterator[Any]:
        z = self.latent(len(drawn), game.spaces, game.latents)["z"]
        yield game.step(player, rows=drawn, z=z if game.rounds < 10 else 2 * z)


class Prioritized(Gaussian):
    """Draws the rows that were dealt least, which the step before has changed."""

    def start(self, game: Any) -> Tensor:
        return torch.zeros(len(game.train))

    def draw(self, player: str, game: Any) -> Tensor:
        return game.state_of(self).argsort(stable=True)[: game.batch].clone()

    def deal(self, player: str, game: Any, drawn: Any) -> Iterator[Any]:
        game.state_of(self)[drawn] += 1
        yield game.step(player, rows=drawn, **self.latent(len(drawn), game.spaces, game.latents))


class Early(Gaussian):
    """Draws the latents of a step too early."""

    def draw(self, player: str, game: Any) -> Any:
        return game.order.take(game.batch), torch.randn(
            game.batch, self.dim, generator=game.latents
        )

    def deal(self, player: str, game: Any, drawn: Any) -> Iterator[Any]:
        yield game.step(player, rows=drawn[0], z=drawn[1])


class Undirected(Gaussian):
    """Draws on torch's own stream, as steps do."""

    def draw(self, player: str, game: Any) -> Any:
        return game.order.take(game.batch), torch.randn(game.batch, self.dim)

    deal = Early.deal


class Distinct(Regularizer):
    """Makes values whose number depends on others."""

    def generator(self, fake_score: Tensor) -> Tensor:
        return fake_score * len(torch.unique(torch.zeros(3)))


class Odd(Gaussian):
    """Draws something that has no place in memory."""

    def draw(self, player: str, game: Any) -> Any:
        return iter([game.order.take(game.batch)])

    def deal(self, player: str, game: Any, drawn: Any) -> Iterator[Any]:
        rows = next(drawn)
        yield game.step(player, rows=rows, **self.latent(len(rows), game.spaces, game.latents))


@pytest.mark.parametrize(
    ("part", "reason"),
    [
        (Jumping(), "regularizer 'jumping' reads values on the host (_local_scalar_dense)"),
        (
            Masked(),
            "regularizer 'masked' selects by a mask, whose number of values is read on the host",
        ),
        (Own(), "regularizer 'own' draws from a random stream of its own"),
        (
            Counting(),
            "the state of the regularizer counting keeps 'calls', a number of Python that changes",
        ),
        (Copying(), "the state of the regularizer copying makes new tensors each time it is saved"),
        (Late(), "sampler 'late' computes with a number that changes, 32 and then 48"),
        (Fading(), "sampler 'fading' reads the game's progress; let a method name 'progress'"),
        (Counted(), "sampler 'counted' reads the number of rounds; let a method name 'progress'"),
        (Prioritized(), "sampler 'prioritized' draws from values that a step changes"),
        (Early(), "sampler 'early' draws the steps' random numbers in draw"),
        (Undirected(), "sampler 'undirected' draws the steps' random numbers in draw"),
        (Distinct(), "regularizer 'distinct' reads values on the host (_unique2)"),
        (Odd(), "sampler 'odd' draws a list_iterator, not tensors in dicts, tuples and lists"),
    ],
    ids=lambda value: getattr(value, "name", ""),
)
def test_what_cannot_be_captured_is_played_eagerly_and_named(part: Any, reason: str) -> None:
    fields = {"sampler": part} if isinstance(part, Sampler) else {"regularizers": (part,)}
    game = check_replayed(variant_of(SMALL, **fields), points(), rounds=20)
    assert (reason_of(game), captured(game)) == (reason, 0)


class Vector(Regularizer):
    """Makes a tensor of Python's numbers, which on a GPU is a copy from the host."""

    def generator(self, fake: Tensor) -> Tensor:
        return (fake - torch.tensor([1.0, 2.0], device=fake.device)).square().sum(1)


class Inverse(Regularizer):
    """Inverts a matrix, for which torch looks at once whether it could."""

    def generator(self, fake: Tensor) -> Tensor:
        return torch.linalg.inv(fake.T @ fake + torch.eye(fake.shape[1])).trace()


class Listing(Regularizer):
    """Counts its calls in a list."""

    def start(self, game: Any) -> Any:
        return [{"calls": 0}]

    def generator(self, fake_score: Tensor, state: Any) -> Tensor:
        state[0]["calls"] += 1
        return fake_score.square() if state[0]["calls"] > 10 else fake_score


class Quantile(Regularizer):
    """Gives progress to an operation that takes a number of Python's, or a tensor of one type."""

    def generator(self, fake_score: Tensor, progress: Any) -> Tensor:
        return fake_score * torch.quantile(fake_score.detach(), progress)


class Scalar(Regularizer):
    """Adds progress to a scalar: of two scalars, the more precise one decides the type."""

    def augment(self, sample: Tensor, progress: Any) -> Tensor:
        return sample / (1 + progress + sample.norm())


class Whole(Regularizer):
    """Multiplies whole numbers by progress."""

    def augment(self, sample: Tensor, progress: Any) -> Tensor:
        return sample + (torch.arange(sample.shape[1]) * progress).float()


class Power(Regularizer):
    """Raises values to a power that changes."""

    def augment(self, sample: Tensor, progress: Any) -> Tensor:
        return (sample.abs() + 0.1) ** (1 + progress)


class LookaheadSteps(torch.optim.SGD):
    """Counts its steps in Python; every sixth one is another."""

    def __init__(self, params: Any, lr: float = 1e-3) -> None:
        super().__init__(params, lr=lr)
        self.count = 0

    def step(self, closure: Any = None) -> Any:
        self.count += 1
        for group in self.param_groups:
            group["lr"] = -0.1 if self.count % 6 == 0 else 0.1
        return super().step(closure)


class Lookahead(Optimizer):
    """Looks back and forth."""

    algorithm: ClassVar[type[torch.optim.Optimizer]] = LookaheadSteps


@pytest.mark.parametrize(
    ("part", "reason"),
    [
        (
            Vector(),
            (
                "regularizer 'vector' makes a tensor of numbers of Python's, which is copied from "
                "the host"
            ),
        ),
        (Inverse(), "regularizer 'inverse' reads values on the host (_linalg_check_errors)"),
        (
            Listing(),
            "the state of the regularizer listing keeps '0.calls', a number of Python that changes",
        ),
        (
            Quantile(),
            (
                "with numbers on the device, 'quantile' fails on the generator's turn with "
                "architecture 'mlp', sampler 'gaussian' and dataset 'points': quantile() q tensor "
                "must be same dtype as the input tensor"
            ),
        ),
        (Scalar(), "regularizer 'scalar' computes scalars or whole numbers with one that changes"),
        (Whole(), "regularizer 'whole' computes scalars or whole numbers with one that changes"),
        (Power(), "regularizer 'power' raises values to a power that changes"),
        (
            Lookahead(lr=0.1),
            (
                "optimizer 'lookahead' of the discriminator keeps 'count', a number of Python that "
                "changes"
            ),
        ),
    ],
    ids=lambda value: getattr(value, "name", ""),
)
def test_what_a_graph_would_get_wrong_later_is_found_before(part: Any, reason: str) -> None:
    fields: dict[str, Any] = {"regularizers": (part,)}
    if isinstance(part, Optimizer):
        fields = {"optimizers": {"discriminator": part, "generator": Adam()}}
    game = check_replayed(variant_of(SMALL, **fields), points(), rounds=16)
    assert (reason_of(game), captured(game)) == (reason, 0)


class Turning(Regularizer):
    """Turns a tensor in place."""

    def generator(self, fake: Tensor) -> Tensor:
        turned = fake * 2
        doubled = turned * 2
        return (turned.t_().square().sum(0) + doubled.unsqueeze_(0).sum((0, 2))).square()


def test_what_is_given_another_form_in_place_is_replayed() -> None:
    game = check_replayed(variant_of(SMALL, regularizers=(Turning(),)), points(), rounds=9)
    assert (captured(game), reason_of(game)) == (1, None)


class Doubled(Regularizer):
    """A term of another type than the loss."""

    def generator(self, fake_score: Tensor) -> Tensor:
        return fake_score.double().square()


def test_terms_of_several_types_are_logged_as_they_are() -> None:
    game = check_replayed(variant_of(SMALL, regularizers=(Doubled(),)), points(), rounds=7)
    assert captured(game) == 1
    types = [game.log["generator"][name].dtype for name in ("non-saturating", "doubled")]
    assert types == [torch.float32, torch.float64]


class Fragile(Regularizer):
    """Fails once."""

    calls: ClassVar[list[int]] = []

    def generator(self, fake_score: Tensor) -> Tensor:
        self.calls.append(0)
        if len(self.calls) == 2:  # the first is the composition check's
            raise KeyboardInterrupt
        return fake_score


def test_a_game_whose_first_round_was_interrupted_can_be_played_on() -> None:
    Fragile.calls.clear()
    game = Game(variant_of(SMALL, regularizers=(Fragile(),)), points())
    game.use_graphs(Recorded())
    with pytest.raises(KeyboardInterrupt):
        game.round()
    play(game, 6)
    assert (captured(game), reason_of(game)) == (1, None)


ONE, TWO, LONG = torch.zeros(2), torch.zeros(2), torch.zeros(3)
THERE = torch.zeros(2, device="meta")
OTHER = "an update reads a tensor that is another in another round"
ELSE = "an update does something else in another round"


MADE = "an update makes a tensor of numbers of Python's, which is copied from the host"


@pytest.mark.parametrize(
    ("first", "second", "reason"),
    [
        (lambda: ONE + 1, lambda: ONE + 1, None),
        (lambda: ONE + torch.nan, lambda: ONE + torch.nan, None),
        (lambda: (ONE + 1) + 1, lambda: (ONE + 1) + 1, None),
        (lambda: ONE * torch.tensor(2.0), lambda: ONE * torch.tensor(2.0), None),
        (lambda: ONE * torch.tensor(2.0), lambda: ONE * torch.tensor(3.0), OTHER),
        (lambda: ONE * torch.tensor([2.0]), lambda: ONE * torch.tensor([2.0]), MADE),
        (lambda: ONE + 1, lambda: ONE * 1, ELSE),
        (lambda: ONE + 1, lambda: ONE + 1 + 1, ELSE),
        (lambda: ONE + 1 + 1, lambda: ONE + 1, ELSE),
        (lambda: torch.stack([ONE]), lambda: torch.stack([ONE, ONE]), ELSE),
        (
            lambda: ONE + 1,
            lambda: ONE + 2,
            "an update computes with a number that changes, 1 and then 2",
        ),
        (lambda: ONE + 1, lambda: LONG + 1, "an update has values whose shape changes"),
        (lambda: ONE + 1, lambda: TWO + 1, OTHER),
        (lambda: (ONE + 1, TWO + 1), lambda: (ONE + 1, ONE + 1), OTHER),
        (lambda: (ONE + 1) * 1, lambda: (ONE + 1, ONE * 1), OTHER),
        (
            lambda: ONE.to("meta"),
            lambda: ONE.to("meta"),
            "an update moves values between the host and the device",
        ),
        (lambda: THERE.add_(1), lambda: THERE.add_(1), "an update changes a tensor on the host"),
    ],
)
def test_two_rounds_must_be_the_same_operations_on_the_same_memory(
    first: Any, second: Any, reason: str | None
) -> None:
    game, found = Game(variant_of(SMALL), points()), None
    for work in (first, second):
        found = Rehearsal(game, found)
        with found:
            work()
        found.finish({})
    assert found is not None
    assert found.reason == reason


def test_memory_from_outside_is_kept_so_that_no_other_comes_to_its_place() -> None:
    rehearsal, fresh = Rehearsal(Game(variant_of(SMALL), points())), torch.zeros(2)
    with rehearsal:
        fresh + 1
    kept = weakref.ref(fresh)
    del fresh
    assert kept() is not None


def test_what_is_drawn_is_held_on_the_device() -> None:
    game: Any = SimpleNamespace(device=torch.device("meta"))
    assert Drawn(game).hold({"rows": torch.ones(2)})["rows"].device.type == "meta"


class Deciding(nn.Linear):
    """Reads a value on the host."""

    def forward(self, z: Tensor) -> Tensor:
        out: Tensor = super().forward(z)
        return out if float(out.detach().sum()) < 1e9 else -out


class Tallying(nn.Linear):
    """Counts its calls."""

    calls = 0

    def forward(self, z: Tensor) -> Tensor:
        self.calls += 1
        out: Tensor = super().forward(z)
        return out


class Latent(nn.Module):
    """Names what it reads, whatever its layer calls it."""

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, z: Tensor) -> Tensor:
        out: Tensor = self.layer(z)
        return out


class Made(Architecture):
    """Its generator is one layer, of the kind that is named."""

    layer: str = "deciding"

    def generator(self, z: Space, real: Space) -> nn.Module:
        kind = Deciding if self.layer == "deciding" else Tallying
        return Latent(kind(z.size, real.size))

    def discriminator(self, real: Space) -> nn.Module:
        return SMALL.discriminator(real)


class Slow(torch.optim.SGD):
    """Reads its gradients on the host."""

    def step(self, closure: Any = None) -> None:  # type: ignore[override]
        for param in self.param_groups[0]["params"]:
            if param.grad is not None and float(param.grad.sum()) < 1e9:
                super().step()


class Aging(torch.optim.SGD):
    """Keeps the number of its steps in Python."""

    def step(self, closure: Any = None) -> None:  # type: ignore[override]
        super().step()
        for param in self.param_groups[0]["params"]:
            self.state[param]["age"] = self.state[param].get("age", 0) + 1


class Slowly(Optimizer):
    algorithm = Slow


class Agingly(Optimizer):
    algorithm = Aging


CHANGES = "a number of Python that changes"


@pytest.mark.parametrize(
    ("architecture", "optimizer", "reason"),
    [
        (
            Made(),
            Sgd(),
            "the generator of architecture 'made' reads values on the host (_local_scalar_dense)",
        ),
        (
            Made(layer="tallying"),
            Sgd(),
            "the generator of architecture 'made' (layer) keeps 'calls', " + CHANGES,
        ),
        (
            SMALL,
            Slowly(),
            "optimizer 'slowly' of the generator reads values on the host (_local_scalar_dense)",
        ),
        (
            SMALL,
            Agingly(),
            "optimizer 'agingly' of the generator, tensor 0, keeps 'age', " + CHANGES,
        ),
    ],
    ids=["network reads", "network counts", "optimizer reads", "optimizer counts"],
)
def test_networks_and_optimizers_that_cannot_be_captured_are_named(
    architecture: Architecture, optimizer: Optimizer, reason: str
) -> None:
    fields: Any = {"optimizers": {"generator": optimizer}}
    assert obstacle(Game(variant_of(architecture, **fields), points())) == reason


def test_an_obstacle_is_found_that_only_two_rehearsals_show() -> None:
    random.seed(0)
    found = obstacle(Game(variant_of(SMALL, regularizers=(Host(),)), points()))
    assert found is not None
    assert found.startswith("regularizer 'host' computes with a number that changes, 0.")


def test_a_number_of_the_host_that_changes_is_found_and_quoted() -> None:
    random.seed(0)
    game = Game(variant_of(SMALL, regularizers=(Host(),)), points())
    game.use_graphs(Recorded())
    play(game, 6)
    reason = reason_of(game)
    assert reason is not None
    assert reason.startswith("regularizer 'host' computes with a number that changes, 0.")


def test_rows_of_another_number_are_played_eagerly_from_then_on() -> None:
    Longer.drawn.clear()
    game = Game(variant_of(SMALL, sampler=Longer(dim=4)), points())
    game.use_graphs(Recorded())
    play(game, 6)
    assert reason_of(game) == "sampler 'longer' draws values of another form in another round"
    assert (game.rounds, game.steps) == (6, {"discriminator": 6, "generator": 6})


@pytest.mark.parametrize(
    ("value", "held", "expected"),
    [
        (torch.ones(2), torch.zeros(2), True),
        (torch.ones(3), torch.zeros(2), False),
        (torch.ones(2), torch.zeros(2, dtype=torch.int64), False),
        (1, torch.ones(()), False),
        ("real", "real", True),
        (2, 1, False),
        (1, True, False),
    ],
)
def test_what_is_drawn_takes_the_place_of_the_same_kind_alone(
    value: Any, held: Any, *, expected: bool
) -> None:
    assert fits(value, held) is expected


class Silent(Regularizer):
    """Writes to memory that no operation shows: a graph would not see it change."""

    def start(self, game: Any) -> Any:
        held = torch.zeros(1)
        return held, held.numpy()

    def generator(self, fake_score: Tensor, state: Any) -> Tensor:
        held, array = state
        array += 1
        return fake_score * held


def test_the_stand_in_finds_what_no_rehearsal_can_see() -> None:
    with pytest.raises(
        AssertionError, match="test ends round 6 with other bits when its rounds are"
    ):
        check_replayed(variant_of(SMALL, regularizers=(Silent(),)), points())


# --------------------------------------------------------------------------- games that go on


class Level:
    """A level that is kept in a tensor, and that ``restore`` replaces by another."""

    def __init__(self) -> None:
        self.level = torch.zeros(())

    def state(self) -> dict[str, Any]:
        return {"level": self.level}

    def restore(self, state: dict[str, Any]) -> None:
        self.level = state["level"].clone()


class Adaptive(Regularizer):
    """Follows the real scores, as adaptive augmentation does."""

    projects: ClassVar[tuple[str, ...] | None] = ("discriminator",)

    def start(self, game: Any) -> Level:
        return Level()

    def augment(self, sample: Tensor, state: Level) -> Tensor:
        return sample + state.level * torch.randn_like(sample)

    def project(self, net: nn.Module, player: str, real_score: Tensor, state: Level) -> None:
        state.level += 0.01 * real_score.sign().mean()


def test_a_state_that_comes_back_in_other_tensors_is_captured_anew() -> None:
    fields: Any = {"regularizers": (Adaptive(),), "optimizers": {"generator": Adam(lr=linear(1.0))}}
    eager, replayed = (Game(variant_of(SMALL, **fields), points()) for _ in "ab")
    replayed.use_graphs(Recorded())
    for number in range(24):
        for game in (eager, replayed):
            game.progress = number / 24
            if number == 10:
                with game.untouched(), game.leased():  # as an observer that draws a grid
                    game.play_turns()
            game.round()
        assert ganzoo.testing.same(eager, replayed), number
    assert (captured(replayed), reason_of(replayed)) == (1, None)


class Rebinding(Adaptive):
    """Puts its level into a new tensor."""

    def project(self, net: nn.Module, player: str, real_score: Tensor, state: Level) -> None:
        state.level = state.level + 0.01 * real_score.sign().mean()


def test_a_state_in_ever_new_tensors_is_played_eagerly() -> None:
    game = check_replayed(variant_of(SMALL, regularizers=(Rebinding(),)), points(), rounds=9)
    assert reason_of(game) == "the state of the regularizer rebinding is new after each round"
    assert captured(game) == 0


def test_a_resumed_game_captures_anew_and_goes_on_with_the_same_bits() -> None:
    variant = variant_of(SMALL, ema=0.9, optimizers={"generator": Adam(lr=linear(1e-2))})
    eager, replayed = Game(variant, points()), Game(variant, points())
    replayed.use_graphs(Recorded())
    play(eager, 8), play(replayed, 8)
    tensors, facts = eager.state()
    saved = {name: value.clone() for name, value in tensors.items()}
    play(replayed, 3)
    replayed.restore(saved, facts)
    assert captured(replayed) == 0
    play(eager, 8), play(replayed, 8)
    assert captured(replayed) == 1
    assert ganzoo.testing.same(eager, replayed)


def test_samples_are_of_the_weights_after_a_replay_and_logs_are_kept() -> None:
    game = Game(variant_of(SMALL), points())
    game.use_graphs(Recorded())
    play(game, 6)
    before, log = game.sample(4)["fake"], dict(game.round())
    first = float(log["generator"]["non-saturating"])
    assert not torch.equal(before, game.sample(4)["fake"])
    later = game.round()
    assert float(log["generator"]["non-saturating"]) == first
    assert float(later["generator"]["non-saturating"]) != first


class Growing(nn.Module):
    """A second layer fades in over the second half of training."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(inputs, outputs), nn.Linear(outputs, outputs)

    def stage(self, progress: float) -> int:
        return int(progress >= 0.5)

    def forward(self, z: Tensor, progress: Any, stage: int) -> Tensor:
        out: Tensor = self.first(z)
        return out if stage == 0 else out + (2 * progress - 1) * self.second(out.relu())


class Grown(Architecture):
    """A generator that grows."""

    def generator(self, z: Space, real: Space) -> nn.Module:
        return Growing(z.size, real.size)

    def discriminator(self, real: Space) -> nn.Module:
        return SMALL.discriminator(real)


def test_each_stage_of_a_network_is_a_graph_of_its_own() -> None:
    game = check_replayed(variant_of(Grown(), ema=0.5), points(), rounds=20)
    assert (captured(game), reason_of(game)) == (2, None)
    assert game.inputs["generator"] == ("z", "progress")
    game.progress = 0.0
    early = game.frozen()
    z = torch.randn(3, 4)
    assert torch.equal(early.net(z, 0.0, 0), early.sample(3, given={"z": z})["fake"])


class Source:
    """Images, each of one level."""

    def __len__(self) -> int:
        return 40

    def __getitem__(self, row: int) -> dict[str, Any]:
        return {"real": torch.full((1, 8, 8), row * 6, dtype=torch.uint8)}


class Turned(Gaussian):
    """Deals other rows than those that it drew."""

    def deal(self, player: str, game: Any, drawn: Any) -> Iterator[Any]:
        z = self.latent(len(drawn), game.spaces, game.latents)["z"]
        yield game.step(player, rows=drawn.flip(0), z=z)


class Peeking(Regularizer):
    """Reads a value on the host, after streamed rows."""

    def discriminator(self, real: Tensor) -> Tensor:
        return real.flatten(1).mean(1) * 0 if float(real.max()) > 2 else real.flatten(1).mean(1)


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        (
            {"sampler": Turned(dim=4)},
            "an update reads streamed data of other rows than those drawn",
        ),
        (
            {"regularizers": (Peeking(),)},
            "regularizer 'peeking' reads values on the host (_local_scalar_dense)",
        ),
    ],
    ids=["other rows", "host"],
)
def test_steps_on_streamed_rows_are_watched(fields: Any, reason: str) -> None:
    data = images()
    rows = StreamedRows(Source(), data.spaces, index="", workers=0)
    held = type(data)("images", rows, data.held_out, data.spaces)
    game = check_replayed(variant_of(Dcgan(width=4), **fields), held, rounds=5)
    assert (captured(game), reason_of(game)) == (0, reason)


STREAMED = StreamedRows(Source(), images().spaces, index="", workers=0)


def test_streamed_columns_are_fetched_before_a_replay() -> None:
    data = images()
    resident = ResidentRows({"real": torch.stack([Source()[i]["real"] for i in range(40)])})
    games = []
    for train in (resident, STREAMED):
        held = type(data)("images", train, data.held_out, data.spaces)
        games.append(check_replayed(variant_of(Dcgan(width=4)), held))
        assert (captured(games[-1]), reason_of(games[-1])) == (1, None)
    assert ganzoo.testing.same(*games)


def test_row_numbers_may_be_written_over_by_the_next() -> None:
    numbers = torch.tensor([1, 2])
    rows = STREAMED.to(torch.device("cpu"))
    first = rows.column("real", numbers)
    numbers += 1
    assert torch.equal(rows.column("real", numbers)[0], first[1])


# ------------------------------------------------------------------------------- runs, and CUDA


def test_explain_says_how_a_gpu_plays_the_rounds() -> None:
    assert (
        explain("vanilla", data="ring")["graph"]
        == "On a GPU, each round is played as one CUDA graph."
    )
    said = (
        "On a GPU, rounds are played without a graph: regularizer 'masked' selects by a mask, "
        "whose number of values is read on the host."
    )
    assert explain("vanilla", data="ring", regularizers=Masked)["graph"] == said


def test_graphs_asked_for_on_a_cpu_are_refused_and_by_default_left_out(tmp_path: Any) -> None:
    message = (
        "rounds are captured as graphs on CUDA GPUs alone, and this run is on the device 'cpu'; "
        "leave --graph (graph=True) out."
    )
    with pytest.raises(RunError) as error:
        ganzoo.train("vanilla", data="ring", rounds=1, out=tmp_path / "a", device="cpu", graph=True)
    assert str(error.value) == message
    run = ganzoo.train("vanilla", data="ring", rounds=1, out=tmp_path / "a", device="cpu")
    assert (run.game.graphs, run.plan.graph) == (None, True)
    with pytest.raises(RunError) as error:
        ganzoo.train(out=tmp_path / "a", resume=True, rounds=2, graph=True)
    assert str(error.value) == message


def test_a_run_on_a_gpu_plays_graphs_unless_it_is_told_not_to(
    tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Game] = []
    game = Composition.game

    def on_a_gpu(self: Composition, **options: Any) -> Game:
        made = game(self, **options)
        made.device = torch.device("cuda")
        return made

    monkeypatch.setattr(Game, "use_graphs", lambda game, *_: asked.append(game))
    monkeypatch.setattr(Composition, "game", on_a_gpu)
    composition = ganzoo.compose("vanilla", data="ring")
    for graph in (None, False):
        Run(tmp_path / "run", plan_run(composition, device="cpu", graph=graph), composition)
    assert len(asked) == 1


def test_a_run_is_set_up_and_played_by_deterministic_algorithms_if_so_planned(
    tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[str, bool]] = []

    def noted(device: str, *, wanted: bool) -> Any:
        asked.append((device, wanted))
        return deterministic(device, wanted=wanted)

    monkeypatch.setattr("ganzoo.training.saving.deterministic", noted)
    monkeypatch.setattr("ganzoo.training.run.deterministic", noted)
    out, played = tmp_path / "run", [("cpu", True), ("cpu", False)]
    how: Any = {"deterministic": True, "sync_batch_norm": True, "device": "cpu"}
    ganzoo.train("vanilla", data="ring", rounds=1, out=out, **how)
    run = ganzoo.train(out=out, resume=True, rounds=2, deterministic=False)
    assert asked == [played[0], played[0], played[1], played[1]]
    assert run.plan.sync_batch_norm


def test_a_run_tells_once_why_its_rounds_are_played_eagerly(tmp_path: Any, capsys: Any) -> None:
    composition = ganzoo.compose("vanilla", data="ring", regularizers=Jumping, settings=["batch=8"])
    plan = plan_run(composition, rounds=60, save_every=60, device="cpu")
    run = Run.create(tmp_path / "run", plan, composition)
    run.game.use_graphs(Recorded())
    run.train([Remarks])
    said = (
        "Rounds are played without a graph: regularizer 'jumping' reads values on the host "
        "(_local_scalar_dense)."
    )
    assert run.remarks == [said]
    assert capsys.readouterr().err.count(said) == 1


class FakeGraph:
    """Notes what is asked of a CUDA graph."""

    def __init__(self) -> None:
        CALLS.append("graph")

    def register_generator_state(self, stream: torch.Generator) -> None:
        CALLS.append(f"register {stream.initial_seed()}")

    def replay(self) -> None:
        CALLS.append("replay")

    def pool(self) -> str:
        return "pool"


class FakeStream:
    """Notes which stream it waits for."""

    def __init__(self, name: object) -> None:
        self.name = name

    def wait_stream(self, other: FakeStream) -> None:
        CALLS.append(f"{self.name} waits for {other.name}")


CALLS: list[str] = []


@contextmanager
def capturing(graph: FakeGraph, **options: Any) -> Iterator[None]:
    where, mode = options["stream"].name, options["capture_error_mode"]
    CALLS.append(f"capture on {where} into {options['pool']}, {mode}")
    yield
    CALLS.append("captured")


@contextmanager
def streaming(stream: FakeStream) -> Iterator[None]:
    CALLS.append(f"on {stream.name}")
    yield
    CALLS.append("off")


@pytest.fixture
def on_cuda(monkeypatch: pytest.MonkeyPatch) -> CudaCapture:
    """Capturing on a GPU that notes its calls."""
    CALLS.clear()
    monkeypatch.setattr(cuda.torch.cuda, "Stream", lambda _: FakeStream("own"))
    monkeypatch.setattr(cuda.torch.cuda, "current_stream", lambda _: FakeStream("usual"))
    monkeypatch.setattr(cuda.torch.cuda, "stream", streaming)
    monkeypatch.setattr(cuda.torch.cuda, "CUDAGraph", FakeGraph)
    monkeypatch.setattr(cuda.torch.cuda, "graph", capturing)
    monkeypatch.setattr(cuda.gc, "collect", lambda: CALLS.append("collect"))
    return CudaCapture(torch.device("cuda"), torch.Generator().manual_seed(7))


def test_a_cuda_graph_knows_the_games_stream_and_is_replayed_at_once(on_cuda: CudaCapture) -> None:
    replay = on_cuda.capture(lambda: CALLS.append("work"))
    first = ["collect", "graph", "register 7", "capture on own into None, thread_local"]
    first += ["work", "captured", "replay"]
    assert first == CALLS
    replay()
    assert [*first, "replay"] == CALLS
    on_cuda.capture(lambda: None)
    assert CALLS[11] == "capture on own into pool, thread_local"


def test_a_round_is_warmed_up_on_the_stream_that_it_is_captured_on(on_cuda: CudaCapture) -> None:
    with on_cuda.warming_up():
        CALLS.append("work")
    waits = ["own waits for usual", "on own", "work", "off", "usual waits for own"]
    assert ["collect", *waits] == CALLS


def test_a_graph_of_cuda_moves_the_latents_stream_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ganzoo.engine.game.CudaCapture", lambda *given: given)
    game = Game(variant_of(SMALL), points())
    game.use_graphs()
    assert game.graphs is not None
    given: Any = game.graphs.capture
    assert given == (game.device, game.latents)


def refused() -> None:
    message = "operation not permitted when stream is capturing.\nCUDA kernel errors might be"
    raise RuntimeError(message)


def test_work_that_cuda_refuses_is_not_captured(on_cuda: CudaCapture) -> None:
    with pytest.raises(NotCaptured, match="^operation not permitted when stream is capturing$"):
        on_cuda.capture(refused)


class Refusing(Recorded):
    """Fails halfway through a capture, of which a device has done nothing."""

    def __init__(self, game: Game) -> None:
        self.game = game

    def capture(self, work: Any) -> Any:
        tensors, facts = self.game.state()
        saved = {name: value.clone() for name, value in tensors.items()}
        random = self.game.random.state
        work()
        steps, log = dict(self.game.steps), dict(self.game.log)
        states.restore(self.game, saved, facts)  # what the work changed on the device
        torch.set_rng_state(random)
        self.game.steps.update(steps)
        self.game.log.update(log)
        message = "refused"
        raise NotCaptured(message)


def test_a_round_that_a_device_cannot_capture_is_played_eagerly_with_the_same_bits() -> None:
    eager, other = Game(variant_of(SMALL), points()), Game(variant_of(SMALL), points())
    other.use_graphs(Refusing(other))
    for number in range(9):
        eager.round(), other.round()
        assert ganzoo.testing.same(eager, other), number
    assert reason_of(other) == "the device cannot capture them (refused)"


def settings_of_torch() -> tuple[bool, bool, bool]:
    return (
        torch.are_deterministic_algorithms_enabled(),
        torch.is_deterministic_algorithms_warn_only_enabled(),
        torch.backends.cudnn.benchmark,
    )


def test_deterministic_algorithms_are_used_inside_on_a_gpu_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv(WORKSPACE, raising=False)
    monkeypatch.setattr(torch.backends.cudnn, "benchmark", True)
    torch.use_deterministic_algorithms(mode=False, warn_only=True)
    before = settings_of_torch()
    with deterministic("cpu", wanted=True):
        assert settings_of_torch() == before
    with deterministic("cuda:1", wanted=False):
        assert settings_of_torch() == before
    assert WORKSPACE not in os.environ
    with deterministic("cuda", wanted=True):
        assert settings_of_torch() == (True, False, False)
        assert os.environ[WORKSPACE] == ":4096:8"
    assert settings_of_torch() == before
    torch.use_deterministic_algorithms(mode=False)


def test_games_are_the_same_by_their_tensors_and_by_all_else() -> None:
    one, other = (Game(variant_of(SMALL), points()) for _ in "ab")
    assert ganzoo.testing.same(one, other)
    other.rounds += 1
    assert not ganzoo.testing.same(one, other)


def test_a_game_that_is_dropped_is_freed_with_its_graphs() -> None:
    game = Game(variant_of(SMALL), points())
    game.use_graphs(Recorded())
    play(game, 7)
    kept = weakref.ref(game)
    del game
    gc.collect()
    assert kept() is None


class Worded(Growing):
    def stage(self, progress: float) -> Any:  # type: ignore[override]
        return "small"


class Blind(Growing):
    def forward(self, z: Tensor) -> Tensor:  # type: ignore[override]
        return self.first(z)


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        (Worded, "stage(progress) of Worded returns a str; it must be an int."),
        (Blind, "Blind defines stage(progress), and its forward takes no 'stage'."),
    ],
)
def test_a_wrong_stage_is_refused_before_training(kind: Any, message: str) -> None:
    class Wrong(Grown):
        def generator(self, z: Space, real: Space) -> nn.Module:
            made: nn.Module = kind(z.size, real.size)
            return made

    with pytest.raises(ComposeError) as error:
        Game(variant_of(Wrong()), points())
    assert str(error.value) == message


class Varying(Gaussian):
    """Deals one step in a round, and two in the next."""

    def deal(self, player: str, game: Any, drawn: Any) -> Iterator[Any]:
        for _ in range(1 + game.rounds % 2):
            latent = self.latent(len(drawn), game.spaces, game.latents)
            yield game.step(player, rows=drawn, **latent)


def test_rounds_of_varying_numbers_of_steps_are_played_eagerly() -> None:
    game = check_replayed(variant_of(SMALL, sampler=Varying(dim=4), ema=0.9), points())
    reason = "sampler 'varying' reads the number of rounds; let a method name 'progress'"
    assert (captured(game), reason_of(game)) == (0, reason)
