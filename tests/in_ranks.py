"""What several ranks do together: ``torchrun`` starts this on each of them, for ``test_ranks``."""

from __future__ import annotations

import os
import signal
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import pytest
import torch
from ganzoo_vanilla import Mlp
from torch import Tensor, nn
from torch.nn import functional

from ganzoo.engine.game import Game
from ganzoo.engine.group import Group, digest
from ganzoo.errors import FollowedError, InterruptedRunError, OptionError
from ganzoo.parts.dataset import Data
from ganzoo.parts.part import Regularizer
from ganzoo.parts.streamed import StreamedRows
from ganzoo.parts.variant import Variant
from ganzoo.plugins.zoo import Zoo
from ganzoo.testing import same as bit_equal
from ganzoo.testing.recorded import Recorded
from ganzoo.training.crew import ALONE, buffers
from ganzoo.training.joining import joined
from ganzoo.training.run import Run
from ganzoo.training.train import resumed, train
from tests.conftest import FIRST_PARTY, Origin
from tests.small import images, play, points, variant_of

ROUNDING = 1e-5


class Noisy(Regularizer):
    """A term that draws in many ways, for each sample and for all of them."""

    def discriminator(self, score: Any, real: Tensor, fake: Tensor) -> Tensor:
        mixed = torch.lerp(real, fake, torch.rand(len(real), 1)) + 0.1 * torch.randn_like(real)
        both = functional.dropout(torch.cat([mixed, real]), 0.5)
        first, second = both.chunk(2)
        shift, turn = torch.rand(2, len(real))
        kept = torch.bernoulli(torch.full_like(shift, 0.5))
        return torch.rand(()) * (score(first + second).flatten() * kept * shift + turn)


class Remembering(Regularizer):
    """A state that follows what the rank itself has seen."""

    def start(self, game: Game) -> Memory:
        return Memory()

    def project(self, net: nn.Module, player: str, state: Memory, fake: Tensor) -> None:
        state.mean = fake.mean().detach()


class Memory:
    mean = torch.zeros(())

    def state(self) -> dict[str, Tensor]:
        return {"mean": self.mean}

    def restore(self, state: dict[str, Tensor]) -> None:
        self.mean = state["mean"]


class Interrupting(Regularizer):
    """Asks the process of rank 1 to end, in its third step."""

    def start(self, game: Game) -> list[int]:
        return [0, game.ranks.rank]

    def discriminator(self, real: Tensor, state: list[int]) -> Tensor:
        state[0] += 1
        if state == [3, 1]:
            os.kill(os.getpid(), signal.SIGTERM)
        return real.sum(1) * 0


class Cursed(Regularizer):
    """Is NaN once."""

    calls: ClassVar[list[int]] = []

    def generator(self, z: Tensor) -> Tensor:
        self.calls.append(len(z))
        return torch.full((len(z),), torch.nan if len(self.calls) == 26 else 0.0)


def same(one: Game, other: Game) -> bool:
    """Whether two games are in one state, to rounding."""
    (mine, facts), (its, others) = one.state(), other.state()
    return facts == others and all(
        torch.allclose(mine[name].double(), its[name].double(), rtol=1e-4, atol=ROUNDING)
        for name in mine
    )


def is_common(game: Game) -> bool:
    """Whether a game is in the same state on all ranks, bit for bit."""
    return len({*game.ranks.every(digest(game.state()[0]))}) == 1


def several_equal_one(variant: Variant, data: Data, **options: Any) -> None:
    ranks = Group(**options)
    together = play(Game(variant, data, ranks=ranks), 4)
    assert same(together, play(Game(variant, data), 4)), variant.name
    assert is_common(together)


def games(zoo: Zoo) -> None:
    plain = variant_of(Mlp(width=16), ema=0.9)
    several_equal_one(plain, points())
    several_equal_one(variant_of(Mlp(width=16), regularizers=(Noisy(),)), points())
    penalty = zoo.part("regularizer", "gradient-penalty")
    several_equal_one(variant_of(Mlp(width=16), regularizers=(penalty,)), points())
    small = ["architecture.width=4", "batch=8"]
    for name in ("dcgan", "wgan-gp"):
        several_equal_one(zoo.compose(name, settings=small), images(size=8), sync_batch_norm=True)
    remembering = variant_of(Mlp(width=16), regularizers=(Remembering(),))
    game = play(Game(remembering, points(), ranks=Group()), 2)
    (memory,) = game.states.values()
    assert len({*Group().every(float(memory.mean))}) == 1
    # Batch norm's statistics are each rank's own, until a run is saved.
    game = play(Game(zoo.compose("dcgan", settings=small), images(size=8), ranks=Group()), 2)
    assert not is_common(game)
    turned = torch.full((2, 3), float(game.ranks.rank)).T  # its elements are in another order
    game.ranks.copy_buffers([*buffers(game), turned])
    assert is_common(game)
    assert not turned.any()


