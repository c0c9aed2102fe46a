"""The conformance kit passes what keeps the contract, and names the part that breaks it."""

from __future__ import annotations

import importlib.util
import re
import sys
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, ClassVar

import pytest
import torch
from ganzoo_vanilla import Mlp
from pydantic import ConfigDict, PrivateAttr
from small import variant_of
from torch import Tensor, nn

import ganzoo
from ganzoo.builtin.losses import Hinge, NonSaturating
from ganzoo.builtin.samplers import Gaussian
from ganzoo.errors import ComposeError, UnknownNameError
from ganzoo.parts.optimizer import Adam
from ganzoo.parts.part import Architecture, Loss, Player, Regularizer, Sampler
from ganzoo.parts.space import Space
from ganzoo.plugins.registry import registry
from ganzoo.testing import Plain, check_plugin

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ganzoo.engine.game import Game
    from ganzoo.engine.step import Step


def plugin(**offers: list[Any]) -> ModuleType:
    """A module with one hook for each keyword: ``plugin(losses=[Hinge])``."""
    module = ModuleType("ganzoo_made")
    for plural, things in offers.items():
        setattr(module, f"ganzoo_{plural}", hook(things))
    return module


def hook(things: list[Any]) -> Any:
    @ganzoo.hookimpl
    def offered() -> list[Any]:
        return things

    return offered


def complaint(module: str | ModuleType) -> str:
    with pytest.raises(AssertionError) as error:
        check_plugin(module)
    return str(error.value)


@pytest.mark.parametrize("module", ["ganzoo_vanilla", "ganzoo_dcgan", "ganzoo_wgan_gp"])
def test_first_party_plugins_conform(module: str) -> None:
    check_plugin(module)


# ---------------------------------------------------------------------------- what is allowed


class OneSided(Loss):
    """A generator's objective alone, for a variant's ``generator_loss``."""

    def generator(self, fake_score: Tensor) -> Tensor:
        return -fake_score


class Shelf(Sampler):
    """Latents and labels; it fits labelled data only."""

    deals = ("z", "label")

    def spaces(self, data: Any) -> dict[str, Space]:
        if "label" not in data:
            message = "'shelf' draws labels; the data has none."
            raise ComposeError(message)
        return {"z": Space(shape=(4,))}

    def latent(self, n: int, spaces: Any, stream: torch.Generator) -> dict[str, Tensor]:
        label = torch.randint(spaces["label"].classes, (n,), generator=stream)
        return {"z": torch.randn(n, 4, generator=stream), "label": label}


class Counter:
    count = 0

    def state(self) -> dict[str, Any]:
        return {"count": self.count}

    def restore(self, state: dict[str, Any]) -> None:
        self.count = state["count"]


class Fading(Regularizer):
    """A term that shrinks with each step, counted in the game's own state."""

    def start(self, game: Game) -> Counter:
        return Counter()

    def generator(self, state: Counter, fake: Tensor) -> Tensor:
        state.count += 1
        return fake.square().mean() / state.count


def test_parts_that_fit_little_or_keep_state_in_the_game_conform() -> None:
    check_plugin(plugin(losses=[OneSided], samplers=[Shelf], regularizers=[Fading]))


def test_a_plugin_of_a_command_alone_conforms() -> None:
    module = ModuleType("ganzoo_made")

    @ganzoo.hookimpl
    def ganzoo_commands(cli: Any) -> None:
        cli.command("hello")(lambda: None)

    module.ganzoo_commands = ganzoo_commands  # type: ignore[attr-defined]
    check_plugin(module)


# ----------------------------------------------------------------------------------- loading


@pytest.mark.parametrize("name", ["missing_of_ganzoo", "not-there", "not.there", "../up", ""])
def test_what_is_neither_a_plugin_nor_a_module_is_named(name: str) -> None:
    with pytest.raises(UnknownNameError) as error:
        check_plugin(name)
    assert str(error.value).startswith(f"no plugin '{name}' is installed. Installed plugins: ")


def test_a_hook_that_is_not_decorated_is_named() -> None:
    module = ModuleType("ganzoo_made")
    module.ganzoo_losses = list  # type: ignore[attr-defined]
    assert complaint(module) == (
        "plugin ganzoo_made 0 has 'ganzoo_losses' without @ganzoo.hookimpl, so it is not called."
    )


def test_a_plugin_that_offers_nothing_is_named() -> None:
    assert complaint(ModuleType("ganzoo_made")) == "plugin ganzoo_made 0 offers nothing."


def test_a_name_of_cores_is_refused() -> None:
    assert "two plugins offer the loss 'hinge'" in complaint(plugin(losses=[Hinge]))


