"""Truncated latents against scipy's truncated normal, and batch norm's statistics under them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
import torch
from scipy.stats import kstest, truncnorm
from torch import nn

from ganzoo.builtin.labelled import Labelled
from ganzoo.builtin.losses import NonSaturating
from ganzoo.builtin.networks import MlpGenerator
from ganzoo.builtin.samplers import Gaussian, Uniform, truncated
from ganzoo.engine.game import Game
from ganzoo.engine.standing import by_setting
from ganzoo.errors import OptionError
from ganzoo.parts.rows import ResidentRows
from ganzoo.parts.space import Space
from ganzoo.parts.variant import Variant
from ganzoo.testing import Plain, tiny

if TYPE_CHECKING:
    from ganzoo.parts.part import Sampler

BOTH = pytest.mark.parametrize("sampler", [Gaussian(dim=4), Labelled(dim=4)])


class Normed(Plain):
    """A generator with batch norm."""

    def generator(self, z: Space, real: Space) -> nn.Module:
        return MlpGenerator(z.size, [16], real, norm=nn.BatchNorm1d)


class Shifted(nn.Module):
    """Samples moved by their label."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net

    def forward(self, z: torch.Tensor, label: torch.Tensor) -> torch.Tensor:
        moved: torch.Tensor = self.net(z) + label[:, None]
        return moved


class ByLabel(Normed):
    """The same that reads labels."""

    def generator(self, z: Space, real: Space, label: Space) -> nn.Module:  # type: ignore[override]
        assert label.classes
        return Shifted(super().generator(z, real))


class OfLabels(Normed):
    """A generator that normalizes its label beside its latent."""

    def generator(self, z: Space, real: Space, label: Space) -> nn.Module:  # type: ignore[override]
        assert label.classes
        return Joined(super().generator(Space(shape=(z.size + 1,)), real))


class Joined(Shifted):
    """Samples of the latent and the label together."""

    def forward(self, z: torch.Tensor, label: torch.Tensor) -> torch.Tensor:
        made: torch.Tensor = self.net(torch.cat([z, label[:, None].to(z.dtype)], 1))
        return made


def game(sampler: Sampler, architecture: Plain | None = None) -> Game:
    variant = Variant(
        name="small",
        architecture=architecture or Plain(),
        loss=NonSaturating(),
        sampler=sampler,
        batch=8,
    )
    return Game(variant, tiny(2, classes=3))


@BOTH
@pytest.mark.parametrize("bound", [0.3, 1.0, 2.5])
def test_latents_are_those_of_the_truncated_normal(sampler: Sampler, bound: float) -> None:
    stream = torch.Generator().manual_seed(0)
    given = {"truncation": torch.full((20_000,), bound)}
    spaces = {"z": Space(shape=(4,)), "label": Space(classes=3)}
    z = sampler.latent(20_000, spaces, stream, given=given)["z"]  # type: ignore[call-arg]
    assert z.dtype == torch.float32
    assert float(z.abs().max()) <= bound
    assert kstest(z.flatten().double().numpy(), truncnorm(-bound, bound).cdf).pvalue > 0.01


def test_each_number_keeps_its_rank_and_a_wide_bound_leaves_it() -> None:
    z = torch.randn(1000, 1).sort(0).values
    bounds = torch.full((1000,), 0.5)
    assert bool((truncated(z, {"truncation": bounds}).diff(dim=0) >= 0).all())
    torch.testing.assert_close(truncated(z, {"truncation": bounds * 100}), z, rtol=1e-4, atol=1e-5)
    assert truncated(z, None) is z
    far = truncated(torch.full((1000, 1), 5.0), {"truncation": bounds * 100})
    torch.testing.assert_close(far, torch.full_like(far, 5.0))
    assert float(truncated(z + 40, {"truncation": bounds * 100}).max()) == 50  # not infinite
    assert float(truncated(z, {"truncation": bounds * 0}).abs().max()) == 0


def test_each_sample_may_have_its_own_bound() -> None:
    bounds = torch.tensor([0.1, 0.5, 2.0] * 10)
    z = game(Gaussian(dim=4)).sample(30, given={"truncation": bounds})["z"]
    assert bool((z.abs() <= bounds[:, None]).all())
    assert float(z[2::3].abs().max()) > 0.5


@BOTH
def test_what_is_truncated_changes_no_other_sample(sampler: Sampler) -> None:
    played = game(sampler, Normed())
    before = played.sample(20)["fake"]
    assert not torch.equal(played.sample(20, given={"truncation": 0.5})["fake"], before)
    assert torch.equal(played.sample(20)["fake"], before)
    first = played.sample(5, given={"truncation": 0.5})["fake"]
    torch.testing.assert_close(first, played.sample(20, given={"truncation": 0.5})["fake"][:5])


