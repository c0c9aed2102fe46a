"""What parts return is held against what it must be, before training and in every later round."""

from __future__ import annotations

from types import SimpleNamespace
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
from ganzoo.parts import (
    Architecture,
    Data,
    Dataset,
    Loss,
    Optimizer,
    Regularizer,
    ResidentRows,
    Space,
)

if TYPE_CHECKING:
    from collections.abc import Callable

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


def judging(change: Callable[..., Any], after: int) -> Architecture:
    """An architecture whose discriminator's scores are changed."""

    def generator(_: object, z: Space, real: Space) -> nn.Module:
        return MlpGenerator(z.size, [8], real)

    def discriminator(_: object, real: Space) -> nn.Module:
        return Changed(real.size, 1, change, after)

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


def step(game: Any, player: str, rows: Tensor, **more: Tensor) -> Any:
    return game.step(player, rows=rows, z=torch.zeros(len(rows), 4), **more)


def building(build: Callable[..., Any]) -> dict[str, Any]:
    return {"optimizers": {"generator": part(Optimizer, build=build)}}


class Choosing(nn.Embedding):
    """A table of samples."""

    def __init__(self) -> None:
        super().__init__(4, 2, sparse=True)

    def forward(self, z: Tensor) -> Tensor:
        return super().forward(z.argmax(1))


def lazy_norm() -> nn.Module:
    return nn.LazyBatchNorm1d(affine=False)


class Stepless(torch.optim.SGD):
    def step(self, closure: Any = None) -> None: ...


def holding(tensor: Tensor) -> nn.Module:
    """A network that also has this parameter, or buffer if it needs no gradient."""
    net = nn.Linear(4, 2)
    if tensor.requires_grad:
        net.register_parameter("odd", nn.Parameter(tensor))
    else:
        net.register_buffer("odd", tensor)
    return net


def with_code(self: Gaussian, data: Any) -> dict[str, Space]:
    return {**Gaussian.spaces(self, data), "code": Space(classes=3)}


class Wearing(torch.optim.SGD):
    """Fails in its third step."""

    def step(self, closure: Any = None) -> None:
        self.steps = getattr(self, "steps", 0) + 1
        if self.steps > 2:
            raise RuntimeError(*("worn out",))
        super().step(closure)


def frozen() -> nn.Module:
    return nn.Linear(4, 2).requires_grad_(requires_grad=False)


