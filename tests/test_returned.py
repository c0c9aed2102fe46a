"""What parts return is held against what it must be, before training and in every later round."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import torch
from ganzoo_vanilla import Mlp
from small import equal, play, points, variant_of, weights
from torch import Tensor, nn

import ganzoo
from ganzoo.builtin.losses import Hinge
from ganzoo.builtin.networks import MlpGenerator, mlp_scorer
from ganzoo.builtin.samplers import Gaussian
from ganzoo.engine.game import Game
from ganzoo.errors import ComposeError, DataError
from ganzoo.parts import Architecture, Data, Dataset, Loss, Optimizer, Regularizer, ResidentRows

if TYPE_CHECKING:
    from collections.abc import Callable

    from ganzoo.parts import Space

SMALL = Mlp(width=8, depth=1)
LATER = 9
"""The call from which on a part that changes returns something else: in the third round or so."""


def part(kind: type[Any], **methods: Any) -> Any:
    """A part of a class named Odd with these methods."""
    return type("Odd", (kind,), {**methods, "__module__": __name__})()


class Changed(nn.Module):
    """A linear network of either player, whose output is changed."""

    def __init__(self, inputs: int, outputs: int, change: Callable[..., Any], after: int) -> None:
        super().__init__()
        self.layer, self.change = nn.Linear(inputs, outputs), change
        self.calls, self.after = 0, after

    def forward(self, z: Tensor) -> Any:
        self.calls += 1
        out = self.layer(z)
        out = out.squeeze(1) if out.shape[1] == 1 else out
        return out if self.calls < self.after else self.change(out)


def made(change: Callable[..., Any], after: int = 0) -> Architecture:
    """An architecture whose generator's samples are changed."""

    def generator(_: object, z: Space, real: Space) -> nn.Module:
        return Changed(z.size, real.size, change, after)

    def discriminator(_: object, real: Space) -> nn.Module:
        return mlp_scorer(real, [8])

    found: Architecture = part(Architecture, generator=generator, discriminator=discriminator)
    return found


def built(net: Callable[[], Any]) -> Architecture:
    """An architecture that builds an odd generator."""

    def generator(_: object, z: Space, real: Space) -> Any:
        return net()

    def discriminator(_: object, real: Space) -> nn.Module:
        return mlp_scorer(real, [8])

    found: Architecture = part(Architecture, generator=generator, discriminator=discriminator)
    return found


def term(change: Callable[[Tensor], Any], after: int = 0) -> Loss:
    """A loss whose term of the generator is changed."""
    calls = []

    def generator(_: object, fake_score: Tensor) -> Any:
        calls.append(1)
        return -fake_score if len(calls) < after else change(-fake_score)

    found: Loss = part(Loss, generator=generator, discriminator=Hinge.discriminator)
    return found


def dealing(deal: Callable[..., Any], after: int = 0) -> Gaussian:
    """A sampler that deals something else."""
    calls = []

    def changed(self: Gaussian, player: str, game: Any, drawn: Tensor) -> Any:
        calls.append(1)
        usual = Gaussian.deal(self, player, game, drawn)
        return usual if len(calls) < after else deal(player, game, drawn)

    found: Gaussian = type("Odd", (Gaussian,), {"deal": changed, "__module__": __name__})(dim=4)
    return found


def drawing(**methods: Any) -> Gaussian:
    found: Gaussian = type("Odd", (Gaussian,), {**methods, "__module__": __name__})(dim=4)
    return found


def step(game: Any, player: str, rows: Tensor) -> Any:
    return game.step(player, rows=rows, z=torch.zeros(len(rows), 4))


def building(build: Callable[..., Any]) -> dict[str, Any]:
    return {"optimizers": {"generator": part(Optimizer, build=build)}}


class Stepless(torch.optim.SGD):
    def step(self, closure: Any = None) -> None: ...


def frozen() -> nn.Module:
    return nn.Linear(4, 2).requires_grad_(requires_grad=False)


