"""Whatever a plugin raises, prints or changes in its loading stays its own affair."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import warnings
from importlib.metadata import EntryPoint
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import pytest
import torch
import typer
from misbehaving import BAD, CLOCK, Odd, exits, offered, zoo_of

from ganzoo.errors import UnknownNameError
from ganzoo.parts.metric import Direction, Metric
from ganzoo.parts.observer import Observer
from ganzoo.parts.part import Loss
from ganzoo.parts.variant import Variant
from ganzoo.plugins.registry import PLURALS
from ganzoo.plugins.zoo import Zoo

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

UNAFFECTED = "The rest of the zoo is unaffected."


def faults(zoo: Zoo) -> list[str]:
    """The faults of the bad plugin, without what all of them begin and end with."""
    assert "hinge" in zoo.parts("loss")
    told = [str(fault) for fault in zoo.broken["bad"]]
    assert all(t.startswith(f"plugin {BAD} ") and t.endswith(UNAFFECTED) for t in told), told
    return [t.removeprefix(f"plugin {BAD} ").removesuffix(f" {UNAFFECTED}") for t in told]


# ---------------------------------------------------------------------------------- what is raised


def exits_by_halves() -> Any:
    yield 1
    sys.exit("no licence")


def is_odd() -> None:
    raise Odd


def runs_out() -> None:
    raise MemoryError


@pytest.mark.parametrize("kind", PLURALS)
@pytest.mark.parametrize(
    ("function", "told"),
    [
        (exits, "it called sys.exit(3)."),
        (exits_by_halves, "it called sys.exit('no licence')."),
        (is_odd, "Odd."),
        (runs_out, "MemoryError."),
    ],
)
def test_whatever_a_hook_raises_is_its_fault(
    kind: str, function: Callable[..., Any], told: str
) -> None:
    hook = f"ganzoo_{PLURALS[kind]}"
    assert faults(zoo_of(hook, function)) == [f"failed in {hook}: {told}"]


def test_commands_that_raise_or_cannot_be_parsed_are_faults_and_add_nothing() -> None:
    def adds(cli: typer.Typer) -> None:
        @cli.command()
        def half() -> None: ...

        exits()

    def unreadable(cli: typer.Typer) -> None:
        @cli.command()
        def strange(of: int | str) -> None: ...

    for function, told in ((adds, "it called sys.exit(3)"), (unreadable, "AssertionError: ")):
        zoo, cli = zoo_of("ganzoo_commands", function), typer.Typer()
        zoo.add_commands(cli)
        (fault,) = faults(zoo)
        assert fault.startswith(f"failed in ganzoo_commands: {told}")
        assert cli.registered_commands == []


@pytest.fixture(autouse=True)
def ctrl_c() -> Iterator[None]:
    """Python's own handler, also where the tests run in the background, which ignores Ctrl-C."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def test_ctrl_c_while_a_plugin_loads_is_ctrl_c() -> None:
    with pytest.raises(KeyboardInterrupt):
        zoo_of("ganzoo_losses", lambda: signal.raise_signal(signal.SIGINT))


@pytest.fixture
def imported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Zoo]:
    """Load a plugin whose module has this text."""

    def load(text: str) -> Zoo:
        (tmp_path / "ganzoo_bad.py").write_text(text)
        monkeypatch.syspath_prepend(tmp_path)
        monkeypatch.delitem(sys.modules, "ganzoo_bad", raising=False)
        return Zoo([EntryPoint("bad", "ganzoo_bad", "ganzoo")])

    return load


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("import sys; sys.exit()", "it called sys.exit()."),
        ("raise BaseException('no')", "BaseException: no."),
        ("def (", "SyntaxError: invalid syntax (ganzoo_bad.py, line 1)."),
        ("def __dir__(): raise GeneratorExit", "GeneratorExit."),
    ],
)
def test_whatever_an_import_raises_is_its_fault(
    imported: Callable[[str], Zoo], text: str, told: str
) -> None:
    (fault,) = imported(text).broken["bad"]
    assert str(fault) == f"plugin bad 0 did not load: {told} {UNAFFECTED}"


# --------------------------------------------------------------------------------- what is offered


class Named(type(Loss)):  # type: ignore[misc]
    """A class of classes whose name is whatever they answer."""

    def __getattribute__(cls, name: str) -> Any:
        return cls.__dict__["answer"]() if name == "name" else super().__getattribute__(name)


class List(Loss, metaclass=Named):
    answer = staticmethod(lambda: ["a"])


class Raises(Loss, metaclass=Named):
    answer = staticmethod(exits)


