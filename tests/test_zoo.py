"""One broken plugin breaks nothing else, and says what is wrong with it."""

from __future__ import annotations

from importlib.metadata import EntryPoint
from types import ModuleType
from typing import TYPE_CHECKING, Any

import pytest
from torch import Tensor

import ganzoo
from ganzoo.errors import PluginError
from ganzoo.parts.part import Loss
from ganzoo.plugins.loading import Origin, load
from ganzoo.plugins.zoo import Zoo

if TYPE_CHECKING:
    from collections.abc import Callable


def loss_named(text: str) -> type[Loss]:
    class Offered(Loss):
        name = text

        def discriminator(self, real_score: Tensor, fake_score: Tensor) -> Tensor:
            return fake_score - real_score

    return Offered


def plugin(name: str, **functions: Callable[..., Any]) -> tuple[Origin, ModuleType]:
    module = ModuleType(f"ganzoo_{name}")
    for function_name, function in functions.items():
        setattr(module, function_name, function)
    return Origin(name, f"ganzoo-{name}", "0.1"), module


def offering(*losses: type[Loss]) -> Callable[..., Any]:
    @ganzoo.hookimpl
    def ganzoo_losses() -> list[type[Loss]]:
        return list(losses)

    return ganzoo_losses


GOOD = plugin("good", ganzoo_losses=offering(loss_named("good")))


@ganzoo.hookimpl
def raising() -> list[type[Loss]]:
    message = "no such file\nand more"
    raise ValueError(message)


@ganzoo.hookimpl
def with_argument(extra: int) -> list[type[Loss]]:
    return []


@ganzoo.hookimpl
def wrong() -> list[Any]:
    return [3]


@pytest.mark.parametrize(
    ("broken", "sentence"),
    [
        (
            {"ganzoo_losses": raising},
            (
                "plugin ganzoo-bad 0.1 failed in ganzoo_losses: ValueError: no such file. "
                "The rest of the zoo is unaffected."
            ),
        ),
        (
            {"ganzoo_losess": offering(loss_named("bad"))},
            (
                "plugin ganzoo-bad 0.1 has an unknown hook 'ganzoo_losess'; did you mean "
                "'ganzoo_losses'?"
            ),
        ),
        (
            {"ganzoo_losses": list},
            (
                "plugin ganzoo-bad 0.1 has 'ganzoo_losses' without @ganzoo.hookimpl, so it is not "
                "called."
            ),
        ),
        (
            {"ganzoo_losses": wrong},
            (
                "plugin ganzoo-bad 0.1 offers 3 in ganzoo_losses, which is not a subclass of Loss. "
                "The rest of the zoo is unaffected."
            ),
        ),
    ],
)
def test_a_faulty_plugin_is_isolated(broken: dict[str, Any], sentence: str) -> None:
    zoo = Zoo([plugin("bad", **broken), GOOD])
    assert [str(fault) for fault in zoo.broken["bad"]] == [sentence]
    assert list(zoo.broken) == ["bad"]
    assert "good" in zoo.parts("loss")
    assert "hinge" in zoo.parts("loss")


def test_a_hook_with_an_argument_it_is_not_given_is_isolated() -> None:
    zoo = Zoo([plugin("bad", ganzoo_losses=with_argument), GOOD])
    (fault,) = zoo.broken["bad"]
    assert str(fault).startswith("plugin ganzoo-bad 0.1 did not load: PluginValidationError: ")
    assert "good" in zoo.parts("loss")


def test_one_raising_hook_hides_no_other_hook_of_its_plugin() -> None:
    zoo = Zoo([plugin("bad", ganzoo_losses=offering(loss_named("kept")), ganzoo_samplers=raising)])
    assert "kept" in zoo.parts("loss")
    assert len(zoo.broken["bad"]) == 1


def test_an_import_that_fails_is_isolated() -> None:

    loaded = load(
        Origin("bad", "ganzoo-bad", "0.1"), EntryPoint("bad", "missing_of_ganzoo", "ganzoo")
    )
    assert str(loaded.faults[0]) == (
        "plugin ganzoo-bad 0.1 did not load: No module named 'missing_of_ganzoo'. The rest of the "
        "zoo is unaffected."
    )


def test_a_name_offered_twice_is_refused_naming_both_and_others_work() -> None:
    zoo = Zoo(
        [plugin(name, ganzoo_losses=offering(loss_named("same"))) for name in ("one", "two")]
        + [GOOD]
    )
    with pytest.raises(PluginError) as error:
        zoo.part("loss", "same")
    assert str(error.value) == (
        "two plugins offer the loss 'same': ganzoo-one 0.1 and ganzoo-two 0.1. Uninstall one, or "
        "set GANZOO_PLUGINS to the plugins to load."
    )
    assert set(zoo.broken) == {"one", "two"}
    assert "good" in zoo.parts("loss")


def test_no_plugin_takes_a_name_away_from_core() -> None:
    zoo = Zoo([plugin("thief", ganzoo_losses=offering(loss_named("hinge")))])
    assert zoo.find("loss", "hinge").__module__ == "ganzoo.builtin.losses"
    assert "thief" in zoo.broken


def test_plugins_add_commands() -> None:
    import typer

    @ganzoo.hookimpl
    def ganzoo_commands(cli: typer.Typer) -> None:
        @cli.command()
        def hello() -> None:
            """Say hello."""

    cli = typer.Typer()
    zoo = Zoo([plugin("good", ganzoo_commands=ganzoo_commands)])
    zoo.add_commands(cli)
    assert not zoo.broken
    assert len(cli.registered_commands) == 1
