"""A semi-supervised GAN: labels of which most are missing, and a loss that reads the mask.

The discriminator has a second head, the class of a real sample (Salimans et al. 2016,
arXiv:1606.03498, without its (K+1)-th class); its cross-entropy counts where the label is known.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, softplus

import ganzoo
from ganzoo.builtin.metrics.histogram import Histogram
from ganzoo.builtin.networks import mlp
from ganzoo.builtin.samplers import Gaussian
from ganzoo.engine.game import Game
from ganzoo.errors import ComposeError, DataError, OptionError
from ganzoo.parts.dataset import Data, Dataset
from ganzoo.parts.metric import Direction, Metric
from ganzoo.parts.part import Architecture, Loss
from ganzoo.parts.rows import ResidentRows
from ganzoo.parts.space import Space
from ganzoo.parts.streamed import StreamedRows
from ganzoo.parts.variant import Variant
from ganzoo.plugins.loading import Origin
from ganzoo.plugins.zoo import Zoo
from ganzoo.pretrained.scores import evaluate
from ganzoo.training.train import train

if TYPE_CHECKING:
    from collections.abc import Mapping


CLASSES = 3


class Rare(Dataset):
    """Points of three classes; the class of two in three rows is not known."""

    streamed: bool = False

    def load(self) -> Data:
        stream = torch.Generator().manual_seed(0)
        label = torch.arange(96) % CLASSES
        real = torch.randn(96, 2, generator=stream) + 3 * label[:, None]
        label = torch.where(torch.arange(96) // 3 % 3 == 0, label, -1)
        spaces = {"real": Space(shape=(2,)), "label": Space(classes=CLASSES, partial=True)}
        rows: Any = ResidentRows({"real": real, "label": label})
        if self.streamed:
            rows = StreamedRows(Listed(real, label), spaces, index="rare", workers=1)
        return Data(self.name, rows, rows, spaces)


class Listed:
    """The same rows one by one."""

    def __init__(self, real: Tensor, label: Tensor) -> None:
        self.real, self.label = real, label

    def __len__(self) -> int:
        return len(self.real)

    def __getitem__(self, row: int) -> dict[str, Tensor]:
        return {"real": self.real[row], "label": self.label[row]}


class Generator(nn.Module):
    """Reads the class where it is known, and the class CLASSES where it is not."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.label = nn.Embedding(CLASSES + 1, 4)
        self.layers = mlp([dim + 4, 16, 2])

    def forward(self, z: Tensor, label: Tensor, label_known: Tensor) -> Tensor:
        token = torch.where(label_known, label, CLASSES)
        made: Tensor = self.layers(torch.cat([z, self.label(token)], 1))
        return made


class Lenient(Generator):
    """Takes every class for known where no mask is offered."""

    def forward(self, z: Tensor, label: Tensor, label_known: Tensor | None = None) -> Tensor:
        known = torch.ones_like(label) > 0 if label_known is None else label_known
        return super().forward(z, label, known)


