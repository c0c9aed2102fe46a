"""Conditional GANs against closed forms: who hears the label, how often, and how it is scored."""

from __future__ import annotations

from math import log
from typing import TYPE_CHECKING, Any

import pytest
import torch
from ganzoo_conditional import (
    Acgan,
    AuxiliaryClassifier,
    ClassPrdc,
    Conditional,
    IntraFrechet,
    LabelAccuracy,
    Labelled,
    ganzoo_variants,
)
from ganzoo_conditional.labels import ByClass
from ganzoo_conditional.networks import Concat, Projection
from ganzoo_dcgan import Dcgan
from ganzoo_wgan_gp import GradientPenalty, Wasserstein
from torch import nn
from torch.nn.functional import cross_entropy, one_hot

from ganzoo.builtin.datasets.digits import Digits
from ganzoo.builtin.metrics.frechet import Frechet, frechet_distance
from ganzoo.builtin.metrics.prdc import Prdc
from ganzoo.builtin.samplers import Gaussian
from ganzoo.engine.composition import compose
from ganzoo.engine.game import Game
from ganzoo.engine.heads import discriminator_heads
from ganzoo.engine.scoring import measure_game
from ganzoo.errors import ComposeError, DataError, OptionError, ZooError
from ganzoo.parts.dataset import Data
from ganzoo.parts.optimizer import Adam
from ganzoo.parts.part import Architecture, Regularizer, Sampler
from ganzoo.parts.rows import ResidentRows
from ganzoo.parts.space import Space
from ganzoo.parts.variant import Variant
from ganzoo.testing import check_plugin, tiny

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor

torch.set_num_threads(1)

CLASSES = 3
Z, LABEL = Space(shape=(6,)), Space(classes=CLASSES)
POINTS, IMAGES = Space(shape=(2,)), Space(shape=(1, 8, 11), bounded=True)
VARIANTS = {variant.name: variant for variant in ganzoo_variants()}
SMALL: dict[str, Any] = {"width": 4, "hidden": 8, "depth": 2}
CONDITIONINGS = ("concat", "projection")


@pytest.fixture(autouse=True)
def _seeded() -> None:
    torch.manual_seed(0)


def small(name: str = "conditional", **fields: Any) -> Variant:
    """A variant of the plugin, narrow enough to train in milliseconds."""
    variant = VARIANTS[name]
    options = {**variant.architecture.model_dump(), **SMALL, "body": "auto"}
    architecture = type(variant.architecture).model_validate(options)
    return Variant.model_validate(
        {**dict(variant), "architecture": architecture, "batch": 8, **fields}
    )


def points(counts: tuple[int, ...] = (12, 12, 12)) -> Data:
    """Labelled points, so many of each class, class c around (c, c)."""
    label = torch.repeat_interleave(torch.arange(len(counts)), torch.tensor(counts))
    real = 0.1 * torch.randn(len(label), 2) + label.unsqueeze(1)
    rows = ResidentRows({"real": real, "label": label})
    return Data("labelled points", rows, rows, {"real": POINTS, "label": Space(classes=CLASSES)})


def test_the_plugin_conforms() -> None:
    check_plugin("ganzoo_conditional")


# ------------------------------------------------------------------------------------- the label


@pytest.mark.parametrize("real", [POINTS, IMAGES])
@pytest.mark.parametrize("architecture", [Conditional(**SMALL), Acgan(**SMALL)])
def test_another_label_makes_another_sample_of_the_same_latent(
    architecture: Conditional | Acgan, real: Space
) -> None:
    net = architecture.generator(Z, LABEL, real).eval()
    z = torch.randn(1, 6).expand(CLASSES, 6)
    made = net(z, torch.arange(CLASSES))
    assert made.shape == (CLASSES, *real.shape)
    assert len(made.flatten(1).unique(dim=0)) == CLASSES
    torch.testing.assert_close(made[:1], net(z[:1], torch.tensor([0])))