WHO = "the generator of architecture 'odd'"
ON_GENERATOR = (
    "on the generator's turn with architecture 'mlp', sampler 'gaussian' and dataset 'points'; it "
    "must be (8,), one number per sample, or a scalar."
)
BEFORE: dict[str, tuple[Any, str]] = {
    "builds a class": (
        lambda: {"architecture": built(lambda: nn.Linear)},
        "architecture 'odd' builds the class Linear as its generator; it must be an nn.Module.",
    ),
    "lazy": (
        lambda: {"architecture": built(lambda: nn.LazyLinear(2))},
        (
            f"{WHO} has a tensor 'weight' that has no shape before it first runs; build it from "
            "the spaces."
        ),
    ),
    "meta": (
        lambda: {"architecture": built(lambda: nn.Linear(4, 2, device="meta"))},
        (
            f"{WHO} has a tensor 'weight' that is on the device 'meta', without values; build "
            "it on the CPU."
        ),
    ),
    "frozen": (
        lambda: {"architecture": built(frozen)},
        "the network of the generator has no parameters to train; take away its turns.",
    ),
    "returns None": (
        lambda: {"architecture": made(lambda _: None)},
        f"{WHO} returns None; it must be a tensor, or a dict with 'fake' in it.",
    ),
    "returns an int in a dict": (
        lambda: {"architecture": made(lambda out: {"fake": out, "aux": 3})},
        f"{WHO} returns an int as 'aux'; it must be a dense tensor of real numbers.",
    ),
    "returns sparse samples": (
        lambda: {"architecture": made(lambda out: out.to_sparse())},
        (
            f"{WHO} returns a tensor of the layout sparse_coo as 'fake'; it must be a dense "
            "tensor of real numbers."
        ),
    ),
    "returns complex samples": (
        lambda: {"architecture": made(lambda out: out.to(torch.complex64))},
        f"{WHO} returns a complex tensor as 'fake'; it must be a dense tensor of real numbers.",
    ),
    "term None": (lambda: {"loss": term(lambda _: None)}, f"'odd' returns None {ON_GENERATOR}"),
    "term of whole numbers": (
        lambda: {"loss": term(Tensor.long)},
        f"'odd' returns a term of shape (8,) of the type int64 {ON_GENERATOR}",
    ),
    "term not finite": (
        lambda: {"loss": term(lambda score: score / 0)},
        (
            "the values that 'odd' returns on the generator's turn are not finite before "
            "anything is trained."
        ),
    ),
    "augment": (
        lambda: {"regularizers": (part(Regularizer, augment=lambda _, sample: sample[1:]),)},
        (
            "'odd' returns a tensor of shape (7, 2) from augment; it must be a tensor of shape "
            "(8, 2), as the sample is."
        ),
    ),
    "attach": (
        lambda: {"regularizers": (part(Regularizer, attach=lambda _, net, player: net / player),)},
        (
            "regularizer 'odd' fails to attach to the discriminator: unsupported operand "
            "type(s) for /: 'Scorer' and 'str'"
        ),
    ),
    "latent": (
        lambda: {"sampler": drawing(latent=lambda *_: None)},
        "sampler 'odd' draws None as latent; it must be a dict of tensors by name.",
    ),
    "latent of another size": (
        lambda: {"sampler": drawing(latent=lambda _, n, *__: {"z": torch.zeros(n, 5)})},
        "sampler 'odd' draws 'z' of shape (2, 5); its space makes it (2, 4).",
    ),
    "rows": (
        lambda: {"sampler": drawing(draw=lambda *_: torch.arange(90, 98))},
        "sampler 'odd' deals rows 90 to 97; the data have rows 0 to 63.",
    ),
    "no rows": (
        lambda: {"sampler": drawing(draw=lambda *_: torch.arange(0))},
        "sampler 'odd' deals no rows; the data have rows 0 to 63.",
    ),
    "spaces": (
        lambda: {"sampler": drawing(spaces=lambda *_: {"z": (4,)})},
        (
            "sampler 'odd' returns a tuple as the space of 'z'; it must be a ganzoo.Space, under a "
            "name."
        ),
    ),
    "samples": (
        lambda: {"sampler": drawing(sample=lambda *_, **__: {"fake": None})},
        "sampler 'odd' makes None as 'fake'; it must be a tensor of shape (2, ...).",
    ),
    "deals None": (
        lambda: {"sampler": dealing(lambda *_: None)},
        "sampler 'odd' deals no step on the discriminator's turn.",
    ),
    "deals another player's step": (
        lambda: {"sampler": dealing(lambda _, game, rows: [step(game, "generator", rows)])},
        "sampler 'odd' deals a step of the generator on the discriminator's turn.",
    ),
    "builds no optimizer": (
        lambda: building(lambda *_: None),
        "optimizer 'odd' of the generator builds None; it must be a torch.optim.Optimizer.",
    ),
    "optimizes others": (
        lambda: building(lambda *_: torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=1)),
        (
            "optimizer 'odd' of the generator also has 1 parameter of somebody else; it must have "
            "those that it is given."
        ),
    ),
    "optimizes few": (
        lambda: building(lambda _, params: torch.optim.SGD([*params][:1], lr=1)),
        (
            "optimizer 'odd' of the generator leaves out 3 of its 4 parameters; those that are "
            "not to be trained must not require gradients."
        ),
    ),
    "steps nothing": (
        lambda: building(lambda _, params: Stepless(params, lr=1)),
        "optimizer 'odd' of the generator changes no parameter in its first step.",
    ),
    "needs a closure": (
        lambda: building(lambda _, params: torch.optim.LBFGS(params)),
        (
            "optimizer 'odd' of the generator fails in its first step: LBFGS.step() missing 1 "
            "required positional argument: 'closure'"
        ),
    ),
    "state": (
        lambda: {"regularizers": (part(Regularizer, start=lambda *_: State(), project=nothing),)},
        "state() of the regularizer odd returns an int; it must be a dict by name.",
    ),
}


