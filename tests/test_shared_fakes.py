"""Samples that both players share: the algorithm by hand, and what cannot play it."""

from __future__ import annotations

import copy
from itertools import islice
from typing import TYPE_CHECKING, Any

import pytest
import torch
from ganzoo_dcgan import Dcgan
from ganzoo_vanilla import Mlp
from ganzoo_wgan_gp import GradientPenalty, Wasserstein
from small import LabelledPair, equal, images, play, points, variant_of, weights
from torch import Tensor, nn
from torch.nn.functional import softplus

from ganzoo.builtin.optimizers import Sgd
from ganzoo.builtin.regularizers import R1
from ganzoo.builtin.samplers import Gaussian
from ganzoo.engine.explain import explain
from ganzoo.engine.game import Game
from ganzoo.errors import ComposeError
from ganzoo.parts.dataset import Data
from ganzoo.parts.optimizer import Adam
from ganzoo.parts.part import Architecture, Player, Regularizer, Sampler
from ganzoo.parts.schedule import linear
from ganzoo.parts.space import Space
from ganzoo.parts.streamed import StreamedRows
from ganzoo.training.run import Run
from ganzoo.training.train import train

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from ganzoo.plugins.zoo import Zoo

SMALL = Mlp(width=8, depth=1)
POINT = {"real": Space(shape=(2,))}


def shared(architecture: Architecture = SMALL, **fields: Any) -> Game:
    data = fields.pop("data", None) or points()
    return Game(variant_of(architecture, fakes="shared", **fields), data)


def by_hand(game: Game, losses: Callable[..., tuple[Tensor, Tensor]], rounds: int = 3) -> Any:
    """Play the algorithm on copies of a fresh game's networks; returns their weights."""
    nets = copy.deepcopy(game.nets)
    generator, discriminator = nets["generator"], nets["discriminator"]
    optimizers = {
        player: torch.optim.Adam(net.parameters(), lr=2e-4, betas=(0.5, 0.999), fused=True)
        for player, net in nets.items()
    }
    latents = torch.Generator()
    latents.set_state(game.latents.get_state())
    order, columns = copy.copy(game.order), game.train
    with copy.copy(game.random).leased():
        for _ in range(rounds):
            rows = order.take(game.batch)
            named = {n: columns.column(n, rows) for n in game.inputs["discriminator"]}
            real = columns.column("real", rows)
            fake = generator(torch.randn(game.batch, 4, generator=latents), **named)
            for player, sample in (("discriminator", fake.detach()), ("generator", fake)):
                loss = losses(discriminator, real, sample, **named)[player == "generator"]
                optimizers[player].zero_grad()
                loss.backward(inputs=list(nets[player].parameters()))  # type: ignore[no-untyped-call]
                for param in nets[player].parameters():
                    if param.grad is not None:
                        param.grad = torch.empty_like(param).copy_(param.grad)
                optimizers[player].step()
    return {f"{p}.{k}": v for p, net in nets.items() for k, v in net.state_dict().items()}


def non_saturating(
    net: nn.Module, real: Tensor, fake: Tensor, **named: Tensor
) -> tuple[Tensor, Tensor]:
    def score(sample: Tensor) -> Tensor:
        out = net(sample, **named)
        found: Tensor = out["score"] if isinstance(out, dict) else out
        return found

    if fake.requires_grad:
        return fake, softplus(-score(fake)).mean()
    return (softplus(-score(real)) + softplus(score(fake))).mean(), fake


def wasserstein(net: nn.Module, real: Tensor, fake: Tensor) -> tuple[Tensor, Tensor]:
    if fake.requires_grad:
        return fake, (-net(fake)).mean()
    u = torch.rand(len(real), 1)
    mixed = (u * real + (1 - u) * fake).requires_grad_()
    (slope,) = torch.autograd.grad(net(mixed).sum(), mixed, create_graph=True)
    penalty = (slope.norm(2, dim=1) - 1) ** 2
    return (net(fake) - net(real)).mean() + 10 * penalty.mean(), fake


@pytest.mark.parametrize(
    ("losses", "fields"),
    [
        (non_saturating, {"architecture": Dcgan(width=2), "data": images()}),
        (non_saturating, {"architecture": LabelledPair()}),
        (
            wasserstein,
            {"loss": Wasserstein(), "regularizers": (GradientPenalty(weight=10),)},
        ),
    ],
    ids=["batch norm", "labels", "penalty"],
)
def test_it_is_the_algorithm_by_hand_bit_for_bit(losses: Any, fields: dict[str, Any]) -> None:
    game = shared(**fields)
    expected = by_hand(game, losses)
    assert equal(weights(play(game, 3)), expected)