class Spaced(Loss):
    name = "My Loss"


class Unnamed(Observer):
    pass


class Lookalike:
    """Not of the family that it says it is of."""

    kind, name = "loss", "lookalike"


class Unfinished(Loss):
    width: "Missing"  # type: ignore[name-defined]  # noqa: F821, UP037


class Unmeasuring(Metric):
    """Measures nothing."""


class BadDefault(Metric):
    better: ClassVar[dict[str, Direction]] = {}

    def measure(self) -> dict[str, float]:
        return {}

    rows: int = "many"  # type: ignore[assignment]


NAMES = "is not kebab-case, as 'least-squares' is."


@pytest.mark.parametrize(
    ("kind", "thing", "told"),
    [
        ("loss", List, f"{List} in ganzoo_losses, whose name ['a'] {NAMES}"),
        ("loss", Spaced, f"{Spaced} in ganzoo_losses, whose name 'My Loss' {NAMES}"),
        ("observer", Unnamed, f"{Unnamed} in ganzoo_observers, whose name None {NAMES}"),
        (
            "loss",
            Raises,
            "something in ganzoo_losses, which cannot be used: it called sys.exit(3).",
        ),
        ("loss", Lookalike, f"{Lookalike} in ganzoo_losses, which is not a subclass of Loss."),
        ("loss", "abc", "'abc' in ganzoo_losses, which is not a subclass of Loss."),
        (
            "loss",
            Unfinished,
            (
                "the loss 'unfinished', which cannot be used: PydanticUndefinedAnnotation: name "
                "'Missing' is not defined."
            ),
        ),
        (
            "metric",
            Unmeasuring,
            "the metric 'unmeasuring', which has no method 'measure'.",
        ),
        (
            "metric",
            BadDefault,
            (
                "the metric 'bad-default', which cannot be used: BadDefault: rows: Input should be "
                "a valid integer, unable to parse string as an integer."
            ),
        ),
        (
            "variant",
            Variant.model_construct(name=["a"]),
            f"{Variant.model_construct(name=['a'])!r} in ganzoo_variants, whose name ['a'] {NAMES}",
        ),
        (
            "variant",
            Variant.model_construct(name="hollow"),
            (
                "the variant 'hollow', which cannot be used: AttributeError: 'Variant' object has "
                "no attribute 'architecture'."
            ),
        ),
    ],
)
def test_what_cannot_be_used_is_a_fault_and_the_rest_is_kept(
    kind: str, thing: Any, told: str
) -> None:
    zoo = offered(kind, thing)
    assert faults(zoo) == [f"offers {told}"]
    assert zoo.metrics()


# --------------------------------------------------------------------------------- what is changed

CHANGES: dict[str, tuple[Callable[[], Any], Callable[[], Any]]] = {
    "torch's default dtype": (
        lambda: torch.set_default_dtype(torch.float64),
        torch.get_default_dtype,
    ),
    "torch's default device": (lambda: torch.set_default_device("meta"), torch.get_default_device),
    "torch's number of threads": (lambda: torch.set_num_threads(3), torch.get_num_threads),
    "torch's gradient mode": (lambda: torch.set_grad_enabled(False), torch.is_grad_enabled),
    "torch's choice of deterministic algorithms": (
        lambda: torch.use_deterministic_algorithms(True),
        torch.are_deterministic_algorithms_enabled,
    ),
    "torch's precision of matrix products": (
        lambda: torch.set_float32_matmul_precision("medium"),
        torch.get_float32_matmul_precision,
    ),
    "the switches of cuDNN": (
        lambda: setattr(torch.backends.cudnn, "benchmark", True),
        lambda: torch.backends.cudnn.benchmark,
    ),
    "numpy's answer to floating-point errors": (lambda: np.seterr(all="raise"), np.geterr),
    "the filter of all warnings": (
        lambda: warnings.simplefilter("ignore"),
        lambda: list(warnings.filters),
    ),
    "the handler of SIGINT": (
        lambda: signal.signal(signal.SIGINT, signal.SIG_IGN),
        lambda: signal.getsignal(signal.SIGINT),
    ),
    "the handler of SIGTERM": (
        lambda: signal.signal(signal.SIGTERM, signal.SIG_IGN),
        lambda: signal.getsignal(signal.SIGTERM),
    ),
    "the working directory": (lambda: os.chdir("/"), os.getcwd),
    "standard error": (lambda: setattr(sys, "stderr", sys.__stdout__), lambda: sys.stderr),
}