class State:
    def state(self) -> Any:
        return 3


def nothing(*_: object) -> None: ...


@pytest.mark.parametrize("what", BEFORE)
def test_a_part_that_returns_something_else_is_refused_before_training(what: str) -> None:
    make, sentence = BEFORE[what]
    fields = make()
    with pytest.raises(ComposeError) as error:
        Game(variant_of(fields.pop("architecture", SMALL), **fields), points())
    assert str(error.value) == sentence


class Ending(nn.Module):
    """A generator that ends in a given layer."""

    def __init__(self, start: nn.Module, end: nn.Module) -> None:
        super().__init__()
        self.start, self.end = start, end

    def forward(self, z: Tensor) -> Tensor:
        return self.end(self.start(z))


def test_players_may_share_a_parameter() -> None:
    def tied() -> Game:
        both = nn.Linear(2, 2)
        odd = part(
            Architecture,
            generator=lambda _, z, real: Ending(MlpGenerator(z.size, [8], real), both),
            discriminator=lambda _, real: nn.Sequential(both, mlp_scorer(real, [8])),
        )
        return Game(variant_of(odd), points())

    game, again = play(tied(), 3), tied()
    tensors, facts = game.state()
    again.restore({name: tensor.clone() for name, tensor in tensors.items()}, facts)
    assert equal(weights(play(game, 2)), weights(play(again, 2)))
    mine, its = (net.state_dict() for net in game.nets.values())
    assert any(torch.equal(one, other) for one in mine.values() for other in its.values())


