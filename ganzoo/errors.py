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


QUOTED, SENTENCE = 300, 3000
"""The most characters of one thing that a sentence quotes, and of the whole sentence."""


class ZooError(Exception):
    """An error that the user can fix; the command line prints its message and exits with 1.

    Whatever a message quotes, it is one line that can be printed, of a length that can be read.
    """

    def __init__(self, message: str) -> None:
        words = re.sub(rf"\S{{{QUOTED},}}", lambda long: shortened(long[0], QUOTED), message)
        super().__init__(shortened(words, SENTENCE))


class ComposeError(ZooError):
    """Parts that do not fit together, or do not return what they must.

    It is raised before training starts, or in a later round for what first happens there.

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


class LostRankError(RunError):
    """Another of the processes that train together ended, or cannot be reached."""


class InterruptedRunError(RunError):
    """Training stopped by Ctrl-C; the rounds played so far are saved."""


class FollowedError(RunError):
    """A rank of a training ended because rank 0 did, which says why; ``code`` is the exit code."""

    def __init__(self, message: str, code: int = 1) -> None:
        super().__init__(f"rank 0 ended the training: {message}")
        self.code = code


class WeightsError(ZooError):
    """Pretrained weights that cannot be found, or whose bytes are not the published ones."""


class DivergedError(ZooError):
    """Training in which a term became infinite, not a number, or too large to recover from."""

    @property
    def what(self) -> str:
        """What happened: the message up to what is kept and what helps."""
        return str(self).partition(";")[0].rstrip(".")


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
    told = (str(error).strip() or type(error).__name__).splitlines()[0]
    return shortened(without_secrets(told), QUOTED)


def fault(error: ValidationError) -> str:
    """The first field of a file that pydantic finds wrong, and how, as ``seed: Field required``."""
    first = error.errors(include_url=False, include_context=False)[0]
    where, what = ".".join(map(str, first["loc"])), first["msg"].removeprefix("Value error, ")
    return ": ".join(filter(None, (where, what))).rstrip(".")


def shortened(text: str, most: int) -> str:
    """A text on one line, what cannot be printed escaped, without its middle where it is long."""
    if len(text) > most:
        text = f"{text[: most // 2]} ... {text[-most // 2 :]}"
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def quoted(value: object) -> str:
    """A value that was given, as a sentence quotes it; what has no short text by its kind."""
    try:
        text = repr(value)
    except Exception:  # noqa: BLE001  (digits too many for Python, or another's mistake)
        return in_words(value)
    return in_words(value) if "\n" in text else shortened(text, QUOTED)


def in_words(value: object) -> str:
    """What kind of thing a value is: ``None``, or ``an int``."""
    name = type(value).__name__
    return "None" if value is None else f"{'an' if name[0] in 'aeiouAEIOU' else 'a'} {name}"


def closest(name: str, known: Iterable[str], *, cutoff: float = 0.6) -> str | None:
    """The known name that is most like a name, where one is like it."""
    return next(iter(difflib.get_close_matches(name, list(known), n=1, cutoff=cutoff)), None)