class Discriminator(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layers = mlp([2, 16, 1 + CLASSES])

    def forward(self, sample: Tensor) -> dict[str, Tensor]:
        out = self.layers(sample)
        return {"score": out[:, 0], "logits": out[:, 1:]}


class Blind(nn.Module):
    """Reads the class without its mask."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.label = nn.Embedding(CLASSES, dim)

    def forward(self, z: Tensor, label: Tensor) -> Tensor:
        made: Tensor = z + self.label(label)
        return made


class TwoHeads(Architecture):
    """A generator of classes, and a discriminator that is a classifier too."""

    heads = ("logits",)
    reader: str = "Generator"

    def generator(self, z: Space) -> nn.Module:
        made: nn.Module = {"Blind": Blind, "Lenient": Lenient, "Generator": Generator}[self.reader](
            z.size
        )
        return made

    def discriminator(self) -> nn.Module:
        return Discriminator()


class SemiSupervised(Loss):
    """Non-saturating, and the cross-entropy of the classes that are known."""

    def discriminator(
        self,
        real_score: Tensor,
        fake_score: Tensor,
        real_logits: Tensor,
        label: Tensor,
        label_known: Tensor,
    ) -> Tensor:
        classified = cross_entropy(real_logits, label, reduction="none")
        return softplus(-real_score) + softplus(fake_score) + classified * label_known

    def generator(self, fake_score: Tensor) -> Tensor:
        return softplus(-fake_score)


class Careless(SemiSupervised):
    """The same without the mask: unknown classes would count as class 0."""

    def discriminator(  # type: ignore[override]
        self, real_score: Tensor, fake_score: Tensor, real_logits: Tensor, label: Tensor
    ) -> Tensor:
        return softplus(-real_score) + softplus(fake_score) + cross_entropy(real_logits, label)


class Classified(Metric):
    """The accuracy of the classifier on held-out rows whose class is known."""

    better: ClassVar[dict[str, Direction]] = {"classified": "higher"}

    def measure(
        self, real_logits: Tensor, label: Tensor, label_known: Tensor, fake_label_known: Tensor
    ) -> dict[str, float]:
        assert fake_label_known.dtype == torch.bool
        right = real_logits.argmax(1) == label
        return {self.name: float(right[label_known].double().mean())}


class Heedless(Classified):
    """The same without the mask."""

    better: ClassVar[dict[str, Direction]] = {"heedless": "higher"}

    def measure(self, real_logits: Tensor, label: Tensor) -> dict[str, float]:  # type: ignore[override]
        return {self.name: float((real_logits.argmax(1) == label).double().mean())}


def semi(**fields: Any) -> Variant:
    parts: dict[str, Any] = {
        "architecture": TwoHeads(),
        "loss": SemiSupervised(),
        "sampler": Gaussian(dim=2),
    }
    return Variant(name="semi", batch=8, data="rare", **{**parts, **fields})


@ganzoo.hookimpl
def ganzoo_architectures() -> list[type[Architecture]]:
    return [TwoHeads]


@ganzoo.hookimpl
def ganzoo_losses() -> list[type[Loss]]:
    return [SemiSupervised]


@ganzoo.hookimpl
def ganzoo_datasets() -> list[type[Dataset]]:
    return [Rare]


@ganzoo.hookimpl
def ganzoo_metrics() -> list[type[Metric]]:
    return [Classified, Heedless]


@ganzoo.hookimpl
def ganzoo_variants() -> list[Variant]:
    return [semi()]


@pytest.fixture(scope="module")
def family() -> Zoo:
    return Zoo([(Origin("semi", "ganzoo-semi", "0.1.0"), sys.modules[__name__])])


# ------------------------------------------------------------------------- the values and the mask


@pytest.mark.parametrize("streamed", [False, True])
def test_an_unknown_value_reads_as_0_beside_a_mask(*, streamed: bool) -> None:
    train = Rare(streamed=streamed).load().train
    assert train.names == ("real", "label", "label_known")
    label, known = train.column("label"), train.column("label_known")
    assert known.dtype == torch.bool
    assert torch.equal(known, torch.arange(96) // 3 % 3 == 0)
    assert torch.equal(label, torch.where(known, torch.arange(96) % CLASSES, 0))
    some = torch.tensor([4, 0])
    assert train.column("label_known", some).tolist() == [False, True]


def test_data_made_of_the_rows_of_other_data_keep_their_mask() -> None:
    data = Rare().load()
    again = Data("again", data.train, data.held_out, data.spaces)
    assert torch.equal(again.train.column("label_known"), data.train.column("label_known"))
    assert again.sha256 == data.sha256


@pytest.mark.parametrize(("label", "partial"), [(-1, False), (-2, True), (3, True)])
def test_only_a_partly_known_column_may_hold_minus_one(label: int, *, partial: bool) -> None:
    rows = ResidentRows({"real": torch.zeros(4, 2), "label": torch.tensor([0, 1, label, 2])})
    spaces = {"real": Space(shape=(2,)), "label": Space(classes=CLASSES, partial=partial)}
    with pytest.raises(DataError) as caught:
        Data("points", rows, rows, spaces)
    assert str(caught.value) == (
        f"dataset 'points' has the label {label} among its training rows; it says that there are "
        "3 classes, 0 to 2."
    )


def test_a_partly_known_space_is_a_category_and_stands_in_no_vector() -> None:
    label = Space(classes=CLASSES, partial=True)
    assert str(label) == "one of 3 classes, partly known"
    assert Space.model_validate_json(label.model_dump_json()) == label
    with pytest.raises(ValueError, match="only a category can be partly known: set classes"):
        Space(shape=(2,), partial=True)
    with pytest.raises(ComposeError, match=r"^'label' \(one of .*\) cannot be joined"):
        Space.joined({"label": label})


# --------------------------------------------------------------------------------- the composition


def test_reading_a_partly_known_value_without_its_mask_is_refused() -> None:
    data = Rare().load()
    with pytest.raises(ComposeError) as caught:
        Game(semi(loss=Careless()), data)
    assert str(caught.value) == (
        "'careless' reads 'label', which dataset 'rare' knows for some rows only; it must read "
        "'label_known' too."
    )
    with pytest.raises(ComposeError) as caught:
        Game(semi(architecture=TwoHeads(reader="Blind")), data)
    assert str(caught.value) == (
        "the generator of architecture 'two-heads' reads 'label', which dataset 'rare' knows for "
        "some rows only; it must read 'label_known' too."
    )


class Asked(Gaussian):
    """Draws the class that is generated, and so knows it."""

    deals = ("z", "label")

    def latent(self, n: int, spaces: Mapping[str, Space], stream: Any) -> dict[str, Tensor]:
        label = torch.randint(CLASSES, (n,), generator=stream, device=stream.device)
        return {**super().latent(n, spaces, stream), "label": label}


def test_what_a_sampler_deals_is_known() -> None:
    game = Game(semi(sampler=Asked(dim=2), loss=Careless()), Rare().load())
    game.round()
    (step,) = game.variant.sampler.deal("discriminator", game, torch.arange(3, 11))
    assert step["label_known"].tolist() == [True] * 8
    sampled = game.sample(8)
    assert sampled["label_known"].all()


def test_a_mask_with_a_default_is_offered_to_samples_too() -> None:
    game = Game(semi(architecture=TwoHeads(reader="Lenient")), Rare().load())
    assert game.options["generator"] == ("label_known",)
    strict = Game(semi(), Rare().load())
    one, other = game.sample(30), strict.sample(30)
    assert 0 < int(one["label_known"].sum()) < 30
    assert torch.equal(one["label_known"], other["label_known"])
    assert torch.equal(one["fake"], other["fake"])


def test_only_known_classes_reach_the_loss() -> None:
    game = Game(semi(), Rare().load())
    step = game.step("discriminator", rows=torch.arange(9), z=torch.zeros(9, 2))
    term = game.terms["discriminator"]["semi-supervised"](step)
    adversarial = softplus(-step["real_score"]) + softplus(step["fake_score"])
    added = (term - adversarial).detach()
    assert (added[:3] > 0.01).all()
    assert added[3:].abs().max() < 1e-6


# ------------------------------------------------------------- trained, resumed, exported, scored


@pytest.mark.parametrize("streamed", [False, True])
def test_the_family_resumes_bit_for_bit(*, streamed: bool) -> None:
    data = Rare(streamed=streamed).load()
    whole, half = (Game(semi(), data) for _ in "ab")
    for _ in range(6):
        whole.round()
    for _ in range(3):
        half.round()
    tensors, facts = half.state()
    resumed = Game(semi(), data)
    resumed.restore({name: value.clone() for name, value in tensors.items()}, facts)
    for _ in range(3):
        resumed.round()
    mine, its = resumed.state()[0], whole.state()[0]
    assert all(torch.equal(value, mine[name]) for name, value in its.items())


def test_the_family_is_trained_exported_loaded_and_sampled(family: Zoo, tmp_path: Path) -> None:
    run = train("semi", rounds=3, out=tmp_path / "run", zoo=family)
    sampled = run.game.sample(96)  # of the classes, known and unknown, of held-out rows
    assert 0 < int(sampled["label_known"].sum()) < 96
    assert set(sampled["label"][~sampled["label_known"]].tolist()) == {0}
    assert run.game.sample(4, given={"label": torch.tensor([0, 1, 2, 0])})["label_known"].all()
    blank = {"label": torch.zeros(4, dtype=torch.long), "label_known": torch.zeros(4) > 0}
    assert not run.game.sample(4, given=blank)["label_known"].any()
    with pytest.raises(OptionError, match=r"^label -1 is none of the 3 classes, 0 to 2\.$"):
        run.game.sample(1, given={"label": torch.tensor([-1])})
    out = ganzoo.export(run, tmp_path / "weights", zoo=family)
    model = ganzoo.load(f"dir:{out}", zoo=family)
    assert model.config.spaces["label"].partial
    made = model.frozen.sample(8, seed=1)
    assert made["fake"].shape == (8, 2)
    assert made["label_known"].all()  # without rows, classes are drawn, and so are known


def test_metrics_read_the_mask_or_do_not_apply(family: Zoo, tmp_path: Path) -> None:
    run = train("semi", rounds=2, out=tmp_path / "run", zoo=family)
    measured = {score.metric for score in evaluate(run, n=20, zoo=family)}
    assert "classified" in measured
    assert "heedless" not in measured


def test_a_histogram_counts_the_known_classes() -> None:
    logits = torch.eye(CLASSES, dtype=torch.float64)
    label, known = torch.tensor([0, 1, 2, 0, 0, 0]), torch.tensor([1, 1, 1, 0, 0, 0]) > 0
    assert Histogram().measure(logits, label, known)["class-kl"] == pytest.approx(0)
    assert Histogram().measure(logits, label)["class-kl"] > 0.1