def graphs() -> None:
    """Rounds that several ranks play as graphs are eager ones, bit for bit."""
    spaces = {"real": images().spaces["real"]}
    rows = StreamedRows(Listed(), spaces, index="", workers=0)
    for train_rows in (images().train, rows):
        data = Data("images", train_rows, images().held_out, spaces)
        eager, replayed = (Game(variant_of(Mlp(width=8)), data, ranks=Group()) for _ in "ab")
        replayed.use_graphs(Recorded())
        play(eager, 7), play(replayed, 7)
        assert replayed.graphs is not None
        assert (replayed.graphs.captured, replayed.graphs.reason) == (1, None)
        assert bit_equal(eager, replayed)


class Listed:
    """Images, read one by one."""

    def __len__(self) -> int:
        return 40

    def __getitem__(self, row: int) -> dict[str, Tensor]:
        return {"real": torch.full((1, 8, 8), 6 * row, dtype=torch.uint8)}


def runs(zoo: Zoo, out: Path) -> None:
    """Two ranks, one process and two again end as one process alone, in files too."""
    rank = Group().rank
    terms: dict[str, Any] = {"data": "ring", "settings": ["batch=8"], "zoo": zoo, "device": "cpu"}
    run = train("vanilla", rounds=20, save_every=10, out=out / "shared", **terms)
    assert run.game.rounds == 20
    if rank == 0:
        alone(20, 30, out / "shared", zoo)
    Group().every("")
    run = train(rounds=50, resume=True, out=out / "shared", zoo=zoo)
    assert run.game.rounds == 50
    assert run.folder == out / "shared"
    scores = evaluate(out / "shared", zoo)
    assert len({*Group().every(str(scores))}) == 1


def saved_buffers(zoo: Zoo, out: Path) -> None:
    """With batch norm of each rank's own, all go on with the statistics that are saved.

    They also follow a rate that changes over the budget.
    """
    settings = ["architecture.width=4", "batch=8", "optimizers.generator.lr=linear:2e-3:0"]
    terms: dict[str, Any] = {"data": "digits", "settings": settings, "zoo": zoo, "device": "cpu"}
    assert is_common(train("dcgan", rounds=4, save_every=2, out=out / "norm", **terms).game)


def rolled_back(zoo: Zoo, out: Path) -> None:
    """Ranks go back together, and on with the same other numbers."""
    terms: dict[str, Any] = {"data": "ring", "settings": ["batch=8"], "zoo": zoo, "device": "cpu"}
    terms |= {"on_divergence": "rollback", "regularizers": Cursed, "out": out / "cursed"}
    run = train("vanilla", rounds=40, save_every=10, **terms)
    assert {*Cursed.calls[1:]} == {4}
    assert run.game.rounds == 40
    assert run.game.order.restarts == 1
    assert is_common(run.game)


def alone(played: int, rounds: int, out: Path, zoo: Zoo) -> None:
    """Go on with a run in this process by itself."""
    options = dict.fromkeys(["seed", "save_every", "threads", "on_divergence", "start"])
    options |= {"rounds": rounds, "device": "auto"}
    run = resumed(None, {}, options, out, zoo, crew=ALONE)
    assert run.game.rounds == played
    run.train(zoo.observers())


def evaluate(folder: Path, zoo: Zoo) -> object:
    """Samples that ranks draw together are those of one process, bit for bit."""
    from ganzoo.pretrained.scores import evaluate as evaluated  # after the group is joined

    frozen = Run.open(folder, zoo).game.frozen()
    mine, its = replace(frozen, ranks=Group()).sample(600), frozen.sample(600)
    assert all(torch.equal(mine[name], its[name]) for name in its)
    return evaluated(folder, n=600, zoo=zoo)


def endings(zoo: Zoo, out: Path) -> None:
    """What ends a training on one rank ends it on all; the next one starts anew."""
    odd = "2 ranks cannot share a batch of 7 evenly; set one that 2 divides, such as batch=8."
    ends(odd, OptionError, 1, out=out / "odd", settings=["batch=7"], zoo=zoo)
    assert not (out / "odd").exists()
    asked = (
        "interrupted after round 10, which is saved; the same command with --resume goes on from "
        "there."
    )
    ends(asked, InterruptedRunError, 130, out=out / "asked", regularizers=Interrupting, zoo=zoo)


def ends(message: str, kind: type[Exception], code: int, **choices: Any) -> None:
    rank = int(os.environ["RANK"])
    with pytest.raises(FollowedError if rank else kind) as error:
        train("vanilla", data="ring", rounds=100, device="cpu", **choices)
    told = f"rank 0 ended the training: {message}" if rank else message
    assert str(error.value) == told
    if isinstance(error.value, FollowedError):
        assert error.value.code == code


def main(out: Path) -> None:
    torch.set_num_threads(1)
    zoo = Zoo([(Origin(n, f"ganzoo-{n}", "0.2.0"), m) for n, m in FIRST_PARTY.items()])
    with joined():
        games(zoo)
        graphs()
        runs(zoo, out)
        saved_buffers(zoo, out)
        rolled_back(zoo, out)
    endings(zoo, out)
    (out / f"done {os.environ['RANK']}").touch()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