def test_commands_that_raise_are_named() -> None:
    module = ModuleType("ganzoo_made")

    @ganzoo.hookimpl
    def ganzoo_commands(cli: Any) -> None:
        raise OSError

    module.ganzoo_commands = ganzoo_commands  # type: ignore[attr-defined]
    assert "failed in ganzoo_commands: OSError" in complaint(module)


# ------------------------------------------------------------------------------ form and JSON


class Misnamed(OneSided):
    """Fine but for its name."""

    name = "Mis_Named"


class Silent(OneSided):
    pass


class Thawed(OneSided):
    """Options that could change."""

    model_config = ConfigDict(frozen=False)


class Hoarding(OneSided):
    """Something beside its options."""

    _seen: int = PrivateAttr(default=0)


class Demanding(OneSided):
    """An option without a default."""

    margin: float


class Lossy(OneSided):
    """An option that JSON changes."""

    bounds: Any = (0, 1)


@pytest.mark.parametrize(
    ("part", "sentence"),
    [
        (
            Misnamed,
            (
                f"plugin ganzoo_made 0 offers {Misnamed} in ganzoo_losses, whose name 'Mis_Named' "
                "is not kebab-case, as 'least-squares' is. The rest of the zoo is unaffected."
            ),
        ),
        (Silent, "loss 'silent' has no docstring."),
        (Thawed, "loss 'thawed' is not frozen: its options could change."),
        (
            Hoarding,
            (
                "loss 'hoarding' holds '_seen' beside its options; state that changes belongs to "
                "the game: return it from start(self, game)."
            ),
        ),
        (Demanding, "loss 'demanding' has no default for its option 'margin'."),
        (Lossy, "loss 'lossy' does not survive JSON: Lossy(bounds=[0, 1]) came back."),
    ],
)
def test_a_part_of_the_wrong_form_is_named(part: type[Loss], sentence: str) -> None:
    assert complaint(plugin(losses=[part])) == sentence


def test_a_variant_of_parts_that_nobody_offers_is_named() -> None:
    variant = variant_of(Mlp(), loss=OneSided())
    assert complaint(plugin(variants=[variant])).startswith(
        "variant 'test' does not survive JSON: no loss 'one-sided'"
    )


def test_a_variant_that_composes_with_nothing_is_named() -> None:
    variant = variant_of(Plain(), loss=OneSided())
    module = plugin(variants=[variant], architectures=[Plain], losses=[OneSided])
    assert complaint(module) == (
        "variant 'test' composes with nothing: loss 'one-sided' has no term for the "
        "discriminator, which has turns."
    )


def test_a_variant_whose_data_nobody_offers_is_named() -> None:
    variant = variant_of(Plain(), loss=NonSaturating(), data="digitz")
    said = complaint(plugin(variants=[variant], architectures=[Plain]))
    assert said.startswith(
        "variant 'test' names data that cannot be used: no dataset 'digitz'; did you mean 'digits'?"
    )


def test_a_plugin_of_models_conforms() -> None:
    model = registry().weights["vanilla/ring"].model_copy(update={"name": "made/ring"})
    check_plugin(plugin(models=[model]))


# --------------------------------------------------------------------------------- composition


class Picky(Architecture):
    """Fits no data there is."""

    discriminator = Plain.discriminator

    def generator(self, z: Space, real: Space) -> nn.Module:
        message = "'picky' builds sound."
        raise ComposeError(message)


class Wishful(Loss):
    """Reads what nobody deals."""

    discriminator = Hinge.discriminator

    def generator(self, fake_score: Tensor, advantage: Tensor) -> Tensor:
        return -fake_score * advantage


def test_an_architecture_that_composes_nowhere_is_named() -> None:
    assert complaint(plugin(architectures=[Picky])) == (
        "architecture 'picky' composes with nothing: 'picky' builds sound."
    )


def test_a_variant_is_trained_as_it_is() -> None:
    """Its parts are fine by themselves, and so are others with the same parts."""
    variant = variant_of(Plain(), loss=Hinge(), optimizers={"generator": Adam(lr=1e38)})
    assert complaint(plugin(variants=[variant], architectures=[Plain])).startswith("variant 'test'")


def test_a_loss_that_reads_what_nobody_deals_is_named() -> None:
    said = complaint(plugin(losses=[Wishful]))
    assert said.startswith("loss 'wishful' composes with nothing: 'wishful' reads 'advantage' on")


# ------------------------------------------------------------------------------------ training


class Exploding(Regularizer):
    """Infinite from the first step."""

    def discriminator(self, real_score: Tensor) -> Tensor:
        return real_score / 0