@pytest.mark.parametrize("conditioning", CONDITIONINGS)
@pytest.mark.parametrize("real", [POINTS, IMAGES])
def test_another_label_scores_the_same_sample_otherwise(conditioning: str, real: Space) -> None:
    architecture = Conditional.model_validate({**SMALL, "conditioning": conditioning})
    game = Game(small(architecture=architecture), tiny(*real.shape, classes=CLASSES))
    net = game.nets["discriminator"].eval()
    sample = torch.randn(1, *real.shape).expand(CLASSES, *real.shape)
    heads = net(sample, torch.arange(CLASSES))
    score = heads["score"] if isinstance(heads, dict) else heads
    assert score.shape == (CLASSES,)
    assert len(score.unique()) == CLASSES


def test_a_step_has_one_label_for_its_real_and_its_fake_sample() -> None:
    """Each is scored as it would be beside the real row's label."""
    game = Game(small(), points())
    drawn = game.variant.sampler.draw("discriminator", game)
    (step,) = game.variant.sampler.deal("discriminator", game, drawn)
    label = game.train.columns["label"][drawn]
    assert torch.equal(step["label"], label)
    net = game.nets["discriminator"]
    for sample in ("real", "fake"):
        torch.testing.assert_close(step[f"{sample}_score"], net(step[sample], label)["score"])
    torch.testing.assert_close(step["fake"], game.nets["generator"](step["z"], label))


# --------------------------------------------------------------------------------------- networks


def test_a_projection_is_its_formula() -> None:
    net = Projection(nn.Identity(), 4, CLASSES)
    features, label = torch.randn(5, 4), torch.tensor([0, 1, 2, 0, 1])
    w, b, v = net.scorer.head.weight[0], net.scorer.head.bias, net.embed.weight
    expected = [f @ w + b[0] + f @ v[y] for f, y in zip(features, label, strict=True)]
    torch.testing.assert_close(net(features, label)["score"], torch.stack(expected))


def test_what_a_projection_adds_begins_as_large_as_one_feature() -> None:
    net = Projection(nn.Identity(), 400, 9)
    assert float(net.embed.weight.detach().std()) == pytest.approx(1 / 20, rel=0.05)