def test_batch_norm_is_measured_under_each_truncation() -> None:
    """So the inputs of what follows it have mean 0 and variance 1, as in training."""
    played = game(Gaussian(dim=4), Normed())
    frozen = played.frozen()
    (norm,) = (
        m for m in frozen.under({"truncation": 0.2}).net.modules() if isinstance(m, nn.BatchNorm1d)
    )
    z = frozen.sample(4000, given={"truncation": 0.2})["z"]
    layer = next(m for m in frozen.net.modules() if isinstance(m, nn.Linear))
    units = layer(z).detach()
    torch.testing.assert_close(norm.running_mean, units.mean(0), atol=0.02, rtol=0)
    torch.testing.assert_close(norm.running_var, units.var(0), rtol=0.1, atol=0)
    assert frozen.under({"truncation": 0.2}).net is frozen.under({"truncation": 0.2}).net
    assert frozen.under({"truncation": 0.2}).net is not frozen.under({"truncation": 2.0}).net


def test_a_bound_that_truncates_nothing_changes_no_statistic() -> None:
    """Labels are drawn as they were when the statistics were measured without a bound."""
    variant = Variant(
        name="skewed",
        architecture=OfLabels(),
        loss=NonSaturating(),
        sampler=Labelled(dim=4),
        batch=8,
    )
    data = tiny(2, classes=3)
    skewed = {"real": data.held_out.column("real"), "label": torch.zeros(len(data.held_out)).long()}
    frozen = Game(variant, replace(data, held_out=ResidentRows(skewed))).frozen()
    plain, wide = (
        next(m for m in net.modules() if isinstance(m, nn.BatchNorm1d))
        for net in (frozen.net, frozen.under({"truncation": 1e6}).net)
    )
    torch.testing.assert_close(wide.running_mean, plain.running_mean, atol=1e-4, rtol=1e-4)


def test_copies_of_a_generator_are_as_few_as_settings_may_be(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("ganzoo.engine.sampling.MOST_SETTINGS", 2)
    frozen = game(Gaussian(dim=4), Normed()).frozen()
    for bound in (0.1, 0.2, 0.3):
        frozen.under({"truncation": bound})
        assert len(frozen.copies) <= 2


def test_each_sample_is_drawn_under_its_own_setting_of_every_control() -> None:
    controls = {"tens": torch.tensor([3.0, 1.0, 3.0]), "ones": torch.tensor([5.0, 2.0, 4.0])}
    made = by_setting(
        controls, lambda at: {"sum": 10 * at["tens"] + at["ones"] + torch.arange(3) / 10}
    )
    assert made["sum"].tolist() == pytest.approx([35.0, 12.1, 34.2])


def test_samples_of_several_truncations_are_each_as_if_made_alone() -> None:
    frozen = game(Gaussian(dim=4), Normed()).frozen()
    bounds = torch.tensor([0.1, 1.0, 0.1, 1.0])
    mixed = frozen.sample(4, given={"truncation": bounds})["fake"]
    for bound in (0.1, 1.0):
        alone = frozen.sample(4, given={"truncation": bound})["fake"]
        torch.testing.assert_close(mixed[bounds == bound], alone[bounds == bound])


def test_a_truncated_sample_is_made_from_the_rows_that_were_chosen() -> None:
    played = game(Gaussian(dim=4), ByLabel())
    frozen, label = played.frozen(), played.train.column("label")
    for rows in (torch.arange(6), torch.arange(1, 7)):
        made = frozen.conditioned_on(rows).sample(6, given={"truncation": 0.5})
        assert torch.equal(made["label"], label[rows])


def test_a_bound_that_cannot_be_is_refused() -> None:
    played = game(Gaussian(dim=4), Normed())
    for given, sentence in (
        ({"truncation": -0.5}, "truncation must be 0 or more, not -0.5."),
        (
            {"truncation": torch.linspace(0.1, 2, 70)},
            (
                "truncation has 70 different values; give at most 64, since batch norm's "
                "statistics are measured for each."
            ),
        ),
    ):
        with pytest.raises(OptionError) as error:
            played.sample(70, given=given)
        assert str(error.value) == sentence
    with pytest.raises(OptionError) as error:
        game(Uniform(dim=4)).sample(2, given={"truncation": 1.0})
    assert str(error.value) == "no sample is made from 'truncation'; given may be: z."
