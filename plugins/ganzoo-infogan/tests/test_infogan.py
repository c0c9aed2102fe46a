"""InfoGAN against closed forms: how codes are drawn, what hides them, and what they stand for."""

from __future__ import annotations

from math import log
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import torch
from ganzoo_infogan import (
    CodeError,
    Codes,
    Infogan,
    Jitter,
    MutualInformation,
    ganzoo_variants,
)
from ganzoo_infogan.jitter import resampled
from pydantic import ValidationError
from torch.nn.functional import affine_grid, grid_sample, one_hot

from ganzoo.builtin.losses import Hinge
from ganzoo.builtin.regularizers import R1
from ganzoo.builtin.samplers import Gaussian
from ganzoo.engine.composition import compose
from ganzoo.engine.game import Game
from ganzoo.engine.heads import discriminator_heads
from ganzoo.errors import ComposeError, OptionError
from ganzoo.parts.optimizer import Adam
from ganzoo.parts.space import Space
from ganzoo.parts.variant import Variant
from ganzoo.plugins.default import default_zoo
from ganzoo.pretrained.render import write_samples
from ganzoo.testing import check_plugin, same, tiny
from ganzoo.training.plan import plan_run
from ganzoo.training.run import Run

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor

torch.set_num_threads(1)

(INFOGAN,) = ganzoo_variants()
CODES = Codes(noise=5, categorical=(3, 4), continuous=2)
SPACES = CODES.spaces({})
POINTS, IMAGES = Space(shape=(2,)), Space(shape=(1, 28, 31), bounded=True)
SMALL = Infogan(width=4, dense=16, hidden=8, depth=2)
N = 40_000
hidden = MutualInformation().discriminator


@pytest.fixture(autouse=True)
def _seeded() -> None:
    torch.manual_seed(0)


def small(**fields: Any) -> Variant:
    """The variant, narrow enough to train in milliseconds."""
    return Variant.model_validate({**dict(INFOGAN), "architecture": SMALL, "batch": 8, **fields})


def draw(n: int, given: Mapping[str, Tensor] | None = None, seed: int = 0) -> dict[str, Tensor]:
    return CODES.latent(n, SPACES, torch.Generator().manual_seed(seed), given)


def pieces(code: Tensor) -> dict[str, Tensor]:
    return SPACES["code"].split(code)


def test_the_plugin_conforms() -> None:
    check_plugin("ganzoo_infogan")


# ------------------------------------------------------------------------------------- the codes


def test_each_category_is_one_hot_and_drawn_equally_often() -> None:
    codes = pieces(draw(N)["code"])
    for name, categories in (("c0", 3), ("c1", 4)):
        assert codes[name].shape == (N, categories)
        assert set(codes[name].unique().tolist()) == {0.0, 1.0}
        assert bool((codes[name].sum(1) == 1).all())
        expected = torch.full((categories,), 1 / categories)
        torch.testing.assert_close(codes[name].mean(0), expected, atol=0.01, rtol=0)


def test_continuous_codes_and_noise_are_uniform_between_minus_one_and_one() -> None:
    latent = draw(N)
    codes = pieces(latent["code"])
    for values in (codes["c2"], codes["c3"], latent["z"][:, :5]):
        assert -1 <= float(values.min()) < -0.999
        assert 0.999 < float(values.max()) <= 1
        assert float(values.mean()) == pytest.approx(0, abs=0.01)
        assert float(values.var()) == pytest.approx(1 / 3, abs=0.01)


def test_codes_and_noise_are_independent() -> None:
    z = torch.cat((draw(N)["z"][:, :6], draw(N)["z"][:, [8, 12, 13]]), 1).double()
    between = torch.corrcoef(z.T) - torch.eye(9, dtype=torch.float64)
    assert float(between.abs().max()) < 0.03


def test_the_code_is_the_end_of_z() -> None:
    latent = draw(7)
    assert latent["z"].shape == (7, 5 + 3 + 4 + 2) == (7, SPACES["z"].size)
    assert torch.equal(latent["z"][:, 5:], latent["code"])


def test_categories_come_first_and_the_codes_are_counted_through() -> None:
    parts = SPACES["code"].parts
    assert list(parts) == ["c0", "c1", "c2", "c3"]
    assert [part.classes for part in parts.values()] == [3, 4, None, None]
    assert SPACES["code"].bounded
    assert SPACES["z"].bounded


