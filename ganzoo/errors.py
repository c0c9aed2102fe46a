"""Every error a user can meet; its message says in one sentence what is wrong and what to do."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


class ZooError(Exception):
    """Something the user can mend; the command line prints the sentence and exits with 1."""


class ComposeError(ZooError):
    """Parts that do not fit each other, found before training starts.

    ``missing`` is a value that is not offered and the kind of part that could offer it, so that
    whoever knows the installed plugins can name them.
    """

    def __init__(self, message: str, *, missing: tuple[str, str] | None = None) -> None:
        super().__init__(message)
        self.missing = missing


class OptionError(ZooError):
    """A part's or variant's option that does not exist or has a value it cannot have."""


class UnknownNameError(ZooError):
    """A name that no installed plugin offers, or that several do."""


class PluginError(ZooError):
    """A fault of one plugin; the rest of the zoo is unaffected."""


class DataError(ZooError):
    """Data that is missing, corrupt or of the wrong kind."""


class RunError(ZooError):
    """A run's folder that cannot be read, written or resumed."""


class InterruptedRunError(RunError):
    """Training that Ctrl-C stopped; what was played is saved."""


class WeightsError(ZooError):
    """Pretrained weights that cannot be found, or are not what they must be."""


class DivergedError(ZooError):
    """Training that produced a value that is not finite."""


def listed(names: Iterable[str]) -> str:
    """Names, sorted, as they stand in a sentence."""
    return ", ".join(sorted(names)) or "nothing"


def first_line(error: BaseException) -> str:
    """The first line of an error that is not ours, with its type where it says nothing."""
    return (str(error).strip() or type(error).__name__).splitlines()[0]


def closest(name: str, known: Iterable[str], *, cutoff: float = 0.6) -> str | None:
    """The known name that is most like a name, where one is like it."""
    return next(iter(difflib.get_close_matches(name, list(known), n=1, cutoff=cutoff)), None)