IN_ROUND = "with architecture 'mlp', sampler 'odd' and dataset 'points': "
AFTER: dict[str, tuple[Any, str]] = {
    "samples": (
        lambda: {"architecture": made(lambda _: None, LATER)},
        f"{WHO} returns None; it must be a tensor, or a dict with 'fake' in it.",
    ),
    "samples of another shape": (
        lambda: {"architecture": made(lambda out: out[:, :, None], LATER)},
        f"{WHO} returns 'fake' of shape (8, 2, 1); it must be (8, 2).",
    ),
    "a term": (lambda: {"loss": term(lambda _: None, 3)}, f"'odd' returns None {ON_GENERATOR}"),
    "a term that broadcast": (
        lambda: {"loss": term(lambda score: score[:, None] - score, 3)},
        f"'odd' returns a term of shape (8, 8) {ON_GENERATOR}",
    ),
    "no step": (
        lambda: {"sampler": dealing(lambda *_: iter(()), LATER)},
        "sampler 'odd' deals no step on the discriminator's turn.",
    ),
    "a dict for a step": (
        lambda: {"sampler": dealing(lambda *_: [{}], LATER)},
        "sampler 'odd' deals a dict, not a step of the game, on the discriminator's turn.",
    ),
    "a step twice": (
        lambda: {"sampler": dealing(lambda p, g, rows: [step(g, p, rows)] * 2, LATER)},
        "sampler 'odd' deals the same step twice on the discriminator's turn.",
    ),
    "a step without its latent": (
        lambda: {"sampler": dealing(lambda p, g, rows: [g.step(p, rows=rows)], LATER)},
        (
            f"'non-saturating' fails on the discriminator's turn in round 4 {IN_ROUND}nothing "
            "offers 'z'"
        ),
    ),
    "an error": (
        lambda: {"sampler": dealing(lambda *_: [].pop(), LATER)},
        (
            f"sampler 'odd' fails on the discriminator's turn in round 4 {IN_ROUND}pop from empty "
            "list"
        ),
    ),
}


@pytest.mark.parametrize("what", AFTER)
def test_what_a_part_returns_in_a_later_round_is_refused_too(what: str) -> None:
    make, sentence = AFTER[what]
    fields = make()
    game = Game(variant_of(fields.pop("architecture", SMALL), **fields), points())
    with pytest.raises(ComposeError) as error:
        play(game, 6)
    assert str(error.value) == sentence
    assert game.rounds > 0


# -------------------------------------------------------------------------------------------- data

REAL = torch.zeros(8, 2)


def loads(value: Callable[[], Any]) -> Dataset:
    found: Dataset = part(Dataset, load=lambda _: value())
    return found


def of(**columns: Any) -> Data:
    rows = ResidentRows(columns)
    return Data("odd", rows, rows, points().spaces)


@pytest.mark.parametrize(
    ("load", "sentence"),
    [
        (lambda: None, "dataset 'odd' loads None; it must be a ganzoo.Data."),
        ([].pop, "dataset 'odd' cannot be loaded: pop from empty list"),
        (
            lambda: of(real=REAL, label=torch.zeros(3)),
            "columns must have one value for each row: real has 8, label has 3.",
        ),
        (
            lambda: of(real=REAL / 0),
            (
                "dataset 'odd' has numbers that are not finite in 'real' among its training rows; "
                "leave those rows out."
            ),
        ),
        (
            lambda: of(real=torch.zeros(8, 3)),
            (
                "dataset 'odd' has 'real' of shape (8, 3) among its training rows; its space "
                "makes it (8, 2)."
            ),
        ),
        (
            lambda: of(real=REAL.tolist()),
            (
                "the column 'real' of resident rows cannot be a list: give a dense tensor with "
                "values for each row, under a name."
            ),
        ),
        (
            lambda: Data("odd", REAL, REAL, {}),  # type: ignore[arg-type]
            "train of Data cannot be a Tensor; it must be rows, such as ganzoo.ResidentRows.",
        ),
        (lambda: of(real=REAL[:0]), "dataset 'odd' has no rows to train on."),
    ],
)
def test_a_dataset_that_loads_something_else_is_refused(
    load: Callable[[], Any], sentence: str
) -> None:
    with pytest.raises(DataError) as error:
        ganzoo.compose("vanilla", data=loads(load)).game()
    assert str(error.value) == sentence