class Fixed(Sampler):
    """The same latents each time."""

    deals = ("z",)

    def spaces(self, data: Any) -> dict[str, Space]:
        return {"z": Space(shape=(4,))}

    def latent(self, n: int, spaces: Any, stream: torch.Generator) -> dict[str, Tensor]:
        return {"z": torch.linspace(-1, 1, 4 * n).reshape(n, 4)}


def test_of_the_same_latents_and_an_idle_discriminator_the_gradient_is_the_same() -> None:
    idle = {"discriminator": Sgd(lr=1e-30), "generator": Sgd(lr=1.0)}
    fields: dict[str, Any] = {"sampler": Fixed(), "optimizers": idle}
    own, one = Game(variant_of(SMALL, **fields), points()), shared(**fields)
    assert equal(weights(play(own, 1)), weights(play(one, 1)))


@pytest.mark.parametrize(
    ("turns", "how", "passes"),
    [(1, "own", 2), (1, "shared", 1), (3, "own", 4), (3, "shared", 3)],
)
def test_the_generator_runs_once_for_both(turns: int, how: str, passes: int) -> None:
    turning = (("discriminator", turns), ("generator", 1))
    game = Game(variant_of(SMALL, turns=turning, fakes=how), points())
    ran: list[object] = []
    game.nets["generator"].register_forward_hook(lambda *_: ran.append(None))
    play(game, 2)
    assert len(ran) == 2 * passes
    assert game.steps == {"discriminator": 2 * turns, "generator": 2}
    assert game.order.position == 2 * game.batch * (turns if how == "shared" else turns + 1)
    assert game.following is None  # and with it the generator's graph is gone


class Watching(Regularizer):
    """What each player's terms see of a sample."""

    def discriminator(self, fake: Tensor, real: Tensor) -> Tensor:
        assert not fake.requires_grad
        return 0 * real.sum(1)

    def generator(self, fake: Tensor, progress: float) -> Tensor:
        assert fake.requires_grad
        return fake.square().sum(1)

    def project(self, net: nn.Module, player: Player, fake: Tensor) -> None:
        assert not fake.requires_grad


def test_lazy_terms_projections_schedules_and_an_average_play_along() -> None:
    game = shared(
        regularizers=(Watching(every=2, weight=0.1), R1(every=3)),
        optimizers={"generator": Adam(lr=linear(1e-3))},
        ema=0.9,
    )
    before = weights(game)
    play(game, 4)
    assert game.is_finite()
    assert not equal(weights(game), before)
    assert set(game.log["generator"]) == {"non-saturating", "watching"}


def test_whichever_step_reads_them_first_makes_the_samples_of_both() -> None:
    game = shared(sampler=Fixed())
    step = game.step("discriminator", rows=torch.arange(8), z=torch.ones(8, 4))
    step.following = game.step("generator", rows=torch.arange(8), z=torch.ones(8, 4))
    made = step.following["fake"]
    assert made.requires_grad
    assert step["fake"].requires_grad is False
    assert torch.equal(step["fake"], made)


class Counted:
    """A source that notes the rows that are read."""

    def __init__(self) -> None:
        self.read: list[int] = []

    def __len__(self) -> int:
        return 40

    def __getitem__(self, row: int) -> dict[str, Any]:
        self.read.append(row)
        return {"real": torch.tensor([row, -row]).float()}


def test_streamed_rows_are_those_of_the_discriminator_alone() -> None:
    source = Counted()
    rows = StreamedRows(source, POINT, index="", workers=0)
    game = shared(data=Data("counted", rows, rows, POINT))
    announced: list[Tensor] = []
    game.train.ahead = lambda batches: announced.extend(islice(batches, 2))  # type: ignore[method-assign]
    order = copy.copy(game.order)
    source.read.clear()
    play(game, 1)
    first, second = order.take(8), order.take(8)
    assert torch.equal(torch.stack(announced), torch.stack([first, second]))
    play(game, 1)
    assert source.read == [*first.tolist(), *second.tolist()]


def test_a_run_keeps_it_and_resumes(zoo: Zoo, tmp_path: Path) -> None:
    settings = ["architecture.width=8", "batch=8", "ema=0.9", "fakes=shared"]
    chosen: Any = {"data": "ring", "settings": settings, "device": "cpu", "zoo": zoo}
    whole = train("vanilla", out=tmp_path / "whole", rounds=4, **chosen)
    half = train("vanilla", out=tmp_path / "half", rounds=2, **chosen)
    assert Run.open(half.folder, zoo).game.variant.fakes == "shared"
    resumed = train(out=half.folder, resume=True, rounds=4, zoo=zoo)
    assert equal(weights(whole.game), weights(resumed.game))