def test_labels_stand_beside_an_image_as_planes_and_beside_points_as_one_hot() -> None:
    seen: list[Tensor] = []

    class Seeing(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            seen.append(x)
            return x.flatten(1).sum(1)

    label = torch.tensor([2, 0])
    image = torch.randn(2, 1, 4, 5)
    Concat(nn.Identity(), Seeing(), CLASSES)(image, label)
    Concat(nn.Flatten(), Seeing(), CLASSES)(image, label)
    planes, flat = seen
    assert planes.shape == (2, 1 + CLASSES, 4, 5)
    assert torch.equal(planes[:, :1], image)
    hot = one_hot(label, CLASSES).float()
    assert torch.equal(planes[:, 1:], hot[:, :, None, None].expand(2, CLASSES, 4, 5))
    assert torch.equal(flat, torch.cat((image.flatten(1), hot), 1))


@pytest.mark.parametrize("conditioning", CONDITIONINGS)
@pytest.mark.parametrize(
    ("body", "real", "convolves"),
    [("auto", IMAGES, True), ("auto", POINTS, False), ("mlp", IMAGES, False)],
)
def test_the_body_is_convolutions_for_images_unless_told(
    conditioning: str,
    body: str,
    real: Space,
    convolves: bool,  # noqa: FBT001
) -> None:
    architecture = Conditional.model_validate({**SMALL, "body": body, "conditioning": conditioning})
    for net in (
        architecture.generator(Z, LABEL, real),
        architecture.discriminator(real, LABEL),
        Acgan.model_validate({**SMALL, "body": body}).discriminator(real, LABEL),
    ):
        kinds = (nn.Conv2d, nn.ConvTranspose2d)
        assert any(isinstance(module, kinds) for module in net.modules()) == convolves


@pytest.mark.parametrize("conditioning", CONDITIONINGS)
def test_without_norm_a_samples_score_depends_on_no_other_sample(conditioning: str) -> None:
    options = {**SMALL, "conditioning": conditioning}
    bare = Conditional.model_validate({**options, "norm": "none"}).discriminator(IMAGES, LABEL)
    usual = Conditional.model_validate(options).discriminator(
        Space(shape=(1, 28, 28), bounded=True), LABEL
    )
    assert not any(isinstance(m, nn.BatchNorm2d) for m in bare.modules())
    assert any(isinstance(m, nn.BatchNorm2d) for m in usual.modules())


def test_all_images_are_built_that_dcgan_builds() -> None:
    """The label's planes do not count against the channels that an image may have."""
    game = Game(
        small(architecture=Conditional(**SMALL, conditioning="concat")),
        tiny(4, 8, 8, classes=CLASSES),
    )
    game.round()


# ---------------------------------------------------------------------------------------- AC-GAN


def test_the_classifiers_terms_are_the_cross_entropies_of_the_label() -> None:
    real, fake, label = torch.randn(5, 3), torch.randn(5, 3), torch.tensor([0, 1, 2, 1, 0])
    part = AuxiliaryClassifier()
    both = part.discriminator(real, fake, label)
    assert both.shape == (5,)
    expected = cross_entropy(real, label) + cross_entropy(fake, label)
    torch.testing.assert_close(both.mean(), expected)
    torch.testing.assert_close(part.generator(fake, label).mean(), cross_entropy(fake, label))


def test_the_classifiers_terms_at_chance_are_the_logarithm_of_the_classes() -> None:
    flat, label = torch.zeros(4, 10), torch.arange(4)
    assert AuxiliaryClassifier().generator(flat, label).tolist() == pytest.approx([log(10)] * 4)


def test_acgans_discriminator_is_not_told_the_label() -> None:
    game = Game(small("acgan"), points())
    assert game.inputs["discriminator"] == ()
    assert game.inputs["generator"] == ("z", "label")
    log_of = game.round()
    assert set(log_of["generator"]) == {"non-saturating", "auxiliary-classifier"}
    assert discriminator_heads(game, game.data.held_out)["real_classes"].shape == (36, CLASSES)


def test_the_classifier_needs_a_head_and_says_who_has_it() -> None:
    message = r"'auxiliary-classifier' reads 'real_classes' .* acgan \(ganzoo-conditional\)"
    with pytest.raises(ComposeError, match=message):
        compose(small(regularizers=(AuxiliaryClassifier(),)), data="digits").game()


# --------------------------------------------------------------------------------- the sampler


IMBALANCED = (900, 90, 10)


@pytest.mark.parametrize(
    ("prior", "shares"), [("data", (0.9, 0.09, 0.01)), ("uniform", [1 / 3] * 3)]
)
def test_labels_are_dealt_as_often_as_the_prior_says(prior: str, shares: tuple[float, ...]) -> None:
    sampler = Labelled.model_validate({"dim": 4, "prior": prior})
    data = points(IMBALANCED)
    game = Game(small(sampler=sampler, batch=1000), data)
    dealt = []
    for player in ("discriminator", "generator"):
        for _ in range(5):
            rows = sampler.draw(player, game)  # type: ignore[arg-type]
            (step,) = sampler.deal(player, game, rows)  # type: ignore[arg-type]
            assert torch.equal(data.train.columns["real"][rows], step["real"])
            assert torch.equal(data.train.columns["label"][rows], step["label"])
            dealt.append(step["label"])
    found = torch.cat(dealt).bincount().double() / 10_000
    assert found.tolist() == pytest.approx(shares, abs=0 if prior == "data" else 0.02)


@pytest.mark.parametrize(
    ("prior", "shares"), [("data", (0.9, 0.09, 0.01)), ("uniform", [1 / 3] * 3)]
)
def test_a_trained_generator_is_sampled_under_the_same_prior(
    prior: str, shares: tuple[float, ...]
) -> None:
    sampler = Labelled.model_validate({"dim": 4, "prior": prior})
    game = Game(small(sampler=sampler), points(IMBALANCED))
    label = game.sample(10_000)["label"]
    assert (label.bincount().double() / 10_000).tolist() == pytest.approx(shares, abs=0.02)


def test_every_row_of_a_class_is_as_likely_as_the_others() -> None:
    label = torch.tensor([2, 0, 2, 1, 2, 0])
    stream = torch.Generator().manual_seed(0)
    share = ByClass(label, CLASSES).draw(60_000, stream).bincount().double() / 60_000
    expected = [1 / 9, 1 / 6, 1 / 9, 1 / 3, 1 / 9, 1 / 6]
    assert share.tolist() == pytest.approx(expected, abs=0.01)


@pytest.mark.parametrize("prior", ["data", "uniform"])
def test_a_resumed_game_deals_what_the_other_would_have(prior: str) -> None:
    variant = small(sampler=Labelled.model_validate({"prior": prior}))
    data = points(IMBALANCED)
    one, other = Game(variant, data), Game(variant, data)
    for _ in range(3):
        one.round()
    tensors, facts = one.state()
    other.restore({name: tensor.clone() for name, tensor in tensors.items()}, facts)
    for game in (one, other):
        game.round()
    for param, same in zip(one.params["generator"], other.params["generator"], strict=True):
        assert torch.equal(param, same)


@pytest.mark.parametrize("prior", ["data", "uniform"])
def test_a_label_that_is_given_changes_nothing_but_the_label(prior: str) -> None:
    game = Game(small(sampler=Labelled.model_validate({"prior": prior})), points())
    free, ones = game.sample(16), game.sample(16, given={"label": torch.ones(16).long()})
    assert torch.equal(free["z"], ones["z"])
    assert ones["label"].tolist() == [1] * 16
    already = free["label"] == 1
    torch.testing.assert_close(free["fake"][already], ones["fake"][already])
    assert not bool((free["fake"] == ones["fake"]).all(1)[~already].any())


# -------------------------------------------------------------------------------------- bad input


@pytest.mark.parametrize("wrong", [3, -1])
def test_a_label_that_is_no_class_is_refused(wrong: int) -> None:
    game = Game(small(), points())
    with pytest.raises(OptionError) as error:
        game.sample(2, given={"label": torch.tensor([0, wrong])})
    assert str(error.value) == f"label {wrong} is none of the 3 classes, 0 to 2."


@pytest.mark.parametrize("name", VARIANTS)
def test_data_without_labels_is_refused(name: str) -> None:
    with pytest.raises(ComposeError) as error:
        Game(small(name), tiny(2))
    assert str(error.value) == (
        "sampler 'labelled' needs data with a class 'label'; the data have: real (2)."
    )
    with pytest.raises(ComposeError, match=r"builds its discriminator from 'label'; the dataset"):
        Game(small(sampler=Gaussian(dim=4)), tiny(2))


def test_labels_that_are_numbers_are_refused() -> None:
    rows = ResidentRows({"real": torch.randn(8, 2), "label": torch.randn(8, 2)})
    data = Data("angles", rows, rows, {"real": POINTS, "label": Space(shape=(2,))})
    for fields in ({}, {"sampler": Gaussian(dim=4)}):
        with pytest.raises(ComposeError, match=r"class.*label"):
            Game(small(**fields), data)


@pytest.mark.parametrize("wrong", [3, -1])
@pytest.mark.parametrize("split", ["training", "held-out"])
def test_data_whose_labels_are_none_of_its_classes_is_refused(wrong: int, split: str) -> None:
    data = points()
    label = data.train.columns["label"].clone()
    label[5] = wrong
    broken = ResidentRows({**data.train.columns, "label": label})
    train, held_out = (broken, data.held_out) if split == "training" else (data.train, broken)
    with pytest.raises(DataError) as error:
        Game(small(), Data("points", train, held_out, data.spaces))
    assert str(error.value) == (
        f"dataset 'points' has the label {wrong} among its {split} rows; it says that there are "
        "3 classes, 0 to 2."
    )


def test_a_class_without_rows_cannot_be_dealt_as_often_as_the_others() -> None:
    data = points((9, 0, 9))
    Game(small(), data).round()
    with pytest.raises(
        DataError, match=r"^dataset 'labelled points' has no training row of class 1,"
    ):
        Game(small(sampler=Labelled(prior="uniform")), data)


# ----------------------------------------------------------------------------------------- metrics


def test_label_accuracy_is_one_when_perfect_none_when_permuted_and_a_tenth_by_chance() -> None:
    label = torch.arange(10_000) % 10
    perfect = one_hot(label, 10).double()
    accuracy = LabelAccuracy().measure
    assert accuracy(perfect, label) == {"label-accuracy": 1.0}
    assert accuracy(perfect, (label + 1) % 10) == {"label-accuracy": 0.0}
    chance = accuracy(torch.rand(10_000, 10), label)["label-accuracy"]
    assert chance == pytest.approx(0.1, abs=0.01)


def classes_apart(n: int = 400) -> tuple[Tensor, Tensor]:
    """Features of three classes, standard normals 10 apart along the first axis."""
    label = torch.arange(n) % CLASSES
    features = torch.randn(n, 4, dtype=torch.float64)
    features[:, 0] += 10 * label
    return features, label


def test_the_intra_class_distance_of_the_data_from_itself_is_nothing() -> None:
    features, label = classes_apart()
    found = IntraFrechet().measure(features, label, features, label)
    assert found["intra-frechet"] == pytest.approx(0, abs=1e-9)
    assert found["intra-frechet-classes"] == 3


def test_permuted_labels_cost_the_distance_between_the_classes() -> None:
    """Cyclically, two of three classes are 10 off and one 20: (100 + 100 + 400) / 3."""
    features, label = classes_apart(30_000)
    found = IntraFrechet().measure(features, label, features, (label + 1) % CLASSES)
    assert found["intra-frechet"] == pytest.approx(200, rel=0.01)
    frechet = Frechet().measure(features, features)
    assert frechet["frechet-distance"] == pytest.approx(0, abs=1e-9)  # blind to it


def test_the_intra_class_distance_is_the_mean_over_the_classes_with_samples_enough() -> None:
    features, label = classes_apart()
    one, two = features[label == 0], features[label == 2] + 1
    made = torch.cat((one, features[label == 1][:1], two))
    made_for = torch.tensor([0] * len(one) + [1] + [2] * len(two))
    found = IntraFrechet().measure(features, label, made, made_for)
    expected = frechet_distance(features[label == 2], two) / 2
    assert found["intra-frechet"] == pytest.approx(expected)
    assert found["intra-frechet-classes"] == 2
    with pytest.raises(ZooError, match=r"^no class has 500 held-out and 500 generated samples"):
        IntraFrechet(least=500).measure(features, label, made, made_for)


def test_neither_metric_applies_where_samples_were_made_for_no_label() -> None:
    variant = small(architecture=Dcgan(width=4), sampler=Gaussian(dim=4))
    game = Game(variant, Digits().load())
    assert measure_game(game, (LabelAccuracy(), IntraFrechet()), n=8, seed=0) == []


# ------------------------------------------------------------------------------------------- mixes


@pytest.mark.parametrize("conditioning", CONDITIONINGS)
@pytest.mark.parametrize("data", [tiny(1, 16, 16, classes=CLASSES), tiny(2, classes=CLASSES)])
def test_it_composes_with_the_wasserstein_game_and_its_penalty(
    conditioning: str, data: Data
) -> None:
    """The penalty's `score` is conditioned on the step's label, and it knows nothing of it."""
    architecture = Conditional.model_validate(
        {**SMALL, "conditioning": conditioning, "norm": "none"}
    )
    turns = (("discriminator", 5), ("generator", 1))
    parts = {"loss": Wasserstein(), "regularizers": (GradientPenalty(),), "turns": turns}
    game = Game(small(architecture=architecture, **parts), data)
    game.round()
    assert game.steps == {"discriminator": 5, "generator": 1}
    assert set(game.log["discriminator"]) == {"wasserstein", "gradient-penalty"}
    assert game.is_finite()


@pytest.mark.parametrize("name", VARIANTS)
@pytest.mark.parametrize("prior", ["data", "uniform"])
def test_every_variant_trains_on_labelled_points_of_rare_classes(name: str, prior: str) -> None:
    game = Game(small(name, sampler=Labelled.model_validate({"prior": prior})), points((30, 5, 1)))
    for _ in range(5):
        game.round()
    assert game.is_finite()


def test_a_generator_is_conditional_under_any_sampler_that_leaves_labels_to_the_data() -> None:
    game = Game(small(sampler=Gaussian(dim=4)), points())
    game.round()
    assert set(game.sample(4)) == {"fake", "z", "label"}


class Coded(Sampler):
    """A code of two numbers, at the end of z, as InfoGAN's sampler deals one."""

    deals = ("z", "code")

    def spaces(self, data: Mapping[str, Space]) -> dict[str, Space]:
        return {"z": Space(shape=(6,)), "code": Space(shape=(2,))}

    def latent(
        self, n: int, spaces: Mapping[str, Space], stream: torch.Generator
    ) -> dict[str, Tensor]:
        z = torch.randn(n, *spaces["z"].shape, generator=stream)
        return {"z": z, "code": z[:, -2:]}


class Recovered(Regularizer):
    """The code, told from the sample."""

    def generator(self, fake_code: Tensor, code: Tensor) -> Tensor:
        return (fake_code - code).square().sum(1)

    discriminator = generator


@pytest.mark.parametrize(
    "architecture", [*(Conditional(**SMALL, conditioning=c) for c in CONDITIONINGS), Acgan(**SMALL)]
)
@pytest.mark.parametrize("data", [tiny(1, 8, 8, classes=CLASSES), tiny(2, classes=CLASSES)])
def test_where_a_code_is_dealt_the_discriminator_has_a_head_for_it(
    architecture: Architecture, data: Data
) -> None:
    variant = small(architecture=architecture, sampler=Coded(), regularizers=(Recovered(),))
    game = Game(variant, data)
    game.round()
    assert discriminator_heads(game, data.held_out)["real_code"].shape == (len(data.held_out), 2)


# -------------------------------------------------------------------------------------- training


@pytest.mark.parametrize("name", ["conditional", "acgan"])
def test_a_short_training_on_digits_heeds_the_label(name: str) -> None:
    fast = Adam(lr=1e-3, betas=(0.5, 0.999))
    wide = VARIANTS[name].architecture
    architecture = type(wide).model_validate({**wide.model_dump(), "width": 8})
    variant = Variant.model_validate(
        {
            **dict(VARIANTS[name]),
            "architecture": architecture,
            "optimizers": {"discriminator": fast, "generator": fast},
            "ema": 0.99,
        }
    )
    game = Game(variant, Digits().load())
    for _ in range(400):
        game.round()
    (score,) = measure_game(game, (LabelAccuracy(),), n=500, seed=0)
    assert score.value > 0.5


def test_class_precision_and_recall_are_the_means_within_classes() -> None:
    from prdc import compute_prdc

    features, label = classes_apart(450)
    made, made_for = classes_apart(600)
    made[made_for == 1] += 0.8
    found = ClassPrdc().measure(features, label, made, made_for)
    expected = [
        compute_prdc(features[label == c].numpy(), made[made_for == c].numpy(), nearest_k=5)
        for c in range(CLASSES)
    ]
    for name in expected[0]:
        mean = sum(one[name] for one in expected) / CLASSES
        assert found[f"class-{name}"] == pytest.approx(mean, rel=1e-9)
    assert found["class-prdc-classes"] == CLASSES


def test_samples_of_another_class_are_not_precise() -> None:
    features, label = classes_apart(600)
    found = ClassPrdc().measure(features, label, features, (label + 1) % CLASSES)
    assert found["class-precision"] == found["class-coverage"] == 0
    assert Prdc().measure(features, features)["precision"] == 1  # blind to it


def test_only_classes_of_a_hundred_held_out_rows_and_samples_are_averaged_over() -> None:
    features, label = classes_apart(300)
    few = (label != 0) | (torch.arange(300) < 297)  # 99 held-out rows of class 0
    made, made_for = features + 0.1, label
    found = ClassPrdc().measure(features[few], label[few], made, made_for)
    assert found["class-prdc-classes"] == 2
    alone = ClassPrdc().measure(*(x[label == 1] for x in (features, label, made, made_for)))
    other = ClassPrdc().measure(*(x[label == 2] for x in (features, label, made, made_for)))
    mean = (alone["class-density"] + other["class-density"]) / 2
    assert found["class-density"] == pytest.approx(mean)
    with pytest.raises(ZooError) as error:
        ClassPrdc().measure(features[:60], label[:60], made, made_for)
    assert str(error.value) == "no class has 100 held-out and 100 generated samples to compare."
