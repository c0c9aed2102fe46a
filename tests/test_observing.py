"""An observer that breaks does not end the runs that it watches, unless it means to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import ganzoo_vanilla
import pytest
from misbehaving import BAD, Odd, offered

from ganzoo.engine.composition import compose
from ganzoo.errors import DivergedError
from ganzoo.parts.observer import Observer
from ganzoo.plugins.loading import Origin
from ganzoo.training.plan import plan_run
from ganzoo.training.run import Run
from ganzoo.training.train import train

if TYPE_CHECKING:
    from pathlib import Path

    from ganzoo.plugins.zoo import Zoo

EVENTS = ("__init__", "noted", "saved", "finished")
VANILLA = (Origin("vanilla", "ganzoo-vanilla", "0.2.0"), ganzoo_vanilla)
SMALL = ["architecture.width=8", "batch=8"]


def breaking(event: str, error: BaseException) -> type[Observer]:
    """An observer that raises when it is told of an event, and counts how often that is."""

    class Breaks(Observer):
        name = "breaks"
        told = 0

    def told(_: Observer, *args: Any) -> None:
        Breaks.told += 1
        raise error

    setattr(Breaks, event, told)
    return Breaks


class Ending(Observer):
    """Remembers how its run ended."""

    name = "ending"
    ended: list[BaseException | None]

    def finished(self, error: BaseException | None) -> None:
        Ending.ended.append(error)


@pytest.fixture(autouse=True)
def _none_ended() -> None:
    Ending.ended = []


def trained(zoo: Zoo, out: Path) -> Run:
    return train("vanilla", rounds=50, save_every=25, out=out, zoo=zoo, settings=SMALL)


@pytest.mark.parametrize("event", EVENTS)
@pytest.mark.parametrize(
    ("error", "told"),
    [
        (KeyError("x"), "KeyError: 'x'"),
        (SystemExit(3), "it called sys.exit(3)"),
        (Odd(), "Odd"),
    ],
)
def test_a_plugins_observer_that_breaks_is_told_once_and_dropped(
    event: str,
    error: BaseException,
    told: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    breaks = breaking(event, error)
    run = trained(offered("observer", breaks, Ending, beside=(VANILLA,)), tmp_path)
    assert run.game.rounds == 50
    assert (breaks.told, Ending.ended) == (1, [None])  # type: ignore[attr-defined]
    assert capsys.readouterr().err == (
        f"warning: observer 'breaks' of {BAD} failed in {event}: {told}. The run goes on without "
        "it.\n"
    )


@pytest.mark.parametrize("event", EVENTS)
@pytest.mark.parametrize("error", [DivergedError("it is lost."), KeyboardInterrupt()])
def test_what_is_raised_on_purpose_stops_the_run_and_the_others_are_told(
    event: str, error: BaseException, tmp_path: Path
) -> None:
    zoo = offered("observer", breaking(event, error), Ending, beside=(VANILLA,))
    with pytest.raises(type(error)) as stop:
        trained(zoo, tmp_path)
    if not isinstance(error, KeyboardInterrupt):  # which is raised anew, with what is kept
        assert stop.value is error
    made = event != "__init__"  # the observers are made by name: this one first
    assert Ending.ended == ([None] if event == "finished" else [error] * made)


@pytest.mark.parametrize("event", EVENTS)
def test_an_observer_of_the_callers_own_is_heard(event: str, tmp_path: Path, zoo: Zoo) -> None:
    composition = compose("vanilla", zoo=zoo, settings=SMALL)
    run = Run.create(tmp_path, plan_run(composition, seed=0, rounds=20), composition)
    with pytest.raises(KeyError):
        run.train([Ending, breaking(event, KeyError("x"))])
    assert len(Ending.ended) == 1