@pytest.mark.parametrize(
    ("name", "value", "columns"),
    [
        ("code.c0", torch.tensor([2, 0, 1, 1]), [5, 6, 7]),
        ("code.c1", torch.tensor([3, 3, 0, 1]), [8, 9, 10, 11]),
        ("code.c3", torch.tensor([2.0, -0.5, 0.0, 9.0]), [13]),
    ],
)
def test_a_given_code_reaches_z_and_leaves_all_else_as_it_was(
    name: str, value: Tensor, columns: list[int]
) -> None:
    free, given = draw(4), draw(4, {name: value})
    others = [i for i in range(14) if i not in columns]
    expected = value[:, None] if len(columns) == 1 else one_hot(value, len(columns)).float()
    assert torch.equal(given["z"][:, columns], expected)
    assert torch.equal(given["z"][:, others], free["z"][:, others])
    assert torch.equal(given["z"][:, 5:], given["code"])


def test_a_code_given_whole_reaches_z_and_leaves_the_noise_as_it_was() -> None:
    code = draw(4, seed=9)["code"]
    free, given = draw(4), draw(4, {"code": code})
    assert torch.equal(given["z"][:, 5:], code)
    assert torch.equal(given["z"][:, :5], free["z"][:, :5])


def test_what_is_given_does_not_change_what_is_drawn_next() -> None:
    one, other = torch.Generator().manual_seed(3), torch.Generator().manual_seed(3)
    CODES.latent(6, SPACES, one)
    CODES.latent(6, SPACES, other, {"code.c0": torch.zeros(6, dtype=torch.int64)})
    assert torch.equal(one.get_state(), other.get_state())


@pytest.mark.parametrize("name", ["code.c9", "z.c0", "noise"])
def test_an_unknown_part_of_the_code_is_refused_in_a_sentence(name: str) -> None:
    with pytest.raises(OptionError) as error:
        Game(small(), tiny(2)).sample(2, given={name: torch.zeros(2)})
    assert str(error.value) == (
        f"no sample is made from '{name}'; given may be: code, code.c0, code.c1, code.c2, z, "
        "z.code, z.noise."
    )


def test_a_category_that_is_none_is_refused_in_a_sentence() -> None:
    with pytest.raises(OptionError) as error:
        Game(small(), tiny(2)).sample(2, given={"code.c0": torch.tensor([9, 10])})
    assert str(error.value) == "code.c0 10 is none of the 10 classes, 0 to 9."