WHO = "the generator of architecture 'odd'"
ON_GENERATOR = (
    "on the generator's turn with architecture 'mlp', sampler 'gaussian' and dataset 'points'; it "
    "must be (8,), one number per sample, or a scalar."
)
STATE = "state() of the regularizer odd returns"
HOLDS = "in its dict; it must hold dense tensors and what JSON has, by texts."
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
    "lazy buffer": (
        lambda: {"architecture": built(lambda: nn.Sequential(nn.Linear(4, 2), lazy_norm()))},
        (
            f"{WHO} has a tensor '1.running_mean' that has no shape before it first runs; build it "
            "from the spaces."
        ),
    ),
    "meta": (
        lambda: {"architecture": built(lambda: nn.Linear(4, 2, device="meta"))},
        (
            f"{WHO} has a tensor 'weight' that is on the device 'meta', without values; build "
            "it on the CPU."
        ),
    ),
    "meta buffer": (
        lambda: {"architecture": built(lambda: holding(torch.zeros(1, device="meta")))},
        (
            f"{WHO} has a tensor 'odd' that is on the device 'meta', without values; build it on "
            "the CPU."
        ),
    ),
    "sparse": (
        lambda: {"architecture": built(lambda: holding(torch.eye(2).to_sparse()))},
        f"{WHO} has a tensor 'odd' that has the layout sparse_coo; make it dense.",
    ),
    "complex": (
        lambda: {"architecture": built(lambda: holding(torch.ones(1).mul(1j).requires_grad_()))},
        f"{WHO} has a tensor 'odd' that is complex; keep its real and imaginary parts as two.",
    ),
    "not finite": (
        lambda: {"architecture": built(lambda: holding(torch.tensor(torch.nan).requires_grad_()))},
        f"{WHO} has a tensor 'odd' that is not finite before training.",
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
    "returns a value without a name": (
        lambda: {"architecture": made(lambda out: {"fake": out, 3: out})},
        f"{WHO} returns 3; the name of a value is a text.",
    ),
    "returns a reserved name": (
        lambda: {"architecture": made(lambda out: {"fake": out, "real_x": out})},
        f"{WHO} returns 'real_x'; names that begin so are of the discriminator's heads.",
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
    "returns quantized samples": (
        lambda: {
            "architecture": made(lambda out: torch.quantize_per_tensor(out, 1, 0, torch.quint8))
        },
        f"{WHO} returns a quantized tensor as 'fake'; it must be a dense tensor of real numbers.",
    ),
    "returns nested samples": (
        lambda: {"architecture": made(lambda out: torch.nested.nested_tensor([*out]))},
        f"{WHO} returns a nested tensor as 'fake'; it must be a dense tensor of real numbers.",
    ),
    "term None": (lambda: {"loss": term(lambda _: None)}, f"'odd' returns None {ON_GENERATOR}"),
    "term of whole numbers": (
        lambda: {"loss": term(Tensor.long)},
        f"'odd' returns a term of shape (8,) of the type int64 {ON_GENERATOR}",
    ),
    "term elsewhere": (
        lambda: {"loss": term(lambda score: score.to("meta"))},
        f"'odd' returns a term of shape (8,) on the device 'meta' {ON_GENERATOR}",
    ),
    "gradients not finite": (
        lambda: {"loss": term(lambda score: (score * 0).abs().sqrt())},
        (
            "the gradients of the generator of architecture 'mlp' are not finite before anything "
            "is trained."
        ),
    ),
    "sparse gradients": (
        lambda: {"architecture": built(Choosing)},
        f"{WHO} has sparse gradients, which are not supported; make its layers dense.",
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
    "augment of a complex tensor": (
        lambda: {"regularizers": (part(Regularizer, augment=lambda _, sample: sample * 1j),)},
        (
            "'odd' returns a complex tensor from augment; it must be a tensor of shape (8, 2), as "
            "the sample is."
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
    "latent of another number": (
        lambda: {"sampler": drawing(latent=lambda _, n, *__: {"z": torch.zeros(n + 1, 4)})},
        (
            "sampler 'odd' draws a tensor of shape (3, 4) as 'z'; it must be a tensor of shape "
            "(2, ...)."
        ),
    ),
    "latent elsewhere": (
        lambda: {
            "sampler": drawing(latent=lambda _, n, *__: {"z": torch.zeros(n, 4, device="meta")})
        },
        "sampler 'odd' draws 'z' on the device 'meta'; it must be on 'cpu'.",
    ),
    "latent of no class": (
        lambda: {
            "sampler": drawing(
                spaces=with_code, latent=lambda _, n, *__: {"code": torch.full((n,), 3)}
            )
        },
        "sampler 'odd' draws the code 3; there are 3 classes, 0 to 2.",
    ),
    "rows": (
        lambda: {"sampler": drawing(draw=lambda *_: torch.arange(57, 65))},
        "sampler 'odd' deals rows 57 to 64; the data have rows 0 to 63.",
    ),
    "rows below 0": (
        lambda: {"sampler": drawing(draw=lambda *_: torch.arange(-1, 7))},
        "sampler 'odd' deals rows -1 to 6; the data have rows 0 to 63.",
    ),
    "rows of fractions": (
        lambda: {"sampler": drawing(draw=lambda *_: torch.zeros(8))},
        (
            "sampler 'odd' deals a tensor of shape (8,) of the type torch.float32 as rows; they "
            "must be numbers, int64, (N,)."
        ),
    ),
    "rows in a column": (
        lambda: {"sampler": drawing(draw=lambda *_: torch.arange(8)[:, None])},
        (
            "sampler 'odd' deals a tensor of shape (8, 1) of the type torch.int64 as rows; they "
            "must be numbers, int64, (N,)."
        ),
    ),
    "no rows": (
        lambda: {"sampler": drawing(draw=lambda *_: torch.arange(0))},
        "sampler 'odd' deals no rows; the data have rows 0 to 63.",
    ),
    "no spaces": (
        lambda: {"sampler": drawing(spaces=lambda *_: 3)},
        "sampler 'odd' returns an int as its spaces; they must be a dict by name.",
    ),
    "a space without a name": (
        lambda: {"sampler": drawing(spaces=lambda *_: {3: Space(shape=(4,))})},
        (
            "sampler 'odd' returns a Space as the space of 3; it must be a ganzoo.Space, under a "
            "name."
        ),
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
    "deals a step by itself": (
        lambda: {"sampler": dealing(lambda p, game, rows: step(game, p, rows))},
        "sampler 'odd' deals a step by itself, which deal must yield, on the discriminator's turn.",
    ),
    "deals the state": (
        lambda: {"sampler": dealing(lambda p, game, rows: [step(game, p, rows, state=rows)])},
        "sampler 'odd' deals 'state', a name that has another meaning; give it another.",
    ),
    "deals scores": (
        lambda: {"sampler": dealing(lambda p, game, rows: [step(game, p, rows, real_x=rows)])},
        "sampler 'odd' deals 'real_x', a name that has another meaning; give it another.",
    ),
    "deals no class": (
        lambda: {
            "sampler": dealing(lambda p, game, rows: [step(game, p, rows, label=rows * 0 + 7)])
        },
        "sampler 'odd' deals the label 7; there are 3 classes, 0 to 2.",
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
        lambda: stateful(3),
        "state() of the regularizer odd returns an int; it must be a dict by name.",
    ),
    "state without names": (lambda: stateful({3: 1}), f"{STATE} the name 3 {HOLDS}"),
    "state on meta": (
        lambda: stateful({"a": torch.zeros(1, device="meta")}),
        f"{STATE} a Tensor {HOLDS}",
    ),
    "state without an end": (lambda: stateful({"a": endless()}), f"{STATE} a list {HOLDS}"),
    "state that cannot be restored": (
        lambda: stateful({"a": 1}, lambda _: [].pop()),
        "the state of the regularizer odd cannot be restored: pop from empty list",
    ),
}


def stateful(held: Any, restore: Callable[..., Any] = lambda _: None) -> dict[str, Any]:
    """A regularizer whose state is saved as this."""
    state = SimpleNamespace(state=lambda: held, restore=restore)
    odd = part(Regularizer, start=lambda *_: state, project=nothing)
    return {"regularizers": (odd,)}


def endless() -> list[Any]:
    found: list[Any] = []
    found.append(found)
    return found


def nothing(*_: object) -> None: ...


@pytest.mark.filterwarnings("ignore:torch.quantize_per_tensor:UserWarning")
@pytest.mark.filterwarnings("ignore:The PyTorch API of nested tensors:UserWarning")
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
    "scores of another number": (
        lambda: {"architecture": judging(lambda out: out[:1], LATER)},
        (
            "the discriminator of architecture 'odd' returns 'score' of shape (1,); it must be "
            "(8,), or (8, ...) for a map of scores."
        ),
    ),
    "a term": (lambda: {"loss": term(lambda _: None, 3)}, f"'odd' returns None {ON_GENERATOR}"),
    "a term that broadcast": (
        lambda: {"loss": term(lambda score: score[:, None] - score, 3)},
        f"'odd' returns a term of shape (8, 8) {ON_GENERATOR}",
    ),
    "a term of nothing": (
        lambda: {"loss": term(lambda score: score[:0], 3)},
        f"'odd' returns a term of shape (0,) {ON_GENERATOR}",
    ),
    "an update": (
        lambda: building(lambda _, params: Wearing(params, lr=1)),
        (
            "the update of the generator fails on the generator's turn in round 3 with "
            "architecture 'mlp', sampler 'gaussian' and dataset 'points': worn out"
        ),
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


def test_an_optimizer_whose_rate_is_zero_at_first_changes_nothing_yet() -> None:
    Game(variant_of(SMALL, **building(lambda _, params: torch.optim.SGD(params, lr=0.0))), points())


def test_the_step_of_the_check_is_not_played_again() -> None:
    kept: dict[str, Any] = {}
    keeping = dealing(lambda p, game, rows: [kept.setdefault(p, step(game, p, rows))])
    game = Game(variant_of(SMALL, sampler=keeping), points())
    with pytest.raises(ComposeError, match="deals the same step twice"):
        game.round()


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
        (
            lambda: Data("odd", ResidentRows({}), ResidentRows({}), {}),
            "dataset 'odd' has rows without columns.",
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