class Breaking(Regularizer):
    """Fine until a step has been played."""

    def project(self, net: nn.Module, player: Player) -> None:
        message = "no such layer"
        raise LookupError(message)


class Remembering(Regularizer):
    """Counts its steps where every game sees them."""

    count: ClassVar[list[int]] = [0]

    def generator(self, fake: Tensor) -> Tensor:
        self.count[0] += 1
        return fake.square().mean() * self.count[0]


class Forgetful(Counter):
    def state(self) -> dict[str, Any]:
        return {}

    def restore(self, state: dict[str, Any]) -> None:
        pass


class Amnesic(Fading):
    """State that is not saved."""

    def start(self, game: Game) -> Forgetful:
        return Forgetful()


class Opaque(Counter):
    def state(self) -> dict[str, Any]:
        return {"count": {self.count}}

    def restore(self, state: dict[str, Any]) -> None:
        (self.count,) = state["count"]


class Sealed(Fading):
    """State that no checkpoint can hold."""

    def start(self, game: Game) -> Opaque:
        return Opaque()


@pytest.mark.parametrize(
    ("part", "sentence"),
    [
        (
            Exploding,
            (
                r"regularizer 'exploding' composes with nothing: the values that 'exploding' "
                r"returns on the discriminator's turn are not finite before anything is trained\."
            ),
        ),
        (
            Breaking,
            (
                r"regularizer 'breaking' breaks in training on noise of 1 x 8 x 8 in \[-1, 1\]: "
                r"'breaking' fails on the discriminator's turn in round 1 with .*: no such layer\."
            ),
        ),
        (
            Remembering,
            (
                r"regularizer 'remembering' ends with different weights when the same seed is run "
                r"twice; state that changes belongs to the game: return it from start\(self, "
                r"game\)\."
            ),
        ),
        (
            Amnesic,
            (
                r"regularizer 'amnesic' plays a different round after a resume; state\(\) and "
                r"restore\(\) must carry all that changes\."
            ),
        ),
        (
            Sealed,
            (
                r"regularizer 'sealed' composes with nothing: state\(\) of the regularizer sealed "
                r"returns a set in its dict; it must hold dense tensors and what JSON has, by "
                r"texts\."
            ),
        ),
    ],
)
def test_a_part_that_trains_wrongly_is_named(part: type[Regularizer], sentence: str) -> None:
    said = complaint(plugin(regularizers=[part]))
    assert re.fullmatch(sentence, said), said


# ------------------------------------------------------------------------------------ samplers


class Boasting(Gaussian):
    """Declares more than it deals."""

    deals = ("z", "code")


class Modest(Gaussian):
    """Deals more than it declares."""

    def latent(self, n: int, spaces: Any, stream: torch.Generator) -> dict[str, Tensor]:
        return {**super().latent(n, spaces, stream), "code": torch.zeros(n)}


class Meddling(Gaussian):
    """Touches the generator between the discriminator's steps."""

    def deal(self, player: Player, game: Game, drawn: Tensor) -> Iterator[Step]:
        yield from super().deal(player, game, drawn)
        for step in super().deal(player, game, drawn):
            if player == "discriminator":
                for param in game.nets["generator"].parameters():
                    param.data.add_(1)
            yield step


@pytest.mark.parametrize(
    ("sampler", "sentence"),
    [
        (Boasting, "sampler 'boasting' declares that it deals code, z, but it deals z."),
        (Modest, "sampler 'modest' declares that it deals z, but it deals code, z."),
        (
            Meddling,
            "sampler 'meddling' changes the generator's parameters on the discriminator's turn.",
        ),
    ],
)
def test_a_sampler_that_deals_otherwise_than_it_says_is_named(
    sampler: type[Sampler], sentence: str
) -> None:
    assert complaint(plugin(samplers=[sampler])) == sentence


def test_the_kits_own_networks_suit_the_usual_game() -> None:
    check_plugin(
        plugin(architectures=[Plain], variants=[variant_of(Plain(), loss=NonSaturating())])
    )


@pytest.mark.parametrize(
    "family", ["players", "optimizers", "paired", "heads_on_demand", "adaptive_augmentation"]
)
def test_a_plugin_with_what_the_contract_was_widened_for_keeps_its_word(
    family: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A third player, an optimizer, generators that read rows: each plugin is a test of its own."""
    path = Path(__file__).parent / "families" / f"test_{family}.py"
    spec = importlib.util.spec_from_file_location(f"family_{family}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, module.__name__, module)  # where pydantic looks up names
    spec.loader.exec_module(module)
    check_plugin(module)