def test_the_noise_may_be_given_and_leaves_the_codes_as_they_were() -> None:
    free, given = draw(4), draw(4, {"z.noise": torch.zeros(4, 5)})
    assert not given["z"][:, :5].any()
    assert torch.equal(given["code"], free["code"])


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"categorical": (), "continuous": 0}, "there must be at least one code"),
        ({"categorical": (65000, 65000)}, "take 130064 numbers, more than 65536"),
        ({"categorical": (1,)}, "greater than or equal to 2"),
        ({"continuous": -1}, "greater than or equal to 0"),
    ],
)
def test_codes_that_tell_nothing_or_fill_the_memory_are_refused(
    options: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(ValidationError, match=sentence):
        Codes(**options)


@pytest.mark.parametrize(
    "codes", [Codes(categorical=()), Codes(continuous=0), Codes(categorical=(2, 3), continuous=1)]
)
def test_any_number_of_codes_will_do(codes: Codes) -> None:
    game = Game(small(sampler=codes), tiny(2))
    game.round()
    assert game.is_finite()


# ----------------------------------------------------------------------------- mutual information


def test_the_term_is_the_cross_entropy_and_half_the_squared_error() -> None:
    spaces = Codes(categorical=(2,), continuous=1).spaces({})
    code = torch.tensor([[0.0, 1.0, 0.5]])
    seen = torch.tensor([[log(3.0), 0.0, -1.5]])  # one to four for the second category
    assert float(hidden(seen, code, spaces)) == pytest.approx(log(4) + 0.5 * 4)
    half = MutualInformation(continuous=0.5).generator(seen, code, spaces)
    assert float(half) == pytest.approx(log(4) + 0.25 * 4)


def test_the_term_is_zero_where_the_code_is_plain_and_its_entropy_where_nothing_shows() -> None:
    code = draw(50)["code"]
    plain, blank = code * torch.tensor([50.0] * 7 + [1.0] * 2), torch.zeros_like(code)
    torch.testing.assert_close(hidden(plain, code, SPACES), torch.zeros(50))
    squares = 0.5 * code[:, 7:].square().sum(1)
    torch.testing.assert_close(hidden(blank, code, SPACES), log(3) + log(4) + squares)


def test_the_term_is_least_where_the_code_is_recognized_as_well_as_can_be() -> None:
    """Its gradient by the logits is softmax less one-hot, by the mean the error."""
    code, seen = draw(50)["code"], torch.randn(50, 9, requires_grad=True)
    (slope,) = torch.autograd.grad(hidden(seen, code, SPACES).sum(), seen)
    guessed = [pieces(seen)[name].softmax(1) for name in ("c0", "c1")]
    expected = torch.cat((*guessed, seen[:, 7:]), 1) - code
    torch.testing.assert_close(slope, expected)


def test_both_players_minimize_it() -> None:
    game = Game(small(), tiny(2))
    log = game.round()
    assert "mutual-information" in log["discriminator"]
    assert "mutual-information" in log["generator"]


def test_an_architecture_without_the_head_is_refused_with_the_one_that_has_it() -> None:
    plain = default_zoo().part("architecture", "wgan-gp")
    with pytest.raises(ComposeError, match="reads 'fake_code' on the discriminator's turn"):
        Game(small(architecture=plain), tiny(2))


def test_a_sampler_without_codes_is_refused() -> None:
    with pytest.raises(ComposeError, match="builds its discriminator from 'code'"):
        Game(small(sampler=Gaussian(dim=4)), tiny(2))


# ------------------------------------------------------------------------------------- code-error


def error(code: list[int], label: list[int], categories: int = 3, classes: int = 3) -> float:
    codes = Codes(categorical=(categories,), continuous=2).spaces({})
    logits = torch.cat((one_hot(torch.tensor(code), categories), torch.rand(len(code), 2)), 1)
    spaces = {**codes, "label": Space(classes=classes)}
    return CodeError().measure(logits.float(), torch.tensor(label), spaces)["code-error"]


def test_a_permutation_of_the_classes_is_no_error() -> None:
    assert error([2, 0, 1, 2], [0, 1, 2, 0]) == 0


def test_the_best_matching_counts_even_where_the_greedy_one_is_worse() -> None:
    """Code 0 is most often class 0; but code 1 is nothing else, so code 0 had better be class 1."""
    code = [0] * 7 + [1] * 4
    label = [0] * 4 + [1] * 3 + [0] * 4
    assert error(code, label) == pytest.approx(4 / 11)


def test_codes_and_classes_that_are_left_over_count_as_wrong() -> None:
    assert error([0, 1, 2, 3], [0, 0, 1, 2], categories=4) == pytest.approx(1 / 4)
    assert error([0, 0, 1, 1], [0, 1, 2, 2], categories=2) == pytest.approx(1 / 4)


def test_random_codes_are_wrong_as_often_as_chance_says() -> None:
    code, label = torch.randint(10, (2, N)).tolist()
    assert error(code, label, categories=10, classes=10) == pytest.approx(0.9, abs=0.02)


def test_without_a_category_there_is_nothing_to_measure() -> None:
    spaces = {**Codes(categorical=(), continuous=2).spaces({}), "label": Space(classes=3)}
    assert CodeError().measure(torch.rand(4, 2), torch.zeros(4), spaces) == {}


# ----------------------------------------------------------------------------------------- jitter


def test_images_are_read_as_torch_reads_them() -> None:
    images, affine = torch.randn(6, 3, 8, 11), torch.eye(2, 3) + 0.3 * torch.randn(6, 2, 3)
    grid = affine_grid(affine, [6, 3, 8, 11], align_corners=False)
    expected = grid_sample(images, grid, padding_mode="border", align_corners=False)
    torch.testing.assert_close(resampled(images, affine), expected, atol=1e-5, rtol=1e-5)


def test_without_room_nothing_moves() -> None:
    images = torch.randn(4, 1, 9, 8)
    still = Jitter(shift=0, turn=0, zoom=0).augment(images)
    torch.testing.assert_close(still, images, atol=1e-5, rtol=1e-5)


def test_each_image_has_a_draw_of_its_own_and_points_have_none() -> None:
    image = torch.randn(1, 1, 8, 8)
    shown = Jitter().augment(image.expand(5, -1, -1, -1))
    assert len(shown.flatten(1).unique(dim=0)) == 5
    points = torch.randn(5, 2)
    assert Jitter().augment(points) is points


def test_a_shift_moves_by_at_most_its_share_of_the_side() -> None:
    image = torch.zeros(1, 1, 20, 20)
    image[0, 0, 10, 10] = 1.0
    shown = Jitter(shift=0.1, turn=0, zoom=0).augment(image.expand(500, -1, -1, -1))
    lit = shown.amax(0)[0].nonzero()
    assert lit.min() >= 10 - 2 - 1
    assert lit.max() <= 10 + 2 + 1
    assert lit.min() <= 8
    assert lit.max() >= 12


# --------------------------------------------------------------------------------------- networks


@pytest.mark.parametrize("body", ["auto", "conv", "mlp"])
@pytest.mark.parametrize("real", [POINTS, IMAGES])
def test_the_discriminator_has_a_score_and_a_code(body: str, real: Space) -> None:
    architecture = Infogan.model_validate({**dict(SMALL), "body": body})
    if body == "conv" and real is POINTS:
        with pytest.raises(ComposeError, match=r"^'infogan' builds images \(channels, height"):
            architecture.discriminator(real, SPACES["code"])
        return
    fake = architecture.generator(SPACES["z"], real)(draw(6)["z"])
    assert fake.shape == (6, *real.shape)
    heads = architecture.discriminator(real, SPACES["code"])(fake)
    assert {name: head.shape for name, head in heads.items()} == {"score": (6,), "code": (6, 9)}


def test_any_generator_that_reads_z_makes_samples_of_codes() -> None:
    for name in ("dcgan", "wgan-gp"):
        architecture = default_zoo().part("architecture", name)
        real = Space(shape=(1, 8, 8), bounded=True)
        assert architecture.generator(SPACES["z"], real)(draw(3)["z"]).shape == (3, 1, 8, 8)


# --------------------------------------------------------------------------------------- training


@pytest.mark.parametrize("shape", [(2,), (1, 8, 8)])
def test_it_trains_under_another_loss_and_penalty_and_resumes_bit_for_bit(
    shape: tuple[int, ...],
) -> None:
    mixed = small(loss=Hinge(), regularizers=(MutualInformation(), Jitter(), R1()))
    game, resumed = (Game(mixed, tiny(*shape)) for _ in range(2))
    for _ in range(3):
        game.round()
    tensors, facts = game.state()
    resumed.restore({name: value.clone() for name, value in tensors.items()}, facts)
    for each in (game, resumed):
        log = each.round()
        assert all(bool(term.isfinite()) for terms in log.values() for term in terms.values())
    assert same(game, resumed)


@pytest.mark.parametrize("architecture", ["conditional", "acgan"])
def test_codes_beside_labels_in_an_architecture_of_another_plugin(architecture: str) -> None:
    """Whoever is told the label shows the codes too, and a sweep of either leaves the other."""
    mixed = default_zoo().compose(
        "infogan",
        architecture=architecture,
        settings=["architecture.width=4", "batch=8", "mutual-information.continuous=1"],
    )
    game = Game(mixed, tiny(1, 8, 8, classes=3))
    log = game.round()
    assert "mutual-information" in log["generator"]
    assert game.is_finite()
    label = torch.tensor([0, 1, 2])
    made = game.sample(3, given={"label": label, "code.c0": torch.tensor([9, 9, 9])})
    assert torch.equal(made["label"], label)
    assert made["code"][:, 9].tolist() == [1.0] * 3


def test_a_sweep_of_a_code_is_drawn_and_one_of_an_unknown_code_is_refused(tmp_path: Path) -> None:
    zoo = default_zoo()
    composition = compose(small(), data="digits", zoo=zoo)
    run = Run.create(tmp_path, plan_run(composition, rounds=1), composition)
    run.train([])
    for sweep in ("code.c0=0:9", "code.c2=-2:2"):
        assert write_samples(tmp_path, n=2, sweep=sweep, zoo=zoo).exists()
    with pytest.raises(OptionError) as refused:
        write_samples(tmp_path, n=2, sweep="code.c3=-2:2", zoo=zoo)
    assert str(refused.value) == (
        "there is no 'code.c3' to sweep; 'infogan' has: code.c0, code.c1, code.c2."
    )


def test_on_digits_samples_soon_show_their_codes_and_the_codes_their_classes() -> None:
    digits = default_zoo().dataset("digits").load()
    adam = Adam(lr=2e-3, betas=(0.5, 0.999))
    fast = {"discriminator": adam, "generator": adam}
    wider = Infogan(width=16, dense=128)
    game = Game(small(architecture=wider, batch=64, optimizers=fast), digits)
    first = float(game.round()["generator"]["mutual-information"])
    for _ in range(400):
        log = game.round()
    assert first > log_of_ten() > 4 * float(log["generator"]["mutual-information"])
    heads = discriminator_heads(game, digits.held_out)
    label = digits.held_out.column("label")
    found = CodeError().measure(heads["real_code"], label, game.spaces)["code-error"]
    assert found < 0.7  # chance is 0.9


def log_of_ten() -> float:
    """The entropy of the category, which a blind guess is off by."""
    return log(10)
