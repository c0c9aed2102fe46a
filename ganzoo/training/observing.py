"""A run's observers: told what happens, and dropped where a plugin's is broken."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from ganzoo.errors import OptionError, ZooError, quoted
from ganzoo.parts.observer import Observer
from ganzoo.plugins.isolation import Call, contained
from ganzoo.plugins.loading import reason

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from ganzoo.parts.protocols import RunView
    from ganzoo.plugins.zoo import Zoo


class Observing:
    """The observers of one run, as one.

    An observer that a plugin offers watches every run, also those that have nothing to do with it.
    If it raises, that is told once on standard error, and it is told nothing more. A ZooError is
    raised on purpose, and stops the run; so does whatever an observer raises that the caller
    chose.
    """

    def __init__(self, makers: Iterable[Callable[[Any], Observer]], run: RunView, zoo: Zoo) -> None:
        """Make every observer, by its class or by a function of the run.

        If one stops the run, those made before it are told.
        """
        self.zoo = zoo
        self.observers: list[Observer] = []
        try:
            for maker in makers:
                call = self._called(maker, maker, "__init__", run)
                if call.error is None:
                    self.observers.append(made_by(maker, call.value))
        except BaseException as error:
            self.finished(error)
            raise

    def __iter__(self) -> Iterator[Observer]:
        return iter(self.observers)

    def noted(self, first: int, terms: dict[str, list[float]]) -> None:
        """Tell all of some rounds (see ``Observer.noted``)."""
        for observer in tuple(self.observers):
            self._tell(observer, "noted", first, terms)

    def saved(self, checkpoint: Path) -> None:
        """Tell all that a checkpoint was written."""
        for observer in tuple(self.observers):
            self._tell(observer, "saved", checkpoint)

    def finished(self, error: BaseException | None) -> None:
        """Tell all that training ended; then raise what the first of them raised, if anything.

        Where an error ended it already, that one is what the caller should see.
        """
        raised: list[BaseException] = []
        for observer in tuple(self.observers):
            try:
                self._tell(observer, "finished", error)
            except BaseException as stop:  # noqa: BLE001  (the others have files to close)
                raised.append(stop)
        if raised and error is None:
            raise raised[0]

    def _tell(self, observer: Observer, event: str, *args: Any) -> None:
        told = getattr(observer, event)
        if self._called(told, type(observer), event, *args).error is not None:
            self.observers.remove(observer)

    def _called(self, function: Callable[..., Any], cls: Any, event: str, *args: Any) -> Call[Any]:
        """Make or tell an observer of a class; raises what is to stop the run."""
        call = contained(function, *args)
        if call.error is not None:
            origin = contained(self.zoo.origin, cls).value
            if origin is None or isinstance(call.error, ZooError):
                raise call.error
            sys.stderr.write(
                f"warning: observer '{cls.name}' of {origin} failed in {event}: "
                f"{reason(call.error)}. The run goes on without it.\n"
            )
        return call


def made_by(maker: object, made: object) -> Observer:
    """What was made of a run. Raises OptionError where it is no observer."""
    if not isinstance(made, Observer):
        message = f"{quoted(maker)} makes no ganzoo.Observer of a run, but {quoted(made)}."
        raise OptionError(message)
    return made