@pytest.mark.parametrize("name", CHANGES)
def test_what_a_plugin_changes_is_set_back_and_told(name: str) -> None:
    change, read = CHANGES[name]
    before = read()

    def hook() -> list[Any]:
        change()
        assert read() != before
        return []

    told = faults(zoo_of("ganzoo_losses", hook))
    assert told == [f"changed {name} in ganzoo_losses, and it was set back."]
    assert read() == before


def test_a_change_before_a_failure_is_set_back_too() -> None:
    def hook() -> None:
        torch.set_default_device("cuda:7")  # which is not there: it cannot even be read
        exits()

    assert len(faults(zoo_of("ganzoo_losses", hook))) == 2
    assert torch.zeros(1).device.type == "cpu"
    assert not torch.overrides._get_current_function_mode_stack()  # type: ignore[attr-defined]


def test_a_library_may_filter_its_own_warnings() -> None:
    def hook() -> list[Any]:
        warnings.filterwarnings("ignore", message="of my own")
        return []

    with warnings.catch_warnings():
        assert zoo_of("ganzoo_losses", hook).broken == {}
        warnings.warn("of my own", stacklevel=1)


# --------------------------------------------------------------------------------- what is printed


def test_nothing_that_loading_prints_is_on_standard_output(
    capfd: pytest.CaptureFixture[str],
) -> None:
    def hook() -> list[Any]:
        sys.stdout.write("by Python\n")
        os.write(1, b"by a descriptor\n")
        subprocess.run([sys.executable, "-c", "print('by a child')"], check=True)
        sys.stdout = sys.__stderr__
        return []

    sys.stdout.write("before\n")
    zoo_of("ganzoo_losses", hook)
    sys.stdout.write("after\n")
    out, err = capfd.readouterr()
    assert out.split() == ["before", "after"]
    assert [by in err for by in ("by Python", "by a descriptor", "by a child")] == 3 * [True]


# ------------------------------------------------------------------------------ what takes its time


@pytest.mark.parametrize(
    ("seconds", "slow"),
    [(1.0, None), (1.2, "slow: it takes 1.2 s to load, 1.2 s of it in ganzoo_losses")],
)
def test_a_slow_plugin_is_told_by_its_slowest_hook(
    seconds: float, slow: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def hook() -> list[Any]:
        CLOCK.sleep(seconds)
        return []

    monkeypatch.setattr("ganzoo.plugins.isolation.time", CLOCK)
    zoo = zoo_of("ganzoo_losses", hook)
    assert [loaded.slow for loaded in zoo.plugins] == [None, slow]
    assert zoo.broken == {}


# ------------------------------------------------------------------- names of what did not load


def looked_up(zoo: Zoo, kind: str, name: str) -> str:
    with pytest.raises(UnknownNameError) as error:
        zoo.find(kind, name)
    return str(error.value)


def test_a_name_of_a_broken_plugin_is_answered_by_its_fault() -> None:
    zoo = zoo_of("ganzoo_losses", exits)
    fault = f"plugin {BAD} failed in ganzoo_losses: it called sys.exit(3). {UNAFFECTED}"
    assert looked_up(zoo, "loss", "bad") == f"no loss 'bad': {fault}"
    assert looked_up(zoo, "loss", "bad-hinge") == f"no loss 'bad-hinge': {fault}"
    assert looked_up(zoo, "loss", "hing").endswith(
        "; did you mean 'hinge'? Installed losses: hinge, least-squares, minimax, non-saturating. "
        "It may be in ganzoo-bad 0.1, which is broken: see 'ganzoo plugins'."
    )
    assert "bad" not in looked_up(zoo, "sampler", "hing")


def test_a_name_that_was_left_out_is_answered_by_its_fault() -> None:
    assert looked_up(offered("loss", Unfinished), "loss", "unfinished").startswith(
        f"no loss 'unfinished': plugin {BAD} offers the loss 'unfinished', which cannot be used: "
    )
    assert looked_up(offered("loss", Spaced), "loss", "My Loss").startswith(
        f"no loss 'My Loss': plugin {BAD} offers {Spaced} in ganzoo_losses, whose name 'My Loss' "
    )


def test_a_plugin_that_did_not_load_may_hide_names_of_every_kind(
    imported: Callable[[str], Zoo],
) -> None:
    zoo = imported("import missing_of_ganzoo")
    for kind in PLURALS:
        assert looked_up(zoo, kind, "bad-one") == (
            f"no {kind} 'bad-one': plugin bad 0 did not load: No module named "
            f"'missing_of_ganzoo'. {UNAFFECTED}"
        )