def test_what_was_written_before_there_was_a_choice_draws_its_own(zoo: Zoo) -> None:
    spec = zoo.variant("vanilla").spec()
    assert spec.pop("fakes") == "own"
    assert zoo.variant(spec) == zoo.variant("vanilla")


def test_explain_says_it(zoo: Zoo) -> None:
    variant = variant_of(SMALL, fakes="shared", data="ring")
    told = explain(variant, zoo=zoo)
    assert " ".join(told["remarks"]) == (
        "The generator's turn takes the samples of the discriminator's last step, so that they are "
        "made once for both; this is another algorithm than with samples of its own."
    )
    rows = {row["option"]: row["value"] for row in told["options"]}
    assert rows["fakes"] == "shared"
    given = {(row["player"], row["value"]): row["from"] for row in told["wiring"]}
    assert given["generator", "z"] == given["discriminator", "z"] == "sampler gaussian"


# --------------------------------------------------------------------------------------- refusals


class Dealing(Gaussian):
    """Deals as its option says."""

    name = "dealing"
    how: str = "fake"

    def deal(self, player: Player, game: Any, drawn: Any) -> Iterator[Any]:
        values = {"z": torch.randn(len(drawn), self.dim, generator=game.latents)}
        if self.how == "fake":
            values["fake"] = torch.randn(len(drawn), 2, generator=game.latents)
        if self.how == "code" and player == "generator":
            values["code"] = values["z"]
        for _ in range(2 if self.how == "twice" else 1):
            yield game.step(player, rows=drawn, **values)


class Reading(nn.Module):
    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, z: Tensor) -> Tensor:
        out: Tensor = self.layer(z)
        return out


class Judging(nn.Module):
    def __init__(self, size: int, layer: nn.Module) -> None:
        super().__init__()
        self.score, self.layer = nn.Linear(size, 1), layer

    def forward(self, sample: Tensor) -> Tensor:
        out: Tensor = self.score(sample).squeeze(1)
        return out


class Peeking(Architecture):
    """Its generator reads what the discriminator says of real samples."""

    discriminator = Mlp.discriminator
    width: int = 8
    depth: int = 1
    norm: str = "none"

    def generator(self, z: Space, real: Space) -> nn.Module:
        return Peeked(z.size, real.size)


class Peeked(nn.Linear):
    def forward(self, z: Tensor, real_score: Tensor) -> Tensor:  # type: ignore[override]
        return super().forward(z) + real_score[:, None]


class Paired(Architecture):
    """Hands the generator's own layer to the discriminator."""

    def generator(self, z: Space, real: Space) -> nn.Module:
        return Reading(LAYERS.setdefault(z.size, nn.Linear(z.size, real.size)))

    def discriminator(self, real: Space, z: Space) -> nn.Module:
        return Judging(real.size, LAYERS.setdefault(z.size, nn.Linear(z.size, real.size)))


MISPLACED = "one turn of the generator must follow the discriminator's, and the turns are"
LAYERS: dict[int, nn.Linear] = {}


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        (
            {"turns": (("generator", 1), ("discriminator", 2))},
            f"{MISPLACED} generator 1, discriminator 2",
        ),
        (
            {"turns": (("discriminator", 1), ("generator", 2))},
            f"{MISPLACED} discriminator 1, generator 2",
        ),
        (
            {"turns": (("generator", 1),)},
            f"{MISPLACED} generator 1",
        ),
        ({"sampler": Dealing(dim=4)}, "sampler 'dealing' deals 'fake' itself"),
        (
            {"sampler": Dealing(dim=4, how="twice")},
            "sampler 'dealing' deals several steps on the discriminator's turn",
        ),
        (
            {"sampler": Dealing(dim=4, how="code")},
            "sampler 'dealing' deals 'code' on one player's turn only",
        ),
        (
            {"architecture": Paired()},
            "the generator and the discriminator have parameters in common",
        ),
        (
            {"architecture": Peeking()},
            "the generator reads 'real_score', a head of the discriminator",
        ),
    ],
)
def test_what_cannot_share_a_pass_is_refused(fields: dict[str, Any], why: str) -> None:
    with pytest.raises(ComposeError) as refused:
        shared(**fields)
    assert str(refused.value) == (f"fakes=shared does not fit: {why}; use fakes=own.")
