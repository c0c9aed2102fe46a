"""The errors that a user can meet; each message says what is wrong and what to do about it."""

from __future__ import annotations

import difflib
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pydantic import ValidationError


SECRETS = re.compile(r"(?<=://)[^/?#\s]*@|\bhf_[A-Za-z0-9]{8,}")
"""What stands before the host in a URL, and tokens of the Hub."""


class ZooError(Exception):
    """An error that the user can fix; the command line prints its message and exits with 1."""


class ComposeError(ZooError):
    """Parts that do not fit together, found before training starts.

    ``missing`` is a value that is not offered and the kind of part that could offer it, so that
    whoever knows the installed plugins can name them.
    """

    def __init__(self, message: str, *, missing: tuple[str, str] | None = None) -> None:
        super().__init__(message)
        self.missing = missing


class OptionError(ZooError):
    """An option of a part or variant that does not exist, or whose value is not allowed."""


class UnknownNameError(ZooError):
    """A name that no installed plugin offers."""


class PluginError(ZooError):
    """A fault of one plugin; the rest of the zoo is unaffected."""


class DataError(ZooError):
    """Data that is missing, corrupt or of the wrong kind."""


class RunError(ZooError):
    """A run folder that cannot be read, written or resumed."""


class InterruptedRunError(RunError):
    """Training stopped by Ctrl-C; the rounds played so far are saved."""


class WeightsError(ZooError):
    """Pretrained weights that cannot be found, or whose bytes are not the published ones."""


class DivergedError(ZooError):
    """Training in which a term became infinite, not a number, or too large to recover from."""


def listed(names: Iterable[str]) -> str:
    """Names in a sentence: sorted, separated by commas; 'nothing' if there are none."""
    return ", ".join(sorted(names)) or "nothing"


def counted(n: int, one: str, many: str = "") -> str:
    """A number of things, as ``1 image`` or ``2 images``; ``many`` is an irregular plural."""
    return f"{n} {one if n == 1 else many or f'{one}s'}"


def without_secrets(text: str) -> str:
    """Another program's text without the passwords of its URLs and the Hub's tokens."""
    return SECRETS.sub("", text)


def first_line(error: BaseException) -> str:
    """The first line of another library's error, or its type's name if its message is empty."""
    return without_secrets((str(error).strip() or type(error).__name__).splitlines()[0])


def fault(error: ValidationError) -> str:
    """The first field of a file that pydantic finds wrong, and how, as ``seed: Field required``."""
    first = error.errors(include_url=False, include_context=False)[0]
    where, what = ".".join(map(str, first["loc"])), first["msg"].removeprefix("Value error, ")
    return ": ".join(cut(part) for part in (where, what) if part).rstrip(".")


def cut(text: str, most: int = 200) -> str:
    """The start of a text that may be of any length, as one from a file; a short one is whole."""
    return text if len(text) <= most else f"{text[:most]}..."


def closest(name: str, known: Iterable[str], *, cutoff: float = 0.6) -> str | None:
    """The known name that is most like a name, where one is like it."""
    return next(iter(difflib.get_close_matches(name, list(known), n=1, cutoff=cutoff)), None)
