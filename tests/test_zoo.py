"""One broken plugin breaks nothing else, and says what is wrong with it."""

from __future__ import annotations

from importlib.metadata import EntryPoint
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, Literal

import ganzoo_vanilla
import pytest
from torch import Tensor

import ganzoo
from ganzoo.errors import OptionError, PluginError, UnknownNameError
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


VANILLA = Origin("vanilla", "ganzoo-vanilla", "0.2.0"), ganzoo_vanilla
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


@ganzoo.hookimpl
def losses() -> list[Any]:
    return []


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
            {"losses": losses},
            "plugin ganzoo-bad 0.1 has an unknown hook 'losses'; did you mean 'ganzoo_losses'?",
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


# ------------------------------------------------------------------- datasets, and options of text


@pytest.mark.parametrize("spelling", ["photos", "./photos/", "~/photos"])
def test_a_folder_given_without_its_dataset_is_told(
    core: Zoo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, spelling: str
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    with pytest.raises(UnknownNameError, match=r"^no dataset '.*photos/?'\. Installed"):
        core.dataset(spelling)
    for number, (file, meant) in enumerate(
        [("1.png", "'folder:{0}'"), ("2.parquet", "'folder:{0}' or 'parquet:{0}'")]
    ):
        (tmp_path / "photos" / f"{number}").mkdir(parents=True)
        (tmp_path / "photos" / f"{number}" / file).touch()
        with pytest.raises(UnknownNameError) as error:
            core.dataset(spelling)
        assert str(error.value) == (
            f"no dataset '{spelling}', but a folder is called so: write {meant.format(spelling)}."
        )


class Labelled(Loss):
    """A part with options of text, and of numbers or text."""

    title: str = "none"
    other: str | None = "none"
    either: int | str = 0
    size: Literal["8", "16"] = "8"
    width: int = 1


@pytest.mark.parametrize("typed", ["2024", "1.10", "007", "1e3", "true", "null", "NaN", "[1, 2]"])
def test_an_option_of_text_keeps_what_was_typed(zoo: Zoo, typed: str) -> None:
    folder: Any = zoo.dataset("folder", [f"data.path={typed}"])
    assert folder.path == str(Path(typed).absolute())
    labelled = Zoo([plugin("labelled", ganzoo_losses=offering(Labelled))])
    assert labelled.part("loss", f"labelled:title={typed},width=2").title == typed
    vanilla = Zoo([plugin("labelled", ganzoo_losses=offering(Labelled)), VANILLA])
    composed = vanilla.compose("vanilla", loss="labelled", settings=[f"labelled.title={typed}"])
    assert composed.loss.title == typed  # type: ignore[attr-defined]
    assert vanilla.variant(composed.spec()) == composed


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ('title="2024"', {"title": "2024"}),
        ("other=null", {"other": None}),
        ("other=5", {"other": "5"}),
        ("either=5", {"either": 5}),
        ("size=16", {"size": "16"}),
        ("title=a,b", {"title": "a,b"}),
        ('title="a,b=c",width=3', {"title": "a,b=c", "width": 3}),
        ("title=a=b", {"title": "a=b"}),
    ],
)
def test_a_value_is_json_where_the_option_takes_it(options: str, expected: dict[str, Any]) -> None:
    labelled = Zoo([plugin("labelled", ganzoo_losses=offering(Labelled))])
    found = labelled.part("loss", f"labelled:{options}")
    assert {name: getattr(found, name) for name in expected} == expected


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        (["data.size=7"], "cannot be 7: Input should be greater than or equal to 8."),
        (["data.size=null"], "cannot be None: Input should be a valid integer."),
        (["data.size=big"], "cannot be 'big': Input should be a valid integer, unable to parse "),
        (
            ["data.path=caf\udce9"],
            "cannot be 'caf\\udce9', which is not UTF-8: rename the file, or make a link to it.",
        ),
    ],
)
def test_a_value_that_is_neither_is_told_as_it_was_read(
    core: Zoo, settings: list[str], sentence: str
) -> None:
    with pytest.raises(OptionError) as error:
        core.dataset("folder:x", settings)
    assert sentence in str(error.value)


@pytest.mark.parametrize(
    ("path", "title"),
    [("photos", "photos"), ("a/b c/", "b-c"), ("~/Bilder", "Bilder"), ("caf\u00e9", "caf\u00e9")],
)
def test_a_folder_is_called_by_its_own_name(core: Zoo, path: str, title: str) -> None:
    for name in ("folder", "parquet"):
        assert core.dataset(f"{name}:{path}").title == title
        assert core.dataset(f"{name}:/").title == name
    assert core.dataset("ring").title == "ring"
